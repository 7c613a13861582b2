// What is expected of a field at the next tick, and what is remembered for it: the motion cells of a row. The twin of the
// crate's `src/snapshot/motion.rs`, in the same integers; PROTOCOL.md has the formulas.

/** @typedef {import('./schema.js').FieldPlan} FieldPlan */

export const HOLD = 0;
export const LINEAR = 1;
export const SMOOTH = 2;
/** Motion cells by motion. */
export const CELLS = [0, 2, 3];

const SUB = 6;
const UNIT = 2 ** SUB;
const RESTART = 4 * UNIT;
const FASTEST = 2 ** 15;
const BOUND = FASTEST * UNIT;
const SURPRISING = 8;

/** What is expected of a field: a value, and the contexts in which to tell how wrong that is. */
export class Forecast {
  constructor() {
    this.value = 0;
    /** How surprising the last tick was, 0 to 7. */
    this.unrest = 0;
    /** How far the expectation lies from the middle of its quantum, or how fast a linear field is: 0 to 3. */
    this.lean = 0;
    /** Whether it lies below the middle. */
    this.below = false;
    /** The side of the last surprise: 0 none, 1 above, 2 below. */
    this.side = 0;
  }

  /**
   * Foresees the field at `column` of the row that starts at `start`.
   * @param {FieldPlan} plan
   * @param {Int32Array} cells
   * @param {number} start
   * @param {number} column
   */
  look(plan, cells, start, column) {
    const value = cells[start + column];
    const slot = start + plan.slot;
    this.below = false;
    if (plan.motion === SMOOTH) {
      const surprise = cells[slot + 2];
      const way = course(cells[slot], cells[slot + 1], surprise);
      const step = (way + UNIT / 2) >> SUB;
      const off = way - step * UNIT;
      const size = Math.abs(surprise);
      this.value = plan.saturate(value + step);
      this.unrest = unrest(size);
      this.lean = Math.min(Math.abs(off) >> (SUB - 3), 3);
      this.below = off < 0;
      this.side = size < UNIT / 4 ? 0 : surprise < 0 ? 2 : 1;
    } else if (plan.motion === LINEAR) {
      const motion = cells[slot];
      const surprise = cells[slot + 1];
      const speed = Math.abs(motion);
      this.value = plan.saturate(value + motion);
      this.unrest = unrest(Math.abs(surprise) * UNIT);
      this.lean = speed < 2 ? speed : speed < 8 ? 2 : 3;
      this.side = surprise === 0 ? 0 : surprise < 0 ? 2 : 1;
    } else {
      this.value = value;
      this.unrest = this.lean = this.side = 0;
    }
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
  if (plan.motion === LINEAR) {
    const expected = plan.saturate(old[from + column] + velocity);
    cells[slot] = moved;
    cells[slot + 1] = within(plan.difference(expected, cells[to + column]), SURPRISING);
    return;
  }
  const acceleration = old[from + plan.slot + 1];
  const way = within(moved, FASTEST) * UNIT;
  const surprise = within(way - course(velocity, acceleration, old[from + plan.slot + 2]), BOUND);
  if (Math.abs(surprise) >= RESTART) {
    cells[slot] = way;
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
 * Whether the motion cells of the row that starts at `start` are some that the field can have.
 * @param {FieldPlan} plan
 * @param {Int32Array} cells
 * @param {number} start
 */
export function admits(plan, cells, start) {
  const slot = start + plan.slot;
  if (plan.motion === HOLD) return true;
  if (plan.motion === LINEAR) return plan.admitsMotion(cells[slot]) && Math.abs(cells[slot + 1]) <= SURPRISING;
  for (let cell = slot; cell < slot + 3; cell++) if (Math.abs(cells[cell]) > BOUND) return false;
  return true;
}
