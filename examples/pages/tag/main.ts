// The page of tag: arrow keys run, the space bar lays a trap, a line that begins with / is a command.

import { Client } from 'tickwire-client';
import { tag } from './game/tag.js';
import { runnerAt } from './rule.js';

const find = <T extends Element>(selector: string) => document.querySelector<T>(selector)!;
const [says, field, line] = [find('#says'), find<HTMLCanvasElement>('#field'), find<HTMLInputElement>('#line')];
const pen = field.getContext('2d')!;
const COLOURS = { red: '#e4572e', blue: '#5aa9e6' };

const client = new Client(new URL('/play', location.href).href.replace('http', 'ws'), { game: tag });
const room = await client.joinOrCreate('tag', { name: 'somebody' });
room.usePrediction(runnerAt(room.rate));

const held = new Set<string>();
const axis = (less: string, more: string) => Number(held.has(more)) - Number(held.has(less));
const steer = () => room.setInput({ right: axis('ArrowLeft', 'ArrowRight'), down: axis('ArrowUp', 'ArrowDown') });
field.onkeydown = ({ key, repeat }) => {
  held.add(key);
  steer();
  if (key === ' ' && !repeat) room.send('lay');
};
field.onkeyup = ({ key }) => { held.delete(key); steer(); };
field.onblur = () => { held.clear(); steer(); };
line.onchange = () => { room.chat(line.value); line.value = ''; };

const name = (seat: number) => (seat === room.seat ? 'you' : room.players.get(seat)?.name ?? 'somebody');
room.onMessage('tagged', ({ by, whom }) => { says.textContent = `${name(by)} tagged ${name(whom)}`; });
room.onMessage('trapped', ({ who }) => { says.textContent = `${name(who)}: in a trap`; });
room.onMessage('over', ({ red, blue }) => { says.textContent = `It is over: red ${red}, blue ${blue}`; });
room.onChat(({ from, text }) => { says.textContent = `${name(from)}: ${text}`; });
room.onProperty(() => { find('#time').textContent = room.properties['time'] ?? ''; });
room.onLeave((_code, reason, comesBack) => { says.textContent = comesBack ? 'Connection lost' : reason; });

function draw(now: number): void {
  pen.clearRect(0, 0, 640, 640);
  for (const seen of room.view(now)) {
    pen.beginPath();
    pen.fillStyle = seen.kind === 'star' ? '#f5c542' : COLOURS[seen.team];
    if (seen.kind === 'trap') pen.rect(seen.x - 6, seen.y - 6, 12, 12);
    else pen.arc(seen.x, seen.y, seen.id === room.entity ? 14 : 10, 0, 2 * Math.PI);
    pen.fill();
  }
  requestAnimationFrame(draw);
}
requestAnimationFrame(draw);
field.focus();
Object.assign(window, { room }); // to look at in the console
