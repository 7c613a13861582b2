// Coming back to the same seat: what the claim says, and what goes on in the page for each answer to it. In virtual time.

import assert from 'node:assert/strict';
import test from 'node:test';

import { join } from './support/join.js';
import { watch, watchEntities } from './support/log.js';
import { avatar, inputsOf } from './support/server.js';
import { encodeSmall } from './support/wire.js';

const FIRST = Uint8Array.of(1, 1);
const SECOND = Uint8Array.of(2, 2);

/** A room with a seat that is held, two entities, and event 4 known. */
async function seated(welcome = {}, options = {}) {
  const all = await join({ welcome: { tick: 100, resume: FIRST, ...welcome }, options });
  const { server, time } = all;
  server.frame({ zones: [[0, [avatar(1, 64), avatar(2, 128)]]], events: { first: 1, items: [1, 2, 3, 4].map(game) } });
  await time.advance(60);
  return all;
}

function game(number) {
  return { game: { kind: 7, body: Uint8Array.of(number) } };
}

/** The answer to the next hello. */
function answer(server, welcome) {
  server.welcome = { ...server.welcome, events: 4, listed: 4, resume: SECOND, ...welcome };
}

test('a claim names the newest token, the state and the newest event', async () => {
  const { time, server } = await seated();
  const claims = () => server.peers.slice(1).map((peer) => peer.of('hello')[0].resume);
  answer(server, { continuity: 'state', tick: 101 });
  server.peer.close(1006);
  await time.advance(1000);
  server.still();
  await time.advance(60);
  server.peer.close(4008);
  await time.advance(1000);
  assert.deepEqual(claims(), [
    { token: FIRST, incarnation: 7, tick: 101, events: 4 }, { token: SECOND, incarnation: 7, tick: 102, events: 4 },
  ]);
  assert.deepEqual(server.peer.of('hello')[0].join, { type: 'byId', room: 'r1' });
});

test('the same state goes on as if nothing had been', async () => {
  const { time, server, room } = await seated();
  const log = watch(room);
  const entities = watchEntities(room);
  const own = room.state.entities.get(1);
  entities.length = 0;
  answer(server, { continuity: 'state', tick: 101 });
  server.peer.close(1006);
  await time.advance(1000);
  assert.deepEqual(log, ['reconnecting', 'leave 1006 true', 'online', 'resumed']);
  assert.deepEqual([room.state.tick, room.state.entities.size], [101, 2]);
  server.still(20);
  await time.advance(60);
  assert.deepEqual(entities, []);
  assert.equal(room.state.entities.get(1), own);
  assert.deepEqual([room.state.tick, room.state.elapsed, room.stats.desyncs], [121, 21, 0]);
});

test('what is drawn waits, makes up for the wait without a leap and goes on', async () => {
  const { time, server, room } = await seated();
  for (let tick = 1; tick <= 20; tick++) {
    server.frame({ zones: [[0, [avatar(1, 0), avatar(2, 64 * tick)]]] });
    room.view();
    await time.advance(50);
  }
  const shown = () => room.view(time.now()).find(({ id }) => id === 2).x;
  const before = shown();
  answer(server, { continuity: 'state', tick: 121 });
  server.peer.close(1006);
  const seen = [before];
  for (let step = 0; step < 20; step++) {
    await time.advance(10);
    seen.push(shown());
  }
  assert.equal(room.connection, 'online');
  for (let tick = 24; tick <= 40; tick++) {
    server.frame({ advance: tick === 24 ? 4 : 1, zones: [[0, [avatar(1, 0), avatar(2, 64 * tick)]]] });
    for (let step = 0; step < 5; step++) {
      await time.advance(10);
      seen.push(shown());
    }
  }
  const steps = seen.slice(1).map((x, index) => x - seen[index]);
  assert.ok(steps.every((step) => step >= 0), `${steps}`);
  // It moves by 0.2 in 10 ms.
  assert.ok(Math.max(...steps) < 0.5, `${steps}`);
  assert.ok(seen.at(-1) > 35, `${seen.at(-1)}`);
});

test('a new state for the same seat tells only what differs', async () => {
  const { time, server, room } = await seated();
  const log = watch(room);
  const entities = watchEntities(room);
  const own = room.state.entities.get(1);
  entities.length = 0;
  answer(server, { continuity: 'seat', tick: 400 });
  server.peer.close(1006);
  await time.advance(1000);
  assert.equal(room.state.entities.size, 2, 'the picture stays until there is a new one');
  server.frame({ zones: [[0, [avatar(1, 640), avatar(3, 0)]]] });
  await time.advance(60);
  assert.deepEqual(entities, ['-2', '+3', '~1']);
  assert.deepEqual([room.state.entities.get(1), room.state.tick, room.state.elapsed], [own, 401, 301]);
  assert.deepEqual(log.slice(2), ['online', 'resumed']);
});

test('there is no state to claim before the first frame, nor when a zone is wrong', async () => {
  const { time, server } = await join({ welcome: { resume: FIRST } });
  const claimed = () => server.peer.of('hello')[0].resume.tick;
  answer(server, { continuity: 'seat', tick: 400, events: 0 });
  server.peer.close(1006);
  await time.advance(300);
  assert.equal(claimed(), null);
  server.peer.close(1006);
  await time.advance(600);
  assert.equal(claimed(), null, 'forgotten zones are no state');
  server.frame({ zones: [[0, [avatar(1, 0)]]], hash: 1 });
  await time.advance(60);
  server.peer.close(1006);
  await time.advance(2000);
  assert.equal(claimed(), null);
  server.frame({ zones: [[0, [avatar(1, 0)]]] });
  await time.advance(60);
  server.peer.close(1006);
  await time.advance(4000);
  assert.equal(claimed(), 401);
});

test('another world under the same seat is a new picture', async () => {
  for (const change of [{ rate: 30 }, { inputs: [] }, { tick: 50 }]) {
    const { time, server, room } = await seated();
    const removed = [];
    room.onRemove('*', ({ id }) => removed.push(id));
    answer(server, { continuity: 'seat', tick: 400, ...change });
    server.peer.close(1006);
    await time.advance(1000);
    assert.deepEqual(removed, [1, 2], JSON.stringify(change));
  }
});

test('a seat that is gone is a new join', async () => {
  const { time, server, room } = await seated();
  const log = watch(room);
  const entities = watchEntities(room);
  entities.length = 0;
  answer(server, { continuity: 'fresh', tick: 400, events: 0, listed: 0, seat: 3, entity: 9 });
  server.peer.close(1006);
  await time.advance(1000);
  assert.deepEqual(log.slice(2), ['online', 'back']);
  assert.deepEqual([entities, room.seat, room.entity, room.state.elapsed], [['-1', '-2'], 3, 9, 0]);
  const heard = [];
  room.onMessage('*', ([number]) => heard.push(number));
  server.frame({ events: { first: 1, items: [game(1)] } });
  await time.advance(60);
  assert.deepEqual(heard, [1]);
});

test('connections that are lost before their welcome repeat the same claim', async () => {
  const { time, server, room } = await seated();
  const log = watch(room);
  const welcome = server.accept;
  let refusals = 3;
  server.accept = (peer, message) => {
    if (message.type === 'hello' && refusals-- > 0) peer.close(1006);
    else welcome(peer, message);
  };
  answer(server, { continuity: 'state', tick: 101 });
  server.peer.close(1006);
  await time.advance(6000);
  const claims = server.peers.slice(1).map((peer) => peer.of('hello')[0].resume);
  assert.equal(claims.length, 4);
  for (const claim of claims) assert.deepEqual(claim, { token: FIRST, incarnation: 7, tick: 101, events: 4 });
  assert.deepEqual(log, ['reconnecting', 'leave 1006 true', 'online', 'resumed']);
});

test('events that were sent twice are told once, and lost ones are said', async () => {
  const { time, server, room } = await seated();
  const log = watch(room);
  room.onMessage('*', ([number]) => log.push(number));
  answer(server, { continuity: 'state', tick: 101, events: 2 });
  server.peer.close(1006);
  await time.advance(300);
  server.frame({ events: { first: 3, items: [3, 4, 5].map(game) } });
  await time.advance(60);
  assert.deepEqual(log.splice(0), [1, 2, 3, 4, 'reconnecting', 'leave 1006 true', 'online', 'resumed', 5]);
  answer(server, { continuity: 'seat', tick: 200, events: 8 });
  server.peer.close(1006);
  await time.advance(1000);
  server.frame({ events: { first: 9, items: [game(9)] } });
  await time.advance(60);
  server.frame({ events: { first: 12, lost: 2, items: [game(12)] } });
  await time.advance(60);
  assert.deepEqual(log.slice(4), ['gap 3', 9, 'gap 2', 12]);
  await time.advance(200);
  assert.equal(server.peer.received.findLast(({ ack }) => ack?.events).ack.events, 12);
});

test('events that the roster includes already are told and do not count twice', async () => {
  const { time, server, room } = await seated();
  const told = [];
  room.onPlayers((players, change) => told.push([change?.type ?? 'all', [...players.values()].map(({ name, away }) => name + (away ? '?' : '')).join()]));
  const players = [{ seat: 0, entity: 1, name: 'Ada' }, { seat: 5, entity: 2, name: 'Cy' }];
  answer(server, { continuity: 'state', tick: 101, events: 4, listed: 6, players });
  server.peer.close(1006);
  await time.advance(1000);
  const joined = (name) => ({ joined: { seat: 5, entity: 2, name } });
  server.frame({ events: { first: 5, items: [joined('Bo'), { left: [5, 1000] }, { disconnected: 5 }, { reconnected: 5 }, { left: [5, 1000] }, joined('Di')] } });
  await time.advance(60);
  assert.deepEqual(told, [
    ['all', 'Ada,Cy'], ['joined', 'Ada,Cy'], ['left', 'Ada,Cy'], ['disconnected', 'Ada,Cy?'], ['reconnected', 'Ada,Cy'], ['left', 'Ada'], ['joined', 'Ada,Di'],
  ]);
});

test('inputs start anew, with what the page holds', async () => {
  const { time, server, room } = await seated();
  room.setInput({ dx: 9 });
  await time.advance(200);
  answer(server, { continuity: 'state', tick: 101 });
  server.peer.close(1006);
  await time.advance(15);
  room.setInput({ aim: Math.PI });
  room.pressInput({ dash: true });
  await time.advance(600);
  const values = inputsOf(server.peer, null);
  assert.ok(values.length > 3 && values.length < 14, `${values.length}`);
  assert.ok(values.every((input) => input.join() === '9,128,0'), JSON.stringify(values[0]));
  answer(server, { continuity: 'fresh', tick: 200 });
  server.peer.close(1006);
  await time.advance(1000);
  assert.deepEqual(inputsOf(server.peer, null)[0], [0, 0, 0]);
});

test('position reports go on from where the entity is', async () => {
  const epochs = (server) => server.peer.of('inputs').map(({ epoch }) => epoch);
  for (const epoch of [7, 8]) {
    const { time, server, room } = await seated({ authority: 'client', epoch: 7 });
    const corrections = [];
    room.onCorrection((correction) => corrections.push(correction));
    room.setInput({ dx: 3 });
    await time.advance(300);
    answer(server, { continuity: 'seat', tick: 400, epoch });
    server.peer.close(1006);
    await time.advance(500);
    room.setInput({ dx: 4 });
    await time.advance(300);
    assert.deepEqual(epochs(server), [], 'nobody knows where the entity is');
    server.frame({ zones: [[0, [avatar(1, 64)]]] });
    await time.advance(300);
    if (epoch === 7) {
      assert.deepEqual([corrections, [...new Set(epochs(server))], inputsOf(server.peer)[0][0]], [[], [7], 4]);
    } else {
      assert.deepEqual([corrections, epochs(server)], [[{ epoch: 8, reason: 0 }], []]);
      room.setInput({ dx: 5 });
      await time.advance(100);
      assert.deepEqual([[...new Set(epochs(server))], inputsOf(server.peer)[0][0]], [[8], 5]);
    }
  }
});

test('the prediction goes on over a resumption, and ends with the seat', async () => {
  const { time, server, room } = await seated();
  room.usePrediction({
    read: (entity) => ({ x: entity.raw('x') }),
    step: (state, { dx }) => (state.x += dx),
    copy: (from, to) => (to.x = from.x),
  });
  room.setInput({ dx: 64 });
  server.still();
  await time.advance(400);
  const own = () => room.view(time.now()).find(({ id }) => id === 1).x;
  const ahead = own();
  assert.ok(ahead > 4, `${ahead}`);
  answer(server, { continuity: 'seat', tick: 300 });
  server.peer.close(1006);
  await time.advance(100);
  assert.ok(own() >= ahead, 'the own avatar does not fall back to where the server saw it last');
  await time.advance(100);
  server.frame({ zones: [[0, [avatar(1, 64 * 8), avatar(2, 0)]]] });
  await time.advance(400);
  assert.ok(own() >= 8, `${own()}`);
  room.leave();
  assert.equal(room.state.entities.get(1).x, 8);
  assert.ok(own() <= 8, 'what the server said last is shown after the end');
});

test('a wait that the server names is kept as it is', async () => {
  const { time, server, room } = await seated();
  answer(server, { continuity: 'seat', tick: 400 });
  server.peer.send(encodeSmall('comeBack', 7000));
  server.peer.close(4001);
  await time.advance(7005);
  assert.deepEqual([server.peers.length, room.connection], [1, 'reconnecting']);
  await time.advance(50);
  assert.deepEqual([server.peers.length, room.connection], [2, 'online']);
});

test('a wait that comes instead of a welcome is kept too, at the first join it is told', async () => {
  const { time, server, client, room } = await seated();
  const welcome = server.accept;
  server.accept = (peer, message) => {
    if (message.type !== 'hello') return;
    peer.send(encodeSmall('comeBack', 9000));
    peer.close(1013);
  };
  const refused = client.create('toy').catch((error) => error);
  server.peers[0].close(1006);
  await time.advance(1000);
  assert.deepEqual([(await refused).code, (await refused).comeBack, server.peers.length], [1013, 9000, 3]);
  await time.advance(8000);
  assert.equal(server.peers.length, 3);
  server.accept = welcome;
  await time.advance(1000);
  assert.equal(room.connection, 'online');
});

test('who was replaced stays away', async () => {
  const { time, server, room } = await seated();
  const log = watch(room);
  server.peer.close(4511);
  await time.advance(120_000);
  assert.deepEqual(log, ['closed', 'leave 4511 false']);
  assert.deepEqual([server.peers.length, time.timers.size], [1, 0]);
});

test('the words of a server that throws somebody out reach the page', async () => {
  const { time, server, room } = await seated();
  const words = [];
  room.onLeave((code, reason) => words.push(reason));
  server.peer.close(4507, 'no snowballs in the library');
  await time.advance(60);
  assert.deepEqual(words, ['no snowballs in the library']);
});

test('a room that cannot be entered again is replaced as at the first join, a ticket is not used twice', async () => {
  for (const code of [4504, 4505, 4512, 4513]) {
    const { time, server, room } = await seated();
    const welcome = server.accept;
    server.accept = (peer, message) => (message.join?.type === 'byId' ? peer.close(code) : welcome(peer, message));
    answer(server, { continuity: 'fresh', room: 'r2' });
    server.peer.close(1006);
    await time.advance(1000);
    assert.deepEqual([room.id, server.peer.of('hello')[0].resume], ['r2', null]);
  }
  const { time, server, client } = await seated();
  const joining = client.joinReserved('ticket-1', { name: 'Bo' });
  await time.advance(60);
  const room = await joining;
  const log = watch(room);
  assert.deepEqual(server.peer.of('hello')[0].join, { type: 'reserved', ticket: 'ticket-1' });
  server.accept = (peer, message) => message.type === 'hello' && peer.close(4505);
  server.peer.close(1006);
  await time.advance(1000);
  assert.deepEqual(log, ['reconnecting', 'leave 1006 true', 'closed', 'leave 4505 false']);
  assert.equal(server.peers.filter((peer) => peer.of('hello')[0].join.type === 'reserved').length, 1);
});

test('spectators make no inputs and come back as spectators', async () => {
  const { time, server, client } = await seated();
  answer(server, { continuity: 'fresh', entity: 0, tick: 300, events: 0 });
  const joining = client.spectate('r1', { name: 'Eye' });
  await time.advance(60);
  const room = await joining;
  assert.deepEqual([room.role, room.entity, server.peer.of('hello')[0].role], ['spectator', 0, 'spectator']);
  assert.deepEqual(server.peer.of('hello')[0].join, { type: 'byId', room: 'r1' });
  room.setInput({ dx: 1 });
  room.pressInput({ dash: true });
  server.frame({ zones: [[0, [avatar(1, 64)]]] });
  await time.advance(500);
  assert.equal(room.state.entities.get(1).x, 1);
  assert.deepEqual([server.peer.of('inputs').length, server.peer.of('ack').length > 0], [0, true]);
  answer(server, { continuity: 'seat', tick: 400 });
  server.peer.close(1006);
  await time.advance(1000);
  assert.equal(server.peer.of('hello')[0].role, 'spectator');
  client.spectate({ game: 'toy' }, { options: { map: 'yard' } });
  await time.advance(60);
  assert.deepEqual(server.peer.of('hello')[0].join, { type: 'joinOrCreate', game: 'toy', options: [['map', 'yard']] });
});
