// The page: a login, then arrow keys in and runners out. The own runner moves at once; see `usePrediction`.

import { Client, LeaveError } from 'tickwire-client';
import type { Room } from 'tickwire-client';
import { __VALUE__ } from './game/__NAME__.js';
import type { __TYPE__ } from './game/__NAME__.js';
import { onDirection } from './keys.js';

// As in src/rules.rs.
const SIDE = 640;
const SPEED = 240;

const says = document.querySelector<HTMLElement>('#says')!;
const pen = document.querySelector<HTMLCanvasElement>('#board')!.getContext('2d')!;
const form = document.querySelector<HTMLFormElement>('#login')!;
const field = document.querySelector<HTMLInputElement>('#name')!;

/** The app's own login. The client calls it again for each connection, and before the token expires. */
async function token(): Promise<string> {
  const answer = await fetch('./login', { method: 'POST', body: field.value });
  const text = await answer.text();
  if (!answer.ok) throw new Error(text);
  return text;
}

const url = new URL('play', location.href);
url.protocol = url.protocol.replace('http', 'ws');
const client = new Client<__TYPE__>(url.href, { game: __VALUE__, token });

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  try {
    play(await client.joinOrCreate('__NAME__', { name: field.value }));
    form.hidden = true;
  } catch (error) {
    // A refusal has the text that the game gave.
    says.textContent = error instanceof LeaveError ? error.message : String(error);
  }
});

function play(room: Room<__TYPE__>): void {
  says.textContent = `Hello, ${room.players.get(room.seat)?.name ?? ''}.`;
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

  room.onLeave((_code, reason, comesBack) => {
    says.textContent = comesBack ? 'Connection lost; coming back ...' : `It is over: ${reason}`;
  });
  room.onResume(() => { says.textContent = 'Here again.'; });

  function draw(now: number): void {
    pen.clearRect(0, 0, SIDE, SIDE);
    for (const seen of room.view(now)) {
      pen.beginPath();
      pen.arc(seen.x, seen.y, 14, 0, 2 * Math.PI);
      pen.fillStyle = seen.id === room.entity ? '#e4572e' : '#5aa9e6';
      pen.fill();
    }
    requestAnimationFrame(draw);
  }
  requestAnimationFrame(draw);
  Object.assign(window, { room }); // to look at in the console
}
