// The messages against the golden vectors of the Rust side, and against everything that a network may make of them.

import assert from 'node:assert/strict';
import test from 'node:test';

import { CLOSES, invitesBack } from '../client/close.js';
import { decodeServer, encodeClient } from '../client/messages.js';
import { DecodeError } from '../client/reader.js';
import { planSchema } from '../client/schema.js';
import { ack, bytes, clientMessage, golden, hex, schema, serverMessage } from './support/golden.js';
import { mutations, random } from './support/random.js';

const vectors = golden('messages');

for (const { name, hex: expected, message } of vectors.client.filter(({ message: { Inputs: packed } }) => !packed)) {
  test(`writes ${name}`, () => assert.equal(hex(encodeClient(clientMessage(message))), expected));
}

for (const { name, hex: expected, schema: fields, ...inputs } of golden('inputs')) {
  const [plan] = planSchema(schema([{ name: 'input', fields }]));
  const message = { type: 'inputs', fields: plan.fields, ...inputs, ack: ack(inputs.ack) };
  test(`writes ${name}`, () => assert.equal(hex(encodeClient(message)), expected));
}

for (const { name, hex: encoded, message } of vectors.server) {
  test(`reads ${name}`, () => assert.deepEqual(decodeServer(bytes(encoded)), serverMessage(message)));
}

test('broken messages are refused, never anything else', () => {
  let refused = 0;
  let decoded = 0;
  for (const [index, { hex: encoded }] of [...vectors.server, ...vectors.client].entries()) {
    for (const broken of mutations(bytes(encoded), index)) {
      try {
        decodeServer(broken);
        decoded++;
      } catch (error) {
        assert.ok(error instanceof DecodeError, String(error));
        refused++;
      }
    }
  }
  assert.ok(refused > 1000 && decoded > 100, `${refused} refused, ${decoded} decoded`);
});

/** How many zones a frame tells; 0 of what is no message. */
function zonesOf(encoded) {
  try {
    return decodeServer(encoded).zones.length;
  } catch (error) {
    assert.ok(error instanceof DecodeError);
    return 0;
  }
}

test('a prefix of a message is not a message, except that the last payload may be shorter and a dense list, too', () => {
  for (const { hex: encoded, message } of vectors.server) {
    const whole = bytes(encoded);
    if (message.Frame?.stamp.Dense) {
      const counts = Array.from(whole, (_, length) => zonesOf(whole.slice(0, length)));
      assert.deepEqual(counts.filter((count) => count > 0), [2, 3], 'where a part ends');
      continue;
    }
    const last = message.Frame ? serverMessage(message).zones.at(-1)?.form : undefined;
    const payload = last?.bytes ?? last?.deltas?.at(-1) ?? [];
    for (let length = 0; length < whole.length; length++) {
      const decode = () => decodeServer(whole.slice(0, length));
      if (length < whole.length - payload.length) assert.throws(decode, DecodeError);
      else assert.equal(decode().zones.length, message.Frame.zones.length);
    }
  }
});

test('a frame in a form that is not its own is refused', () => {
  const forms = {
    'a number of one delta': [0x60, 1, 0, 9],
    'more deltas than a chain has': [0x60, 1, 32, ...Array(33).fill(0)],
    'a number of deltas without a chain': [0x70, 1, 0, 1],
    'a hash beside a list, with a note': [0x5a, 1, 1, 0],
    'a dense list of one zone': [0x58, 1, 7, 2, 9],
    'a dense list that does not ascend': [0x58, 1, 7, 0, 0, 0],
    'zone 0 in a list that it does not need': [0x50, 1, 1, 0, 0, 9],
    'zone 0 in a list that it does not need, with a hash': [0x50, 1, 1, 0, 4, 1, 2, 3, 4, 9],
    'no lag, at length': [0x50, 1, 1, 7, 8, 0, 9],
    'a few deltas in a byte of their own': [0x50, 1, 1, 7, 0xf0, 14, ...Array(15).fill(0)],
    'more deltas than a listed chain has': [0x50, 1, 1, 7, 0xf3, 32, ...Array(33).fill(0)],
    'deltas of a keyframe': [0x50, 1, 1, 7, 0x11, 0, 9],
    'deltas of nothing': [0x50, 1, 1, 7, 0x12],
    'two parts of a zone': [0x50, 1, 2, 7, 2, 7, 2],
    'an empty note': [0x42, 1, 0],
    'an empty second byte of a note': [0x42, 1, 0x81, 0],
    'an unknown part of a note': [0x42, 1, 0x80, 4],
    'a small number of superseded inputs at length': [0x42, 1, 31, 30],
    'an incarnation from 2^53 on': [0x42, 1, 0x80, 1, 253, 0, 0, 0, 0, 0, 0, 32, 0],
    'something after the last zone': [0x50, 1, 1, 7, 2, 0],
    'a frame in the general encoding': [1, 1, 0, 0, 0, 0],
    'a delivery of nothing': [5, 1, 0, 0],
  };
  for (const [form, encoded] of Object.entries(forms)) {
    assert.throws(() => decodeServer(Uint8Array.from(encoded)), DecodeError, form);
  }
});

test('noise is refused', () => {
  const next = random(5);
  for (let round = 0; round < 5000; round++) {
    const noise = Uint8Array.from({ length: Math.floor(next() * 64) }, () => Math.floor(next() * 256));
    try {
      decodeServer(noise);
    } catch (error) {
      assert.ok(error instanceof DecodeError, String(error));
    }
  }
});

test('numbers in a longer form than needed are refused', () => {
  const pong = (...stamp) => decodeServer(Uint8Array.of(2, ...stamp));
  assert.deepEqual(pong(250), { type: 'pong', stamp: 250 });
  assert.deepEqual(pong(251, 251, 0), { type: 'pong', stamp: 251 });
  assert.deepEqual(pong(252, 255, 255, 255, 255), { type: 'pong', stamp: 0xffffffff });
  assert.throws(() => pong(251, 250, 0), DecodeError);
  assert.throws(() => pong(252, 255, 255, 0, 0), DecodeError);
  assert.throws(() => pong(253, 0, 0, 0, 0, 1, 0, 0, 0), DecodeError);
  assert.throws(() => pong(255), DecodeError);
});

test('a count that the bytes do not justify is refused before anything is made', () => {
  const frame = Uint8Array.of(0x50, 1, 252, 255, 255, 255, 255);
  assert.throws(() => decodeServer(frame), DecodeError);
});

test('the close table is the server\'s', () => {
  const rows = golden('close');
  assert.equal(CLOSES.size, rows.length);
  for (const { code, label, text, invites_back: back } of rows) {
    assert.deepEqual(CLOSES.get(code), [label, text]);
    assert.equal(invitesBack(code), back);
  }
  assert.ok(invitesBack(1012) && invitesBack(4499) && !invitesBack(4999) && !invitesBack(1005));
});
