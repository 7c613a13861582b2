/**
 * The arena's avatar step: the twin of `crates/games/src/arena/step.rs`, so that the own avatar can be predicted.
 *
 * Everything is a 32-bit integer. `| 0` truncates towards zero as Rust's division does, and makes zero of minus zero.
 * `crates/games/tests/golden/arena_steps.json` keeps the twins equal. No drawing and no network here.
 * @module
 */

/**
 * A map of tiles of one metre: a block that is repeated side by side and one below the other, in most maps once.
 * @typedef {object} TileMap
 * @property {number} width in tiles
 * @property {number} height in tiles
 * @property {{ width: number, height: number }} block in tiles
 * @property {Uint8Array} solid the block's tiles row by row, 1 where nobody can be
 * @property {Int32Array} floor indices of the block's other tiles, ascending
 */

/**
 * The amounts of the step at one tick rate. Speeds are in 64ths of a quantum per tick, times in ticks.
 * @typedef {object} Tuning
 * @property {number} rate ticks per second
 * @property {number} run
 * @property {number} dash
 * @property {number} dashTicks how long a dash lasts
 * @property {number} dashWait from one dash to the next
 * @property {number} reload from one throw to the next
 * @property {number} stagger knockback above which the avatar staggers
 */

/**
 * What the step reads and writes, all of it in the avatar's row.
 * @typedef {object} AvatarState
 * @property {number} x centre, in quanta
 * @property {number} y centre, in quanta
 * @property {number} heading in 256 parts of a turn
 * @property {number} kx speed of knockback, in 64ths of a quantum per tick
 * @property {number} ky speed of knockback, in 64ths of a quantum per tick
 * @property {number} dash ticks of dash left
 * @property {number} wait ticks until the next dash is possible
 * @property {number} reload ticks until the next throw is possible
 * @property {number} mood one of {@link MOOD}
 */

/**
 * What the player wants for one tick; flags are 0 or 1.
 * @typedef {{ heading: number, run: number, dash: number, throw: number }} AvatarInput
 */

/** Quanta per metre; a tile is one metre. */
export const PER_METRE = 64;
/** Half the side of an avatar, in quanta. */
export const RADIUS = 26;
/** The labels of the field `mood`. */
const MOOD = Object.freeze({ idle: 0, run: 1, dash: 2, hit: 3 });

/** Parts of a quantum in which speeds are counted. */
const SUB = 64;
const FRICTION = 5;

/** A quarter of the cosine in parts of 2^14. */
const QUARTER = [
  16384, 16379, 16364, 16340, 16305, 16261, 16207, 16143, 16069, 15986, 15893, 15791, 15679, 15557, 15426, 15286, 15137,
  14978, 14811, 14635, 14449, 14256, 14053, 13842, 13623, 13395, 13160, 12916, 12665, 12406, 12140, 11866, 11585, 11297,
  11003, 10702, 10394, 10080, 9760, 9434, 9102, 8765, 8423, 8076, 7723, 7366, 7005, 6639, 6270, 5897, 5520, 5139, 4756,
  4370, 3981, 3590, 3196, 2801, 2404, 2006, 1606, 1205, 804, 402, 0,
];

const COSINE = Int32Array.from({ length: 256 }, (_, heading) => {
  if (heading <= 64) return QUARTER[heading];
  if (heading <= 128) return -QUARTER[128 - heading];
  if (heading <= 192) return -QUARTER[heading - 128];
  return QUARTER[256 - heading];
});

/**
 * The cosine of a heading (modulo a turn) in parts of 2^14.
 * @param {number} heading
 */
export function cosine(heading) {
  return COSINE[heading & 255];
}

/**
 * The sine of a heading (modulo a turn) in parts of 2^14.
 * @param {number} heading
 */
export function sine(heading) {
  return COSINE[(heading - 64) & 255];
}

/** The longest side of a block, and that of a whole map. */
const MAX_SIDE = 1000;
const MAX_WHOLE = 10_000;
/** What a first line begins with that says how often the block is repeated. */
const REPEAT = 'repeat ';

/**
 * Reads a map: one line per row of tiles, `#` is solid, `.` is floor. After a first line `repeat 40 30` the tiles are a block,
 * which is repeated 40 times in each row and 30 times in each column.
 * @param {string} text
 * @returns {TileMap}
 * @throws {Error} when rows differ in length, a character is no tile, there is no floor, or the map is too large
 */
export function parseMap(text) {
  const rows = text.split(/\r?\n/);
  if (rows.at(-1) === '') rows.pop();
  const [across, down] = rows[0]?.startsWith(REPEAT) ? readRepeats(rows.shift() ?? '') : [1, 1];
  const [width, height] = [rows[0]?.length ?? 0, rows.length];
  if (width > MAX_SIDE || height > MAX_SIDE) throw new Error(`map of ${width} x ${height} tiles: at most ${MAX_SIDE} each`);
  const solid = new Uint8Array(width * height);
  /** @type {number[]} */
  const floor = [];
  rows.forEach((row, y) => {
    if (row.length !== width) throw new Error(`map row ${y + 1} has ${row.length} tiles, the first has ${width}`);
    const other = /[^#.]/u.exec(row);
    if (other) throw new Error(`map row ${y + 1}: '${other[0]}' is no tile`);
    for (let x = 0; x < width; x++) {
      const tile = y * width + x;
      if (row[x] === '#') solid[tile] = 1;
      else floor.push(tile);
    }
  });
  if (floor.length === 0) throw new Error('map without floor');
  const map = { width: width * across, height: height * down, block: { width, height }, solid, floor: Int32Array.from(floor) };
  if (map.width > MAX_WHOLE || map.height > MAX_WHOLE) {
    throw new Error(`map of ${map.width} x ${map.height} tiles: at most ${MAX_WHOLE} each`);
  }
  return map;
}

/** How often a block is repeated. @param {string} line @returns {[number, number]} */
function readRepeats(line) {
  const [, across, down] = /^repeat (\d+) (\d+)$/.exec(line)?.map(Number) ?? [];
  const is = (/** @type {number | undefined} */ count) => count !== undefined && count >= 1 && count <= 1000;
  if (!is(across) || !is(down)) throw new Error(`"${line}": must be such as "repeat 40 30"`);
  return [across, down];
}

/**
 * Whether a tile is solid; outside the map all are.
 * @param {TileMap} map
 * @param {number} column
 * @param {number} row
 */
export function isSolid({ width, height, block, solid }, column, row) {
  if (column < 0 || row < 0 || column >= width || row >= height) return true;
  return solid[(row % block.height) * block.width + (column % block.width)] === 1;
}

/**
 * The amounts at `rate` ticks per second.
 * @param {number} rate
 * @returns {Tuning}
 */
export function tuningFor(rate) {
  const speed = (/** @type {number} */ metresPerSecond) =>
    ((metresPerSecond * PER_METRE * SUB + ((rate / 2) | 0)) / rate) | 0;
  const ticks = (/** @type {number} */ milliseconds) => Math.max(((milliseconds * rate + 500) / 1000) | 0, 1);
  return {
    rate,
    run: speed(6),
    dash: speed(16),
    dashTicks: ticks(200),
    dashWait: ticks(1500),
    reload: ticks(700),
    stagger: speed(1),
  };
}

/**
 * Advances `avatar` by one tick.
 * @param {TileMap} map
 * @param {Tuning} tuning
 * @param {AvatarState} avatar changed in place
 * @param {AvatarInput} input
 * @returns {boolean} whether it throws now
 */
export function stepAvatar(map, tuning, avatar, input) {
  avatar.wait = Math.max(avatar.wait - 1, 0);
  avatar.reload = Math.max(avatar.reload - 1, 0);
  avatar.heading = input.heading;
  if (input.dash && avatar.wait === 0) {
    avatar.dash = tuning.dashTicks;
    avatar.wait = tuning.dashWait;
  }
  const throws = input.throw !== 0 && avatar.reload === 0;
  if (throws) avatar.reload = tuning.reload;
  let speed = 0;
  /** @type {number} */
  let mood = MOOD.idle;
  if (avatar.dash > 0) {
    speed = tuning.dash;
    mood = MOOD.dash;
  } else if (input.run) {
    speed = tuning.run;
    mood = MOOD.run;
  }
  avatar.dash = Math.max(avatar.dash - 1, 0);
  avatar.kx = ((avatar.kx * tuning.rate) / (tuning.rate + FRICTION)) | 0;
  avatar.ky = ((avatar.ky * tuning.rate) / (tuning.rate + FRICTION)) | 0;
  if (Math.abs(avatar.kx) + Math.abs(avatar.ky) > tuning.stagger) mood = MOOD.hit;
  avatar.mood = mood;
  const dx = round(cosine(avatar.heading) * speed, 20) + round(avatar.kx, 6);
  const dy = round(sine(avatar.heading) * speed, 20) + round(avatar.ky, 6);
  avatar.x = slide(map, avatar.x, avatar.y, dx, false);
  avatar.y = slide(map, avatar.y, avatar.x, dy, true);
  return throws;
}

/**
 * `value` / 2^`bits`, rounded to the nearest, halves away from zero.
 * @param {number} value
 * @param {number} bits
 */
function round(value, bits) {
  const half = 1 << (bits - 1);
  return value < 0 ? -((half - value) >> bits) | 0 : (value + half) >> bits;
}

/**
 * Moves an avatar by `delta` along one axis up to the first wall; every tile line on the way is looked at.
 * @param {TileMap} map
 * @param {number} along centre on that axis
 * @param {number} across centre on the other axis
 * @param {number} delta
 * @param {boolean} vertical whether the axis is y
 */
function slide(map, along, across, delta, vertical) {
  const target = along + delta;
  if (delta > 0) {
    const last = (target + RADIUS - 1) >> 6;
    for (let line = ((along + RADIUS - 1) >> 6) + 1; line <= last; line++) {
      if (blocked(map, line, across, vertical)) return line * PER_METRE - RADIUS;
    }
  } else {
    const last = (target - RADIUS) >> 6;
    for (let line = ((along - RADIUS) >> 6) - 1; line >= last; line--) {
      if (blocked(map, line, across, vertical)) return (line + 1) * PER_METRE + RADIUS;
    }
  }
  return target;
}

/**
 * @param {TileMap} map
 * @param {number} line the tile along the axis of movement
 * @param {number} across
 * @param {boolean} vertical
 */
function blocked(map, line, across, vertical) {
  const last = (across + RADIUS - 1) >> 6;
  for (let side = (across - RADIUS) >> 6; side <= last; side++) {
    if (vertical ? isSolid(map, side, line) : isSolid(map, line, side)) return true;
  }
  return false;
}

/** @type {(keyof AvatarState)[]} */
const FIELDS = ['x', 'y', 'heading', 'kx', 'ky', 'dash', 'wait', 'reload', 'mood'];

/**
 * Predicts the own avatar for the client's reconciliation.
 * @param {TileMap} map
 * @param {number} rate ticks per second
 */
export function arenaPredictor(map, rate) {
  const tuning = tuningFor(rate);
  return {
    /**
     * The state in a received row.
     * @param {{ raw(field: string): number }} entity
     * @returns {AvatarState}
     */
    read(entity) {
      const state = { x: 0, y: 0, heading: 0, kx: 0, ky: 0, dash: 0, wait: 0, reload: 0, mood: 0 };
      for (const field of FIELDS) state[field] = entity.raw(field);
      return state;
    },
    /**
     * Advances `state` by one tick.
     * @param {AvatarState} state changed in place
     * @param {AvatarInput} input
     * @returns {{ x: number, y: number, heading: number } | null} the throw that it makes now, in metres and radians
     */
    step(state, input) {
      if (!stepAvatar(map, tuning, state, input)) return null;
      return { x: state.x / PER_METRE, y: state.y / PER_METRE, heading: (state.heading * Math.PI) / 128 };
    },
  };
}
