// Frame messages that are lost, repeated and overtaken among other messages, as on an unordered transport: whatever the client
// applies is right, and what it does not apply changes nothing. In virtual time, with seeds.

import assert from 'node:assert/strict';
import test from 'node:test';

import { join } from './support/join.js';
import { dice } from './support/random.js';
import { encodeFrame } from './support/wire.js';
import { ZonesWorld } from './support/zones-world.js';

const SEEDS = Number(process.env.TICKWIRE_SEEDS ?? 60);
const ONE = process.env.TICKWIRE_SEED;
const STEPS = 150;
const FIRST_TICK = 1000;

/** Everything that a frame may change, except rates. */
function picture({ state, stats }) {
  const zones = state.zones.entries.map(({ id, elapsed, lost, zone }) => [id, elapsed, lost, zone.hash()]);
  const entities = [...state.entities.values()].map(({ id, values, history }) => [id, ...values, history.pushed]);
  return JSON.stringify([state.tick, state.elapsed, stats.snapshots, zones, entities.sort((a, b) => a[0] - b[0])]);
}

/** One seed; returns how often what happened. */
async function play(seed) {
  const chance = dice(seed);
  const { time, server, room } = await join({ welcome: { tick: FIRST_TICK } });
  const world = new ZonesWorld(chance, server.welcome.schema, FIRST_TICK);
  const seen = { applied: 0, ignored: 0, lagging: 0, crossed: 0, removed: 0 };
  const added = new Set();
  const faults = [];
  const heard = [];
  room.onAdd('avatar', ({ id }) => {
    if (added.has(id)) faults.push(`${id} is added twice`);
    added.add(id);
  });
  room.onRemove('avatar', ({ id, history }) => {
    seen.removed += 1;
    added.delete(id);
    const since = room.state.tick - (room.state.elapsed - history.newest);
    const crossings = world.entities.get(id)?.crossings.filter((tick) => tick > since).length;
    // Of an entity that passed through a zone while the client heard nothing of it, the client cannot know that it lives.
    if (crossings <= 1) faults.push(`${id} is removed and lives`);
  });
  room.onMessage(7, ([low, high]) => heard.push(low + 256 * high));
  const views = new Map([[FIRST_TICK, new Map()]]);
  const acknowledged = () => {
    const low = server.peer.received.findLast(({ ack }) => ack)?.ack.tick ?? FIRST_TICK & 255;
    for (let tick = world.tick; tick > world.tick - 256; tick--) if (views.has(tick) && (tick & 255) === low) return { tick, view: views.get(tick) };
    throw new Error(`tick ${low} was not sent`);
  };
  const take = (tick) => (arrive) => {
    const before = picture(room);
    const newer = tick > room.state.tick;
    arrive();
    seen[newer ? 'applied' : 'ignored'] += 1;
    assert.deepEqual(faults, []);
    if (newer) check(room, world, tick, seen);
    else assert.equal(picture(room), before, 'a frame that is not newer changes something');
  };
  const queue = [];
  const release = (step) => {
    for (const late of queue.splice(0)) {
      if (late.at > step) queue.push(late);
      else server.peer.send(late.bytes, take(late.tick));
    }
  };
  for (let step = 1; step <= STEPS; step++) {
    world.step();
    const calm = step > STEPS - 5;
    const { parts, view } = world.compose(acknowledged(), !calm);
    views.set(world.tick, view);
    const bytes = encodeFrame({ stamp: { type: 'absolute', tick: world.tick, consumed: 0 }, zones: parts });
    const copies = calm ? 1 : chance.pick([0, 1, 1, 1, 2]);
    for (let copy = 0; copy < copies; copy++) queue.push({ at: step + (calm || chance.one(0.7) ? 0 : chance.below(5)), tick: world.tick, bytes });
    if (chance.one(0.5)) queue.reverse();
    server.peer.tick = world.tick;
    server.delivery({ events: { first: step, items: [{ game: { kind: 7, body: Uint8Array.of(step & 255, step >> 8) } }] } });
    release(step);
    await time.advance(50);
  }
  assert.equal(room.connection, 'online');
  assert.deepEqual([room.stats.desyncs, server.peer.of('resync').length], [0, 0]);
  assert.deepEqual(heard, Array.from({ length: STEPS }, (_, index) => index + 1));
  const ids = (map) => [...map.keys()].sort((a, b) => a - b);
  assert.deepEqual(ids(room.state.entities), ids(world.entities));
  return seen;
}

/** What the client has after a frame is what the server had. */
function check({ state }, world, tick, seen) {
  assert.equal(state.tick, tick);
  for (const { id, elapsed, lost, zone } of state.zones.entries) {
    const at = tick - (state.elapsed - elapsed);
    if (at < tick) seen.lagging += 1;
    assert.ok(!lost && zone.hash() === world.hashes.get(at).get(id), `zone ${id} at tick ${at}`);
  }
  for (const { id, values, history, seen: { zone } } of state.entities.values()) {
    const at = tick - (state.elapsed - history.newest);
    assert.deepEqual([values[0], values[1]], world.values.get(at).get(id), `entity ${id} at tick ${at}`);
    if (!state.zones.entries.includes(zone)) seen.crossed += 1;
  }
}

test('frames that are lost, repeated or overtaken leave nothing wrong', async (t) => {
  const total = {};
  for (let seed = Number(ONE ?? 0); seed < (ONE === undefined ? SEEDS : Number(ONE) + 1); seed++) {
    try {
      for (const [what, count] of Object.entries(await play(seed))) total[what] = (total[what] ?? 0) + count;
    } catch (error) {
      error.message = `TICKWIRE_SEED=${seed}: ${error.message}`;
      throw error;
    }
  }
  t.diagnostic(JSON.stringify(total));
  if (ONE === undefined) for (const [what, count] of Object.entries(total)) assert.ok(count > SEEDS, `${what} happened ${count} times`);
});
