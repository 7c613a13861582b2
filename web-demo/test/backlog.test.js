// What arrives before the page has a handler for it: kept for the first one, in order, within bounds, and delivered once.
// In virtual time.

import assert from 'node:assert/strict';
import test from 'node:test';

import { Client } from '../client/index.js';
import { catchThrown, chat, comeBack, EVERYTHING, game, HEARD, joined, listen } from './support/backlog.js';
import { watch } from './support/log.js';
import { random } from './support/random.js';
import { FakeServer, VirtualTime, avatar } from './support/server.js';

test('what came with the welcome is told in order to handlers that come later, once', async () => {
  const { time, server, room } = await joined(EVERYTHING);
  await time.advance(5000);
  const log = listen(room);
  assert.deepEqual(log, [], 'not before all of them are there');
  await time.advance(0);
  assert.deepEqual(log, HEARD);
  const second = listen(room);
  await time.advance(0);
  assert.deepEqual(second, ['ended 9'], 'an ending stays true, events are told once');
  server.frame({ events: { first: 10, items: [chat('three')] } });
  await time.advance(200);
  assert.deepEqual([log.slice(9), second], [['three'], ['ended 9', 'three']]);
  assert.ok(server.peer.received.some(({ ack }) => ack?.events === 10));
});

test('welcome and first frame in one turn lose nothing', async () => {
  const time = new VirtualTime();
  const server = new FakeServer(time);
  const { accept } = server;
  server.accept = (peer, message) => {
    if (message.type !== 'hello') return;
    accept(peer, message);
    server.frame({ events: { first: 1, items: [chat('one'), chat('two'), chat('three')] } });
  };
  server.coalesces = true;
  const joining = new Client('ws://test/play', server.options).joinById('r1');
  const heard = joining.then((room) => {
    const lines = [];
    room.onChat(({ text }) => lines.push(text));
    return lines;
  });
  await time.advance(100);
  assert.deepEqual(await heard, ['one', 'two', 'three']);
});

test('handlers of some kinds leave the events of others waiting', async () => {
  const { time, server, room } = await joined([game(1), chat('one'), game(2, 8), game(3)]);
  const seven = [];
  room.onMessage(7, ([number]) => seven.push(number));
  await time.advance(0);
  server.frame({ events: { first: 5, items: [game(4, 8), game(5)] } });
  await time.advance(60);
  const log = listen(room);
  await time.advance(60);
  assert.deepEqual([seven, log], [[1, 3, 5], ['one', '8:2', '8:4']]);
});

test('a handler that is taken back at once hears nothing, and the next one everything', async () => {
  const { time, room } = await joined([chat('one'), game(1)]);
  const first = [];
  // As a component that mounts twice.
  room.onChat(({ text }) => first.push(text))();
  const log = listen(room);
  await time.advance(60);
  assert.deepEqual([first, log], [[], ['one', '7:1']]);
});

test('what comes while there is no handler any more waits for the next; what was told is not repeated', async () => {
  const { time, server, room } = await joined([chat('one')]);
  const first = [];
  const stop = room.onChat(({ text }) => first.push(text));
  await time.advance(0);
  stop();
  server.frame({ events: { first: 2, items: [chat('two')] } });
  await time.advance(60);
  const log = listen(room);
  await time.advance(60);
  assert.deepEqual([first, log], [['one'], ['two']]);
});

test('a handler that throws has heard the event', async (t) => {
  const { time, server, room } = await joined([chat('one'), chat('two')]);
  const thrown = catchThrown(t);
  room.onChat(({ text }) => {
    throw new Error(text);
  });
  const log = listen(room);
  server.frame({ events: { first: 3, items: [chat('three')] } });
  await time.advance(60);
  assert.deepEqual([log, thrown], [['one', 'two', 'three'], ['one', 'two', 'three']]);
});

test('a predictor that throws costs no event and no input', async (t) => {
  const { time, server, room } = await joined([]);
  const thrown = catchThrown(t);
  const log = listen(room);
  let breaks = null;
  const rules = { read: (entity) => ({ x: entity.raw('x') }), step: (state, { dx }) => (state.x += dx), copy: (from, to) => (to.x = from.x) };
  const fragile = Object.entries(rules).map(([name, rule]) => [name, (...args) => {
    if (breaks === name) throw new Error(name);
    return rule(...args);
  }]);
  room.usePrediction(Object.fromEntries(fragile));
  for (const [index, name] of ['none', 'read', 'step', 'copy'].entries()) {
    breaks = null;
    server.frame({ zones: [[0, [avatar(1, 64)]]] });
    await time.advance(60);
    breaks = name;
    const before = server.peer.of('inputs').length;
    server.frame({ zones: [[0, [avatar(1, 128 + index)]]], events: { first: 1 + index, items: [chat(name)] } });
    room.setInput({ dx: 5 + index });
    await time.advance(600);
    assert.ok(server.peer.of('inputs').length > before + 1, `${name}: inputs go on`);
  }
  assert.deepEqual([log, room.connection, [...new Set(thrown)].sort()], [['none', 'read', 'step', 'copy'], 'online', ['copy', 'read', 'step']]);
});

test('too much of one sort costs nothing of another, and is told where somebody listens', async () => {
  const { time, server, room } = await joined([chat('one')]);
  for (let turn = 0; turn < 10; turn++) {
    server.frame({ events: { first: 2 + 50 * turn, items: Array.from({ length: 50 }, (_, index) => game(index, 40 + (turn % 2))) } });
    await time.advance(60);
  }
  const told = [];
  room.onGap((lost) => told.push(`gap ${lost}`));
  room.onChat(({ text }) => told.push(text));
  await time.advance(60);
  assert.deepEqual(told, ['one'], 'nobody asked for the messages');
  const numbers = [];
  room.onMessage(41, () => numbers.push(told.length));
  await time.advance(60);
  assert.equal(numbers.length + Number(told[1].slice(4)), 250);
  assert.deepEqual([told.length, numbers.length < 200, new Set(numbers)], [2, true, new Set([2])], 'the gap comes first');
  room.onMessage('*', () => numbers.push('*'));
  await time.advance(60);
  assert.equal(numbers.length + Number(told[1].slice(4)) + Number(told[2].slice(4)), 500);
});

test('what waits is bounded in bytes, too, and a gap waits for who asks for gaps', async () => {
  const { time, server, room } = await joined([]);
  const body = new Uint8Array(1024);
  for (let turn = 0; turn < 20; turn++) {
    server.frame({ events: { first: 1 + 10 * turn, items: Array.from({ length: 10 }, () => ({ game: { kind: 7, body } })) } });
    await time.advance(60);
  }
  let heard = 0;
  room.onMessage(7, () => (heard += 1));
  await time.advance(60);
  assert.ok(heard >= 55 && heard <= 64, `${heard} of 1 KiB in 64 KiB`);
  server.frame({ events: { first: 206, lost: 5, items: [chat('late')] } });
  await time.advance(60);
  const log = listen(room);
  await time.advance(60);
  assert.deepEqual(log, [`gap ${200 - heard + 5}`, 'late']);
});

test('a flood of kinds that nobody listens to is bounded', async () => {
  const { time, server, room } = await joined([]);
  for (let turn = 0; turn < 40; turn++) {
    server.frame({ events: { first: 1 + 50 * turn, items: Array.from({ length: 50 }, (_, index) => game(1, 50 * turn + index)) } });
    await time.advance(60);
  }
  const log = listen(room);
  await time.advance(60);
  assert.deepEqual([log.filter((line) => line.startsWith('gap')), log.length], [['gap 1744'], 257]);
});

test('what was said before a room closed is heard before its end, by whoever asks later', async () => {
  const { time, server, room } = await joined([chat('goodbye'), { ended: Uint8Array.of(2) }]);
  server.peer.close(4512, 'that was it');
  await time.advance(60);
  const log = listen(room);
  room.onLeave((code, reason, back) => log.push(`leave ${code} ${reason} ${back}`));
  room.onConnection((state) => log.push(state));
  await time.advance(60);
  assert.deepEqual(log, ['goodbye', 'ended 2', 'closed', 'leave 4512 that was it false']);
  const late = watch(room);
  await time.advance(60);
  assert.deepEqual(late, ['closed', 'leave 4512 false']);
});

test('who asks while the connection is lost is told, afterwards not any more', async () => {
  const { time, server, room } = await joined([]);
  server.reachable = false;
  server.peer.close(4008);
  await time.advance(60);
  const during = watch(room);
  await time.advance(60);
  assert.deepEqual(during, ['reconnecting', 'leave 4008 true']);
  server.reachable = true;
  await time.advance(3000);
  const after = watch(room);
  await time.advance(60);
  assert.deepEqual([during.slice(2), after], [['online', 'back'], []]);
});

test('who leaves hears nothing more but that', async () => {
  for (const inHandler of [false, true]) {
    const { time, server, room } = await joined([chat('one')]);
    const log = watch(room);
    if (!inHandler) room.leave();
    room.onChat(({ text }) => {
      log.push(text);
      room.leave();
    });
    server.frame({ events: { first: 2, items: [chat('two'), chat('three')] } });
    await time.advance(60);
    assert.deepEqual(log, [...(inHandler ? ['one'] : []), 'closed', 'leave 1000 false']);
  }
});

test('the newest correction waits', async () => {
  const { time, server, room } = await joined([]);
  for (const epoch of [1, 2]) server.frame({ note: { correction: { epoch, reason: 7 } } });
  await time.advance(60);
  const heard = [];
  room.onCorrection((correction) => heard.push(correction));
  await time.advance(60);
  assert.deepEqual(heard, [{ epoch: 2, reason: 7 }]);
});

test('departures of entities that were told of wait, others need not be told', async () => {
  const { time, server, room } = await joined([]);
  const frame = (...ids) => {
    server.frame({ zones: [[0, ids.map((id) => avatar(id, 0))]] });
    return time.advance(60);
  };
  await frame(1, 2, 3);
  await frame(1, 2);
  const log = [];
  room.onAdd('avatar', ({ id }) => log.push(`+${id}`));
  await frame(1, 2, 4);
  await frame();
  await frame(2);
  room.onRemove('*', ({ id }) => log.push(`-${id}`));
  assert.deepEqual(log, ['+1', '+2', '+4', '+2', '-1', '-4'], 'the second 2 is there');
  await frame();
  const late = [];
  room.onRemove('avatar', ({ id }) => late.push(id));
  assert.deepEqual([log.at(-1), late], ['-2', []]);
});

test('handlers that come and go at random hear everything once and in order', async () => {
  for (let seed = 1; seed <= 60; seed++) {
    const next = random(seed);
    const all = await joined([]);
    const { time, server, room } = all;
    const heard = [];
    let told = 0;
    let stop = null;
    for (let step = 0; step < 80; step++) {
      if (next() < 0.5) {
        server.frame({ events: { first: told + 1, items: [game(told + 1), game(told + 2)] } });
        told += 2;
        await time.advance(15);
      }
      if (next() < 0.1) await comeBack(all, { continuity: 'state', tick: room.state.tick, events: told });
      if (next() < 0.4) {
        stop?.();
        stop = stop ? null : room.onMessage(7, ([number]) => heard.push(number));
      }
      await time.advance(Math.floor(next() * 60));
    }
    stop?.();
    room.onMessage('*', ([number]) => heard.push(number));
    await time.advance(60);
    assert.deepEqual(heard, Array.from({ length: told }, (_, index) => index + 1), `seed ${seed}`);
  }
});
