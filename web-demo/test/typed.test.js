// Messages by name, as values, for pages that have the module of their game; and what is wrong is named. In virtual time.

import assert from 'node:assert/strict';
import test from 'node:test';

import { join } from './support/join.js';
import { outcome } from './support/log.js';
import { avatar } from './support/server.js';

const game = { game: 'toy', commands: ['tag', 'surrender', 'standings'], events: ['tagged', 'over'] };
const bytes = (text) => new TextEncoder().encode(text);
const text = (body) => new TextDecoder().decode(body);

async function seated(options = { game }) {
  const all = await join({ options });
  all.server.frame({ zones: [[0, [avatar(1, 64)]]] });
  await all.time.advance(100);
  return all;
}

test('a command goes by its name, and its value as JSON', async () => {
  const { time, server, room } = await seated();
  const value = { target: 7, name: 'Ådå', deep: [{ on: true, none: null, left: undefined }, -1.5], bare: Object.assign(Object.create(null), { a: 1 }) };
  assert.equal(room.send('tag', value), true);
  assert.equal(room.send('surrender'), true);
  assert.equal(room.send('surrender', null), true);
  assert.equal(room.send(9, Uint8Array.of(1, 2)), true, 'numbers and bytes go on to work');
  await time.advance(400);
  assert.deepEqual(
    server.peer.of('command').map(({ body }) => [body.kind, body.kind === 9 ? [...body.body] : text(body.body)]),
    [[0, '{"target":7,"name":"Ådå","deep":[{"on":true,"none":null},-1.5],"bare":{"a":1}}'], [1, ''], [1, ''], [9, [1, 2]]],
  );
});

test('what cannot be sent is refused before it is queued, and named', async () => {
  const { time, server, room } = await seated();
  const loop = {};
  loop.self = loop;
  for (const [kind, body, error] of [
    ['tga', {}, /no command "tga": this game has tag, surrender, standings/],
    ['tag', { at: { x: NaN } }, /tag\.at\.x: NaN cannot be sent/],
    ['tag', [1, Infinity], /tag\[1\]: Infinity cannot be sent/],
    ['tag', { run: () => {} }, /tag\.run: a function cannot be sent/],
    ['tag', 7n, /tag: a bigint cannot be sent/],
    ['tag', { at: new Float32Array(2) }, /tag\.at: Float32Array cannot be sent; use plain objects and arrays, such as Array\.from\(it\)/],
    ['tag', new ArrayBuffer(4), /tag: ArrayBuffer cannot be sent; use plain objects and arrays/],
    ['tag', new Map([[1, 2]]), /tag: Map cannot be sent/],
    ['tag', new Date(0), /tag: Date cannot be sent/],
    ['tag', loop, /nested more than 32 deep/],
    ['tag', 'x'.repeat(1100), /a message of 1102 bytes: at most 1024/],
    [3, new Float32Array(2), /a message is a Uint8Array, not an object/],
    [3, new ArrayBuffer(4), /a message is a Uint8Array, not an object/],
    [3, 'text', /a message is a Uint8Array, not a string/],
    [70_000, new Uint8Array(), /message kind 70000: kinds are 0 to 65535/],
  ]) {
    assert.throws(() => room.send(kind, body), error);
    assert.throws(() => room.call(kind, body), error);
  }
  await time.advance(400);
  assert.deepEqual(server.peer.of('command'), []);
  assert.equal(room.connection, 'online');
});

test('an event comes by its name, as a value; by its number and by * as bytes', async () => {
  const { time, server, room } = await seated();
  const heard = [];
  room.onMessage('tagged', (body, { kind, tick }) => heard.push(['tagged', body, kind, typeof tick]));
  room.onMessage('over', (body) => heard.push(['over', body]));
  room.onMessage(0, (body) => heard.push([0, text(body)]));
  room.onMessage('*', (body, { kind }) => heard.push(['*', kind, body.length]));
  const event = (kind, body) => ({ game: { kind, body: bytes(body) } });
  server.frame({ events: { first: 1, items: [event(0, '{"byWhom":3}'), event(1, ''), event(8, 'raw')] } });
  await time.advance(100);
  assert.deepEqual(heard, [
    ['tagged', { byWhom: 3 }, 0, 'number'], [0, '{"byWhom":3}'], ['*', 0, 12], ['over', null], ['*', 1, 0], ['*', 8, 3],
  ]);
  assert.throws(() => room.onMessage('taged', () => {}), /no event "taged": this game has tagged, over/);
});

test('the reply to a call is a value, and a refusal an error', async () => {
  const { time, server, room } = await seated();
  const [granted, refused, raw] = [room.call('standings'), room.call('standings', null), room.call(2, new Uint8Array())].map(outcome);
  await time.advance(200);
  const reply = (command, done, body) => ({ reply: { command, done, body: bytes(body) } });
  const items = [reply(1, true, '[["Ada",3]]'), reply(2, false, 'not now'), reply(3, true, '[]')];
  server.frame({ note: { commands: 3 }, events: { first: 1, items } });
  await time.advance(60);
  assert.deepEqual([granted.value, refused.value, raw.value], [[['Ada', 3]], 'refused', bytes('[]')]);
});

test('without the module, a name says what it needs', async () => {
  const { room } = await seated({});
  for (const call of [() => room.send('tag', {}), () => room.call('tag', {}), () => room.onMessage('tagged', () => {})]) {
    assert.throws(call, /names need the module of the game: new Client\(url, \{ game \}\)/);
  }
});

test('a kind, a field or a label that there is not is an error with those that there are', async () => {
  const { room } = await seated({});
  for (const on of ['onAdd', 'onChange', 'onRemove']) {
    assert.throws(() => room[on]('avatr', () => {}), { name: 'RangeError', message: 'no kind "avatr": this game has avatar, secret, odd' });
    room[on]('secret', () => {})();
    room[on]('*', () => {})();
  }
  const own = room.state.entities.get(1);
  const fields = 'this game has x, y, heading, mood, alive';
  assert.throws(() => own.get('z'), { name: 'RangeError', message: `avatar has no field "z": ${fields}` });
  assert.throws(() => own.raw('z'), { name: 'RangeError', message: `avatar has no field "z": ${fields}` });
  assert.throws(() => room.view()[0].get('z'), { name: 'RangeError', message: `avatar has no field "z": ${fields}` });
  assert.throws(() => room.setInput({ dz: 1 }), { name: 'RangeError', message: 'the input has no field "dz": this game has dx, aim, dash' });
});
