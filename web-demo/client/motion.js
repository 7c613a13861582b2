// Predicts a field at the next tick, from the motion cells of its row, and updates these. The twin of the
// crate's `src/snapshot/motion.rs`, in the same integers; PROTOCOL.md has the formulas.

import { cosine } from './direction.js';

/** @typedef {import('./schema.js').FieldPlan} FieldPlan */

export const HOLD = 0;
export const LINEAR = 1;
export const SMOOTH = 2;
export const ALONG = 3;
export const ACROSS = 4;
export const FADE = 5;
/** Motion cells by motion. */
export const CELLS = [0, 2, 3, 2, 2, 2];

const SUB = 6;
const UNIT = 2 ** SUB;
const RESTART = 4 * UNIT;
const FASTEST = 2 ** 15;
const BOUND = FASTEST * UNIT;
const SURPRISING = 8;
const MOST_FADING = 2 ** 26;
const ONE = 2 ** 14;

/** A prediction of a field: the expected value, and the contexts in which its error is coded. */
export class Forecast {
  constructor() {
    this.value = 0;
    /** The class of the last error, 0 to 7. */
    this.unrest = 0;
    /** How far the expected value lies from the middle of its quantum, or how fast a linear field is: 0 to 3. */
    this.lean = 0;
    /** Whether it lies below the middle. */
    this.below = false;
    /** The side of the last error: 0 none, 1 above, 2 below. */
    this.side = 0;
  }

  /**
   * Predicts the field at `column` of the row that starts at `start`. The heading, if there is one, is known already: it is
   * in the row of `next` that starts at `to`.
   * @param {FieldPlan} plan
   * @param {Int32Array} cells
   * @param {number} start
   * @param {Int32Array} next
   * @param {number} to
   * @param {number} column
   */
  look(plan, cells, start, next, to, column) {
    const value = cells[start + column];
    const slot = start + plan.slot;
    switch (plan.motion) {
      case HOLD:
        this.value = value;
        this.unrest = this.lean = this.side = 0;
        this.below = false;
        break;
      case LINEAR:
        this.#coarse(plan.saturate(value + cells[slot]), cells[slot + 1], Math.abs(cells[slot]));
        break;
      case FADE:
        this.#coarse(plan.saturate(faded(value, cells[slot])), cells[slot + 1], Math.abs(value));
        break;
      case SMOOTH:
        this.#sharp(plan, value, course(cells[slot], cells[slot + 1], cells[slot + 2]), cells[slot + 2]);
        break;
      default:
        this.#sharp(plan, value, way(cells[slot], share(plan, next, to)), cells[slot + 1]);
    }
  }

  /** @param {number} value @param {number} surprise in quanta @param {number} size */
  #coarse(value, surprise, size) {
    this.value = value;
    this.unrest = unrest(Math.abs(surprise) * UNIT);
    this.lean = size < 2 ? size : size < 8 ? 2 : 3;
    this.below = false;
    this.side = surprise === 0 ? 0 : surprise < 0 ? 2 : 1;
  }

  /** @param {FieldPlan} plan @param {number} value @param {number} course in parts @param {number} surprise in parts */
  #sharp(plan, value, course, surprise) {
    const step = (course + UNIT / 2) >> SUB;
    const off = course - step * UNIT;
    const size = Math.abs(surprise);
    this.value = plan.saturate(value + step);
    this.unrest = unrest(size);
    this.lean = Math.min(Math.abs(off) >> (SUB - 3), 3);
    this.below = off < 0;
    this.side = size < UNIT / 4 ? 0 : surprise < 0 ? 2 : 1;
  }
}

/** A number divided by a power of two, towards zero. @param {number} value @param {number} shift */
function part(value, shift) {
  return value < 0 ? -(-value >> shift) : value >> shift;
}

/** @param {number} value @param {number} most */
function within(value, most) {
  return value < -most ? -most : value > most ? most : value;
}

/** @param {number} velocity @param {number} acceleration @param {number} surprise */
function course(velocity, acceleration, surprise) {
  const lag = Math.abs(surprise) < RESTART ? part(surprise * 5, 4) : 0;
  return velocity + part(acceleration, 1) - lag;
}

/**
 * The cosine or sine of the heading that a field moves along.
 * @param {FieldPlan} plan
 * @param {Int32Array} cells
 * @param {number} start
 */
function share(plan, cells, start) {
  return cosine((cells[start + plan.heading] << plan.turn) - (plan.motion === ACROSS ? 2 ** 14 : 0));
}

/** Where a speed leads, in parts. @param {number} speed @param {number} share */
function way(speed, share) {
  return Math.floor((speed * share) / ONE);
}

/**
 * The value after `value` when it shrinks again by the factor from `before` to `value`.
 * @param {number} value
 * @param {number} before
 */
function faded(value, before) {
  const shrinks = Math.abs(value) < Math.abs(before) && value < 0 === before < 0;
  return shrinks && Math.abs(value) < MOST_FADING ? Math.trunc((value * value) / before) + 0 : value;
}

/**
 * The speed after an error; errors within rounding do not change it.
 * @param {number} speed
 * @param {number} share
 * @param {number} surprise
 */
function sped(speed, share, surprise) {
  const size = Math.abs(surprise);
  if (size <= UNIT / 2 || Math.abs(share) < ONE / 4) return speed;
  const beyond = size >= RESTART ? surprise : surprise - Math.sign(surprise) * (UNIT / 2 - 4);
  return within(speed + Math.trunc((beyond * ONE) / share), BOUND);
}

/** @param {number} size in 64ths of a quantum */
function unrest(size) {
  if (size < 24) return size >> 3;
  if (size < 72) return size < 40 ? 3 : 4;
  return size < 136 ? 5 : size < 512 ? 6 : 7;
}

/**
 * Writes the motion cells of a field that moved from where row `from` of `old` has it to where row `to` of `cells` has it.
 * @param {FieldPlan} plan
 * @param {Int32Array} old
 * @param {number} from
 * @param {Int32Array} cells
 * @param {number} to
 * @param {number} column
 */
export function advance(plan, old, from, cells, to, column) {
  const moved = plan.difference(old[from + column], cells[to + column]);
  const slot = to + plan.slot;
  const velocity = old[from + plan.slot];
  if (plan.motion === LINEAR || plan.motion === FADE) {
    const value = old[from + column];
    const expected = plan.saturate(plan.motion === LINEAR ? value + velocity : faded(value, velocity));
    cells[slot] = plan.motion === LINEAR ? moved : value;
    cells[slot + 1] = within(plan.difference(expected, cells[to + column]), SURPRISING);
    return;
  }
  if (plan.motion !== SMOOTH) {
    const part = share(plan, cells, to);
    const off = within(within(moved, FASTEST) * UNIT - way(velocity, part), BOUND);
    cells[slot] = sped(velocity, part, off);
    cells[slot + 1] = off;
    return;
  }
  const acceleration = old[from + plan.slot + 1];
  const gone = within(moved, FASTEST) * UNIT;
  const surprise = within(gone - course(velocity, acceleration, old[from + plan.slot + 2]), BOUND);
  if (Math.abs(surprise) >= RESTART) {
    cells[slot] = gone;
    cells[slot + 1] = 0;
    cells[slot + 2] = surprise;
  } else if (moved === 0 && Math.abs(velocity) < UNIT / 8 && Math.abs(surprise) < UNIT / 2) {
    cells[slot] = cells[slot + 1] = cells[slot + 2] = 0;
  } else {
    cells[slot] = within(velocity + acceleration + part(surprise, 1), BOUND);
    cells[slot + 1] = acceleration - part(acceleration, 4) + part(surprise, 3) - part(surprise, 5);
    cells[slot + 2] = surprise;
  }
}

/**
 * Writes the row that is expected at the next tick, with its motion.
 * @param {import('./schema.js').KindPlan} plan
 * @param {Int32Array} row
 * @param {Int32Array} next
 */
export function foresee(plan, row, next) {
  next.set(row);
  for (const column of plan.moving) {
    seen.look(plan.fields[column], row, 0, next, 0, column);
    next[column] = seen.value;
  }
  for (const column of plan.moving) advance(plan.fields[column], row, 0, next, 0, column);
}

const seen = new Forecast();

/**
 * Makes directions that have just jumped stay: the coder expects another such jump, which is unlikely to come and would be seen.
 * @param {import('./schema.js').KindPlan} plan
 * @param {Int32Array} row
 */
export function steady(plan, row) {
  for (const column of plan.moving) {
    const { wraps, motion, slot } = plan.fields[column];
    if (!wraps) continue;
    const error = Math.abs(row[slot + CELLS[motion] - 1]);
    if (motion === SMOOTH ? error >= RESTART : error >= SURPRISING) row.fill(0, slot, slot + CELLS[motion]);
  }
}

/**
 * Whether the motion cells of the row that starts at `start` are some that the field can have.
 * @param {FieldPlan} plan
 * @param {Int32Array} cells
 * @param {number} start
 */
export function admits(plan, cells, start) {
  const slot = start + plan.slot;
  if (plan.motion === HOLD) return true;
  if (plan.motion === LINEAR) return plan.admitsMotion(cells[slot]) && Math.abs(cells[slot + 1]) <= SURPRISING;
  if (plan.motion === FADE) {
    const known = cells[slot] === 0 || (cells[slot] >= plan.min && cells[slot] <= plan.max);
    return known && Math.abs(cells[slot + 1]) <= SURPRISING;
  }
  for (let cell = slot; cell < slot + CELLS[plan.motion]; cell++) if (Math.abs(cells[cell]) > BOUND) return false;
  return true;
}
