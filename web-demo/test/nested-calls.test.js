// Callbacks that call the room: they leave, add other callbacks or send while something is being delivered. In virtual time.

import assert from 'node:assert/strict';
import test from 'node:test';

import { join } from './support/join.js';
import { page } from './support/pages.js';
import { avatar } from './support/server.js';

const game = (number, kind = 7) => ({ game: { kind, body: Uint8Array.of(number) } });
const chat = (text) => ({ chat: { from: 3, name: 'Bo', text } });
const TWO = [[0, [avatar(1, 64), avatar(2, 128)]]];

const joined = (options) => join({ welcome: { tick: 100, resume: Uint8Array.of(1) }, options });

/** The connection breaks, and the server knows the seat. */
async function comeBack({ time, server }, welcome = {}) {
  server.welcome = { ...server.welcome, continuity: 'seat', tick: 400, resume: Uint8Array.of(2), ...welcome };
  server.peer.close(1006);
  await time.advance(500);
}

test('after leave() nothing more is heard of what was being delivered', async () => {
  const { time, server, room } = await joined();
  const log = [];
  for (const name of ['a', 'b']) {
    room.onChat(({ text }) => log.push(`${name} ${text}`));
    room.onAdd('*', ({ id }) => log.push(`${name} +${id}`));
    room.onStateChange(() => log.push(`${name} state`));
  }
  let left = 'chat';
  room.onAdd('*', () => left === 'add' && room.leave());
  room.onChat(() => left === 'chat' && room.leave());
  room.onChat(({ text }) => log.push(`c ${text}`));
  server.frame({ zones: TWO, events: { first: 1, items: [chat('one'), chat('two')] } });
  await time.advance(60);
  assert.deepEqual(log, ['a +1', 'b +1', 'a +2', 'b +2', 'a state', 'b state', 'a one', 'b one']);

  left = 'add';
  const other = await joined();
  const seen = [];
  other.room.onAdd('*', ({ id }) => {
    seen.push(id);
    other.room.leave();
  });
  other.room.onStateChange(() => seen.push('state'));
  other.server.frame({ zones: TWO });
  await other.time.advance(60);
  assert.deepEqual(seen, [1]);
});

test('leave() also ends the delivery of what waits in a room that is closed', async () => {
  const { time, server, room } = await joined();
  server.frame({ events: { first: 1, items: [chat('one'), chat('two')] } });
  server.peer.close(4507);
  await time.advance(60);
  const log = [];
  room.onChat(({ text }) => {
    log.push(text);
    room.leave();
  });
  await time.advance(60);
  assert.deepEqual([room.connection, log], ['closed', ['one']]);
});

test('leave() in the replay of onAdd or onRemove ends it', async () => {
  for (const how of ['onAdd', 'onRemove']) {
    const { time, server, room } = await joined();
    room.onAdd('*', () => {});
    server.frame({ zones: TWO });
    await time.advance(60);
    if (how === 'onRemove') server.frame({ zones: [[0, []]] });
    await time.advance(60);
    const seen = [];
    room[how]('*', ({ id }) => {
      seen.push(id);
      room.leave();
    });
    assert.deepEqual(seen, [1], how);
  }
});

test('leave() in what is heard of a return: no list of players follows, and no older state', async () => {
  for (const how of ['onResume', 'onConnection']) {
    const all = await joined();
    const log = [];
    all.room.onPlayers((_, change) => log.push(change));
    all.room[how]((state) => state !== 'reconnecting' && state !== 'closed' && all.room.leave());
    const states = [];
    all.room.onConnection((state) => states.push(state));
    await comeBack(all);
    assert.deepEqual([log, states.at(-1), states.filter((state) => state === 'closed').length], [[], 'closed', 1], how);
  }
});

test('a callback that is added during a delivery hears earlier events before later ones', async () => {
  const { time, server, room } = await joined();
  server.frame({ events: { first: 1, items: [chat('one'), game(1), chat('two'), game(2), chat('three')] } });
  await time.advance(60);
  const log = [];
  let late = null;
  room.onMessage(7, ([number]) => {
    log.push(number);
    late ??= room.onChat(({ text }) => log.push(text));
  });
  await time.advance(60);
  assert.deepEqual(log, [1, 'one', 'two', 2, 'three']);
});

test('what exceeded the bounds is reported before the rest, also to a callback that is added during a delivery', async () => {
  const { time, server, room } = await joined();
  for (let turn = 0; turn < 6; turn++) {
    server.frame({ events: { first: 1 + 50 * turn, items: Array.from({ length: 50 }, (_, index) => game(index, 8)) } });
    await time.advance(60);
  }
  server.frame({ events: { first: 301, items: [chat('one'), chat('two')] } });
  await time.advance(60);
  const log = [];
  room.onGap((lost) => log.push(`gap ${lost}`));
  let late = null;
  room.onChat(({ text }) => {
    log.push(text);
    late ??= room.onMessage(8, () => log.push('message'));
  });
  await time.advance(60);
  assert.deepEqual([log.slice(0, 3), log.length, log.at(-1)], [['one', 'gap 44', 'message'], 259, 'two']);
});

test('an onAdd callback that is added while a frame is told hears each entity once', async () => {
  const { time, server, room } = await joined();
  server.frame({ zones: [[0, [avatar(5, 64), avatar(6, 64)]]] });
  await time.advance(60);
  const log = [];
  const late = (name) => {
    for (const kind of ['avatar', '*']) room.onAdd(kind, ({ id }) => log.push(`${name} ${kind} ${id}`));
  };
  const once = new Set();
  const first = (name) => !once.has(name) && once.add(name) && late(name);
  room.onRemove('*', () => first('removed'));
  for (const kind of ['avatar', '*']) room.onAdd(kind, ({ id }) => id === 1 && first(kind));
  server.frame({ zones: [[0, [avatar(1, 64), avatar(2, 128), avatar(6, 64)]]] });
  await time.advance(60);
  const expected = ['removed', 'avatar', '*'].flatMap((name) => ['avatar', '*'].flatMap((kind) => [1, 2, 6].map((id) => `${name} ${kind} ${id}`)));
  assert.deepEqual(log.toSorted(), expected.toSorted());
});

test('what is stored during a delivery has every event that nobody has heard', async () => {
  const options = page();
  const { time, server, room } = await joined(options);
  server.frame({ events: { first: 1, items: [chat('one')] } });
  await time.advance(60);
  options.cover();
  room.onMessage(7, () => {
    // The waiting line is delivered before the next event of the same frame, and its callback sends.
    room.onChat(() => room.send(1, new Uint8Array()));
  });
  const seats = [];
  const { setItem } = options.storage;
  options.storage.setItem = function keep(key, text) {
    seats.push(JSON.parse(text));
    setItem.call(this, key, text);
  };
  server.frame({ events: { first: 2, items: [game(2), { property: ['map', 'lake'] }] } });
  await time.advance(60);
  assert.ok(seats.length > 0);
  for (const { events, backlog } of seats) {
    assert.ok(events < 3 || backlog.waiting.some(({ event }) => event.type === 'property'), `event ${events} is stored as arrived and does not wait`);
  }
});

test('a move is told after the next frame, however often the connection is lost before it', async () => {
  const all = await join({ welcome: { tick: 100, authority: 'client', epoch: 7, resume: Uint8Array.of(1) } });
  const { time, server, room } = all;
  server.frame({ zones: TWO });
  await time.advance(60);
  const moves = [];
  room.onCorrection((correction) => moves.push(correction));
  room.setInput({ dx: 3 });
  await time.advance(300);
  for (let turn = 0; turn < 2; turn++) await comeBack(all, { epoch: 8 });
  server.frame({ zones: TWO });
  await time.advance(600);
  assert.deepEqual([moves, server.peer.of('inputs').length], [[{ epoch: 8, reason: 0 }], 0], 'the position before the move is not reported');
  server.frame({ zones: TWO });
  await time.advance(60);
  assert.equal(moves.length, 1);
});
