// What frame messages do to the client's zones and entities: the golden vectors, the order of frames, zones at ticks of their
// own, and entities that are placed somewhere instead of moving there.

import assert from 'node:assert/strict';
import test from 'node:test';

import { FrameOrder } from '../client/frame-order.js';
import { decodeServer } from '../client/messages.js';
import { DecodeError } from '../client/reader.js';
import { planSchema } from '../client/schema.js';
import { State } from '../client/state.js';
import { Zone } from '../client/zone.js';
import { encodeDelta, encodeKeyframe } from './support/encoder.js';
import { bytes, golden } from './support/golden.js';
import { join } from './support/join.js';
import { watchEntities } from './support/log.js';
import { WELCOME, avatar } from './support/server.js';
import { encodeFrame } from './support/wire.js';
import { rowsOf } from './support/zones-world.js';

for (const { name, welcome: encoded, messages } of golden('frames')) {
  test(`frames: ${name}`, () => {
    const welcome = decodeServer(bytes(encoded));
    const order = new FrameOrder(welcome);
    const state = new State();
    state.reset(welcome);
    for (const { hex, outdated, tick, consumed, hashes } of messages) {
      const frame = decodeServer(bytes(hex));
      const step = order.take(frame);
      assert.equal(step === null, outdated);
      if (step) assert.deepEqual(state.apply(step, frame.zones), []);
      assert.deepEqual([order.tick, order.consumed, state.tick], [tick, consumed, tick]);
      assert.deepEqual(Object.fromEntries(state.zones.entries.map(({ id, zone }) => [id, zone.hash()])), hashes);
    }
  });
}

const long = (tick, consumed, note = null) => ({ stamp: { type: 'long', tick: tick & 31, consumed: consumed & 7 }, note });
const dense = (tick, consumed) => ({ stamp: { type: 'dense', tick: tick & 31, consumed: consumed & 7 }, note: null });
const short = (tick, consumed) => ({ stamp: { type: 'short', tick: tick & 15, consumed: consumed & 3 }, note: null });
const absolute = (tick, consumed, note = null) => ({ stamp: { type: 'absolute', tick, consumed }, note });

test('the lowest bits of a tick tell up to half of their circle, and what is behind is no news', () => {
  for (const [stamp, half] of [[short, 8], [long, 16], [dense, 16]]) {
    for (const start of [1000, 0xfffffffa]) {
      for (let ahead = -half + 1; ahead <= half; ahead++) {
        const order = new FrameOrder({ tick: start, incarnation: 1 });
        const tick = (start + ahead) >>> 0;
        const step = order.take(stamp(tick, 3));
        assert.deepEqual([step?.tick, step?.advance, step?.consumed], ahead > 0 ? [tick, ahead, 3] : [undefined, undefined, undefined]);
        assert.deepEqual([order.tick, order.consumed], ahead > 0 ? [tick, 3] : [start, 0]);
        assert.equal(order.take(stamp(tick, 3)), null, 'repeated');
      }
    }
  }
});

test('numbers that are told as a whole count from the welcome', () => {
  const order = new FrameOrder({ tick: 100, incarnation: 1 });
  assert.deepEqual(order.take(long(101, 3, { superseded: 2 })), { tick: 101, advance: 1, consumed: 3, superseded: 2, incarnation: null });
  assert.deepEqual(order.take(absolute(200, 50, { superseded: 7 })), { tick: 200, advance: 99, consumed: 47, superseded: 5, incarnation: null });
  assert.equal(order.take(absolute(200, 50)), null);
  assert.equal(order.take(absolute(199, 60)), null);
  assert.deepEqual(order.take(absolute(201, 51)), { tick: 201, advance: 1, consumed: 1, superseded: 0, incarnation: null });
  assert.deepEqual(order.take(short(202, 53)), { tick: 202, advance: 1, consumed: 2, superseded: 0, incarnation: null });
  assert.throws(() => order.take(absolute(203, 40)), DecodeError);
});

test('a newer incarnation is newer whatever its tick, an older one is not', () => {
  const order = new FrameOrder({ tick: 1000, incarnation: 5 });
  assert.equal(order.take(absolute(1001, 0, { incarnation: 4 })), null);
  assert.deepEqual(order.take(absolute(900, 0, { incarnation: 6 })), { tick: 900, advance: 1, consumed: 0, superseded: 0, incarnation: 6 });
  assert.equal(order.take(absolute(1002, 0, { incarnation: 5 })), null);
  assert.equal(order.take(absolute(900, 0, { incarnation: 6 })), null, 'repeated');
  assert.equal(order.take(absolute(901, 0, { incarnation: 6 })).incarnation, null, 'told again');
  assert.equal(order.take(absolute(2000, 0)), null, 'a whole tick without an incarnation is of the welcome\'s');
  assert.equal(order.take(long(902, 0)).tick, 902);
});

const plans = planSchema(WELCOME.schema);

/** A zone as the server has it: `to` makes the delta to other rows. */
function served(rows = []) {
  const zone = new Zone(plans);
  const to = (next) => {
    const delta = encodeDelta(zone, next);
    zone.applyDelta(delta);
    return delta;
  };
  if (rows.length > 0) to(rows);
  return { zone, to, motion: (id) => rowsOf(zone).find((row) => row.id === id).motion };
}

/** A state at tick 100 with nothing in it, and `apply(parts)`, which advances it by a tick. */
function client() {
  const state = new State();
  state.reset({ ...WELCOME, tick: 100 });
  const log = [];
  state.onAdd('*', ({ id }) => log.push(`+${id}`));
  state.onRemove('*', ({ id }) => log.push(`-${id}`));
  const apply = (...parts) => {
    const wrong = state.apply({ tick: state.tick + 1, advance: 1 }, parts.map((part) => ({ lag: 0, hash: null, ...part })));
    state.announce();
    return wrong;
  };
  return { state, log, apply, x: (id) => state.entities.get(id)?.raw('x') };
}

const keyframe = (zone, rows, more) => ({ zone, form: { type: 'keyframe', bytes: encodeKeyframe(WELCOME.schema, rows) }, ...more });
const chain = (zone, deltas, more) => ({ zone, form: { type: 'chain', deltas }, ...more });
const fresh = (zone, deltas, more) => ({ zone, form: { type: 'fresh', deltas }, ...more });
const gone = (zone, more) => ({ zone, form: { type: 'gone' }, ...more });

test('a chain skips what is known, and one that starts later needs a keyframe', () => {
  const { state, apply, x } = client();
  const { zone, to } = served();
  const deltas = [10, 20, 35, 40, 60].map((at) => to([avatar(1, at)]));
  assert.deepEqual(apply(fresh(3, deltas.slice(0, 1))), []);
  assert.deepEqual(apply(chain(3, deltas.slice(1, 2))), []);
  assert.deepEqual([x(1), state.known], [20, 102]);
  assert.deepEqual(apply(chain(3, deltas.slice(1, 3))), [], 'from 101 to 103');
  assert.deepEqual([x(1), state.known], [35, 103]);
  assert.deepEqual(apply(chain(3, deltas.slice(0, 3), { lag: 1, hash: 1 })), [], 'nothing that is not known');
  assert.deepEqual([x(1), state.known], [35, null], 'the zone is behind the frame');
  assert.deepEqual(apply(chain(3, [new Uint8Array(0)])), [3], 'from 104 to 105');
  assert.deepEqual([x(1), state.known], [35, null]);
  assert.deepEqual(apply(), [3], 'it stays so');
  assert.deepEqual(apply(chain(3, [new Uint8Array(0)])), [3]);
  assert.deepEqual(apply(keyframe(3, rowsOf(zone), { lag: 5, hash: zone.hash() })), [], 'however old the keyframe is');
  assert.deepEqual([x(1), state.tick], [60, 108]);
});

test('a chain for a zone that the client does not have, or with another outcome, needs a keyframe', () => {
  const { state, apply, x, log } = client();
  const { to } = served();
  const deltas = [10, 20].map((at) => to([avatar(1, at)]));
  assert.deepEqual(apply(chain(2, deltas.slice(0, 1))), [2]);
  assert.deepEqual(apply(gone(2)), []);
  assert.deepEqual(apply(fresh(2, [Uint8Array.of(1)])), [2], 'a delta that does not decode');
  assert.deepEqual(apply(fresh(2, deltas, { hash: 1 })), [2]);
  assert.deepEqual([x(1), state.known], [20, null]);
  assert.deepEqual(apply(fresh(2, deltas)), []);
  assert.deepEqual([x(1), state.known], [20, 105]);
  assert.deepEqual(apply(gone(2)), []);
  assert.deepEqual([state.zones.entries, log], [[], ['+1', '-1']]);
  assert.deepEqual(apply(gone(2)), []);
});

test('zones without a part stay as they are, and the newest row of an entity counts', () => {
  const { state, apply, x } = client();
  apply(keyframe(1, [avatar(5, 10)]), keyframe(2, [avatar(5, 20), avatar(6, 1)]));
  assert.deepEqual([x(5), x(6), state.known], [20, 1, 101]);
  apply(keyframe(1, [avatar(5, 30)]));
  assert.deepEqual([x(5), x(6), state.known], [30, 1, null]);
  apply(keyframe(2, [avatar(5, 40), avatar(6, 2)], { lag: 1 }), keyframe(1, [avatar(5, 50)]));
  assert.deepEqual([x(5), x(6)], [50, 2]);
  apply(keyframe(2, [avatar(5, 60), avatar(6, 3)]), keyframe(1, [avatar(5, 70)]));
  assert.deepEqual([x(5), x(6), state.known], [60, 3, 104]);
});

test('an entity that crosses into a zone that lags is neither removed nor doubled, and moves on from where it was', () => {
  const { state, apply, x, log } = client();
  const [a, b] = [served([avatar(1, 0), avatar(2, 0)]), served([avatar(9, 0)])];
  apply(keyframe(1, rowsOf(a.zone)), keyframe(2, rowsOf(b.zone)));
  apply(chain(1, [a.to([avatar(1, 10), avatar(2, 0)])]));
  const motion = a.motion(1);
  const waiting = [b.to([avatar(9, 0)]), b.to([{ ...avatar(1, 20), motion }, avatar(9, 0)])];
  apply(chain(1, [a.to([avatar(2, 0)])]));
  assert.deepEqual([x(1), state.entities.size, log], [10, 3, ['+9', '+1', '+2']]);
  apply(chain(1, [a.to([])]), chain(2, waiting.slice(0, 1), { lag: 2 }));
  assert.deepEqual([x(1), state.entities.size], [10, 3], 'neither is gone for sure');
  apply(chain(2, waiting.slice(1), { lag: 2 }));
  assert.deepEqual([x(1), state.entities.get(1).teleported, state.entities.size], [20, false, 3]);
  apply(chain(2, [b.to([avatar(1, 30), avatar(9, 0)]), b.to([avatar(1, 40), avatar(9, 0)])], { lag: 1 }));
  assert.deepEqual([x(1), log], [40, ['+9', '+1', '+2', '-2']], 'entity 2 is in no zone');
});

test('a removal waits for the zones that were behind then, not for those that always are', () => {
  const { apply, log } = client();
  apply(keyframe(1, [avatar(1, 0), avatar(2, 0)]), keyframe(2, [avatar(9, 0)]));
  const still = (zone, count, more) => chain(zone, Array.from({ length: count }, () => new Uint8Array(0)), more);
  apply(still(1, 1));
  apply(still(1, 1), still(2, 1, { lag: 1 }));
  apply(keyframe(1, [avatar(2, 0)]), still(2, 1, { lag: 1 }));
  assert.deepEqual(log, ['+9', '+1', '+2']);
  apply(still(1, 1), still(2, 1, { lag: 1 }));
  assert.deepEqual(log, ['+9', '+1', '+2', '-1']);
});

test('an entity does not go back to an older row while its zone catches up', () => {
  const { apply, x, log } = client();
  apply(keyframe(1, [avatar(1, 10), avatar(8, 0)]), keyframe(2, [avatar(9, 0)]));
  apply(keyframe(2, [avatar(1, 20), avatar(9, 0)]));
  apply(keyframe(2, [avatar(9, 0)]));
  assert.deepEqual([x(1), log], [20, ['+9', '+1', '+8']]);
  apply(keyframe(1, [avatar(1, 30), avatar(8, 0)], { lag: 1 }));
  assert.deepEqual([x(1), log], [30, ['+9', '+1', '+8']]);
});

test('a delta marks what is placed somewhere, and that starts at rest', () => {
  const { zone, to } = served([avatar(1, 0), avatar(2, 0), avatar(4, 0)]);
  const marked = () => {
    const ids = [...zone.placed[0]];
    zone.forgetPlaced();
    return ids;
  };
  assert.deepEqual(marked(), [1, 2, 4], 'they came without their motion');
  to([avatar(1, 100), avatar(2, 100), avatar(4, 100)]);
  assert.deepEqual(marked(), []);
  const motion = rowsOf(zone)[0].motion;
  to([{ ...avatar(1, 500), teleported: true }, avatar(2, 200), { ...avatar(4, 200, 7), teleported: true }]);
  assert.deepEqual([marked(), rowsOf(zone)[0].motion], [[1, 4], [0, 0, 0, 0]]);
  to([avatar(1, 500), avatar(2, 300), { ...avatar(3, 5), motion }, avatar(4, 200, 7), avatar(5, 5)]);
  assert.deepEqual([marked(), rowsOf(zone)[2].motion], [[5], motion]);
  const before = zone.hash();
  assert.throws(() => to([avatar(1, 500), { ...avatar(2, 400), teleported: true }, avatar(3, 105), avatar(4, 200, 8), avatar(5, 5)]), DecodeError);
  assert.equal(zone.hash(), before, 'a teleported row is where it was expected');
});

test('motion cells out of their range are refused', () => {
  const rest = [0, 0, 0, 0];
  for (const [cell, value] of [[0, 200_001], [0, -200_001], [1, 9], [1, -9], [3, 9]]) {
    const motion = rest.with(cell, value);
    const least = rest.with(cell, value - Math.sign(value));
    const row = (cells) => ({ ...avatar(1, 5), motion: cells });
    const read = (cells) => new Zone(plans).readKeyframe(encodeKeyframe(WELCOME.schema, [row(cells)]));
    const cross = (cells) => served().to([row(cells)]);
    for (const take of [read, cross]) {
      take(least);
      assert.throws(() => take(motion), DecodeError, `${motion}`);
    }
  }
});

test('nothing is drawn between the two places of a teleport', async () => {
  for (const crosses of [false, true]) {
    const { time, server, room } = await join();
    const zones = [served([avatar(2, 0), avatar(8, 0)]), served([avatar(9, 0)])];
    const [here, there] = [zones[0], zones[crosses ? 1 : 0]];
    let tick = server.welcome.tick;
    const send = (parts) => {
      tick += 1;
      server.peer.send(encodeFrame({ stamp: { type: 'absolute', tick: tick >>> 0, consumed: 0 }, zones: parts }));
    };
    send(zones.map(({ zone }, id) => keyframe(id, rowsOf(zone))));
    const seen = [];
    const told = [];
    room.onChange('*', ({ id, x, teleported }) => id === 2 && told.push([x, teleported]));
    for (let step = 1; step <= 12; step++) {
      const at = avatar(2, step < 6 ? step * 16 : 6400 + step * 16);
      const moved = step === 6 && !crosses ? { ...at, teleported: true } : at;
      const left = crosses && step >= 6;
      send([
        chain(0, [here.to(left ? [avatar(8, 0)] : [moved, avatar(8, 0)])]),
        chain(1, [zones[1].to(left ? [moved, avatar(9, 0)] : [avatar(9, 0)])]),
      ]);
      for (let part = 0; part < 5; part++) {
        await time.advance(10);
        seen.push(room.view().find(({ id }) => id === 2)?.x ?? 0);
      }
    }
    assert.equal(there.motion(2).length, 4);
    assert.ok(seen.every((x) => x <= 5 * 0.25 || x >= 101.5), `${seen}`);
    assert.ok(seen.some((x) => x > 0.25 && x < 1) && seen.some((x) => x > 101.5 && x < 102), `${seen}`);
    assert.deepEqual(told.filter(([, teleported]) => teleported), [[101.5, true]]);
    assert.equal(told.length, 12);
  }
});

test('the own avatar is at once where it is teleported to', async () => {
  for (const teleported of [false, true]) {
    const { time, server, room } = await join();
    room.usePrediction({ read: (entity) => ({ x: entity.raw('x') }), step: () => {}, copy: (from, to) => Object.assign(to, from) });
    const { to } = served();
    const { zone, form } = fresh(0, [to([avatar(1, 0)])]);
    server.peer.send(encodeFrame({ stamp: server.peer.stamp(1, 0), zones: [{ zone, form }] }));
    await time.advance(100);
    server.peer.send(encodeFrame({ stamp: server.peer.stamp(1, 0), zones: [chain(0, [to([{ ...avatar(1, 6400), teleported }])])] }));
    await time.advance(11);
    assert.equal(room.view()[0].x === 100, teleported);
    await time.advance(200);
    assert.equal(room.view()[0].x, 100);
  }
});

test('a newer incarnation replaces all zones, and entities that are still there stay', async () => {
  const { time, server, room } = await join({ welcome: { tick: 1000 } });
  const log = watchEntities(room);
  server.frame({ zones: [[0, [avatar(1, 64), avatar(2, 64)]], [1, [avatar(3, 64)]]] });
  await time.advance(50);
  const own = room.state.entities.get(1);
  const send = (tick, incarnation, parts) => {
    server.peer.send(encodeFrame({ stamp: { type: 'absolute', tick, consumed: 0 }, note: { incarnation }, zones: parts }));
    return time.advance(50);
  };
  await send(1002, 6, [keyframe(0, [avatar(1, 0)])]);
  assert.deepEqual([room.state.tick, own.x], [1001, 1], 'an older incarnation');
  await send(500, 8, [keyframe(0, [avatar(1, 128)], { lag: 3 })]);
  assert.deepEqual([room.state.tick, room.state.entities.get(1), own.x], [500, own, 2]);
  assert.deepEqual(log, ['+3', '+1', '+2', '-3', '-2', '~1']);
  await send(501, 8, [chain(1, [new Uint8Array(0)])]);
  assert.deepEqual(server.peer.of('resync').map(({ zone, tick }) => [zone, tick]), [[1, 501]]);
});
