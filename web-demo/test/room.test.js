// Rooms against a fake server in virtual time: joining, state and its callbacks, events, inputs, acknowledgements.

import assert from 'node:assert/strict';
import test from 'node:test';

import { Client, LeaveError } from '../client/index.js';
import { join } from './support/join.js';
import { FakeServer, VirtualTime, avatar, inputsOf } from './support/server.js';

test('a join says who comes and where to', async () => {
  const { server, room } = await join();
  const [hello] = server.peer.of('hello');
  assert.deepEqual(hello.join, { type: 'joinOrCreate', game: 'toy', options: [['map', 'yard']] });
  assert.deepEqual([hello.version, hello.name, hello.player], [2, 'Ada', [['shirt', 'red']]]);
  assert.deepEqual(server.peer.protocols, ['tickwire.v2']);
  assert.deepEqual([room.id, room.game, room.rate, room.seat, room.entity], ['r1', 'toy', 20, 0, 1]);
  assert.deepEqual([room.authority, { ...room.properties }], ['server', { map: 'yard' }]);
  assert.equal(room.players.get(0).name, 'Ada');
});

test('a refused join rejects with the reason', async () => {
  const time = new VirtualTime();
  const server = new FakeServer(time);
  server.accept = (peer) => peer.close(4505, '');
  const joining = assert.rejects(new Client('ws://test/play', server.options).create('toy'), (error) => {
    assert.ok(error instanceof LeaveError);
    assert.deepEqual([error.code, error.label, error.text], [4505, 'room_full', 'the room is full']);
    return true;
  });
  await time.advance(100);
  await joining;
});

test('a server that is not there, says nothing or speaks another version rejects', async () => {
  for (const [setup, code] of [
    [(server) => (server.reachable = false), 1006],
    [(server) => (server.accept = () => {}), 1006],
    [(server) => (server.welcome = { ...server.welcome, version: 3 }), 4506],
    [(server) => (server.accept = (peer) => peer.send(Uint8Array.of(9))), 1002],
  ]) {
    const time = new VirtualTime();
    const server = new FakeServer(time);
    setup(server);
    const joining = assert.rejects(new Client('ws://test/play', server.options).joinById('r1'), { code });
    await time.advance(11_000);
    await joining;
    assert.equal(time.timers.size, 0);
  }
});

test('rows become entities with a getter per field', async () => {
  const { time, server, room } = await join();
  const log = [];
  room.onAdd('avatar', (entity) => log.push(`+${entity.id}`));
  room.onChange('*', (entity) => log.push(`~${entity.id}`));
  room.onRemove('avatar', (entity) => log.push(`-${entity.id}`));
  const stop = room.onStateChange((state) => log.push(state.tick));
  server.frame({ zones: [[0, [avatar(1, 64), avatar(7, -32, 16, 64, 1, 0)]]] });
  await time.advance(50);
  const entity = room.state.entities.get(7);
  assert.deepEqual([entity.x, entity.y, entity.mood, entity.alive], [-0.5, 0.25, 'cross', false]);
  assert.equal(entity.heading, Math.PI / 2);
  assert.deepEqual([entity.raw('x'), entity.get('x'), entity.kind], [-32, -0.5, 'avatar']);
  server.frame({ zones: [[0, [avatar(1, 64), avatar(7, -31, 16, 64, 1, 0)]]] });
  await time.advance(50);
  assert.equal(room.state.entities.get(7), entity);
  server.frame({ zones: [[0, [avatar(1, 64)]]] });
  await time.advance(50);
  stop();
  server.frame({ zones: [[0, []]] });
  await time.advance(50);
  assert.equal(room.state.entities.size, 0);
  assert.deepEqual(log, ['+1', '+7', 0xffffffff, '~7', 0, '-7', 1, '-1']);
});

test('a late listener hears of those that are there, and a throwing one disturbs nobody', async (t) => {
  const { time, server, room } = await join();
  server.frame({ zones: [[0, [avatar(1, 0), avatar(2, 0)]]] });
  await time.advance(50);
  const thrown = [];
  t.mock.method(globalThis, 'queueMicrotask', (call) => assert.throws(call, ({ message }) => thrown.push(message) > 0));
  const ids = [];
  room.onAdd('*', () => {
    throw new Error('of the page');
  });
  room.onAdd('avatar', ({ id }) => ids.push(id));
  assert.deepEqual([ids, thrown], [[1, 2], ['of the page', 'of the page']]);
});

test('an entity in several zones is one, with its parts', async () => {
  const { time, server, room } = await join();
  const log = [];
  room.onAdd('*', ({ kind, id }) => log.push(`+${kind}${id}`));
  room.onRemove('*', ({ kind, id }) => log.push(`-${kind}${id}`));
  const gold = { kind: 1, id: 1, values: [42] };
  server.frame({ zones: [[3, [gold]], [0, [avatar(1, 0), avatar(2, 64)]], [1, [avatar(2, 128)]]] });
  await time.advance(50);
  assert.equal(room.state.entities.size, 2);
  assert.equal(room.state.entities.get(1).part('secret').gold, 42);
  assert.equal(room.state.entities.get(2).x, 2);
  server.frame({ zones: [[0, [avatar(1, 0)]], [1, [avatar(2, 128)]], [3, []]] });
  await time.advance(50);
  assert.equal(room.state.entities.get(1).part('secret'), undefined);
  server.frame({ zones: [[0, [avatar(2, 0)]], [1, []], [3, [gold]]] });
  await time.advance(50);
  assert.equal(room.state.entities.get(1).gold, 42);
  assert.deepEqual(log, ['+secret1', '+avatar2', '+avatar1', '-secret1', '-avatar1', '+secret1']);
});

test('fields named like members are reached with get', async () => {
  const { time, server, room } = await join();
  server.frame({ zones: [[0, [{ kind: 2, id: 5, values: [9, 3, 1] }]]] });
  await time.advance(50);
  const entity = room.state.entities.get(5);
  assert.deepEqual([entity.id, entity.get('id'), entity.get('constructor'), entity.get('__proto__')], [5, 9, 3, true]);
  assert.throws(() => entity.get('x'), RangeError);
});

test('events arrive once, in order, with their tick; gaps are told', async () => {
  const { time, server, room } = await join();
  const log = [];
  room.onMessage(7, (body, { tick }) => log.push([...body, tick]));
  room.onMessage('*', (body, { kind }) => log.push(`kind ${kind}`));
  room.onPlayers((players) => log.push([...players.keys()].join()));
  room.onGap((lost) => log.push(`lost ${lost}`));
  const items = [
    { joined: { seat: 3, entity: 9, name: 'Bo' } },
    { age: 2, game: { kind: 7, body: Uint8Array.of(1, 2) } },
    { left: [3, 1000] },
    { game: { kind: 8, body: new Uint8Array() } },
  ];
  server.frame({ advance: 4, events: { first: 6, lost: 5, items } });
  await time.advance(200);
  assert.deepEqual(log, ['lost 5', '0,3', [1, 2, 0], 'kind 7', '0', 'kind 8']);
  assert.ok(server.peer.received.some(({ ack }) => ack?.events === 9), 'the events were acknowledged');
});

test('inputs are numbered without gaps; a change is sent at once, a run within 250 ms', async () => {
  const { time, server, room } = await join();
  await time.advance(500);
  room.setInput({ dx: 5, aim: Math.PI });
  await time.advance(500);
  room.pressInput({ dash: true });
  await time.advance(500);
  const messages = server.peer.of('inputs');
  const values = inputsOf(server.peer, [0, 0, 0]).map((input) => input.join());
  assert.ok(values.length >= 26, `${values.length} inputs in 1.5 s at 20 Hz`);
  const runs = values.filter((value, index) => value !== values[index - 1]);
  assert.deepEqual(runs, ['0,0,0', '5,128,0', '5,128,1', '5,128,0']);
  assert.equal(values.filter((value) => value === '5,128,1').length, 1);
  const times = messages.map(({ at }) => at);
  for (let index = 1; index < times.length; index++) assert.ok(times[index] - times[index - 1] <= 250);
  const change = messages.find((message) => message.runs.some((run) => run.values[0] === 5));
  assert.ok(change.at - 1530 <= 50, `told ${change.at - 1530} ms after the change`);
  assert.ok(messages.length <= 12, `${messages.length} messages`);
});

test('input values are checked and saturated', async () => {
  const { room } = await join();
  assert.throws(() => room.setInput({ nope: 1 }), RangeError);
  assert.throws(() => room.setInput({ dx: NaN }), RangeError);
  room.setInput({ dx: 1e9, aim: -Math.PI / 2 });
});

test('a late timer makes up for a few inputs, not for all', async () => {
  const { time, server, room } = await join();
  await time.advance(1000);
  const before = inputsOf(server.peer).length;
  time.freeze(10_000);
  await time.advance(100);
  room.setInput({ dx: 1 });
  await time.advance(100);
  const after = inputsOf(server.peer).length;
  assert.ok(after - before >= 4 && after - before <= 14, `${after - before}`);
});

test('frames are acknowledged every 100 ms, by message or by timer', async () => {
  const { time, server } = await join({ welcome: { inputs: [] } });
  await time.advance(2000);
  assert.equal(server.peer.of('ack').length, 0);
  for (let tick = 0; tick < 40; tick++) {
    server.frame();
    await time.advance(50);
  }
  const acks = server.peer.of('ack');
  assert.ok(acks.length >= 19 && acks.length <= 30, `${acks.length} acks`);
  for (let index = 1; index < acks.length; index++) assert.ok(acks[index].at - acks[index - 1].at <= 100);
  server.frame();
  await time.advance(200);
  assert.equal(server.peer.of('ack').at(-1).ack.tick, (0xfffffffe + 41) & 255);
});

test('a wrong hash asks for a keyframe, at most once in two seconds', async () => {
  const { time, server, room } = await join();
  for (let tick = 0; tick < 50; tick++) {
    server.frame({ zones: [[4, [avatar(1, 0)]]], hash: 1 });
    await time.advance(50);
  }
  const resyncs = server.peer.of('resync');
  assert.deepEqual(resyncs.map(({ zone }) => zone), [4, 4]);
  assert.equal(resyncs[0].tick, 0xffffffff);
  assert.equal(room.stats.desyncs, 50);
});

test('commands are numbered and bounded', async () => {
  const { time, server, room } = await join();
  assert.equal(room.send(7, Uint8Array.of(1)), true);
  room.send(8, new Uint8Array(1024));
  assert.throws(() => room.send(8, new Uint8Array(1025)), RangeError);
  assert.throws(() => room.send(-1, new Uint8Array()), RangeError);
  await time.advance(20);
  assert.deepEqual(server.peer.of('command').map(({ seq, body: { kind, body } }) => [seq, kind, body.length]), [[1, 7, 1], [2, 8, 1024]]);
});

test('fewer frames than ticks are asked for, and shown with a delay of two of them', async () => {
  const time = new VirtualTime();
  const server = new FakeServer(time);
  const joining = new Client('ws://test/play', server.options).joinOrCreate('toy', { rate: 5 });
  await time.advance(50);
  const room = await joining;
  assert.equal(server.peer.of('hello')[0].rate, 5);
  for (let frame = 0; frame < 30; frame++) {
    server.frame({ advance: 4, zones: [[0, [avatar(1, 0), avatar(2, 64 * frame)]]] });
    await time.advance(100);
    room.view();
    await time.advance(100);
  }
  const { stats } = room;
  assert.deepEqual([stats.heldFrames, stats.snapshots], [0, 30]);
  assert.ok(stats.interpolationDelay >= 390 && stats.interpolationDelay < 450, `${stats.interpolationDelay} ms`);
  const shown = [0, 50, 100, 150].map((ms) => room.view(time.now() + ms).find(({ id }) => id === 2).x);
  assert.ok(shown.every((x, index) => index === 0 || (x > shown[index - 1] && x < shown[index - 1] + 0.5)), `${shown}`);
  await assert.rejects(new Client('ws://test/play', server.options).create('toy', { rate: 1.5 }), RangeError);
});

test('position reports wait for a position, and stop at a correction until there is a new one', async () => {
  const { time, server, room } = await join({ welcome: { authority: 'client', epoch: 254 } });
  const epochs = () => server.peer.of('inputs').map(({ epoch }) => epoch);
  await time.advance(500);
  assert.deepEqual(epochs(), []);
  room.setInput({ dx: 3 });
  await time.advance(500);
  assert.ok(epochs().length > 0 && epochs().every((epoch) => epoch === 254));
  const corrections = [];
  room.onCorrection((correction) => corrections.push(correction));
  server.frame({ note: { correction: { epoch: 255, reason: 2 } } });
  await time.advance(50);
  const sent = epochs().length;
  await time.advance(500);
  assert.deepEqual(corrections, [{ epoch: 255, reason: 2 }]);
  assert.equal(epochs().length, sent);
  room.setInput({ dx: 4 });
  await time.advance(100);
  assert.equal(epochs().at(-1), 255);
});
