// Join tokens: where they travel, when they are asked for again, and what happens when one expires. In virtual time.

import assert from 'node:assert/strict';
import test from 'node:test';

import { Client } from '../client/index.js';
import { join } from './support/join.js';
import { watch } from './support/log.js';
import { FakeServer, VirtualTime } from './support/server.js';
import { encodeSmall } from './support/wire.js';

/** A function that gives t1, t2, ... */
function counted(delay = null) {
  const source = () => {
    source.count += 1;
    const token = `t${source.count}`;
    return delay ? delay(token) : token;
  };
  source.count = 0;
  return source;
}

function tokens(server) {
  return server.peers.map((peer) => peer.of('hello')[0]?.token);
}

function refreshed(server) {
  return server.peer.of('refresh').map(({ token, at }) => [token, at]);
}

test('a text travels in every hello, never in the address', async () => {
  const { time, server, room } = await join({ options: { token: 'abc' } });
  server.peer.close(1006);
  await time.advance(1000);
  assert.equal(room.connection, 'online');
  assert.deepEqual(tokens(server), ['abc', 'abc']);
  assert.ok(server.peers.every(({ url, protocols }) => url === 'ws://test/play' && protocols.join() === 'tickwire.v2'));
});

test('the token of a join goes before that of the client', async () => {
  const { time, server, client } = await join({ options: { token: 'abc' } });
  const joining = client.create('toy', { token: () => 'own' });
  await time.advance(60);
  await joining;
  assert.deepEqual(tokens(server), ['abc', 'own']);
});

test('a function is asked for every connection', async () => {
  const token = counted((text) => Promise.resolve(text));
  const { time, server } = await join({ options: { token } });
  server.peer.close(1006);
  await time.advance(1000);
  assert.deepEqual(tokens(server), ['t1', 't2']);
});

test('a function that fails refuses the first join with its error, later it is tried again', async () => {
  const time = new VirtualTime();
  const server = new FakeServer(time);
  let away = true;
  const token = async () => {
    if (away) throw new Error('backend away');
    return 'ok';
  };
  const client = new Client('ws://test/play', { ...server.options, token });
  await assert.rejects(client.create('toy'), { message: 'backend away' });
  await assert.rejects(new Client('ws://test/play', { ...server.options, token: () => 7 }).create('toy'), TypeError);
  assert.equal(server.peers.length, 0);
  away = false;
  const joining = client.create('toy');
  await time.advance(60);
  const room = await joining;
  away = true;
  server.peer.close(1006);
  await time.advance(10_000);
  assert.deepEqual([room.connection, server.peers.length], ['reconnecting', 1]);
  away = false;
  await time.advance(9000);
  assert.equal(room.connection, 'online');
});

test('leaving while the token is asked for is final', async () => {
  let give;
  const token = counted((text) => (text === 't1' ? text : new Promise((resolve) => (give = resolve))));
  const { time, server, room } = await join({ options: { token } });
  server.peer.close(1006);
  await time.advance(1000);
  room.leave();
  give('t2');
  await time.advance(1000);
  assert.deepEqual([server.peers.length, time.timers.size], [1, 0]);
});

test('a newer token is sent a minute before the end, or when a fifth of the time is left', async () => {
  for (const [expires, after] of [[600, 540_000], [100, 80_000]]) {
    const token = counted((text) => Promise.resolve(text));
    const { time, server } = await join({ welcome: { expires }, options: { token } });
    const answer = server.accept;
    server.accept = (peer, message) => {
      answer(peer, message);
      if (message.type === 'ping') peer.send(encodeSmall('pong', message.stamp));
      if (message.type === 'refresh') peer.send(encodeSmall('refreshed', 300));
    };
    const start = time.now();
    await time.advance(after + 1000);
    assert.equal(refreshed(server).length, 1);
    assert.ok(Math.abs(refreshed(server)[0][1] - start - after) < 100, `${refreshed(server)[0][1] - start}`);
    await time.advance(239_000);
    assert.equal(refreshed(server).length, 1);
    await time.advance(2000);
    assert.deepEqual(refreshed(server).map(([text]) => text), ['t2', 't3']);
  }
});

test('texts and tokens without an end are never renewed', async () => {
  for (const [token, expires] of [['abc', 100], [counted(), null], [counted(), 0xffffffff]]) {
    const { time, server } = await join({ welcome: { expires }, options: { token } });
    server.accept = (peer, message) => message.type === 'ping' && peer.send(encodeSmall('pong', message.stamp));
    await time.advance(120_000);
    assert.deepEqual(refreshed(server), []);
    assert.ok([...time.timers.values()].every(({ at }) => at - time.now() <= 0x7fffffff));
  }
});

test('a renewal that fails is tried again until the end', async () => {
  let fails = 3;
  const token = counted((text) => (text !== 't1' && fails-- > 0 ? Promise.reject(new Error('away')) : text));
  const { time, server } = await join({ welcome: { expires: 100 }, options: { token } });
  server.accept = (peer, message) => message.type === 'ping' && peer.send(encodeSmall('pong', message.stamp));
  await time.advance(94_000);
  assert.deepEqual(refreshed(server), []);
  await time.advance(2000);
  assert.deepEqual(refreshed(server).map(([text]) => text), ['t5']);
});

test('a source that has but a token at its end is not asked in a tight loop', async () => {
  const token = counted();
  const { time, server, room } = await join({ welcome: { expires: 0, resume: Uint8Array.of(1) }, options: { token } });
  const answer = server.accept;
  server.accept = (peer, message) => {
    answer(peer, message);
    if (message.type === 'ping') peer.send(encodeSmall('pong', message.stamp));
    if (message.type === 'refresh') peer.send(encodeSmall('refreshed', token.count < 6 ? 0 : 300));
  };
  await time.advance(3000);
  server.welcome = { ...server.welcome, continuity: 'seat', tick: 300 };
  server.peer.close(1006);
  await time.advance(60_000);
  const times = server.peers.flatMap((peer) => peer.of('refresh').map(({ at }) => at));
  assert.deepEqual([room.connection, times.length], ['online', 4]);
  for (let index = 1; index < times.length; index++) assert.ok(times[index] - times[index - 1] >= 5000, String(times));
});

test('a token that comes when its connection is gone is not sent over the next one', async () => {
  let give;
  const token = counted((text) => (text === 't2' ? new Promise((resolve) => (give = resolve)) : text));
  const { time, server } = await join({ welcome: { expires: 5 }, options: { token } });
  await time.advance(4500);
  server.peer.close(1006);
  await time.advance(300);
  give('t2');
  await time.advance(300);
  assert.deepEqual([server.peers.length, refreshed(server)], [2, []]);
});

test('an expired token brings the client back once, with a new one', async () => {
  const { time, server, room } = await join({ welcome: { resume: Uint8Array.of(1) }, options: { token: counted() } });
  const log = watch(room);
  server.welcome = { ...server.welcome, continuity: 'seat', tick: 300 };
  server.peer.close(4502);
  await time.advance(1000);
  assert.deepEqual(log.splice(0), ['reconnecting', 'leave 4502 true', 'online', 'resumed']);
  assert.deepEqual(tokens(server), ['t1', 't2']);
  server.peer.close(4502);
  await time.advance(10_000);
  assert.deepEqual(log, ['closed', 'leave 4502 false']);
  assert.equal(server.peers.length, 2);
});

test('an expired token is for good when there is no other, or when the new one is refused', async () => {
  for (const token of ['abc', counted()]) {
    const { time, server, room } = await join({ options: { token } });
    const log = watch(room);
    server.accept = (peer, message) => message.type === 'hello' && peer.close(4502);
    server.peer.close(4502);
    await time.advance(10_000);
    assert.equal(log.at(-1), 'leave 4502 false');
    assert.equal(server.peers.length, token === 'abc' ? 1 : 2);
  }
});

test('a connection that lasted may expire again', async () => {
  const { time, server, room } = await join({ options: { token: counted() } });
  for (let round = 0; round < 3; round++) {
    server.peer.close(4502);
    await time.advance(6000);
    assert.equal(room.connection, 'online');
  }
  assert.deepEqual(tokens(server), ['t1', 't2', 't3', 't4']);
});
