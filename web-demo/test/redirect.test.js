// A cluster: the client goes where its servers send it, not for ever, and comes back to the server that admitted it. In virtual
// time.

import assert from 'node:assert/strict';
import test from 'node:test';

import { Client } from '../client/index.js';
import { FakeServer, VirtualTime, avatar } from './support/server.js';
import { encodePrepare, encodeRedirect, encodeWelcome } from './support/wire.js';

const FIRST = 'ws://first/play';
const SECOND = 'ws://second/play';

/** Servers by URL: each answers hellos. */
function cluster(servers, options = {}) {
  const time = new VirtualTime();
  const server = new FakeServer(time);
  server.accept = (peer, message) => {
    if (message.type === 'hello') servers[peer.url](peer, message, server);
  };
  return { time, server, client: new Client(FIRST, { ...server.options, ...options }) };
}

const sends = (address, ticket) => (peer) => {
  peer.send(encodeRedirect(address, ticket));
  peer.close(4012);
};
const admits = (peer, hello, server) => peer.send(encodeWelcome(server.welcome));
const refuses = (code) => (peer) => peer.close(code);
const hellos = (server) => server.peers.map(({ url, received }) => [url, received.find(({ type }) => type === 'hello')?.join]);

test('a redirect is followed with its ticket, and a lost connection begins where the room is', async () => {
  const servers = { [FIRST]: sends(SECOND, 'abc'), [SECOND]: admits };
  const { time, server, client } = cluster(servers);
  const joining = client.joinOrCreate('toy', { options: { map: 'yard' } });
  await time.advance(100);
  const room = await joining;
  assert.deepEqual(hellos(server), [
    [FIRST, { type: 'joinOrCreate', game: 'toy', options: [['map', 'yard']] }], [SECOND, { type: 'reserved', ticket: 'abc' }],
  ]);
  assert.ok(!server.peers[0].open, 'there is no seat at the first one');
  server.frame({ zones: [[0, [avatar(1, 0)]]] });
  await time.advance(100);
  server.peer.close(1006);
  await time.advance(2000);
  assert.equal(room.connection, 'online');
  assert.deepEqual(hellos(server).slice(2), [[SECOND, { type: 'byId', room: 'r1' }]]);
  room.leave();
});

test('when the node of a room has gone, the first server says where the room is', async () => {
  const servers = { [FIRST]: sends(SECOND, 'abc'), [SECOND]: admits };
  const { time, server, client } = cluster(servers);
  const joining = client.joinOrCreate('toy');
  await time.advance(100);
  const room = await joining;
  server.frame({ zones: [[0, [avatar(1, 0)]]] });
  await time.advance(100);
  servers[SECOND] = refuses(1006);
  servers[FIRST] = (peer, { join }) => (join.type === 'byId' ? peer.close(4504) : peer.send(encodeWelcome({ ...server.welcome, room: 'r2' })));
  server.peer.close(1006);
  await time.advance(5000);
  assert.equal(room.connection, 'online');
  assert.deepEqual(hellos(server).slice(2).map(([url, join]) => [url, join.type]), [[SECOND, 'byId'], [FIRST, 'byId'], [FIRST, 'joinOrCreate']]);
  assert.equal(room.id, 'r2');
  room.leave();
});

test('a ticket that is not good any more leads back to the first server', async () => {
  let asked = 0;
  const { time, server, client } = cluster({ [FIRST]: (peer) => sends(SECOND, `t${++asked}`)(peer), [SECOND]: (peer, hello, each) => (asked < 2 ? peer.close(4504) : admits(peer, hello, each)) });
  const joining = client.joinOrCreate('toy');
  await time.advance(3000);
  const room = await joining;
  assert.deepEqual(hellos(server).map(([url]) => url), [FIRST, SECOND, FIRST, SECOND]);
  room.leave();
});

test('nobody is sent around for ever', async () => {
  const { time, server, client } = cluster({ [FIRST]: sends(SECOND, 'abc'), [SECOND]: sends(FIRST, 'def') });
  const joining = client.joinOrCreate('toy').catch((error) => error);
  await time.advance(10_000);
  assert.equal((await joining).code, 1013);
  assert.equal(server.peers.length, 5);
});

test('a cancelled join is cancelled wherever it is', async () => {
  const { time, server, client } = cluster({ [FIRST]: sends(SECOND, 'abc'), [SECOND]: () => {} });
  const abort = new AbortController();
  const joining = client.joinOrCreate('toy', { signal: abort.signal }).catch((error) => error);
  await time.advance(100);
  abort.abort();
  assert.equal((await joining).name, 'AbortError');
  await time.advance(100);
  assert.equal(server.peers.length, 2);
  assert.ok(server.peers.every(({ open }) => !open));
});

test('a reloaded page claims its seat where it is', async () => {
  const stored = new Map();
  const storage = { getItem: (key) => stored.get(key) ?? null, setItem: (key, value) => stored.set(key, value), removeItem: (key) => stored.delete(key) };
  const { time, server, client } = cluster({ [FIRST]: sends(SECOND, 'abc'), [SECOND]: admits }, { storage });
  server.welcome = { ...server.welcome, resume: Uint8Array.of(1, 2, 3) };
  const joining = client.joinOrCreate('toy');
  await time.advance(100);
  await joining;
  const reloaded = new Client(FIRST, { ...server.options, storage });
  const before = server.peers.length;
  const resuming = reloaded.resume();
  await time.advance(200);
  await resuming;
  assert.deepEqual(hellos(server).slice(before).map(([url, join]) => [url, join.type]), [[FIRST, 'return'], [SECOND, 'return']], 'and no other seat');
});

/** A player whose room moves from the first server to the second one, after `before`. */
async function moved(servers, before = async (_peer, _time) => {}) {
  const { time, server, client } = cluster(servers);
  server.welcome = { ...server.welcome, resume: Uint8Array.of(1, 2, 3) };
  const joining = client.joinOrCreate('toy');
  await time.advance(100);
  const room = await joining;
  server.frame({ zones: [[0, [avatar(1, 0)]]] });
  await time.advance(100);
  const [peer] = server.peers;
  await before(peer, time);
  sends(SECOND, 'abc')(peer);
  return { time, server, room };
}

test('a room that moves is followed at once, with its ticket and the claim to the seat', async () => {
  const { time, server, room } = await moved({ [FIRST]: admits, [SECOND]: admits });
  await time.advance(50);
  assert.equal(room.connection, 'online');
  assert.deepEqual(hellos(server).slice(1), [[SECOND, { type: 'reserved', ticket: 'abc' }]]);
  const { resume } = server.peer.received.find(({ type }) => type === 'hello');
  assert.deepEqual(resume.token, Uint8Array.of(1, 2, 3));
  room.leave();
});

/** The first server says that the room is about to move, and so much time passes. */
const prepares = (address, ms) => async (peer, time) => {
  peer.send(encodePrepare(address, 1000));
  await time.advance(ms);
};

test('who was told before has a connection where the room goes on, and says hello there', async () => {
  const { time, server, room } = await moved({ [FIRST]: admits, [SECOND]: admits }, prepares(SECOND, 1500));
  await time.advance(50);
  assert.equal(room.connection, 'online');
  assert.deepEqual(hellos(server).slice(1), [[SECOND, { type: 'reserved', ticket: 'abc' }]], 'there is one connection');
  await time.advance(10_000);
  assert.deepEqual(server.peers.map(({ open }) => open), [false, true], 'it is not taken for one that nobody uses');
  room.leave();
});

test('a connection that was prepared in vain is closed, and another address is reached all the same', async () => {
  const third = 'ws://third/play';
  for (const [address, ms] of [[third, 1500], [SECOND, 8000], [SECOND, 0]]) {
    const { time, server, room } = await moved({ [FIRST]: admits, [SECOND]: admits, [third]: () => {} }, prepares(address, ms));
    await time.advance(50);
    assert.equal(room.connection, 'online', `${address} ${ms}`);
    await time.advance(10_000);
    assert.deepEqual(server.peers.filter(({ open }) => open).map(({ url }) => url), [SECOND], `${address} ${ms}`);
    room.leave();
    await time.advance(3000);
  }
});

test('who leaves before the room moves leaves no connection behind', async () => {
  const { time, server, room } = await moved({ [FIRST]: admits, [SECOND]: admits }, prepares(SECOND, 1500));
  room.leave();
  await time.advance(5000);
  assert.ok(server.peers.every(({ open }) => !open));
});

test('who cannot follow a room asks the first server where it is', async () => {
  const { time, server, room } = await moved({ [FIRST]: admits, [SECOND]: refuses(4504) });
  await time.advance(3000);
  assert.equal(room.connection, 'online');
  assert.deepEqual(hellos(server).slice(1).map(([url, join]) => [url, join.type]), [[SECOND, 'reserved'], [FIRST, 'byId']]);
  room.leave();
});
