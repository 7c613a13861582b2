// What a page may pass to joins and commands: what the server would refuse is refused before it is sent, with an error that names
// the value, its length and the limit.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';

import * as limits from '../client/limits.js';
import { joinRequest } from '../client/requests.js';
import { join } from './support/join.js';

const LONG = 'x'.repeat(65);
const many = Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`key${index}`, 'x']));

test('a join with a value that cannot be sent is rejected, with the name, the length and the limit', async () => {
  const { time, server, client } = await join();
  const cases = [
    [() => client.create('toy', { options: { map: LONG } }), 'RangeError', 'option "map" has 65 bytes: at most 64'],
    [() => client.create('toy', { options: { map: '\u{1f600}'.repeat(17) } }), 'RangeError', 'option "map" has 68 bytes: at most 64'],
    [() => client.create('toy', { options: { [LONG]: 'x' } }), 'RangeError', `the key of option "${LONG}" has 65 bytes: at most 64`],
    [() => client.joinOrCreate('toy', { player: { portrait: `https://${'x'.repeat(92)}` } }), 'RangeError', 'player option "portrait" has 100 bytes: at most 64'],
    [() => client.joinById('r1', { player: many }), 'RangeError', '17 player options: at most 16'],
    [() => client.spectate({ game: 'toy' }, { options: many }), 'RangeError', '17 options: at most 16'],
    [() => client.create('toy', { options: { map: { name: 'yard' } } }), 'TypeError', 'option "map" is a text, not an object'],
    [() => client.create('toy', { options: { map: ['yard'] } }), 'TypeError', 'option "map" is a text, not an array'],
    [() => client.create('toy', { options: { map: undefined } }), 'TypeError', 'option "map" is a text, not undefined'],
    [() => client.create('toy', { options: { map: null } }), 'TypeError', 'option "map" is a text, not null'],
    [() => client.create('toy', { options: { map: NaN } }), 'TypeError', 'option "map" is a text, not NaN'],
    [() => client.create('toy', { options: { map: () => 'yard' } }), 'TypeError', 'option "map" is a text, not a function'],
    [() => client.create('toy', { options: 'map' }), 'TypeError', 'options are an object, not a string'],
    [() => client.create('toy', { options: ['map'] }), 'TypeError', 'options are an object, not an array'],
    [() => client.create('toy', { options: null }), 'TypeError', 'options are an object, not null'],
    [() => client.create('toy', { name: 7 }), 'TypeError', 'the name is a text, not 7'],
    [() => client.create('toy', { name: { first: 'Ada' } }), 'TypeError', 'the name is a text, not an object'],
    [() => client.create(LONG), 'RangeError', 'the game has 65 bytes: at most 64'],
    [() => client.create(undefined), 'TypeError', 'the game is a text, not undefined'],
    [() => client.joinById(LONG), 'RangeError', 'the room has 65 bytes: at most 64'],
    [() => client.joinById(7), 'TypeError', 'the room is a text, not 7'],
    [() => client.spectate(LONG), 'RangeError', 'the room has 65 bytes: at most 64'],
    [() => client.joinReserved(LONG), 'RangeError', 'the ticket has 65 bytes: at most 64'],
    [() => client.create('toy', { token: 'x'.repeat(4097) }), 'RangeError', 'the token has 4097 bytes: at most 4096'],
    [() => client.create('toy', { token: async () => 'x'.repeat(1e6) }), 'RangeError', 'the token has 1000000 bytes: at most 4096'],
    [() => client.create('toy', { rate: -1 }), 'RangeError', 'rate -1: 0 to 65535 frames per second'],
  ];
  for (const [act, name, message] of cases) {
    const rejected = assert.rejects(act(), { name, message });
    await time.advance(100);
    await rejected;
  }
  assert.equal(server.peers.length, 1, 'nothing was sent');
  assert.equal(time.timers.size, 1);
});

test('what fits is sent as text', async () => {
  const { time, server, client } = await join();
  const options = { map: 'x'.repeat(64), rounds: 3, ranked: true, off: false, share: 0.5, ['k'.repeat(64)]: '' };
  const joining = client.create('toy', { name: '\u{1f600}'.repeat(30), options, player: Object.fromEntries(Object.entries(many).slice(1)), token: 'x'.repeat(4096) });
  await time.advance(100);
  await joining;
  const [hello] = server.peer.of('hello');
  assert.deepEqual(hello.join.options, [
    ['map', 'x'.repeat(64)], ['rounds', '3'], ['ranked', 'true'], ['off', 'false'], ['share', '0.5'], ['k'.repeat(64), ''],
  ]);
  assert.deepEqual([hello.player.length, [...hello.name].length, hello.token.length], [16, 24, 4096]);
});

test('names are cut as the server cuts them', async () => {
  const { kept, cut } = JSON.parse(readFileSync(new URL('../../tests/golden/names.json', import.meta.url), 'utf8'));
  const cases = [...Object.values(kept).flat().map((name) => ['', name, name]), ...cut];
  for (const [what, raw, left] of cases) assert.equal(joinRequest({ type: 'byId', room: 'r' }, { name: raw }, null, 'player').name, left, what);
});

test('messages and lines that cannot be sent are refused at once', async () => {
  const { time, server, room } = await join();
  const cases = [
    [() => room.send(1, new Uint8Array(1025)), 'RangeError', 'a message of 1025 bytes: at most 1024'],
    [() => room.send(1, 'hello'), 'TypeError', 'a message is a Uint8Array, not a string'],
    [() => room.send(1, { length: 3 }), 'TypeError', 'a message is a Uint8Array, not an object'],
    [() => room.send(1, undefined), 'TypeError', 'a message is a Uint8Array, not undefined'],
    [() => room.call(1, [1, 2]), 'TypeError', 'a message is a Uint8Array, not an array'],
    [() => room.call(1, new Uint16Array(4)), 'TypeError', 'a message is a Uint8Array, not an object'],
    [() => room.send(65_536, new Uint8Array(1)), 'RangeError', 'message kind 65536: kinds are 0 to 65535'],
    [() => room.chat('x'.repeat(241)), 'RangeError', 'a line of 241 characters: at most 240'],
    [() => room.chat('\u{1f600}'.repeat(241)), 'RangeError', 'a line has 964 bytes: at most 960'],
    [() => room.chat({ text: 'x' }), 'TypeError', 'a line is a text, not an object'],
    [() => room.chat(['x']), 'TypeError', 'a line is a text, not an array'],
    [() => room.chat(7), 'TypeError', 'a line is a text, not 7'],
  ];
  for (const [act, name, message] of cases) assert.throws(act, { name, message });
  assert.equal(room.send(1, Buffer.from('hello')), true);
  room.chat('\u{1f600}'.repeat(240));
  await time.advance(1000);
  assert.deepEqual(server.peer.of('command').map(({ body }) => body.body?.length ?? body.text.length), [5, 480]);
});

test('the limits are those of the server', () => {
  const source = readFileSync(new URL('../../src/wire/limits.rs', import.meta.url), 'utf8');
  const server = (name) => {
    const [, value] = new RegExp(`pub const ${name}: \\w+ = ([^;]+);`).exec(source);
    return value.split('*').reduce((product, factor) => product * Number(factor.trim().replaceAll('_', '')), 1);
  };
  for (const name of ['TEXT', 'OPTIONS', 'NAME_CHARS', 'NAME_BYTES', 'TOKEN', 'BODY', 'CHAT_CHARS', 'CHAT_BYTES', 'SERVER_MESSAGE', 'RESUME', 'EXTENSIONS', 'EXTENSION', 'PROPERTIES']) {
    assert.equal(limits[name], server(name), name);
  }
  assert.equal(limits.CHAT_RECIPIENTS, server('CHAT_TO'));
});
