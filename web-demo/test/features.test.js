// What both sides agree on at the welcome, and the parts of protocol 2 that are not frames: deliveries, view times, the input
// lead, and the incarnation of a room. Against a fake server in virtual time.

import assert from 'node:assert/strict';
import test from 'node:test';

import { FEATURES, decodeServer } from '../client/messages.js';
import { DecodeError } from '../client/reader.js';
import { join } from './support/join.js';
import { outcome, watch } from './support/log.js';
import { WELCOME, avatar } from './support/server.js';
import { encodeFrame, encodeWelcome } from './support/wire.js';

const INPUT_LEAD = 1;
const VIEW_TIME = 2;
const REDIRECT = 4;
const FEEL_DIGEST = 8;
const PREPARE = 16;
const DENSE_LIST = 32;
const game = (number) => ({ game: { kind: 7, body: Uint8Array.of(number) } });

test('a hello asks for what the client knows, and for nothing else', async () => {
  const { server } = await join();
  const [hello] = server.peer.of('hello');
  const known = INPUT_LEAD | VIEW_TIME | REDIRECT | FEEL_DIGEST | PREPARE | DENSE_LIST;
  assert.deepEqual([hello.features, hello.extensions, FEATURES], [known, [], known]);
  assert.deepEqual(server.peer.protocols, ['tickwire.v2']);
});

test('features and extensions that the client does not know change nothing', async () => {
  const { time, server, room } = await join({ welcome: { features: 0xffffffff, extensions: [[0, Uint8Array.of(9)], [65535, new Uint8Array(256)]] } });
  server.frame({ zones: [[0, [avatar(1, 64)]]] });
  await time.advance(200);
  assert.deepEqual([room.connection, room.state.entities.get(1).x, server.peers.length], ['online', 1, 1]);
});

test('extensions out of order, too many or too long are refused', () => {
  const read = (extensions) => decodeServer(encodeWelcome({ ...WELCOME, extensions })).extensions;
  const none = new Uint8Array(0);
  const many = (count) => Array.from({ length: count }, (_, number) => [number * 3, none]);
  assert.deepEqual(read(many(16)), many(16));
  for (const bad of [many(17), [[1, none], [1, none]], [[2, none], [1, none]], [[1, new Uint8Array(257)]]]) {
    assert.throws(() => read(bad), DecodeError);
  }
});

test('an incarnation has up to 53 bits', () => {
  const read = (incarnation) => decodeServer(encodeWelcome({ ...WELCOME, incarnation })).incarnation;
  for (const number of [0, 250, 251, 0xffffffff, 2 ** 32, 2 ** 53 - 1]) assert.equal(read(number), number);
  assert.throws(() => read(2 ** 53), DecodeError);
  const bytes = encodeWelcome({ ...WELCOME, incarnation: 2 ** 32 });
  const at = bytes.indexOf(253);
  assert.deepEqual([...bytes.slice(at, at + 9)], [253, 0, 0, 0, 0, 1, 0, 0, 0]);
  bytes[at + 5] = 0;
  assert.throws(() => decodeServer(bytes), DecodeError, 'not in its shortest form');
});

test('inputs tell which moment was shown, when that is agreed and anything is', async () => {
  const views = async (features, draws) => {
    const { time, server, room } = await join({ welcome: { features } });
    for (let tick = 0; tick < 40; tick++) {
      server.frame({ zones: [[0, [avatar(1, 0)]]] });
      if (tick > 20) room.setInput({ dx: tick });
      for (let part = 0; part < 5; part++) {
        await time.advance(10);
        if (draws) room.view();
      }
    }
    assert.ok(server.peer.of('ack').every(({ view }) => view === null));
    return server.peer.of('inputs').filter(({ at }) => at > 2200).map(({ view }) => view);
  };
  for (const [features, draws] of [[0, true], [INPUT_LEAD, true], [VIEW_TIME, false]]) {
    const told = await views(features, draws);
    assert.ok(told.length > 10 && told.every((view) => view === null), `${told}`);
  }
  const told = await views(VIEW_TIME, true);
  // Shown are two ticks before the one that should arrive, and the newest one arrived up to a tick ago.
  assert.ok(told.length > 10 && told.every((view) => view >= 16 && view <= 32), `${told}`);
});

test('a view time counts from the acknowledged tick to what was shown at the newest input', async () => {
  const { time, server, room } = await join({ welcome: { features: VIEW_TIME } });
  for (let tick = 0; tick < 20; tick++) {
    server.frame();
    await time.advance(50);
    room.view();
  }
  await time.advance(300);
  const before = server.peer.received.length;
  await time.advance(300);
  server.frame({ advance: 5 });
  await time.advance(300);
  const told = server.peer.received.slice(before).flatMap(({ type, ack, view }) => (type === 'inputs' ? [[ack.tick, view]] : []));
  const newest = (WELCOME.tick + 20) & 255;
  const [[acknowledged, view]] = told;
  assert.ok(acknowledged === newest && view >= 16 && view <= 32 && told.at(-2)[0] === newest + 5, `${told}`);
  for (const [tick, later] of told) assert.equal(later, view + (tick - newest) * 16);
});

test('the input lead is told in the stats', async () => {
  const { time, server, room } = await join();
  assert.equal(room.stats.inputLead, null);
  for (const [note, lead] of [[{ lead: 3 }, 3], [null, 3], [{ lead: -128 }, -128], [{ superseded: 1 }, -128]]) {
    server.frame({ note });
    await time.advance(50);
    assert.equal(room.stats.inputLead, lead);
  }
});

test('seen commands and events may come apart from frames, and are acknowledged in time', async () => {
  const { time, server, room } = await join({ welcome: { inputs: [], tick: 100 } });
  const log = [];
  room.onMessage('*', ([number], { tick }) => log.push([number, tick]));
  const said = outcome(room.chat('hello'));
  await time.advance(1000);
  server.delivery({ tick: 90, events: { first: 1, items: [{ age: 5, ...game(1) }, game(2)] } });
  server.delivery({ tick: 91, commands: 1 });
  await time.advance(11);
  assert.deepEqual([log, said.value], [[[1, 85], [2, 90]], 91]);
  server.delivery({ tick: 91, events: { first: 2, items: [game(2), game(3)] } });
  server.frame({ events: { first: 3, items: [game(3), game(4)] } });
  await time.advance(11);
  assert.deepEqual(log.slice(2), [[3, 91], [4, 101]]);
  for (let number = 5; number < 30; number++) {
    server.delivery({ tick: 101, events: { first: number, items: [game(number)] } });
    await time.advance(50);
  }
  await time.advance(100);
  const acks = server.peer.of('ack');
  for (let index = 1; index < acks.length; index++) assert.ok(acks[index].at - acks[index - 1].at <= 100);
  assert.deepEqual([acks[0].ack.tick, acks[0].at - 2030 <= 120, acks.at(-1).ack], [100, true, { tick: 101, events: 29 }]);
  assert.ok(acks.length < 30, `${acks.length} acknowledgements`);
});

test('a frame that is repeated or overtaken is neither counted nor acknowledged', async () => {
  const { time, server, room } = await join({ welcome: { inputs: [], tick: 100 } });
  const states = [];
  const events = [];
  room.onStateChange(({ tick }) => states.push(tick));
  room.onMessage('*', ([number]) => events.push(number));
  const at = (tick, number) => encodeFrame({ stamp: { type: 'absolute', tick, consumed: 0 }, events: { first: number, items: [game(number)] }, zones: [] });
  server.peer.send(at(105, 1));
  await time.advance(500);
  const acks = server.peer.of('ack').length;
  for (const tick of [105, 104, 1, 0]) server.peer.send(at(tick, 2));
  await time.advance(500);
  assert.deepEqual([states, events, room.stats.snapshots, server.peer.of('ack').length], [[105], [1], 1, acks]);
  server.peer.send(at(106, 2));
  await time.advance(500);
  assert.deepEqual([states, events, server.peer.of('ack').at(-1).ack], [[105, 106], [1, 2], { tick: 106, events: 2 }]);
});

test('a correction that is known already is told once', async () => {
  const { time, server, room } = await join({ welcome: { authority: 'client', epoch: 4 } });
  const corrections = [];
  room.onCorrection(({ epoch }) => corrections.push(epoch));
  const reports = [];
  for (const epoch of [4, 5, 5, 6]) {
    room.setInput({ dx: epoch });
    await time.advance(300);
    server.frame({ note: { correction: { epoch, reason: 1 } } });
    await time.advance(60);
    const before = server.peer.of('inputs').length;
    await time.advance(600);
    reports.push(server.peer.of('inputs').length > before);
  }
  assert.deepEqual([corrections, reports], [[5, 6], [true, false, true, false]]);
});

test('a claim names the incarnation of the newest frame, and in another one events come again', async () => {
  const { time, server, room } = await join({ welcome: { tick: 100, resume: Uint8Array.of(1) } });
  const log = watch(room);
  room.onMessage('*', ([number]) => log.push(number));
  server.frame({ zones: [[0, [avatar(1, 0)]]], events: { first: 1, items: [1, 2, 3].map(game) } });
  await time.advance(50);
  server.peer.send(encodeFrame({ stamp: { type: 'absolute', tick: 60, consumed: 0 }, note: { incarnation: 9 }, zones: [] }));
  await time.advance(50);
  const back = async (welcome) => {
    server.welcome = { ...server.welcome, continuity: 'seat', ...welcome };
    server.peer.close(1006);
    await time.advance(1000);
    const { incarnation, tick, events } = server.peer.of('hello')[0].resume;
    return [incarnation, tick, events];
  };
  assert.deepEqual(await back({ incarnation: 10, tick: 40, events: 2 }), [9, 60, 3]);
  server.frame({ zones: [[0, [avatar(1, 64)]]], events: { first: 3, items: [game(33)] } });
  await time.advance(50);
  assert.deepEqual(log.filter((item) => typeof item === 'number' || item.startsWith('gap')), [1, 2, 3, 33]);
  assert.deepEqual(await back({ incarnation: 11, tick: 30, events: 6 }), [10, 41, 3]);
  server.frame();
  await time.advance(50);
  assert.deepEqual([log.at(-1), room.state.tick], ['gap 3', 31]);
});

test('entities stay over a new incarnation of their room', async () => {
  const { time, server, room } = await join({ welcome: { tick: 100, resume: Uint8Array.of(1) } });
  server.frame({ zones: [[0, [avatar(1, 64), avatar(2, 64)]]] });
  await time.advance(50);
  const own = room.state.entities.get(1);
  const removed = [];
  room.onRemove('*', ({ id }) => removed.push(id));
  server.welcome = { ...server.welcome, continuity: 'state', incarnation: 8, tick: 101 };
  server.peer.close(1006);
  await time.advance(1000);
  assert.deepEqual([room.state.known, removed], [null, []], 'ticks of another incarnation are others');
  server.frame({ zones: [[0, [avatar(1, 128)]]] });
  await time.advance(50);
  assert.deepEqual([room.state.entities.get(1), own.x, removed, room.state.known], [own, 2, [2], 102]);
});

/** A page that draws 60 pictures per second of one other entity, whose frames fail to come in silent ticks; the digests. */
async function felt(features, { silent = () => false, hides = false, seconds = 11 } = {}) {
  const { time, server, room } = await join({ welcome: { features } });
  for (let tick = 1, told = 0; tick <= seconds * 20; tick++) {
    if (!silent(tick)) {
      server.frame({ advance: tick - told, zones: [[0, [avatar(1, 0), avatar(2, tick * 20)]]] });
      told = tick;
    }
    for (let part = 0; part < 3; part++) {
      await time.advance(50 / 3);
      if (!hides) room.view();
    }
  }
  return server.peer.of('feelDigest').map(({ body }) => [...body]);
}

test('a digest tells how the game feels, once in ten seconds, to a server that wants it', async () => {
  assert.deepEqual(await felt(0), []);
  const [digest, ...more] = await felt(FEEL_DIGEST);
  assert.equal(more.length, 0);
  const [seconds, rate, long, jumps, backward, stutter, age, , driest, corrections] = digest;
  assert.deepEqual([digest.length, seconds, rate, long, jumps, backward, corrections], [13, 10, 60, 0, 0, 0, 0]);
  assert.ok(stutter <= 8 && age * 4 >= 50 && age * 4 <= 120 && driest === 0, digest.join());
});

test('a digest counts jumps and silence, and a page that draws nothing sends none', async () => {
  const [digest] = await felt(FEEL_DIGEST, { silent: (tick) => tick % 70 > 40 });
  assert.equal(digest[3], 2, 'jumps');
  assert.ok(digest[8] * 16 > 1300 && digest[8] * 16 < 1600, `${digest[8]}`);
  assert.deepEqual(await felt(FEEL_DIGEST, { hides: true }), []);
});
