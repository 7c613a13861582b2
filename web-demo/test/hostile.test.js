// A hostile server: the most work, memory and connections that its messages can cause, and how the room ends. The figures are
// counted where possible; times are far above what an honest message takes and far below what a page would feel as hanging.

import assert from 'node:assert/strict';
import test from 'node:test';

import { BROKEN_CONNECTIONS, ROWS, ZONES } from '../client/limits.js';
import { decodeServer } from '../client/messages.js';
import { MessageWriter } from '../client/writer.js';
import { planSchema } from '../client/schema.js';
import { ZoneSet } from '../client/zone-set.js';
import { Zone } from '../client/zone.js';
import { encodeDelta, encodeKeyframe } from './support/encoder.js';
import { join } from './support/join.js';
import { watch } from './support/log.js';
import { WELCOME, answerPings, avatar, keyframe } from './support/server.js';
import { encodeDelivery, encodeFrame, encodeSmall, encodeWelcome } from './support/wire.js';

/** What one message may take on a busy machine. */
const MESSAGE_MS = 5000;
const STAMP = { type: 'absolute', tick: 100, consumed: 0 };

function took(act) {
  const from = performance.now();
  act();
  return performance.now() - from;
}

/** Sends bytes, or anything else, past what encodes them. */
function say(server, data) {
  server.peer.socket.onmessage?.({ data: data instanceof Uint8Array ? data.slice().buffer : data });
}

async function seated(settings = {}) {
  const all = await join(settings);
  answerPings(all.server);
  return { ...all, log: watch(all.room) };
}

test('a frame with every zone is work in proportion to its bytes', async () => {
  const parts = Array.from({ length: 65_535 }, (_, zone) => ({ zone, form: { type: 'chain', deltas: [new Uint8Array(0)] } }));
  const bytes = encodeFrame({ stamp: STAMP, zones: parts });
  assert.ok(bytes.length < 330_000);
  const { server, log } = await seated();
  const ms = took(() => say(server, bytes));
  assert.ok(ms < MESSAGE_MS, `${Math.round(ms)} ms`);
  assert.deepEqual(log.slice(0, 1), ['reconnecting']);
});

test('as many zones as there may be are no trouble', async () => {
  const { server, room, log } = await seated({ welcome: { tick: 99 } });
  const parts = Array.from({ length: ZONES }, (_, zone) => keyframe(WELCOME.schema, zone, [avatar(zone + 1, 0)]));
  const ms = took(() => say(server, encodeFrame({ stamp: STAMP, zones: parts })));
  assert.ok(ms < MESSAGE_MS, `${Math.round(ms)} ms`);
  assert.deepEqual([room.state.entities.size, log], [ZONES, []]);
  say(server, encodeFrame({ stamp: { ...STAMP, tick: 101 }, zones: [keyframe(WELCOME.schema, ZONES, [avatar(9_999, 0)])] }));
  assert.equal(log[0], 'reconnecting');
});

test('parts of a few bytes that tell of many rows are bounded work', async () => {
  const still = [{ name: 'dot', fields: [{ name: 'x', shape: { type: 'int', min: 0, max: 3 }, motion: 'linear' }] }];
  const rows = Array.from({ length: 60_000 }, (_, id) => ({ kind: 0, id, values: [0] }));
  const whole = encodeKeyframe(still, rows);
  const change = encodeDelta(new Zone(planSchema(still)), rows);
  const forms = { fresh: { type: 'fresh', deltas: [change] }, keyframe: { type: 'keyframe', bytes: whole } };
  // Both lengthened and cut, they do not decode, but only in the end.
  const broken = { type: 'fresh', deltas: [Uint8Array.of(...change, 1)] };
  for (const [name, form] of [...Object.entries(forms), ['broken', broken]]) {
    const { server, log } = await seated({ welcome: { tick: 99, schema: still } });
    const bytes = encodeFrame({ stamp: STAMP, zones: Array.from({ length: 1000 }, (_, zone) => ({ zone, form })) });
    const ms = took(() => say(server, bytes));
    assert.ok(ms < MESSAGE_MS, `${name}: ${Math.round(ms)} ms for ${bytes.length} bytes`);
    assert.ok(name === 'broken' || log[0] === 'reconnecting', name);
  }
});

test('a state of too many rows is refused, and one that is just within bounds is moved in bounded time', async () => {
  const still = [{ name: 'dot', fields: ['x', 'y'].map((name) => ({ name, shape: { type: 'int', min: 0, max: 3 }, motion: 'linear' })) }];
  const dots = (from, count) => Array.from({ length: count }, (_, index) => ({ kind: 0, id: from + index, values: [0, 0] }));
  const half = encodeKeyframe(still, dots(0, ROWS / 2));
  const zones = (count) => Array.from({ length: count }, (_, zone) => ({ zone, form: { type: 'keyframe', bytes: half } }));
  const full = await seated({ welcome: { tick: 99, schema: still } });
  say(full.server, encodeFrame({ stamp: STAMP, zones: zones(2) }));
  assert.deepEqual(full.log, []);
  const chain = { type: 'chain', deltas: Array.from({ length: 32 }, () => new Uint8Array(0)) };
  const stamp = { ...STAMP, tick: 132 };
  const ms = took(() => say(full.server, encodeFrame({ stamp, zones: [{ zone: 0, form: chain }, { zone: 1, form: chain }] })));
  assert.ok(ms < MESSAGE_MS, `${Math.round(ms)} ms`);
  assert.deepEqual([full.log, full.room.stats.desyncs], [[], 1], 'what is too much work to follow is asked for as a whole');
  const over = await seated({ welcome: { tick: 99, schema: still } });
  say(over.server, encodeFrame({ stamp: STAMP, zones: zones(3) }));
  assert.equal(over.log[0], 'reconnecting');
});

test('a message that is no bytes ends the connection, whatever it is', async () => {
  for (const data of ['-1', '3000000000', '{"a":1}', '', 3_000_000_000, -1, null, undefined, [1, 2], { length: 3e9 }]) {
    const { server, room, log } = await seated();
    const ms = took(() => say(server, data));
    assert.ok(ms < 500, `${Math.round(ms)} ms for ${data}`);
    assert.deepEqual([room.connection, log], ['reconnecting', ['reconnecting', 'leave 1006 true']], String(data));
  }
});

test('a join that is answered with anything else is refused', async () => {
  for (const data of ['-1', 3_000_000_000, new Uint8Array(0), Uint8Array.of(0), encodeSmall('pong', 1)]) {
    const { time, server, client } = await join();
    server.accept = () => say(server, data);
    const joining = assert.rejects(client.joinById('r1'), { name: 'LeaveError', code: 1002 });
    await time.advance(100);
    await joining;
  }
});

test('a server that only sends what cannot be read is given up, with a reason', async () => {
  for (const bytes of ['-1', Uint8Array.of(7), Uint8Array.of(0x50, 31, 1, 0, 1, 9), Uint8Array.of(0x50)]) {
    const { time, server, room, log } = await seated();
    let text = '';
    room.onLeave((_code, reason) => { text = reason; });
    const { accept } = server;
    server.accept = (peer, message) => {
      accept(peer, message);
      if (message.type === 'hello') time.setTimeout(() => say(server, bytes), 50);
    };
    say(server, Uint8Array.of(7));
    await time.advance(60_000);
    assert.deepEqual([room.connection, log.at(-1)], ['closed', 'leave 1002 false']);
    assert.equal(text, 'the server sends messages that cannot be read');
    assert.deepEqual([server.peers.length, time.timers.size], [BROKEN_CONNECTIONS, 0]);
  }
});

test('a server that says when to come back is obeyed once, and not in a loop', async () => {
  const { time, server } = await seated();
  const { accept } = server;
  server.accept = (peer, message) => {
    accept(peer, message);
    if (message.type !== 'hello') return;
    peer.send(encodeSmall('comeBack', 0));
    peer.close(4001);
  };
  server.peer.send(encodeSmall('comeBack', 0));
  server.peer.close(4001);
  await time.advance(30_000);
  assert.ok(server.peers.length < 20, `${server.peers.length} connections in half a minute`);
  const refusing = await seated();
  refusing.server.accept = (peer, message) => {
    if (message.type !== 'hello') return;
    peer.send(encodeSmall('comeBack', 0));
    peer.close(1013);
  };
  refusing.server.peer.close(1013);
  await refusing.time.advance(30_000);
  assert.ok(refusing.server.peers.length < 20, `${refusing.server.peers.length} attempts in half a minute`);
});

test('a server that asks for a year is asked again after an hour', async () => {
  const { time, server } = await seated();
  await time.advance(6000);
  server.peer.send(encodeSmall('comeBack', 0xffffffff));
  server.peer.close(4001);
  await time.advance(3_590_000);
  assert.equal(server.peers.length, 1);
  await time.advance(20_000);
  assert.equal(server.peers.length, 2);
});

test('properties, events and texts without end are refused', async () => {
  const property = (number) => ({ property: [`key ${number}`, 'value'] });
  const { time, server, room, log } = await seated();
  for (let first = 1; first <= 60; first += 10) {
    server.delivery({ events: { first, items: Array.from({ length: 10 }, (_, index) => property(first + index)) } });
  }
  await time.advance(100);
  assert.deepEqual([log[0], Object.keys(room.properties).length], ['reconnecting', 32]);
  const many = Array.from({ length: 200_000 }, () => ({ disconnected: 3 }));
  const refused = [
    encodeDelivery({ tick: 1, events: { first: 1, items: many } }),
    encodeDelivery({ tick: 1, events: { first: 1, items: [{ chat: { from: 1, name: 'Bo', text: 'x'.repeat(2000) } }] } }),
    encodeWelcome({ ...WELCOME, resume: new Uint8Array(65) }),
    encodeWelcome({ ...WELCOME, properties: Array.from({ length: 33 }, (_, number) => [String(number), 'x']) }),
    encodeWelcome({ ...WELCOME, room: 'x'.repeat(2000) }),
  ];
  for (const bytes of refused) assert.throws(() => decodeServer(bytes), { name: 'DecodeError' });
  const long = new MessageWriter();
  long.slice(new Uint8Array(5 * 1024 * 1024));
  assert.throws(() => decodeServer(long.finish()), { name: 'DecodeError' });
});
