// Pages in the browser's back-forward cache: they give up their connection at once, and take their seat again when they are shown
// again, or are told that it is gone. In virtual time.

import assert from 'node:assert/strict';
import test from 'node:test';

import { Client } from '../client/index.js';
import { join } from './support/join.js';
import { watch } from './support/log.js';
import { page } from './support/pages.js';
import { avatar } from './support/server.js';

const KEPT = { persisted: true };

async function seated(options = page(), welcome = {}) {
  const all = await join({ welcome: { tick: 100, resume: Uint8Array.of(1), ...welcome }, options });
  all.server.frame({ zones: [[0, [avatar(1, 64)]]] });
  await all.time.advance(6000);
  return { ...all, options, log: watch(all.room) };
}

test('a page that is put aside says so at once, and does nothing until it is shown', async () => {
  for (const options of [page(), { ...page(), storage: undefined }]) {
    const { time, server, room, log } = await seated(options);
    options.hide(KEPT);
    assert.deepEqual([server.peer.closedWith, room.connection, log], [4100, 'reconnecting', ['reconnecting', 'leave 1001 true']]);
    await time.advance(60_000);
    assert.deepEqual([server.peers.length, time.timers.size], [1, 0]);
  }
});

test('a page that is shown again has its seat at once', async () => {
  const { time, server, room, options, log } = await seated();
  room.setInput({ dx: 9 });
  options.hide(KEPT);
  const said = room.send(5, Uint8Array.of(1));
  await time.advance(8000);
  server.welcome = { ...server.welcome, continuity: 'seat', tick: 300, resume: Uint8Array.of(2) };
  options.uncover();
  options.show(KEPT);
  await time.advance(40);
  assert.deepEqual(log, ['reconnecting', 'leave 1001 true', 'online', 'resumed']);
  const [hello] = server.peer.of('hello');
  assert.deepEqual([hello.join, hello.resume.token, server.peers.length], [{ type: 'return', room: 'r1' }, Uint8Array.of(1), 2]);
  await time.advance(200);
  assert.deepEqual([said, server.peer.of('command').length], [true, 1]);
});

test('a page whose seat is gone is told so, and does not find itself in another room', async () => {
  for (const [options, welcome] of [[page(), {}], [page(), { resume: null }]]) {
    const { time, server, room, log } = await seated(options, welcome);
    let text = '';
    room.onLeave((_code, reason) => { text = reason; });
    options.hide(KEPT);
    await time.advance(50_000);
    const { accept } = server;
    server.accept = (peer, message) => (message.join?.type === 'return' ? peer.close(4504) : accept(peer, message));
    options.show(KEPT);
    await time.advance(10_000);
    assert.deepEqual(log.slice(2), ['closed', 'leave 4504 false']);
    assert.deepEqual([text, server.peers.length, time.timers.size, options.storage.items.size], ['the seat is gone', 2, 0, 0]);
  }
});

test('a page has its seat again after a later page of the same tab had it', async () => {
  const { time, server, room, options } = await seated();
  options.hide(KEPT);
  server.welcome = { ...server.welcome, continuity: 'seat', resume: Uint8Array.of(2) };
  const later = page(undefined, options.storage);
  const resuming = new Client('ws://test/play', { ...server.options, ...later }).resume();
  await time.advance(100);
  assert.equal((await resuming).connection, 'online');
  later.hide(KEPT);
  options.show(KEPT);
  await time.advance(100);
  assert.deepEqual([room.connection, server.peer.of('hello')[0].resume.token], ['online', Uint8Array.of(2)]);
});

test('a server that is away when the page is shown again is waited for, with the same question', async () => {
  const { time, server, room, options } = await seated();
  options.hide(KEPT);
  server.reachable = false;
  options.show(KEPT);
  await time.advance(5000);
  server.reachable = true;
  server.welcome = { ...server.welcome, continuity: 'seat', resume: Uint8Array.of(2) };
  await time.advance(4000);
  assert.equal(room.connection, 'online');
  assert.equal(server.peer.of('hello')[0].join.type, 'return');
  server.peer.close(1006);
  await time.advance(4000);
  assert.equal(server.peer.of('hello')[0].join.type, 'byId', 'later losses are like any other');
});

test('a page that was reconnecting when it was put aside goes on when it is shown', async () => {
  const { time, server, room, options, log } = await seated();
  server.reachable = false;
  server.peer.close(1006);
  await time.advance(3000);
  options.hide(KEPT);
  const before = server.peers.length;
  await time.advance(60_000);
  assert.equal(server.peers.length, before);
  server.reachable = true;
  options.show(KEPT);
  await time.advance(50);
  assert.deepEqual([room.connection, log.filter((line) => line === 'reconnecting').length], ['online', 1]);
});

test('a spectator comes back into the same room or is told that it is gone', async () => {
  for (const gone of [false, true]) {
    const options = page();
    const { time, server, client } = await join({ options });
    const watching = client.spectate({ game: 'toy' });
    await time.advance(60);
    const room = await watching;
    const log = watch(room);
    options.hide(KEPT);
    const { accept } = server;
    server.accept = (peer, message) => (gone && message.join?.type === 'byId' ? peer.close(4504) : accept(peer, message));
    options.show(KEPT);
    await time.advance(5000);
    assert.equal(log.at(-1), gone ? 'leave 4504 false' : 'back');
    const joins = server.peers.slice(2).map((peer) => peer.of('hello')[0].join.type);
    assert.ok(!joins.includes('joinOrCreate'), String(joins));
  }
});

test('a page that leaves in what it hears while it is put aside has left', async () => {
  const { time, server, room, options } = await seated();
  room.onConnection((state) => state === 'reconnecting' && room.leave());
  options.hide(KEPT);
  assert.equal(room.connection, 'closed');
  await time.advance(3000);
  options.show(KEPT);
  await time.advance(3000);
  assert.deepEqual([options.listening.size, time.timers.size, server.peers.length], [0, 0, 2]);
});
