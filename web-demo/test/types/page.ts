// What a page in TypeScript writes with the types of its game, which `tests/typed.rs` makes; it is compiled, never run. Lines
// that must not compile say so.

import { Client } from '../../client/index.js';
import type { Room } from '../../client/index.js';
import { tag } from '../../../tests/golden/types/tag.js';
import type { Tag } from '../../../tests/golden/types/tag.js';

const client = new Client('wss://example.org/play', { game: tag });

export async function play(): Promise<number> {
  const room: Room<Tag> = await client.joinOrCreate('tag', { player: { level: 3, start: 'ghost' } });
  room.onAdd('runner', (runner) => draw(runner.id, runner.x, runner.isIt, runner.powerUp === 'doubleSpeed'));
  room.onChange('pit', ({ x, y }) => draw(x, y, false, false));
  room.onRemove('*', (entity) => draw(entity.id, 0, false, false));
  room.onMessage('tagged', ({ byWhom, whom }, { tick }) => draw(byWhom, whom, tick > 0, false));
  room.onMessage('bought', ([seat, part]) => draw(seat, part === 'all' ? 0 : part.some.ofThem, false, false));
  room.onMessage('*', (bytes: Uint8Array) => draw(bytes.length, 0, false, false));
  room.send('tag', { target: 7, hard: true });
  room.send('buy', { firstOne: 'ghost', others: [null, 3] });
  room.send('surrender');
  room.setInput({ right: -0.5, dash: true, pick: 'none' });
  const standings: Array<[string, number]> = await room.call('standings', null);
  room.usePrediction({
    read: (runner) => ({ x: runner.raw('x') }),
    step: (at, { right, dash }) => { at.x += right + dash; },
  });
  // @ts-expect-error the input has no such field
  room.usePrediction({ read: () => ({ x: 0 }), step: (at, { left }) => { at.x += left; } });
  // @ts-expect-error the state has no such property
  room.usePrediction({ read: () => ({ x: 0 }), step: (at, { right }) => { at.y += right; } });
  for (const view of room.view()) if (view.kind === 'runner') draw(view.x, view.heading, view.isIt, false);

  // @ts-expect-error there is no such kind
  room.onAdd('runer', () => {});
  // @ts-expect-error a runner has no such field
  room.onAdd('runner', (runner) => runner.z);
  // @ts-expect-error there is no such command
  room.send('tga', {});
  // @ts-expect-error a field is missing
  room.send('tag', { target: 7 });
  // @ts-expect-error a target is a number
  room.send('tag', { target: 'everybody', hard: true });
  // @ts-expect-error bytes by number are for games without types
  room.send(3, new Uint8Array());
  // @ts-expect-error there is no such event
  room.onMessage('taged', () => {});
  // @ts-expect-error it has no reply
  await room.call('surrender', null);
  // @ts-expect-error there is no such label
  room.setInput({ pick: 'moon' });
  // @ts-expect-error the level is required
  await client.create('tag', { player: { team: 1 } });
  return standings.length;
}

/** Without types, everything is as it was. */
export async function untyped(): Promise<void> {
  const room: Room = await new Client('wss://example.org/play').joinOrCreate('tag', { player: { anything: 1 } });
  room.onAdd('anything', (entity) => draw(entity.id, entity['x'] as number, false, false));
  room.onMessage(3, (body: Uint8Array) => draw(body.length, 0, false, false));
  room.send(3, new Uint8Array([1]));
  room.setInput({ anything: 1 });
}

function draw(a: number, b: number, c: boolean, d: boolean): void {
  void [a, b, c, d];
}
