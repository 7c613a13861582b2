// The simulated link: the same arrivals as the crate's, from the same seeds, and the same profiles; and clients behind it.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import test from 'node:test';

import { Client } from '../client/index.js';
import { overLink } from '../client/link-socket.js';
import { PROFILES, links } from '../client/link.js';
import { FakeServer, VirtualTime, answerPings, avatar } from './support/server.js';

const read = (path) => JSON.parse(readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8'));

test('the profiles are those of the crate', () => {
  assert.deepEqual(PROFILES, read('assets/links.json'));
});

test('messages arrive when they do over the crate\'s links', () => {
  for (const { name, ...directions } of read('tests/golden/links.json')) {
    const both = links(PROFILES[name], 0, 7);
    for (const [direction, { arrivals, cut }] of Object.entries(directions)) {
      const link = both[direction];
      const seen = [];
      for (let n = 0; n < 600; n++) {
        const at = link.send(n * 20_000, 40 + (n % 50) * 20);
        if (at !== null) seen.push(at);
      }
      assert.deepEqual(seen, arrivals, `${name}, ${direction}`);
      const next = link.nextCut(0);
      assert.deepEqual(next && [next.start, next.end], cut, name);
    }
  }
});

/** A room over a link, in virtual time. */
async function joinOver(profile, seed = 3) {
  const time = new VirtualTime();
  const server = new FakeServer(time, { latency: 0 });
  const WebSocket = overLink(server.WebSocket, profile, { seed, now: time.now, setTimeout: time.setTimeout });
  const client = new Client('ws://test/play', { ...server.options, WebSocket });
  const joining = client.joinOrCreate('toy', { name: 'Ada' });
  await time.advance(1000);
  return { time, server, client, room: await joining };
}

test('a client behind a link gets everything, in order and late', async () => {
  const { time, server, room } = await joinOver('lte');
  const delays = [];
  const sent = new Map();
  room.onStateChange(({ elapsed }) => delays.push(time.ms - sent.get(elapsed)));
  for (let tick = 1; tick <= 600; tick++) {
    sent.set(tick, time.ms);
    server.frame({ zones: tick === 1 ? [[0, [avatar(1, 0)]]] : [] });
    await time.advance(50);
  }
  await time.advance(1000);
  assert.equal(delays.length, 600);
  assert.ok(Math.min(...delays) >= 25 && Math.max(...delays) > 150 && Math.max(...delays) < 320, `${Math.min(...delays)} to ${Math.max(...delays)}`);
  assert.equal(room.stats.desyncs, 0);
});

test('a late timer delivers all that is due', async () => {
  const { time, server, room } = await joinOver('lan');
  for (let tick = 1; tick <= 10; tick++) server.frame({ zones: tick === 1 ? [[0, [avatar(1, 0)]]] : [] });
  time.freeze(500);
  await time.advance(1);
  assert.equal(room.state.elapsed, 10);
});

test('a cut of the link resets the connection, and the client is back after it', async () => {
  const { time, server, room } = await joinOver({ rtt_ms: 20, jitter_ms: 0, cut: { for_ms: 2000, every_ms: 20_000 } });
  answerPings(server);
  const log = [];
  room.onConnection((state) => log.push(state));
  for (let tick = 0; tick < 1200 && log.length < 2; tick++) {
    if (room.connection === 'online') server.frame({ zones: [[0, [avatar(1, tick)]]] });
    await time.advance(50);
  }
  assert.deepEqual(log, ['reconnecting', 'online']);
  assert.ok(server.peers.some(({ closedWith }) => closedWith === 4100));
});

test('another profile is an error that names the profiles', () => {
  assert.throws(() => overLink(class {}, 'moon'), /no link profile "moon": there are lan, wifi, lte, train, spiky/);
});

test('no module of the client loads the link by itself', () => {
  const folder = new URL('../client/', import.meta.url);
  for (const name of readdirSync(folder).filter((file) => file.endsWith('.js') && !file.startsWith('link'))) {
    assert.doesNotMatch(readFileSync(new URL(name, folder), 'utf8'), /from '\.\/link(-socket)?\.js'/, name);
  }
});
