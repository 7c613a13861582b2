// Reliable messages: numbered once, kept, paced, sent again after a resumption; chat and its delivery, calls and their
// replies. In virtual time.

import assert from 'node:assert/strict';
import test from 'node:test';

import { CommandError } from '../client/index.js';
import { Outbox } from '../client/outbox.js';
import { join } from './support/join.js';
import { outcome } from './support/log.js';
import { random } from './support/random.js';

const NOTHING = new Uint8Array();

function numbers(peer) {
  return peer.of('command').map(({ seq }) => seq);
}

async function seated(welcome = {}) {
  const all = await join({ welcome: { tick: 100, resume: Uint8Array.of(1), ...welcome } });
  all.server.frame();
  await all.time.advance(60);
  return all;
}

test('commands that the game has not seen are sent again, with their numbers', async () => {
  const { time, server, room } = await seated();
  for (let kind = 1; kind <= 4; kind++) assert.equal(room.send(kind, NOTHING), true);
  await time.advance(20);
  server.frame({ note: { commands: 2 } });
  await time.advance(20);
  assert.deepEqual(numbers(server.peer), [1, 2, 3, 4]);
  server.welcome = { ...server.welcome, continuity: 'state', tick: 102, commands: 3 };
  server.peer.close(1006);
  await time.advance(15);
  assert.equal(room.connection, 'reconnecting');
  assert.equal(room.send(5, NOTHING), true);
  await time.advance(1000);
  assert.deepEqual(server.peer.of('command').map(({ seq, body: { kind } }) => [seq, kind]), [[4, 4], [5, 5]]);
  server.frame({ note: { commands: 5 } });
  await time.advance(60);
  room.send(6, NOTHING);
  await time.advance(60);
  assert.deepEqual(numbers(server.peer), [4, 5, 6]);
});

test('each command counts once however often the connection is lost', async () => {
  for (let seed = 1; seed <= 40; seed++) {
    const next = random(seed);
    const { time, server, room } = await seated();
    const seen = [];
    let tick = 101;
    const { accept } = server;
    Object.assign(server.peer, { accepted: 0, waiting: [] });
    server.accept = (peer, message) => {
      // What a connection says after its end does not count.
      if (!peer.open) return;
      if (message.type === 'hello') {
        server.welcome = { ...server.welcome, continuity: 'seat', tick, commands: seen.length };
        Object.assign(peer, { accepted: seen.length, waiting: [] });
      }
      if (message.type === 'command') {
        assert.equal(message.seq, peer.accepted + 1, `seed ${seed}: the next number`);
        peer.accepted += 1;
        peer.waiting.push(message.body.kind);
      }
      accept(peer, message);
    };
    const tell = () => {
      if (!server.peer.open || !server.peer.waiting) return;
      seen.push(...server.peer.waiting.splice(0));
      server.frame({ note: seen.length > 0 ? { commands: seen.length } : null });
      tick += 1;
    };
    let sent = 0;
    for (let step = 0; step < 200; step++) {
      if (sent < 60 && next() < 0.4 && room.send(sent + 1, NOTHING)) sent += 1;
      if (next() < 0.06) server.peer.close(1006);
      if (next() < 0.5) tell();
      await time.advance(Math.floor(next() * 120));
    }
    for (let step = 0; step < 100; step++) {
      tell();
      await time.advance(100);
    }
    assert.ok(sent > 40 && server.peers.length > 3, `seed ${seed}: ${sent} commands, ${server.peers.length} connections`);
    assert.deepEqual(seen, Array.from({ length: sent }, (_, index) => index + 1), `seed ${seed}`);
  }
});

test('only so many are kept', async () => {
  const { time, server, room } = await seated();
  server.peer.close(1006);
  server.reachable = false;
  await time.advance(15);
  const taken = Array.from({ length: 40 }, () => room.send(1, NOTHING));
  assert.deepEqual(taken, Array.from({ length: 40 }, (_, index) => index < 32));
  await assert.rejects(room.chat('hello'), { failure: 'full' });
  await assert.rejects(room.call(1, NOTHING), { failure: 'full' });
});

test('a crowd of commands does not break the server\'s rates', async () => {
  const { time, server, room } = await seated();
  /** Passes time in which the game sees what arrives. @param {number} span */
  const play = async (span) => {
    for (let passed = 0; passed < span; passed += 20) {
      await time.advance(20);
      server.frame({ note: { commands: numbers(server.peer).at(-1) ?? 0 } });
    }
  };
  for (let count = 0; count < 30; count++) room.send(1, NOTHING);
  await play(3000);
  const times = server.peer.of('command').map(({ at }) => at);
  assert.equal(times.length, 30);
  assert.ok(times[9] === times[0] && times[10] > times[0], 'a burst first');
  for (let index = 0; index + 20 < times.length; index++) assert.ok(times[index + 20] - times[index] >= 600);
  for (let count = 0; count < 8; count++) room.chat(`line ${count}`);
  await play(5000);
  const lines = server.peer.of('command').filter(({ body }) => body.type === 'chat').map(({ at }) => at);
  assert.equal(lines.length, 8);
  for (let index = 0; index + 4 < lines.length; index++) assert.ok(lines[index + 4] - lines[index] >= 1200);
});

test('a link that stalls delivers no more at once than a session accepts', async () => {
  const { time, server, room } = await seated();
  for (let count = 0; count < 16; count++) room.send(1, NOTHING);
  for (let count = 0; count < 16; count++) room.chat(`line ${count}`);
  await time.advance(4000);
  assert.deepEqual(numbers(server.peer).length, 10, 'nothing was confirmed');
  server.frame({ note: { commands: 10 } });
  await time.advance(4000);
  const lines = () => server.peer.of('command').filter(({ body }) => body.type === 'chat').length;
  assert.deepEqual([numbers(server.peer).length, lines()], [18, 2]);
  server.frame({ note: { commands: 17 } });
  await time.advance(4000);
  assert.equal(lines(), 3, 'the first line was confirmed');
});

test('a chat line is delivered when the game has seen it', async () => {
  const { time, server, room } = await seated();
  const lines = [];
  room.onChat((line) => lines.push(line));
  const delivered = outcome(room.chat('good evening'));
  const whispered = outcome(room.chat('psst', { to: 3 }));
  await time.advance(60);
  assert.deepEqual(server.peer.of('command').map(({ body }) => body), [
    { type: 'chat', to: [], text: 'good evening' }, { type: 'chat', to: [3], text: 'psst' },
  ]);
  assert.equal(delivered.value, 'pending');
  const items = [{ age: 1, chat: { from: 0, name: 'Ada', text: 'good evening' } }, { chat: { from: 3, name: 'Bo', text: 'hm', private: true } }];
  server.frame({ note: { commands: 1 }, events: { first: 1, items } });
  await time.advance(60);
  assert.deepEqual([delivered.value, whispered.value], [102, 'pending']);
  assert.deepEqual(lines, [
    { from: 0, name: 'Ada', text: 'good evening', private: false, tick: 101 },
    { from: 3, name: 'Bo', text: 'hm', private: true, tick: 102 },
  ]);
  server.welcome = { ...server.welcome, continuity: 'seat', tick: 300, commands: 2 };
  server.peer.close(1006);
  await time.advance(500);
  assert.equal(whispered.value, 300, 'the welcome says that the game has seen it');
  assert.deepEqual(numbers(server.peer), []);
});

test('bad lines, kinds and bodies are refused at once', async () => {
  const { room } = await seated();
  assert.throws(() => room.chat('x'.repeat(241)), RangeError);
  assert.throws(() => room.chat('x', { to: Array.from({ length: 17 }, (_, seat) => seat) }), RangeError);
  for (const to of [70_000, -1, 1.5, NaN, [undefined], [3, '4']]) {
    assert.throws(() => room.chat('x', { to }), { name: 'RangeError', message: `a line for seat ${[to].flat().at(-1)}: seats are 0 to 65535` });
  }
  room.chat('x', { to: 65_535 });
  assert.throws(() => room.call(70_000, NOTHING), RangeError);
  assert.throws(() => room.call(1, new Uint8Array(1025)), RangeError);
  assert.throws(() => room.send(1, new Uint8Array(1025)), RangeError);
});

test('calls get their reply, also when it is no', async () => {
  const { time, server, room } = await seated();
  const good = outcome(room.call(5, Uint8Array.of(1)));
  const bad = room.call(6, NOTHING);
  await time.advance(60);
  assert.deepEqual(server.peer.of('command').map(({ body: { type, kind } }) => [type, kind]), [['call', 5], ['call', 6]]);
  const reply = (command, done, text) => ({ reply: { command, done, body: new TextEncoder().encode(text) } });
  server.frame({ note: { commands: 2 }, events: { first: 1, items: [reply(1, true, 'yes'), reply(2, false, 'no money'), reply(9, true, '')] } });
  await time.advance(60);
  assert.equal(new TextDecoder().decode(good.value), 'yes');
  await assert.rejects(bad, (error) => error instanceof CommandError && error.failure === 'refused' && error.message === 'no money');
  room.leave();
  await time.advance(60);
  assert.equal(time.timers.size, 0, 'nobody waits any more');
});

test('a call without a reply ends in time; a reply that is late is nobody\'s', async () => {
  const { time, server, room } = await seated();
  const [short, long] = [outcome(room.call(5, NOTHING, { timeout: 1000 })), outcome(room.call(5, NOTHING))];
  await time.advance(999);
  assert.equal(short.value, 'pending');
  await time.advance(2);
  assert.equal(short.value, 'timeout');
  server.frame({ note: { commands: 2 }, events: { first: 1, items: [{ reply: { command: 1, done: true, body: NOTHING } }] } });
  await time.advance(8990);
  assert.equal(long.value, 'pending');
  await time.advance(20);
  assert.equal(long.value, 'timeout');
});

test('a call may wait longer than any timer runs', async () => {
  const { time, room } = await seated();
  const calls = [Infinity, 2 ** 31].map((timeout) => outcome(room.call(5, NOTHING, { timeout })));
  assert.ok([...time.timers.values()].every(({ at }) => at - time.now() <= 0x7fffffff));
  assert.deepEqual(calls.map(({ value }) => value), ['pending', 'pending']);
});

test('a call survives a resumption and gets its reply on the next connection', async () => {
  const { time, server, room } = await seated();
  const call = outcome(room.call(5, NOTHING));
  await time.advance(60);
  server.frame({ note: { commands: 1 } });
  await time.advance(60);
  server.welcome = { ...server.welcome, continuity: 'state', tick: 102, commands: 1 };
  server.peer.close(1006);
  await time.advance(500);
  assert.deepEqual(numbers(server.peer), []);
  server.frame({ events: { first: 1, items: [{ reply: { command: 1, done: true, body: Uint8Array.of(4) } }] } });
  await time.advance(60);
  assert.deepEqual(call.value, Uint8Array.of(4));
});

test('with the seat go the commands, and their senders are told', async () => {
  for (const how of ['fresh', 'left', 'kicked']) {
    const { time, server, room } = await seated();
    const chat = outcome(room.chat('hello?'));
    const call = outcome(room.call(5, NOTHING));
    room.send(9, NOTHING);
    await time.advance(60);
    server.welcome = { ...server.welcome, continuity: 'fresh', tick: 300 };
    if (how === 'left') room.leave();
    else server.peer.close(how === 'fresh' ? 1006 : 4507);
    await time.advance(1000);
    assert.deepEqual([chat.value, call.value], ['gone', 'gone'], how);
    if (how === 'fresh') {
      assert.deepEqual(numbers(server.peer), []);
      room.send(1, NOTHING);
      await time.advance(60);
      assert.deepEqual(numbers(server.peer), [1]);
    } else {
      assert.equal(room.send(1, NOTHING), false);
      await assert.rejects(room.chat('x'), { failure: 'gone' });
    }
  }
});

test('nobody has to catch what became of a message', async (t) => {
  const unhandled = [];
  const listen = (error) => unhandled.push(error);
  process.on('unhandledRejection', listen);
  t.after(() => process.off('unhandledRejection', listen));
  const { time, room } = await seated();
  room.chat('hello');
  room.call(1, NOTHING);
  room.leave();
  room.chat('anyone?');
  await time.advance(20_000);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(unhandled, []);
});

test('numbers wrap', () => {
  const outbox = new Outbox({ setTimeout: () => 0, clearTimeout: () => {} }, { listed: 0 });
  outbox.begin({ continuity: 'fresh', commands: 0xfffffffe, tick: 0 });
  for (let count = 0; count < 3; count++) outbox.add({ type: 'game', kind: count, body: NOTHING });
  assert.deepEqual(outbox.take(0).map(({ seq }) => seq), [0xffffffff, 0, 1]);
  outbox.acknowledge(0, 1);
  assert.deepEqual(outbox.kept.map(({ seq }) => seq), [1]);
  outbox.begin({ continuity: 'state', commands: 0, tick: 2 });
  assert.deepEqual(outbox.take(0).map(({ seq }) => seq), [1]);
});

test('properties, endings and who is away', async () => {
  const { time, server, room } = await seated();
  const log = [];
  room.onProperty((key, value) => log.push([key, value, room.properties[key]]));
  room.onEnded((result) => log.push([...result]));
  room.onPlayers((players, change) => log.push([change.type, players.get(0).away]));
  const items = [{ property: ['map', 'lake'] }, { property: ['map', ''] }, { disconnected: 0 }, { reconnected: 0 }, { disconnected: 77 }, { ended: Uint8Array.of(3, 1) }];
  server.frame({ events: { first: 1, items } });
  await time.advance(60);
  assert.deepEqual(log, [['map', 'lake', 'lake'], ['map', '', undefined], ['disconnected', true], ['reconnected', false], ['disconnected', false], [3, 1]]);
});

test('a room that went back to an earlier state takes what is new, and fails what it had confirmed or may have lost', async () => {
  const { time, server, room } = await seated();
  const lost = outcome(room.call(1, NOTHING));
  await time.advance(20);
  server.frame({ note: { commands: 1 } });
  await time.advance(60);
  server.welcome = { ...server.welcome, continuity: 'seat', tick: 90, commands: 0 };
  server.peer.close(1006);
  await time.advance(1500);
  assert.equal(lost.value, 'gone');
  room.send(2, NOTHING);
  await time.advance(60);
  assert.deepEqual(numbers(server.peer), [1]);
});
