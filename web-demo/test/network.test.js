// A network that changes under the client: what it asks the server, when it gives a connection up, how soon it is back, and how
// far many clients are apart. In virtual time.

import assert from 'node:assert/strict';
import test from 'node:test';

import { Client } from '../client/index.js';
import { join } from './support/join.js';
import { watch } from './support/log.js';
import { page } from './support/pages.js';
import { random } from './support/random.js';
import { FakeServer, VirtualTime, answerPings } from './support/server.js';

const SIGNS = {
  offline: ({ page: { emit } }) => emit('offline'),
  online: ({ page: { emit } }) => emit('online'),
  seen: ({ uncover }) => uncover(),
  shown: ({ show }) => show({ persisted: false }),
  change: ({ network }) => network.emit('change'),
};

async function seated({ type, ...settings } = {}) {
  const options = page();
  if (type) options.network.type = type;
  const all = await join({ ...settings, options });
  answerPings(all.server);
  // Longer than a connection must last to be a good one.
  await all.time.advance(6100);
  return { ...all, options, log: watch(all.room) };
}

test('a connection that died in silence is given up within a second of any sign of a change', async () => {
  for (const [name, sign] of Object.entries(SIGNS)) {
    const { time, server, options, log } = await seated();
    server.peer.severed = true;
    sign(options);
    await time.advance(1000);
    assert.deepEqual(log, ['reconnecting', 'leave 1006 true', 'online', 'back'], name);
    assert.equal(server.peers.length, 2, name);
  }
});

test('a connection that lives costs one ping, however many signs there are', async () => {
  const { time, server, options, log } = await seated();
  const before = server.peer.of('ping').length;
  await time.advance(300);
  for (let round = 0; round < 10; round++) {
    for (const sign of Object.values(SIGNS)) sign(options);
    await time.advance(1);
  }
  await time.advance(500);
  assert.equal(server.peer.of('ping').length, before + 1);
  await time.advance(20_000);
  assert.deepEqual([log, server.peers.length], [[], 1]);
  assert.ok(server.peer.of('ping').length <= before + 22, 'no more pings than without the signs');
  for (let round = 0; round < 2000; round++) {
    options.page.emit('online');
    await time.advance(5);
  }
  assert.deepEqual([log, server.peers.length], [[], 1]);
  const often = server.peer.of('ping').slice(-40);
  assert.ok(often.at(-1).at - often[0].at >= 39 * 250, 'below what the server allows');
});

test('a network that only became slower is no other network', async () => {
  const { time, server, options } = await seated({ type: 'wifi' });
  const pings = () => server.peer.of('ping').length;
  const before = pings();
  await time.advance(300);
  options.network.emit('change');
  await time.advance(200);
  assert.equal(pings(), before);
  options.network.type = 'cellular';
  options.network.emit('change');
  await time.advance(200);
  assert.equal(pings(), before + 1);
});

test('a page that goes out of sight asks nothing', async () => {
  const { time, server, options } = await seated();
  const before = server.peer.of('ping').length;
  await time.advance(300);
  options.cover();
  await time.advance(200);
  assert.equal(server.peer.of('ping').length, before);
});

test('a slow answer is waited for, and what still arrives counts as a sign of life', async () => {
  const slow = await seated({ latency: 300 });
  slow.options.page.emit('online');
  await slow.time.advance(3000);
  assert.deepEqual([slow.log, slow.server.peers.length], [[], 1]);
  const { time, server, options, log } = await seated();
  server.accept = () => {};
  options.page.emit('online');
  for (let tick = 0; tick < 20; tick++) {
    server.still();
    await time.advance(100);
  }
  assert.deepEqual(log, [], 'frames go on, although no answer comes');
  await time.advance(1000);
  assert.equal(log[0], 'reconnecting');
});

test('a late timer does not make a lost connection of an answer that waits', async () => {
  const { time, server, options, log } = await seated();
  options.page.emit('online');
  await time.advance(1);
  time.freeze(3000);
  // The timer runs first, then the answer.
  await time.advance(50);
  assert.deepEqual([log, server.peers.length], [[], 1]);
});

test('a machine that slept asks at once', async () => {
  const { time, server, log } = await seated();
  server.peer.severed = true;
  time.freeze(8 * 3600_000);
  await time.advance(2000);
  assert.deepEqual(log, ['reconnecting', 'leave 1006 true', 'online', 'back']);
});

test('a network that returns ends the wait, unless the server has set it', async () => {
  const { time, server, room, options } = await seated();
  server.reachable = false;
  server.peer.close(1006);
  await time.advance(60_000);
  const before = server.peers.length;
  server.reachable = true;
  options.page.emit('online');
  await time.advance(400);
  assert.deepEqual([room.connection, server.peers.length], ['online', before + 1]);
  server.peer.send(Uint8Array.of(0x03, 0xfb, 0xc4, 0x09)); // in 2500 ms
  server.peer.close(4001);
  await time.advance(20);
  for (const sign of Object.values(SIGNS)) sign(options);
  await time.advance(2400);
  assert.equal(server.peers.length, before + 1);
  await time.advance(200);
  assert.deepEqual([room.connection, server.peers.length], ['online', before + 2]);
});

test('signs in a row make few attempts', async () => {
  const { time, server, options } = await seated();
  server.reachable = false;
  server.peer.close(1006);
  await time.advance(30_000);
  const before = server.peers.length;
  for (let round = 0; round < 1000; round++) {
    options.page.emit('online');
    await time.advance(10);
  }
  const attempts = server.peers.length - before;
  assert.ok(attempts >= 10 && attempts <= 30, `${attempts} attempts in ten seconds`);
});

test('an attempt that got stuck in the old network is made anew, a young one is left alone', async () => {
  for (const [age, extra, within] of [[5000, 1, 300], [10, 0, 800], [10, 1, 1500]]) {
    const { time, server, options, room } = await seated();
    server.peer.close(1006);
    server.latency = 1e9;
    await time.advance(200);
    assert.equal(server.peers.length, 2);
    await time.advance(age);
    server.latency = 10;
    options.page.emit('online');
    await time.advance(within);
    assert.equal(server.peers.length, 2 + extra, `after ${age} ms, within ${within} ms`);
    assert.equal(room.connection, extra ? 'online' : 'reconnecting');
  }
});

test('without a page there is nothing to listen to, and after the leave nothing listens', async () => {
  const { room, time } = await join({ options: { page: {}, network: undefined } });
  await time.advance(100);
  room.leave();
  const { room: other, options } = await seated();
  assert.equal(options.listening.size, 6);
  other.leave();
  assert.equal(options.listening.size, 0);
});

/** Some clients of a room with so many players, whose server is away for a time. Returns how long after its return each was back. */
async function outage(count, listed, ms, sign) {
  const time = new VirtualTime();
  const players = Array.from({ length: listed }, (_, seat) => ({ seat, entity: seat + 1, name: `p${seat}` }));
  const server = new FakeServer(time, { welcome: { players } });
  answerPings(server);
  const next = random(9);
  const sheets = Array.from({ length: count }, () => page());
  const joining = sheets.map((sheet) => new Client('ws://test/play', { ...server.options, ...sheet, random: next }).joinById('r1'));
  await time.advance(6000);
  const rooms = await Promise.all(joining);
  server.reachable = false;
  for (const peer of server.peers) peer.close(1006);
  await time.advance(ms);
  const backAt = [];
  for (const room of rooms) room.onConnection((state) => state === 'online' && backAt.push(time.ms));
  server.reachable = true;
  const start = time.ms;
  if (sign) for (const sheet of sheets) sheet.page.emit('online');
  await time.advance(10_000);
  return backAt.map((at) => at - start);
}

/** The most that come within so many milliseconds. */
function crowd(times, ms) {
  const sorted = [...times].sort((a, b) => a - b);
  return Math.max(...sorted.map((from, index) => sorted.slice(index).filter((at) => at < from + ms).length));
}

test('a few players are back soon after an outage, a full room is spread', async () => {
  const few = await outage(12, 12, 15_000, false);
  assert.equal(few.length, 12);
  assert.ok(Math.max(...few) < 2700, `the last of a few after ${Math.max(...few)} ms`);
  const many = await outage(120, 1000, 15_000, false);
  assert.equal(many.length, 120);
  assert.ok(crowd(many, 100) < 10, `${crowd(many, 100)} in one tenth of a second`);
});

test('players whose network returns come at once, a campus is spread', async () => {
  const few = await outage(12, 12, 15_000, true);
  assert.ok(few.length === 12 && Math.max(...few) < 300, `the last of a few after ${Math.max(...few)} ms`);
  const many = await outage(120, 1000, 15_000, true);
  assert.ok(many.length === 120 && Math.max(...many) < 2500, `the last of many after ${Math.max(...many)} ms`);
  assert.ok(crowd(many, 100) < 20, `${crowd(many, 100)} in one tenth of a second`);
});
