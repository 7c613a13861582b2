// The page: arrow keys and the space bar in, runners and the own team's traps out. The own runner moves at once; see `usePrediction`.

import { Client } from 'tickwire-client';
import { __VALUE__ } from './game/__NAME__.js';
import type { __TYPE__ } from './game/__NAME__.js';
import { onDirection } from './keys.js';

// As in src/lib.rs.
const SIDE = 640;
const SPEED = 240;
const COLOURS = { red: '#e4572e', blue: '#5aa9e6' };

const says = document.querySelector<HTMLElement>('#says')!;
const pen = document.querySelector<HTMLCanvasElement>('#board')!.getContext('2d')!;

const url = new URL('play', location.href);
url.protocol = url.protocol.replace('http', 'ws');
// With a storage, a reloaded page goes on in its seat.
const client = new Client<__TYPE__>(url.href, { game: __VALUE__, storage: sessionStorage });
const room = (await client.resume()) ?? (await client.joinOrCreate('__NAME__', { name: 'somebody' }));

onDirection((right, down) => room.setInput({ right, down }));
addEventListener('keydown', (event) => {
  if (event.key !== ' ' || event.repeat) return;
  event.preventDefault();
  room.send('lay');
});

// The rules for the own runner, in whole numbers as the server has them. Traps of the others are not known here: the server
// corrects whoever runs into one.
const pace = Math.trunc(SPEED / room.rate);
const within = (at: number) => Math.min(Math.max(at, 0), SIDE);
room.usePrediction({
  read: (runner) => ({ x: runner.raw('x'), y: runner.raw('y') }),
  step: (at, { right, down }) => {
    at.x = within(at.x + pace * right);
    at.y = within(at.y + pace * down);
  },
});

const points = { red: 0, blue: 0 };
const score = () => `Red ${points.red}, blue ${points.blue}, ${room.properties['left'] ?? '?'} s left. Space lays a trap.`;
room.onMessage('caught', ({ red, blue }) => {
  Object.assign(points, { red, blue });
  says.textContent = score();
});
room.onProperty(() => { says.textContent = score(); });
room.onEnded(() => { says.textContent = `The match is over: red ${points.red}, blue ${points.blue}.`; });
room.onLeave((_code, reason, comesBack) => {
  says.textContent = comesBack ? 'Connection lost; coming back ...' : `It is over: ${reason}`;
});

function draw(now: number): void {
  pen.clearRect(0, 0, SIDE, SIDE);
  for (const seen of room.view(now)) {
    pen.beginPath();
    if (seen.kind === 'trap') {
      pen.strokeStyle = '#f5c542';
      pen.arc(seen.x, seen.y, 10, 0, 2 * Math.PI);
      pen.stroke();
    } else {
      pen.fillStyle = COLOURS[seen.team];
      pen.arc(seen.x, seen.y, seen.id === room.entity ? 16 : 12, 0, 2 * Math.PI);
      pen.fill();
    }
  }
  requestAnimationFrame(draw);
}
requestAnimationFrame(draw);
Object.assign(window, { room }); // to look at in the console
