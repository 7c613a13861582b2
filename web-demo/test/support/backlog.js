// Events that wait for handlers, for the tests about them: rooms whose first frame brought some, and handlers for everything.

import { join } from './join.js';

export const BO = { seat: 3, entity: 9, name: 'Bo' };

export const game = (number, kind = 7) => ({ game: { kind, body: Uint8Array.of(number) } });
export const chat = (text) => ({ chat: { from: 3, name: 'Bo', text } });

/** A room whose first frame brought these events, with welcome and frame in one read as behind a coalescing proxy. */
export async function joined(items, options = {}, welcome = {}) {
  const all = await join({ welcome: { tick: 100, resume: Uint8Array.of(1), ...welcome }, options });
  all.server.frame({ events: { first: 1, items } });
  await all.time.advance(60);
  return all;
}

/** The connection breaks and comes back. */
export async function comeBack({ time, server, room }, welcome = {}) {
  server.welcome = { ...server.welcome, continuity: 'seat', tick: 400, events: 3, listed: 3, resume: Uint8Array.of(2), ...welcome };
  server.peer.close(1006);
  await time.advance(20);
  while (room.connection !== 'online') await time.advance(100);
}

/** Everything that can be heard, in order. */
export function listen(room) {
  const log = [];
  room.onChat(({ text }) => log.push(text));
  room.onMessage('*', ([number], { kind }) => log.push(`${kind}:${number}`));
  room.onPlayers((players, change) => log.push(change?.type ?? 'all'));
  room.onProperty((key, value) => log.push(`${key}=${value}`));
  room.onEnded(([result]) => log.push(`ended ${result}`));
  room.onGap((lost) => log.push(`gap ${lost}`));
  return log;
}

export const EVERYTHING = [
  chat('one'), game(1), { joined: BO }, { property: ['map', 'lake'] }, chat('two'), game(2, 8), { left: [3, 1000] }, game(3), { ended: Uint8Array.of(9) },
];
export const HEARD = ['one', '7:1', 'joined', 'map=lake', 'two', '8:2', 'left', '7:3', 'ended 9'];

/** Collects the messages of errors that the client throws again on their own. */
export function catchThrown(t) {
  const thrown = [];
  const real = queueMicrotask;
  t.mock.method(globalThis, 'queueMicrotask', (call) => real(() => {
    try {
      call();
    } catch ({ message }) {
      thrown.push(message);
    }
  }));
  return thrown;
}
