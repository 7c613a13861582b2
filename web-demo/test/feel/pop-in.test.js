// Whether anything pops up in the big arena: pictures in which somebody is missing who is within sight of the drawn avatar, while
// everyone runs, over simulated links. Needs the server in lockstep: `cargo build --example lockstep`. Every figure is that of a seed.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';

import { Client } from '../../client/index.js';
import { arenaPredictor, parseMap } from '../../demo/arena.js';
import { PER_METRE, Truth } from './measures.js';
import { Runner, other, subject } from './pilots.js';
import { World } from './world.js';

const LINKS = { lan: 'lan', wifi: 'wifi', lte: 'lte', '100 ms': { rtt_ms: 100, jitter_ms: 20 } };
const SEEDS = [1, 2, 3];
const SECONDS = 12;
const WARM_UP_MS = 4000;
/** Within 24 m of each other there are then about eight of them. */
const OTHERS = 20;
/** Half the side of the square in which they run, in quanta. */
const REACH = 35 * PER_METRE;
const TILES = parseMap(readFileSync(new URL('../../../assets/maps/big.txt', import.meta.url), 'utf8'));
const MIDDLE = (TILES.width * PER_METRE) / 2;

/** Who is missing in the pictures of one player. */
class Gaps {
  constructor(truth) {
    this.truth = truth;
    this.pictures = 0;
    /** Pictures in which somebody within sight is missing, and somebody within three times that. */
    this.missing = 0;
    this.missingBeyond = 0;
    /** The least distance of anybody missing, in metres. */
    this.nearest = Infinity;
    /** Who is within sight, and how often somebody came. */
    this.seen = new Set();
    this.came = 0;
  }

  picture(room, views) {
    const { truth } = this;
    const moment = truth.momentOf(0) + room.clock.renderNow();
    const shown = new Map(views.filter(({ kind }) => kind === 'avatar').map((view) => [view.id, view]));
    const [ownX, ownY] = [0, 1].map((axis) => shown.get(room.entity).values[axis] / PER_METRE);
    const sight = room.grid.sight / PER_METRE;
    let nearest = Infinity;
    for (const id of truth.ids(moment)) {
      const place = truth.at(id, moment);
      if (!place) continue;
      const distance = Math.hypot(place[0] - ownX, place[1] - ownY);
      if (!shown.has(id)) nearest = Math.min(nearest, distance);
      if (distance > sight) this.seen.delete(id);
      else if (!this.seen.has(id)) {
        this.seen.add(id);
        this.came += 1;
      }
    }
    this.pictures += 1;
    this.missing += Number(nearest <= sight);
    this.missingBeyond += Number(nearest <= 3 * sight);
    this.nearest = Math.min(this.nearest, nearest);
  }
}

async function gapsOf(profile, seed) {
  const world = new World({ map: 'big', seed });
  const gaps = new Gaps(new Truth(world));
  const runner = (number) => new Runner(seed * 1000 + number, MIDDLE, REACH);
  for (let number = 2; number < OTHERS + 2; number++) await other(world, Client, { seed: number, whims: runner(number) });
  await world.run(500);
  let isMeasuring = false;
  const { machine } = subject(world, Client, {
    profile, seed, whims: runner(1),
    begin: (room) => room.usePrediction(arenaPredictor(TILES, room.rate)),
    draw: (room, now) => {
      const views = room.view(now);
      if (isMeasuring) gaps.picture(room, views);
    },
  });
  await world.run(WARM_UP_MS);
  isMeasuring = true;
  await world.run(SECONDS * 1000);
  await world.stop();
  assert.ok(machine.heardAt > world.us - 1_000_000, 'the player is online');
  return gaps;
}

test('nobody within sight is missing in a picture, at a run and 100 ms of round trip', async (t) => {
  for (const [name, profile] of Object.entries(LINKS)) {
    let [pictures, came, nearest] = [0, 0, Infinity];
    for (const seed of SEEDS) {
      const gaps = await gapsOf(profile, seed);
      assert.equal(gaps.missing, 0, `${name}, seed ${seed}: of ${gaps.pictures} pictures; the nearest is ${gaps.nearest.toFixed(1)} m away`);
      // What nobody is sent is missing: the measure would find it.
      assert.ok(gaps.missingBeyond > 0 && gaps.pictures > SECONDS * 55, `${name}, seed ${seed}: ${gaps.missingBeyond} of ${gaps.pictures}`);
      pictures += gaps.pictures;
      came += gaps.came;
      nearest = Math.min(nearest, gaps.nearest);
    }
    assert.ok(came > 30, `${came} came into sight`);
    t.diagnostic(`${name}: ${pictures} pictures, ${came} came into sight, the nearest who was missing was ${nearest.toFixed(1)} m away`);
  }
});
