// The page: arrow keys in, runners and coins out. The own runner moves at once; see `usePrediction`.

import { Client } from 'tickwire-client';
import { __VALUE__ } from './game/__NAME__.js';
import type { __TYPE__ } from './game/__NAME__.js';
import { onDirection } from './keys.js';

// As in src/lib.rs.
const SIDE = 640;
const SPEED = 240;

const says = document.querySelector<HTMLElement>('#says')!;
const pen = document.querySelector<HTMLCanvasElement>('#board')!.getContext('2d')!;

const url = new URL('play', location.href);
url.protocol = url.protocol.replace('http', 'ws');
// With a storage, a reloaded page goes on in its seat.
const client = new Client<__TYPE__>(url.href, { game: __VALUE__, storage: sessionStorage });
const room = (await client.resume()) ?? (await client.joinOrCreate('__NAME__', { name: 'somebody' }));

onDirection((right, down) => room.setInput({ right, down }));

// The rules for the own runner, in whole numbers as the server has them.
const pace = Math.trunc(SPEED / room.rate);
const within = (at: number) => Math.min(Math.max(at, 0), SIDE);
room.usePrediction({
  read: (runner) => ({ x: runner.raw('x'), y: runner.raw('y') }),
  step: (at, { right, down }) => {
    at.x = within(at.x + pace * right);
    at.y = within(at.y + pace * down);
  },
});

room.onMessage('collected', ({ by, coins }) => {
  const name = room.players.get(by)?.name ?? 'somebody';
  says.textContent = by === room.seat ? `You have ${coins}.` : `${name} has ${coins}.`;
});
room.onLeave((_code, reason, comesBack) => {
  says.textContent = comesBack ? 'Connection lost; coming back ...' : `It is over: ${reason}`;
});
room.onResume(() => { says.textContent = 'Here again.'; });

function draw(now: number): void {
  pen.clearRect(0, 0, SIDE, SIDE);
  for (const seen of room.view(now)) {
    pen.beginPath();
    pen.arc(seen.x, seen.y, seen.kind === 'coin' ? 8 : 14, 0, 2 * Math.PI);
    pen.fillStyle = seen.kind === 'coin' ? '#f5c542' : seen.id === room.entity ? '#e4572e' : '#5aa9e6';
    pen.fill();
  }
  requestAnimationFrame(draw);
}
requestAnimationFrame(draw);
Object.assign(window, { room }); // to look at in the console
