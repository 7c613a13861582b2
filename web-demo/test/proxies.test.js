// Rooms in the stores of frameworks: every public object works behind a Proxy, and says to Vue that it is not to be wrapped.

import assert from 'node:assert/strict';
import test from 'node:test';

import { Client, LeaveError, Room } from '../client/index.js';
import { join } from './support/join.js';
import { FakeServer, VirtualTime, answerPings, avatar } from './support/server.js';

/** Proxies that hand on everything: to the object, and with the Proxy as `this`, as Vue, MobX and Immer do. */
const HANDLERS = {
  bare: {},
  reflecting: {
    get: (target, key, receiver) => Reflect.get(target, key, receiver),
    set: (target, key, value, receiver) => Reflect.set(target, key, value, receiver),
    has: (target, key) => Reflect.has(target, key),
  },
};

/** As Vue's `reactive`: a Proxy of objects, deeply, except for those that are marked or of other built-in types. */
function reactive(value) {
  if (typeof value !== 'object' || value === null || value.__v_skip || !Object.isExtensible(value)) return value;
  if (!['Object', 'Array', 'Map', 'Set'].includes(Object.prototype.toString.call(value).slice(8, -1))) return value;
  return new Proxy(value, { get: (target, key, receiver) => reactive(Reflect.get(target, key, receiver)) });
}

/** Members that a page may use, by the documented list and by what there is. */
function members(object) {
  const names = new Set(Object.keys(object));
  for (let from = Object.getPrototypeOf(object); from !== Object.prototype; from = Object.getPrototypeOf(from)) {
    for (const name of Object.getOwnPropertyNames(from)) if (name !== 'constructor' && name !== '__v_skip') names.add(name);
  }
  return [...names];
}

const CALLS = {
  leave: [], send: [1, Uint8Array.of(1)], call: [1, Uint8Array.of(1)], chat: ['hello'], setInput: [{ dx: 1 }], pressInput: [{ dash: true }], view: [],
  keepClip: [10], clip: [], cells: [],
  usePrediction: [{ read: (own) => ({ x: own.raw('x') }), step: () => {}, copy: () => {} }],
};

for (const [name, handler] of Object.entries(HANDLERS)) {
  test(`every member of a room works behind a Proxy (${name})`, async () => {
    const { time, server, room } = await join();
    answerPings(server);
    const proxy = new Proxy(room, handler);
    server.frame({ zones: [[0, [avatar(1, 64)]]], events: { first: 1, items: [{ game: { kind: 7, body: Uint8Array.of(1) } }] } });
    await time.advance(60);
    const heard = [];
    const used = [];
    for (const member of members(room).filter((each) => each !== 'leave')) {
      const value = proxy[member];
      used.push(member);
      if (member.startsWith('on')) {
        const keyed = ['onAdd', 'onChange', 'onRemove', 'onMessage'].includes(member);
        proxy[member](...(keyed ? ['*'] : []), () => heard.push(member));
      } else if (typeof value === 'function') {
        assert.ok(CALLS[member], `${member} is not tested`);
        const result = proxy[member](...CALLS[member]);
        result?.catch?.(() => {});
      }
    }
    server.frame({ zones: [[0, [avatar(1, 128)]]] });
    await time.advance(500);
    for (const member of ['id', 'players', 'properties', 'stats', 'state', 'connection', 'view', 'setInput', 'onChat']) assert.ok(used.includes(member), member);
    for (const member of ['onAdd', 'onMessage', 'onChange', 'onStateChange']) assert.ok(heard.includes(member), member);
    assert.deepEqual(server.peer.of('command').map(({ body: { type } }) => type).sort(), ['call', 'chat', 'game']);
    assert.ok(server.peer.of('inputs').length > 0);
    assert.deepEqual([proxy.players.size, proxy.properties.map, proxy.stats.snapshots, proxy.view()[0].id], [1, 'yard', 2, 1]);
    assert.ok(proxy instanceof Room);
    const left = proxy.leave();
    await time.advance(60);
    await left;
    assert.equal(proxy.connection, 'closed');
  });

  test(`every member of a client works behind a Proxy (${name})`, async () => {
    const time = new VirtualTime();
    const server = new FakeServer(time);
    const proxy = new Proxy(new Client('ws://test/play', server.options), handler);
    const joins = [
      proxy.joinOrCreate('toy'), proxy.create('toy'), proxy.joinById('r1'), proxy.joinReserved('ticket'), proxy.spectate('r1'), proxy.resume(),
    ];
    await time.advance(60);
    const rooms = await Promise.all(joins);
    assert.deepEqual(rooms.map((room) => room?.id ?? null), ['r1', 'r1', 'r1', 'r1', 'r1', null]);
    assert.deepEqual(members(proxy).sort(), ['create', 'joinById', 'joinOrCreate', 'joinReserved', 'resume', 'spectate']);
    for (const room of rooms) room?.leave();
    await time.advance(60);
  });

  test(`states, entities, views and errors work behind a Proxy (${name})`, async () => {
    const { time, server, room } = await join();
    server.frame({ zones: [[0, [avatar(1, 64)]]] });
    await time.advance(60);
    const state = new Proxy(room.state, handler);
    const entity = new Proxy(state.entities.get(1), handler);
    const view = new Proxy(room.view()[0], handler);
    const heard = [];
    state.onAdd('*', ({ id }) => heard.push(id));
    assert.deepEqual([state.tick, state.known, heard, entity.x, entity.get('x'), entity.raw('x'), entity.part('avatar').id], [0xffffffff, 0xffffffff, [1], 1, 1, 64, 1]);
    assert.deepEqual([view.id, view.kind, view.x, view.get('x'), view.mood], [1, 'avatar', 1, 1, 'calm']);
    const error = new Proxy(new LeaveError(4505), handler);
    assert.deepEqual([error.code, error.label, error.message, error.comeBack], [4505, 'room_full', 'the room is full', null]);
    room.leave();
  });
}

test('a store like Vue\'s keeps them as they are', async () => {
  const { time, server, client, room } = await join();
  server.frame({ zones: [[0, [avatar(1, 64)]]] });
  await time.advance(60);
  const store = reactive({ client, room, list: [room], entity: room.state.entities.get(1) });
  assert.equal(store.client, client);
  assert.equal(store.room, room);
  assert.equal(store.list[0], room);
  assert.equal(store.entity, room.state.entities.get(1));
  assert.equal(reactive(room.state), room.state);
  assert.equal(reactive(room.view()[0]), room.view()[0]);
  store.room.setInput({ dx: 3 });
  const joining = store.client.joinById('r1', reactive({ name: 'Bo', options: { map: 'yard' } }));
  await time.advance(60);
  assert.equal((await joining).id, 'r1');
});
