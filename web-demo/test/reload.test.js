// Seats that outlive the page: what is stored when, claims after a reload, and two pages that want the same seat. In
// virtual time.

import assert from 'node:assert/strict';
import test from 'node:test';

import { Client } from '../client/index.js';
import { join } from './support/join.js';
import { outcome, watch } from './support/log.js';
import { FakeStorage, page } from './support/pages.js';
import { answerPings, avatar } from './support/server.js';

const KEY = 'tickwire:ws://test/play';
const NOTHING = new Uint8Array();

function stored(storage) {
  return JSON.parse(storage.getItem(KEY));
}

function game(number) {
  return { game: { kind: 7, body: Uint8Array.of(number) } };
}

async function seated(options = page()) {
  const all = await join({ welcome: { tick: 100, resume: Uint8Array.of(1, 200) }, options });
  all.server.frame({ zones: [[0, [avatar(1, 64)]]], events: { first: 1, items: [1, 2, 3].map(game) } });
  await all.time.advance(60);
  return { ...all, options };
}

/** The same page after a reload, or another one. */
async function claimed({ time, server }, options, welcome) {
  server.welcome = { ...server.welcome, continuity: 'seat', tick: 300, events: 3, listed: 3, resume: Uint8Array.of(2), ...welcome };
  const client = new Client('ws://test/play', { ...server.options, ...options });
  const resuming = client.resume();
  await time.advance(60);
  return { client, room: await resuming };
}

test('a reload comes back to the seat with what the page knew', async () => {
  const all = await seated();
  const { time, server, room, options } = all;
  room.send(5, Uint8Array.of(9, 8));
  room.chat('wait');
  await time.advance(60);
  options.hide();
  const next = await claimed(all, page(undefined, options.storage), { events: 4, commands: 0 });
  const [hello] = server.peer.of('hello');
  assert.deepEqual(hello.resume, { token: Uint8Array.of(1, 200), incarnation: 7, tick: null, events: 3 });
  assert.deepEqual([hello.name, hello.player, hello.join], ['Ada', [['shirt', 'red']], { type: 'return', room: 'r1' }]);
  assert.deepEqual(server.peer.of('command').map(({ seq, body }) => [seq, body]), [
    [1, { type: 'game', kind: 5, body: Uint8Array.of(9, 8) }], [2, { type: 'chat', to: [], text: 'wait' }],
  ]);
  const log = watch(next.room);
  const heard = [];
  next.room.onMessage('*', ([number]) => heard.push(number));
  server.frame({ zones: [[0, [avatar(1, 64)]]], events: { first: 5, items: [game(5)] } });
  await time.advance(60);
  assert.deepEqual([log, heard, next.room.state.entities.size], [['gap 1'], [1, 2, 3, 5], 1]);
  assert.deepEqual([stored(options.storage).resume, stored(options.storage).room], [btoa('\x02'), 'r1']);
});

test('commands that the game saw before the reload are not sent again', async () => {
  const all = await seated();
  all.room.send(5, NOTHING);
  all.options.hide();
  const { room } = await claimed(all, page(undefined, all.options.storage), { commands: 1 });
  room.send(6, NOTHING);
  await all.time.advance(60);
  assert.deepEqual(all.server.peer.of('command').map(({ seq, body: { kind } }) => [seq, kind]), [[2, 6]]);
});

test('a page that crashed has stored its seat at the welcome', async () => {
  const all = await seated();
  all.server.welcome = { ...all.server.welcome, continuity: 'state', tick: 101, events: 3, resume: Uint8Array.of(7) };
  all.server.peer.close(1006);
  await all.time.advance(500);
  assert.deepEqual([stored(all.options.storage).resume, stored(all.options.storage).events], [btoa('\x07'), 3]);
});

test('a page that is ended while nobody sees it has stored what the game may not have seen', async () => {
  const all = await seated();
  all.room.send(5, Uint8Array.of(9));
  all.options.cover();
  const { room } = await claimed(all, page(undefined, all.options.storage), { commands: 0 });
  assert.equal(room.connection, 'online');
  assert.deepEqual(all.server.peer.of('hello')[0].resume, { token: Uint8Array.of(1, 200), incarnation: 7, tick: null, events: 3 });
  assert.deepEqual(all.server.peer.of('command').map(({ seq, body }) => [seq, body.body]), [[1, Uint8Array.of(9)]]);
});

test('after the reload a lost room is replaced as at the first join', async () => {
  const all = await seated();
  const { room } = await claimed(all, page(undefined, all.options.storage));
  const { time, server } = all;
  const welcome = server.accept;
  server.accept = (peer, message) => (message.join?.type === 'byId' ? peer.close(4504) : welcome(peer, message));
  server.welcome = { ...server.welcome, room: 'r2', continuity: 'fresh' };
  server.peer.close(1006);
  await time.advance(1000);
  assert.equal(room.id, 'r2');
  assert.deepEqual(server.peer.of('hello')[0].join, { type: 'joinOrCreate', game: 'toy', options: [['map', 'yard']] });
});

test('nothing stored, nonsense or a seat that is gone is null, and forgotten', async () => {
  const all = await seated();
  const none = await claimed(all, page());
  assert.equal(none.room, null);
  assert.equal(all.server.peers.length, 1, 'nobody was asked');
  const good = stored(all.options.storage);
  const broken = ['{', '7', 'null', '{}', JSON.stringify({ ...good, resume: 'ä' }), JSON.stringify({ ...good, request: null }),
    JSON.stringify({ ...good, events: -1 }), JSON.stringify({ ...good, incarnation: 2 ** 53 }), JSON.stringify({ ...good, commands: 4 })];
  for (const text of broken) {
    const { room } = await claimed(all, page(undefined, new FakeStorage([[KEY, text]])));
    assert.equal(room, null, text);
  }
  for (const code of [4504, 4505, 4512, 4513, 4514]) {
    const again = page(undefined, all.options.storage.copy());
    all.server.accept = (peer) => peer.close(code);
    assert.equal((await claimed(all, again)).room, null);
    assert.equal(again.storage.items.size, 0);
  }
});

test('a server that cannot be asked keeps the seat stored, one that refuses does not', async () => {
  for (const [code, left] of [[1013, 1], [1006, 1], [4502, 1], [4506, 0], [4507, 0]]) {
    const all = await seated();
    const next = page(undefined, all.options.storage.copy());
    all.server.accept = (peer) => peer.close(code);
    const client = new Client('ws://test/play', { ...all.server.options, ...next });
    const resuming = assert.rejects(client.resume(), { code });
    await all.time.advance(60);
    await resuming;
    assert.equal(next.storage.items.size, left, String(code));
  }
});

test('leaving forgets the seat, rooms that hold none store none', async () => {
  const all = await seated();
  assert.ok(all.options.listening.size > 0);
  all.room.leave();
  assert.deepEqual([all.options.storage.items.size, all.options.listening.size], [0, 0]);
  const other = page();
  const { room } = await join({ welcome: { resume: null }, options: other });
  assert.equal(other.storage.items.size, 0);
  other.storage.setItem(KEY, JSON.stringify({ ...storedExample(), room: 'elsewhere' }));
  room.leave();
  assert.equal(other.storage.items.size, 1, 'the seat of another room is not this one\'s');
});

test('an expired token that cannot be renewed leaves the seat stored, with what the game may not have seen', async () => {
  const all = await seated({ ...page(), token: 'old' });
  all.room.send(5, Uint8Array.of(9));
  all.server.peer.close(4502);
  await all.time.advance(1000);
  assert.deepEqual([all.room.connection, all.server.peers.length], ['closed', 1]);
  const { room } = await claimed(all, { ...page(undefined, all.options.storage), token: 'new' }, { commands: 0 });
  assert.equal(room.seat, 0);
  assert.deepEqual(all.server.peer.of('hello').map(({ token, resume }) => [token, resume.token]), [['new', Uint8Array.of(1, 200)]]);
  assert.deepEqual(all.server.peer.of('command').map(({ seq, body }) => [seq, body.body]), [[1, Uint8Array.of(9)]]);
});

function storedExample() {
  const request = { join: { type: 'byId', room: 'elsewhere' }, role: 'player', name: 'Ada', player: [], rate: 0 };
  return { room: 'elsewhere', resume: btoa('x'), incarnation: 1, events: 0, request, firstCommand: 0, commands: [] };
}

test('a spectator leaves the seat of the player alone', async () => {
  for (const code of [1006, 4502, 4507]) {
    const all = await seated();
    const { time, server, client, options } = all;
    options.hide();
    const seat = options.storage.getItem(KEY);
    server.welcome = { ...server.welcome, resume: null, seat: 4096, entity: 0, inputs: [] };
    const looking = client.spectate('r1');
    await time.advance(60);
    const room = await looking;
    server.peer.close(code);
    await time.advance(1000);
    assert.equal(room.connection, code === 1006 ? 'online' : 'closed');
    assert.equal(options.storage.getItem(KEY), seat, String(code));
    options.hide();
    assert.deepEqual([room.connection, all.room.connection], ['closed', 'online'], 'only the player can come back');
    assert.equal(options.storage.getItem(KEY), seat, String(code));
  }
});

test('a page that remembers nothing leaves when it goes, unless it may be shown again', async () => {
  const options = { ...page(), storage: undefined };
  const { server, room } = await seated(options);
  options.hide({ persisted: true });
  assert.deepEqual([room.connection, server.peer.closedWith], ['reconnecting', 4100]);
  options.hide({ persisted: false });
  assert.deepEqual([room.connection, options.listening.size], ['closed', 0]);
  const other = { ...page(), storage: undefined };
  const gone = await seated(other);
  other.hide({ persisted: false });
  assert.deepEqual([gone.room.connection, gone.server.peer.closedWith], ['closed', 1000]);
});

test('a ticket is not stored', async () => {
  const options = page();
  const { time, client } = await join({ welcome: { resume: Uint8Array.of(1) }, options });
  const joining = client.joinReserved('s3cret');
  await time.advance(60);
  await joining;
  assert.ok(!options.storage.getItem(KEY).includes('s3cret'));
  assert.deepEqual(stored(options.storage).request.join, { type: 'byId', room: 'r1' });
});

test('a storage that is full or forbidden is none', async () => {
  const refuse = () => {
    throw new Error('QuotaExceededError');
  };
  const options = { ...page(), storage: { getItem: refuse, setItem: refuse, removeItem: refuse } };
  const { room, client } = await join({ welcome: { resume: Uint8Array.of(1) }, options });
  assert.equal(room.connection, 'online');
  assert.equal(await client.resume(), null);
  room.leave();
});

test('a duplicated tab takes the seat, the other stays away, and takes it back when its player says so', async () => {
  const browser = new Set();
  const first = page(browser);
  const all = await seated(first);
  const { time, server } = all;
  answerPings(server);
  const log = watch(all.room);
  const chat = outcome(all.room.chat('hello'));
  const second = page(browser, first.storage.copy());
  const other = await claimed(all, second, { resume: Uint8Array.of(2) });
  server.peers[0].close(4511);
  await time.advance(60_000);
  assert.deepEqual([log, chat.value, server.peers.length], [['closed', 'leave 4511 false'], 'gone', 2]);
  assert.equal(stored(first.storage).resume, btoa('\x02'), 'the other page told the token that is good now');
  assert.equal(stored(first.storage).events, 3);
  const otherLog = watch(other.room);
  server.welcome = { ...server.welcome, resume: Uint8Array.of(3) };
  const resuming = all.client.resume();
  await time.advance(60);
  server.peers[1].close(4511);
  await time.advance(60_000);
  assert.equal((await resuming).connection, 'online');
  assert.deepEqual(server.peers[2].of('hello')[0].resume.token, Uint8Array.of(2));
  assert.deepEqual([otherLog, server.peers.length], [['gap 3', 'closed', 'leave 4511 false'], 3]);
  assert.equal(stored(second.storage).resume, btoa('\x03'));
});

test('pages with other seats are not told anything that they could use', async () => {
  const browser = new Set();
  const [first, stranger] = [page(browser), page(browser)];
  stranger.storage.setItem(KEY, JSON.stringify(storedExample()));
  const all = await seated(first);
  const spy = { name: KEY, heard: [], onmessage: ({ data }) => spy.heard.push(data) };
  browser.add(spy);
  new Client('ws://test/play', { ...all.server.options, ...stranger });
  await claimed(all, page(browser, first.storage.copy()));
  assert.equal(spy.heard.length, 1);
  assert.equal(stored(stranger.storage).resume, btoa('x'));
  for (const data of [null, 7, {}, { spent: btoa('x') }, { spent: btoa('x'), next: 7 }]) {
    for (const { onmessage } of browser) onmessage?.({ data });
  }
  assert.equal(stored(stranger.storage).resume, btoa('x'));
});
