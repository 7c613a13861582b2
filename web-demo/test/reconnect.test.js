// Endings and coming back: which closes invite, where to, after which waits; and what a lost, silent or broken connection
// does. In virtual time.

import assert from 'node:assert/strict';
import test from 'node:test';

import { Backoff } from '../client/backoff.js';
import { Client } from '../client/index.js';
import { join } from './support/join.js';
import { watch } from './support/log.js';
import { page } from './support/pages.js';
import { random } from './support/random.js';
import { answerPings, avatar } from './support/server.js';
import { encodeFrame } from './support/wire.js';

test('waits double up to a bound, with jitter', () => {
  const highest = new Backoff(() => 0.999999);
  const waits = (players, outage = 0) => Array.from({ length: 8 }, () => Math.ceil(highest.next(players, outage)));
  assert.deepEqual(waits(1000), [250, 500, 1000, 2000, 4000, 8000, 8000, 8000]);
  highest.reset();
  assert.deepEqual(waits(0), [250, 500, 1000, 2000, 2000, 2000, 2000, 2000], 'a few players try more often');
  assert.deepEqual(waits(0, 24_000).slice(0, 2), [4000, 4000], 'but not in a long outage');
  highest.reset();
  assert.equal(Math.ceil(highest.next(0, 0)), 250);
  const next = random(1);
  const spread = Array.from({ length: 1000 }, () => {
    const backoff = new Backoff(next);
    backoff.next(1000, 0);
    backoff.next(1000, 0);
    return backoff.next(1000, 0);
  });
  assert.ok(Math.min(...spread) < 50 && Math.max(...spread) > 950);
});

test('a lost connection comes back into the same room with a fresh state', async () => {
  const { time, server, room } = await join();
  const log = watch(room);
  const removed = [];
  room.onRemove('*', ({ id }) => removed.push(id));
  server.frame({ zones: [[0, [avatar(1, 0), avatar(5, 0)]]] });
  await time.advance(50);
  room.setInput({ dx: 9 });
  server.peer.close(1006);
  await time.advance(20);
  assert.equal(room.connection, 'reconnecting');
  server.welcome = { ...server.welcome, entity: 77, seat: 2, tick: 500, rate: 30 };
  await time.advance(2000);
  assert.deepEqual(log, ['reconnecting', 'leave 1006 true', 'online', 'back']);
  assert.deepEqual(server.peer.of('hello')[0].join, { type: 'byId', room: 'r1' });
  assert.deepEqual([room.entity, room.seat, room.rate, room.state.tick], [77, 2, 30, 500]);
  assert.deepEqual(removed, [1, 5]);
  server.frame({ zones: [[0, [avatar(77, 64)]]] });
  await time.advance(50);
  assert.equal(room.state.entities.get(77).x, 1);
  const inputs = server.peer.of('inputs');
  assert.equal(inputs[0].held, 0);
});

test('a room that is gone is replaced as at the first join', async () => {
  const { time, server, room } = await join();
  const log = watch(room);
  const welcome = server.accept;
  server.accept = (peer, message) => {
    if (message.type === 'hello' && message.join.type === 'byId') peer.close(4504);
    else welcome(peer, message);
  };
  server.welcome = { ...server.welcome, room: 'r2' };
  server.peer.close(1011);
  await time.advance(1000);
  assert.deepEqual(log, ['reconnecting', 'leave 1011 true', 'online', 'back']);
  assert.equal(room.id, 'r2');
  assert.deepEqual(server.peer.of('hello')[0].join, { type: 'joinOrCreate', game: 'toy', options: [['map', 'yard']] });
});

test('a client brings along how its room can be made again, until a welcome says otherwise', async () => {
  const { time, server } = await join({ welcome: { extensions: [[1, Uint8Array.of(7, 8)], [9, Uint8Array.of(1)]] } });
  const said = () => server.peer.of('hello')[0].extensions;
  assert.deepEqual(said(), []);
  server.peer.close(1006);
  await time.advance(1000);
  assert.deepEqual(said(), [[1, Uint8Array.of(7, 8)]]);
  server.welcome = { ...server.welcome, extensions: [] };
  server.peer.close(1006);
  await time.advance(2000);
  server.peer.close(1006);
  await time.advance(2000);
  assert.deepEqual(said(), []);
});

test('a server that stays away is tried less and less often', async () => {
  const { time, server, room } = await join();
  server.reachable = false;
  server.peer.close(1012);
  await time.advance(60_000);
  const attempts = server.peers.length - 1;
  assert.ok(attempts > 12 && attempts < 30, `${attempts} attempts in a minute`);
  server.reachable = true;
  await time.advance(8100);
  assert.equal(room.connection, 'online');
});

test('a socket that fails without a close event counts as lost, and so does one that reports both', async () => {
  for (const both of [false, true]) {
    const { time, server, room } = await join();
    server.reachable = false;
    server.fail = (socket) => {
      socket.onerror({});
      if (both) socket.onclose?.({ code: 1006, reason: '' });
    };
    server.peer.close(1006);
    await time.advance(3000);
    assert.ok(server.peers.length > 3 && server.peers.length < 9, `${server.peers.length} attempts`);
    server.reachable = true;
    await time.advance(4000);
    assert.equal(room.connection, 'online');
  }
});

test('a socket that cannot be made refuses the first join with its error, later it is tried again', async () => {
  for (const token of ['abc', () => 'abc']) {
    const { time, server, room } = await join({ options: { token } });
    const { WebSocket } = server;
    let broken = true;
    const Broken = function (...how) {
      if (broken) throw new SyntaxError('no such address');
      return new WebSocket(...how);
    };
    const other = new Client('nonsense', { ...server.options, WebSocket: Broken, token });
    await assert.rejects(other.create('toy'), { message: 'no such address' });
    broken = false;
    const joining = other.create('toy');
    await time.advance(60);
    const second = await joining;
    broken = true;
    server.peer.close(1006);
    await time.advance(10_000);
    assert.equal(second.connection, 'reconnecting');
    broken = false;
    await time.advance(9000);
    assert.equal(second.connection, 'online');
    broken = true;
    server.peer.close(1006);
    await time.advance(1000);
    second.leave();
    room.leave();
    await time.advance(1000);
    assert.deepEqual([second.connection, time.timers.size], ['closed', 0]);
  }
});

test('a server that sends everybody away at once does not see them in a tight loop', async () => {
  const { time, server } = await join();
  const welcome = server.accept;
  server.accept = (peer, message) => {
    welcome(peer, message);
    if (message.type === 'hello') peer.close(4008);
  };
  server.peer.close(4008);
  await time.advance(30_000);
  assert.ok(server.peers.length < 20, `${server.peers.length} connections`);
});

test('a page may leave in whatever it hears of a return, and hears nothing more', async () => {
  const moments = {
    reconnecting: (room, leave) => room.onConnection((state) => state === 'reconnecting' && leave()),
    leave: (room, leave) => room.onLeave((_code, _text, comesBack) => comesBack && leave()),
    removed: (room, leave) => room.onRemove('*', leave),
    online: (room, leave) => room.onConnection((state) => state === 'online' && leave()),
    back: (room, leave) => room.onReconnect(leave),
  };
  for (const [moment, on] of Object.entries(moments)) {
    const options = page();
    const { time, server, room } = await join({ welcome: { resume: Uint8Array.of(1) }, options });
    server.frame({ zones: [[0, [avatar(1, 0)]]] });
    await time.advance(50);
    const log = watch(room);
    on(room, () => room.leave());
    server.welcome = { ...server.welcome, room: 'r2', tick: 500 };
    server.peer.close(1006);
    await time.advance(10_000);
    assert.deepEqual([log.at(-1), log.filter((line) => line.startsWith('closed')).length], ['leave 1000 false', 1], `${moment}: ${log}`);
    assert.ok(log.indexOf('closed') === log.length - 2, `${moment}: ${log}`);
    assert.deepEqual([room.connection, time.timers.size, options.storage.items.size], ['closed', 0, 0], moment);
    const returned = moment !== 'reconnecting' && moment !== 'leave';
    assert.deepEqual([server.peers.length, server.peer.closedWith], [2, 1000], moment);
    assert.equal(server.peer.of('hello')[0].join.type, returned ? 'byId' : 'return', moment);
  }
});

test('endings for good are final', async () => {
  for (const code of [1000, 4500, 4502, 4506, 4507, 4511, 4512, 4513, 4514]) {
    const { time, server, room } = await join();
    const log = watch(room);
    server.peer.close(code);
    await time.advance(30_000);
    assert.deepEqual(log, ['closed', `leave ${code} false`]);
    assert.equal(server.peers.length, 1);
    assert.equal(time.timers.size, 0);
  }
});

test('a refusal on the way back ends it', async () => {
  const { time, server, room } = await join();
  const log = watch(room);
  server.accept = (peer, message) => {
    if (message.type !== 'hello') return;
    // When to come back, which does not matter to whoever is not wanted back.
    peer.send(Uint8Array.of(0x03, 0xfb, 0xc4, 0x09));
    peer.close(4503);
  };
  server.peer.close(4001);
  await time.advance(5000);
  assert.deepEqual(log, ['reconnecting', 'leave 4001 true', 'closed', 'leave 4503 false']);
  assert.equal(time.timers.size, 0);
});

test('leaving is final, also while coming back, and is told once', async () => {
  for (const lost of [false, true]) {
    const { time, server, room } = await join();
    const log = watch(room);
    if (lost) {
      server.peer.close(1006);
      await time.advance(15);
    }
    room.leave();
    room.leave();
    await time.advance(10_000);
    assert.deepEqual(log.slice(-2), ['closed', 'leave 1000 false']);
    assert.equal(server.peers.length, 1);
    assert.equal(time.timers.size, 0);
    if (!lost) assert.equal(server.peer.closedWith, 1000);
  }
});

test('a message that does not decode ends the connection and starts another', async () => {
  const broken = [
    Uint8Array.of(7),
    Uint8Array.of(0x50, 31, 1, 0, 1, 9),
    Uint8Array.of(0x50, 31, 2, 0, 2, 0, 2),
    Uint8Array.of(5, 0, 0, 0),
    encodeFrame({ stamp: { type: 'long', tick: 0xffffffff, consumed: 0 }, note: { incarnation: 8 }, zones: [] }),
  ];
  for (const bytes of broken) {
    const { time, server, room } = await join();
    const log = watch(room);
    server.peer.send(bytes);
    await time.advance(15);
    assert.deepEqual(log, ['reconnecting', 'leave 1006 true']);
    assert.equal(server.peers[0].closedWith, undefined, 'a close would free the seat');
    await time.advance(500);
    assert.equal(room.connection, 'online');
    assert.equal(server.peers[0].closedWith, 4500);
  }
});

test('a silent connection is given up, a frozen tab is not', async () => {
  const { time, server, room } = await join();
  const { accept } = server;
  answerPings(server);
  time.freeze(60_000);
  await time.advance(3000);
  assert.deepEqual([room.connection, server.peers.length], ['online', 1]);
  server.accept = accept;
  await time.advance(11_500);
  assert.equal(server.peers.length, 2);
  assert.equal(server.peers[0].closedWith, 4500);
});

test('pings measure the round trip and rates are counted', async () => {
  const { time, server, room } = await join({ latency: 40 });
  answerPings(server);
  for (let tick = 0; tick < 60; tick++) {
    server.frame({ advance: 2, zones: [[0, [avatar(1, 0)]]] });
    await time.advance(100);
  }
  const { stats } = room;
  assert.equal(stats.ping, 80);
  assert.deepEqual([stats.heldFrames, stats.desyncs, stats.snapshots], [60, 0, 60]);
  assert.ok(stats.bytesDownPerSecond > 100 && stats.bytesUpPerSecond > 20 && stats.bytesPerPlayerTick > 5);
  assert.ok(stats.serverTickLag >= 0 && stats.serverTickLag < 3 && stats.interpolationDelay >= 90);
});
