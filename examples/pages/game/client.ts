// What the pages share: the client of the game of dots (`examples/smallest`), and the arrow keys.

import { Client } from 'tickwire-client';
import type { Room } from 'tickwire-client';
import { dots } from './dots.js';
import type { Dots } from './dots.js';

export const client = new Client(new URL('/play', location.href).href.replace('http', 'ws'), { game: dots });

/** Where a page of 640 pixels draws a place on the board, which is 128 units wide. */
export const pixel = (at: number) => 320 + 5 * at;

export function steerByKeys(room: Room<Dots>): void {
  const held = new Set<string>();
  const axis = (less: string, more: string) => Number(held.has(more)) - Number(held.has(less));
  const steer = () => room.setInput({ x: axis('ArrowLeft', 'ArrowRight'), y: axis('ArrowUp', 'ArrowDown') });
  addEventListener('keydown', ({ key }) => { held.add(key); steer(); });
  addEventListener('keyup', ({ key }) => { held.delete(key); steer(); });
}
