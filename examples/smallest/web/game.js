// The page of the smallest game: arrow keys in, dots out.

import { Client } from './client/index.js';

const client = new Client(new URL('play', location.href).href.replace('http', 'ws'));
const room = await client.joinOrCreate('dots', { name: 'Ada' });
window.room = room; // to look at in the console

const held = new Set();
function steer() {
  const axis = (less, more) => Number(held.has(more)) - Number(held.has(less));
  room.setInput({ x: axis('ArrowLeft', 'ArrowRight'), y: axis('ArrowUp', 'ArrowDown') });
}
addEventListener('keydown', ({ key }) => { held.add(key); steer(); });
addEventListener('keyup', ({ key }) => { held.delete(key); steer(); });
addEventListener('blur', () => { held.clear(); steer(); });

const paint = document.querySelector('#board').getContext('2d');
function draw(now) {
  paint.fillStyle = 'whitesmoke';
  paint.fillRect(0, 0, 640, 640);
  for (const dot of room.view(now)) {
    paint.fillStyle = dot.id === room.entity ? 'crimson' : 'steelblue';
    // The board is 128 units wide, and its middle is zero.
    paint.fillRect(320 + dot.x * 5 - 5, 320 + dot.y * 5 - 5, 10, 10);
  }
  requestAnimationFrame(draw);
}
requestAnimationFrame(draw);
