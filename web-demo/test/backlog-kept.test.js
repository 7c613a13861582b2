// Events that wait for a handler outlive lost connections and reloads, and go with the seat. In virtual time.

import assert from 'node:assert/strict';
import test from 'node:test';

import { Client } from '../client/index.js';
import { chat, comeBack, EVERYTHING, game, HEARD, joined, listen } from './support/backlog.js';
import { watch } from './support/log.js';
import { page } from './support/pages.js';

const KEY = 'tickwire:ws://test/play';

test('a lost connection leaves what waits where it is', async () => {
  const all = await joined([chat('one'), chat('two'), game(3)]);
  await comeBack(all, { events: 5 });
  all.server.frame({ events: { first: 6, items: [chat('six')] } });
  await all.time.advance(60);
  const log = listen(all.room);
  await all.time.advance(60);
  assert.deepEqual(log, ['one', 'two', '7:3', 'gap 2', 'six']);
});

test('with the seat goes what waited for it, and the new one is told of', async () => {
  const all = await joined([chat('one'), { ended: Uint8Array.of(1) }]);
  const endings = [];
  all.room.onEnded(([result]) => endings.push(result));
  await comeBack(all, { continuity: 'fresh', events: 0, listed: 0, seat: 4 });
  all.server.frame({ events: { first: 1, items: [chat('new')] } });
  await all.time.advance(60);
  const log = watch(all.room);
  const heard = listen(all.room);
  all.room.onChat((line) => log.push(line.text));
  await all.time.advance(60);
  assert.deepEqual([log, heard, endings], [['back', 'new'], ['new'], [1]]);
  const again = watch(all.room);
  await all.time.advance(60);
  assert.deepEqual(again, []);
});

test('a reload brings what waited to the next page, and what was told it does not', async () => {
  const first = page();
  const all = await joined(EVERYTHING, first);
  const lines = [];
  all.room.onChat(({ text }) => lines.push(text));
  await all.time.advance(60);
  first.hide();
  const { time, server } = all;
  server.welcome = { ...server.welcome, continuity: 'seat', tick: 300, events: 9, listed: 9, resume: Uint8Array.of(2) };
  const next = page(undefined, first.storage);
  const resuming = new Client('ws://test/play', { ...server.options, ...next }).resume();
  await time.advance(60);
  const room = await resuming;
  assert.equal(server.peer.of('hello')[0].resume.events, 9, 'what waits need not be sent again');
  const log = listen(room);
  await time.advance(60);
  const rest = HEARD.filter((line) => !['one', 'two'].includes(line));
  assert.deepEqual([lines, log], [['one', 'two'], rest]);
  await time.advance(1000);
  const { waiting } = JSON.parse(next.storage.getItem(KEY)).backlog;
  assert.deepEqual(waiting, [], 'a page that crashes now does not tell them again');
});

test('a gap and losses that nobody heard of outlive a reload', async () => {
  const first = page();
  const all = await joined([], first);
  for (let turn = 0; turn < 6; turn++) {
    all.server.frame({ events: { first: 1 + 50 * turn, items: Array.from({ length: 50 }, (_, index) => game(index)) } });
    await all.time.advance(60);
  }
  await comeBack(all, { events: 303 });
  first.hide();
  all.server.welcome = { ...all.server.welcome, events: 304 };
  const resuming = new Client('ws://test/play', { ...all.server.options, ...page(undefined, first.storage) }).resume();
  await all.time.advance(60);
  const log = listen(await resuming);
  await all.time.advance(60);
  assert.deepEqual([log[0], log.length, log.at(-1)], ['gap 44', 258, 'gap 4']);
});

test('a seat stored by an earlier version has nothing that waits, and nonsense is no seat', async () => {
  const first = page();
  const all = await joined([chat('one')], first);
  first.hide();
  const good = JSON.parse(first.storage.getItem(KEY));
  const bad = [null, {}, { waiting: 7, lost: [] }, { waiting: [{ event: { type: 'reply' }, tick: 1 }], lost: [] }, { waiting: [{ event: { type: 'chat', name: 3 }, tick: 1 }], lost: [] }, { waiting: [{ event: { type: 'disconnected', seat: 1 } }], lost: [] }, { waiting: [], lost: [7] }];
  for (const [backlog, found] of [[undefined, true], ...bad.map((each) => [each, false])]) {
    const next = page();
    next.storage.setItem(KEY, JSON.stringify({ ...good, backlog }));
    all.server.welcome = { ...all.server.welcome, continuity: 'seat', tick: 300, events: 1 };
    const resuming = new Client('ws://test/play', { ...all.server.options, ...next }).resume();
    await all.time.advance(60);
    const room = await resuming;
    assert.equal(room !== null, found, JSON.stringify(backlog));
    room?.leave();
  }
});

test('an expired token moves what waits to whoever comes with the next one', async () => {
  const options = { ...page(), token: 'old' };
  const all = await joined([chat('one')], options);
  all.server.peer.close(4502);
  await all.time.advance(60);
  const old = listen(all.room);
  all.server.welcome = { ...all.server.welcome, continuity: 'seat', tick: 300, events: 1 };
  const resuming = all.client.resume({ token: 'new' });
  await all.time.advance(60);
  const log = listen(await resuming);
  await all.time.advance(60);
  assert.deepEqual([old, log], [[], ['one']]);
});
