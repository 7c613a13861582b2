/**
 * The avatar step against the steps that the Rust twin recorded (`crates/games/tests/arena.rs`), and the predictor around it.
 * @module
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { checkSteps } from '../client/testing.js';
import { RADIUS, arenaPredictor, cosine, isSolid, parseMap, sine, stepAvatar, tuningFor } from '../demo/arena.js';

/** @param {string} path within the repository */
const read = (path) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
/** @param {string} name */
const mapOf = (name) => parseMap(read(`assets/maps/${name}.txt`));
const golden = JSON.parse(read('crates/games/tests/golden/arena.json'));
const steps = JSON.parse(read('crates/games/tests/golden/arena_steps.json'));

/** Marsaglia's xorshift32. */
class Xorshift {
  /** @param {number} seed */
  constructor(seed) {
    this.state = seed;
  }

  next() {
    this.state ^= this.state << 13;
    this.state ^= this.state >>> 17;
    this.state ^= this.state << 5;
    return this.state >>> 0;
  }

  /** @param {number} bound */
  below(bound) {
    return this.next() % bound;
  }
}

/** FNV-1a over words instead of bytes. */
class Fnv {
  hash = 2166136261 | 0;

  /** @param {number} value */
  add(value) {
    this.hash = Math.imul(this.hash ^ value, 16777619);
  }
}

/** @param {import('../demo/arena.js').AvatarState} avatar */
const cells = ({ x, y, heading, kx, ky, dash, wait, reload, mood }) => [x, y, heading, kx, ky, dash, wait, reload, mood];

const fresh = () => ({ x: 0, y: 0, heading: 0, kx: 0, ky: 0, dash: 0, wait: 0, reload: 0, mood: 0 });

/**
 * Puts the avatar on a random floor tile.
 * @param {import('../demo/arena.js').TileMap} map
 * @param {import('../demo/arena.js').AvatarState} avatar
 * @param {Xorshift} random
 */
function place(map, avatar, random) {
  const tile = map.floor[random.below(map.floor.length)];
  avatar.x = (tile % map.width) * 64 + 32;
  avatar.y = Math.floor(tile / map.width) * 64 + 32;
}

test('the compass is the same', () => {
  const compass = new Fnv();
  for (let heading = 0; heading < 256; heading++) {
    compass.add(cosine(heading));
    compass.add(sine(heading));
  }
  assert.equal(compass.hash >>> 0, golden.compass);
});

test('the tuning is the same at every rate', () => {
  golden.tunings.forEach((/** @type {number[]} */ amounts, /** @type {number} */ index) => {
    assert.deepEqual(Object.values(tuningFor(index + 1)), amounts);
  });
});

test('the step is the same at every rate and in every map', () => {
  const told = checkSteps(steps, ({ rate, setup }) => arenaPredictor(mapOf(setup.map), rate));
  assert.deepEqual(told, { steps: 20_000, fields: Object.keys(fresh()) });
});

test('maps are read and faults are refused', () => {
  const map = mapOf('courtyard');
  assert.deepEqual([map.width, map.height], [48, 32]);
  assert.ok(isSolid(map, 0, 0) && isSolid(map, -1, 5) && isSolid(map, 48, 5) && !isSolid(map, 1, 1));
  assert.throws(() => parseMap('##\n#'), /row 2 has 1 tiles, the first has 2/);
  assert.throws(() => parseMap('#.\n#x'), /row 2: 'x'/);
  assert.throws(() => parseMap('##'), /without floor/);
  assert.throws(() => parseMap(''), /without floor/);
  assert.throws(() => parseMap('.'.repeat(1001)), /1001 x 1 tiles: at most 1000 each/);
  for (const repeats of ['0 9', '9', '9 1001', '9 -1', '9 9 9', 'x y']) {
    assert.throws(() => parseMap(`repeat ${repeats}\n.`), new RegExp(`"repeat ${repeats}": must be such as "repeat 40 30"`));
  }
  assert.throws(() => parseMap(`repeat 1000 9\n${'.'.repeat(11)}`), /11000 x 9 tiles: at most 10000 each/);
});

test('a block is repeated, and the step does not see where it ends', () => {
  const [across, down] = [3, 2];
  const rows = ['#..#.....', '.........', '...##....', '.......#.', '.........'];
  const unrolled = parseMap(Array.from({ length: down }, () => rows.map((row) => row.repeat(across))).flat().join('\n'));
  const map = parseMap(`repeat ${across} ${down}\r\n${rows.join('\r\n')}\r\n`);
  assert.deepEqual([map.width, map.height, map.block], [27, 10, { width: 9, height: 5 }]);
  for (let row = -1; row <= 10; row++) {
    for (let column = -1; column <= 27; column++) assert.equal(isSolid(map, column, row), isSolid(unrolled, column, row), `${column}, ${row}`);
  }
  const random = new Xorshift(17);
  const tuning = tuningFor(20);
  const [one, other] = [fresh(), fresh()];
  place(unrolled, one, random);
  Object.assign(other, one);
  const entered = new Set();
  for (let step = 0; step < 4000; step++) {
    const bits = random.next();
    const input = { heading: step % 30 === 0 ? bits & 255 : one.heading, run: 1, dash: (bits >>> 8) & 1, throw: 0 };
    stepAvatar(unrolled, tuning, one, input);
    stepAvatar(map, tuning, other, input);
    assert.deepEqual(cells(other), cells(one), `step ${step}`);
    entered.add(`${Math.floor(one.x / 64 / 9)} ${Math.floor(one.y / 64 / 5)}`);
  }
  assert.equal(entered.size, across * down, 'it has been everywhere');
});

test('the big map is 4 km wide without as many tiles in memory', () => {
  const map = mapOf('big');
  assert.deepEqual([map.width, map.height, map.solid.length], [4000, 4000, 10_000]);
  assert.equal(isSolid(map, 3907, 3900), isSolid(map, 7, 0));
  assert.ok(isSolid(map, 7, 0) && isSolid(map, 4000, 0) && !isSolid(map, 3999, 3999));
});

test('a predictor reads a row and steps', () => {
  const predictor = arenaPredictor(parseMap('......\n......\n......\n'), 20);
  /** @type {Record<string, number>} */
  const row = { ...fresh(), x: 96, y: 96, kx: -640, score: 7 };
  const state = predictor.read({ raw: (field) => row[field] });
  assert.deepEqual(state, { ...fresh(), x: 96, y: 96, kx: -640 });
  const before = { ...state };
  assert.deepEqual(predictor.step(state, { heading: 0, run: 1, dash: 0, throw: 1 }), { x: 107 / 64, y: 1.5, heading: 0 }, 'it throws from where it is then');
  assert.deepEqual([state.x, state.y, state.kx, state.reload], [96 + 19 - 8, 96, -512, 14]);
  assert.equal(before.x, 96);
  for (let tick = 0; tick < 40; tick++) assert.equal(predictor.step(state, { heading: 64, run: 1, dash: 1, throw: 0 }), null);
  assert.equal(state.y, 3 * 64 - RADIUS);
});
