// Leaving and joining again: when a leave is done, joins that wait for it, and joins that are given up at every moment. In
// virtual time; the seats are a real server's business (e2e/leaving.test.js).

import assert from 'node:assert/strict';
import test from 'node:test';

import { Client } from '../client/index.js';
import { join } from './support/join.js';
import { outcome, watch } from './support/log.js';
import { page } from './support/pages.js';
import { FakeServer, VirtualTime } from './support/server.js';

const KEY = 'tickwire:ws://test/play';

/** A client, and nothing joined yet. */
function begin(options = {}) {
  const time = new VirtualTime();
  const server = new FakeServer(time);
  return { time, server, client: new Client('ws://test/play', { ...server.options, ...options }) };
}

test('a leave is done when the server has answered, however often it is asked for', async () => {
  const { time, server, room } = await join();
  const leaving = room.leave();
  assert.equal(room.leave(), leaving);
  const seen = outcome(leaving);
  assert.deepEqual([server.peer.closedWith, room.connection], [1000, 'closed']);
  await time.advance(15);
  assert.equal(seen.value, 'pending');
  await time.advance(10);
  assert.equal(seen.value, undefined);
  assert.equal(time.timers.size, 0);
});

test('a leave that nobody answers is done after two seconds, and one of a room that ended at once', async () => {
  const { time, server, room } = await join();
  server.answersCloses = false;
  const seen = outcome(room.leave());
  await time.advance(1990);
  assert.equal(seen.value, 'pending');
  await time.advance(20);
  assert.equal(seen.value, undefined);
  const other = await join();
  other.server.peer.close(4507);
  await other.time.advance(60);
  const ended = outcome(other.room.leave());
  await other.time.advance(0);
  assert.deepEqual([ended.value, other.time.timers.size], [undefined, 0]);
});

test('a join waits for what its client is leaving, and no longer than that', async () => {
  for (const [answers, latest] of [[true, 20], [false, 2000]]) {
    const { time, server, client, room } = await join();
    server.answersCloses = answers;
    room.leave();
    const joining = outcome(client.joinById('r1').then(({ id }) => id));
    const watching = outcome(client.spectate('r1').then(({ id }) => id));
    await time.advance(latest - 5);
    assert.equal(server.peers.length, 1, 'no socket before the answer');
    await time.advance(40);
    assert.deepEqual([server.peers.length, joining.value, watching.value], [3, 'r1', 'r1']);
  }
});

test('a join waits for leaves that were begun before it only', async () => {
  const { time, server, client, room } = await join();
  const second = client.joinById('r2');
  await time.advance(60);
  server.answersCloses = false;
  room.leave();
  const joining = outcome(client.joinById('r1').then(() => 'there'));
  await time.advance(1500);
  (await second).leave();
  await time.advance(600);
  assert.equal(joining.value, 'there');
});

/** A room with a seat that the server holds, whose connection was just lost. */
async function lost(resume = Uint8Array.of(1)) {
  const all = await join({ welcome: { resume } });
  all.server.peer.close(1006);
  await all.time.advance(15);
  assert.equal(all.room.connection, 'reconnecting');
  return all;
}

test('a seat that is held is given back by who leaves meanwhile, and joins wait for that', async () => {
  const { time, server, client, room } = await lost();
  server.welcome = { ...server.welcome, continuity: 'seat' };
  const left = outcome(room.leave());
  const joining = client.joinById('r1');
  await time.advance(15);
  const [, back] = server.peers;
  await time.advance(30);
  assert.deepEqual(back.of('hello').map((hello) => [hello.join, hello.resume.token]), [[{ type: 'return', room: 'r1' }, Uint8Array.of(1)]]);
  assert.deepEqual([back.closedWith, left.value, server.peers.length], [1000, 'pending', 2]);
  await time.advance(15);
  assert.deepEqual([left.value, server.peers.length, back.of('ping').length], [undefined, 3, 1]);
  await time.advance(60);
  assert.equal((await joining).connection, 'online');
});

test('a seat that cannot be given back keeps nobody waiting for more than two seconds', async () => {
  for (const [how, within] of [['no token', 0], ['refused', 40], ['unreachable', 20], ['silent', 2000]]) {
    const { time, server, room } = await lost(how === 'no token' ? null : undefined);
    server.reachable = how !== 'unreachable';
    server.accept = (peer) => how === 'refused' && peer.close(4504);
    const left = outcome(room.leave());
    await time.advance(Math.max(0, within - 15));
    assert.equal(left.value, within === 0 ? undefined : 'pending', how);
    await time.advance(20);
    assert.equal(left.value, undefined, how);
    await time.advance(30_000);
    assert.deepEqual([server.peers.length, time.timers.size], [how === 'no token' ? 1 : 2, 0], how);
  }
});

test('a connection that breaks before the server has heard of the leave gives the seat back, too', async () => {
  for (const [code, gives] of [[1006, true], [4003, true], [4502, true], [1000, false], [4507, false]]) {
    const { time, server, client, room } = await join({ welcome: { resume: Uint8Array.of(1) } });
    server.answersCloses = false;
    const [first] = server.peers;
    server.welcome = { ...server.welcome, continuity: 'seat' };
    first.close(code);
    const left = outcome(room.leave());
    const joining = client.joinById('r1');
    await time.advance(15);
    server.answersCloses = true;
    assert.equal(left.value, gives ? 'pending' : undefined, `${code}`);
    await time.advance(100);
    const back = server.peers.filter((peer) => peer.of('hello')[0]?.join.type === 'return');
    assert.deepEqual(back.map(({ closedWith }) => closedWith), gives ? [1000] : [], `${code}`);
    assert.deepEqual([left.value, (await joining).connection, server.peers.length], [undefined, 'online', gives ? 3 : 2]);
  }
});

test('an attempt to come back is given up first', async () => {
  const { time, server, room } = await lost();
  server.accept = () => {};
  await time.advance(400);
  assert.equal(server.peers.length, 2);
  const left = outcome(room.leave());
  assert.equal(server.peer.closedWith, 1000);
  await time.advance(15);
  assert.equal(server.peers.length, 2, 'the seat is not claimed twice at once');
  await time.advance(15);
  assert.deepEqual([server.peers.length, left.value], [3, 'pending']);
});

test('a connection that is of no use is closed, too', async () => {
  for (const resume of [null, Uint8Array.of(1)]) {
    const { time, server, room } = await join({ welcome: { resume } });
    server.peer.send(Uint8Array.of(7));
    await time.advance(15);
    assert.deepEqual([room.connection, server.peers[0].closedWith], ['reconnecting', undefined]);
    const left = outcome(room.leave());
    await time.advance(15);
    assert.deepEqual([server.peers[0].closedWith, left.value], [4500, 'pending']);
    await time.advance(60);
    assert.equal(left.value, undefined);
  }
});

/** Every moment of a join, in milliseconds after its beginning, with what becomes of the sockets. */
const MOMENTS = [
  ['before', null, []],
  ['while the socket opens', 5, [1000]],
  ['after the hello', 15, [1000]],
  ['while the welcome is on its way', 25, [1000]],
];

test('a join can be given up at every moment, and leaves nothing behind', async () => {
  for (const [when, ms, closes] of MOMENTS) {
    for (const how of ['joinOrCreate', 'create', 'joinById', 'joinReserved', 'spectate']) {
      const { time, server, client } = begin(page());
      const controller = new AbortController();
      if (ms === null) controller.abort();
      const joining = client[how]('toy', { signal: controller.signal });
      const failed = joining.catch((error) => error);
      if (ms !== null) {
        await time.advance(ms);
        controller.abort();
      }
      const error = await failed;
      assert.deepEqual([error.name, error instanceof DOMException], ['AbortError', true], when);
      await time.advance(5000);
      assert.deepEqual(server.peers.map(({ closedWith }) => closedWith), closes, `${how} ${when}`);
      assert.equal(time.timers.size, 0, when);
    }
  }
});

test('a join that is given up in the turn of its welcome leaves the room again', async () => {
  for (const kind of ['join', 'resume']) {
    const options = page();
    const { time, server, client } = await join({ welcome: { resume: Uint8Array.of(1) }, options });
    server.peer.close(1006);
    const controller = new AbortController();
    const { signal } = controller;
    const joining = kind === 'join' ? client.joinById('r1', { signal }) : client.resume({ signal });
    const failed = joining.catch((error) => error);
    await time.advance(20);
    const { socket } = server.peer;
    const { onmessage } = socket;
    socket.onmessage = (event) => {
      onmessage(event);
      controller.abort(new Error('changed my mind'));
    };
    await time.advance(11);
    assert.equal((await failed).message, 'changed my mind');
    assert.deepEqual([server.peer.closedWith, options.storage.items.size], [1000, 0], kind);
  }
});

test('the reason of the signal is what a join rejects with, and afterwards a signal means nothing', async () => {
  const { time, client, server } = begin();
  const reason = new Error('the page was closed');
  await assert.rejects(client.create('toy', { signal: AbortSignal.abort(reason) }), reason);
  const old = { aborted: true, addEventListener: () => {}, removeEventListener: () => {} };
  await assert.rejects(client.create('toy', { signal: old }), { name: 'AbortError' });
  const controller = new AbortController();
  const joining = client.create('toy', { signal: controller.signal });
  await time.advance(60);
  const room = await joining;
  controller.abort();
  await time.advance(60);
  assert.deepEqual([room.connection, server.peers.length], ['online', 1]);
});

test('a signal that many joins share keeps none of them', async () => {
  const { time, server, client } = begin();
  const listening = new Set();
  const signal = { aborted: false, addEventListener: (_, call) => listening.add(call), removeEventListener: (_, call) => listening.delete(call) };
  const welcome = server.accept;
  for (const code of [null, 4505]) {
    server.accept = code ? (peer) => peer.close(code) : welcome;
    const joining = client.create('toy', { signal }).catch(() => {});
    assert.equal(listening.size, 1);
    await time.advance(60);
    await joining;
    assert.equal(listening.size, 0);
  }
});

test('a join that waits for its token or for a leave is given up without a socket', async () => {
  const { time, server, client, room } = await join();
  const controller = new AbortController();
  let hand;
  const token = () => new Promise((resolve) => (hand = resolve));
  const joining = client.create('toy', { signal: controller.signal, token }).catch((error) => error.name);
  await time.advance(10);
  room.leave();
  const behind = client.create('toy', { signal: controller.signal }).catch((error) => error.name);
  controller.abort();
  hand('late');
  await time.advance(5000);
  assert.deepEqual([await joining, await behind, server.peers.length], ['AbortError', 'AbortError', 1]);
});

test('a mount, an unmount and a mount make one room, whose join waits for the one given up', async () => {
  for (let ms = 0; ms <= 40; ms += 5) {
    const { time, server, client } = begin();
    const mount = () => {
      const controller = new AbortController();
      const state = { room: null };
      client.joinOrCreate('toy', { signal: controller.signal }).then((room) => (state.room = room), () => {});
      return { state, unmount: () => (state.room ? state.room.leave() : controller.abort()) };
    };
    const first = mount();
    await time.advance(ms);
    first.unmount();
    const before = server.peers.length;
    const said = ms >= 10;
    const second = mount();
    assert.equal(server.peers.length, said ? before : before + 1, `${ms} ms: who said hello may have a seat`);
    await time.advance(500);
    assert.equal(second.state.room.connection, 'online');
    assert.deepEqual(server.peers.map(({ open }) => open), [false, true], `${ms} ms`);
  }
});

test('a claim that is given up leaves the seat stored, to be claimed again', async () => {
  for (const ms of [5, 15, 25]) {
    const first = page();
    const all = await join({ welcome: { resume: Uint8Array.of(1) }, options: first });
    first.hide();
    const next = page(undefined, first.storage.copy());
    const client = new Client('ws://test/play', { ...all.server.options, ...next });
    const controller = new AbortController();
    const failed = client.resume({ signal: controller.signal }).catch((error) => error.name);
    await all.time.advance(ms);
    controller.abort();
    assert.equal(await failed, 'AbortError');
    assert.equal(next.storage.getItem(KEY), first.storage.getItem(KEY));
    all.server.welcome = { ...all.server.welcome, continuity: 'seat', tick: 300 };
    const again = client.resume();
    await all.time.advance(100);
    assert.equal((await again).connection, 'online');
    assert.deepEqual(all.server.peer.of('hello')[0].resume.token, Uint8Array.of(1));
  }
  const { client } = begin(page());
  await assert.rejects(client.resume({ signal: AbortSignal.abort() }), { name: 'AbortError' });
});

test('leaving in whatever is heard of the return is done when the new connection is closed', async () => {
  const { time, server, room } = await join({ welcome: { resume: Uint8Array.of(1) } });
  const log = watch(room);
  server.frame({ zones: [[0, [{ kind: 0, id: 1, values: [0, 0, 0, 0, 1] }]]] });
  await time.advance(60);
  let left = null;
  room.onAdd('*', () => {});
  room.onRemove('*', () => (left = outcome(room.leave())));
  server.welcome = { ...server.welcome, tick: 300, rate: 30, continuity: 'seat' };
  server.peer.close(1006);
  while (!left) await time.advance(5);
  assert.deepEqual([server.peer.closedWith, left.value], [1000, 'pending']);
  await time.advance(30);
  assert.deepEqual([left.value, log.slice(-2), time.timers.size], [undefined, ['closed', 'leave 1000 false'], 0]);
  assert.equal(server.peer.of('ping').length, 1, 'who says nothing would leave the seat held');
});
