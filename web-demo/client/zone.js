// The state of one zone: per entity kind a table of rows sorted by id, and how deltas and keyframes change it.
//
// A zone has two sets of tables. A delta or keyframe is decoded into the one at the back, and only when all of it was
// valid do they change places: a bad message leaves the state as it was, and a steady world allocates nothing.

import { hashTables } from './hash.js';
import { PayloadReader } from './payload.js';
import { DecodeError } from './reader.js';

/** @typedef {import('./schema.js').KindPlan} KindPlan */

/** The rows of one kind, strictly ascending by id. A row is its values, then the motion of its linear fields. */
export class Table {
  /** @param {number} stride cells per row */
  constructor(stride) {
    this.stride = stride;
    this.count = 0;
    this.ids = new Uint32Array(0);
    this.cells = new Int32Array(0);
  }

  /**
   * Makes room for `rows` rows in all and keeps those that are there.
   * @param {number} rows
   */
  reserve(rows) {
    if (rows <= this.ids.length) return;
    const capacity = Math.max(rows, Math.ceil(this.ids.length * 1.5), 8);
    const ids = new Uint32Array(capacity);
    const cells = new Int32Array(capacity * this.stride);
    ids.set(this.ids.subarray(0, this.count));
    cells.set(this.cells.subarray(0, this.count * this.stride));
    this.ids = ids;
    this.cells = cells;
  }

  /** @param {number} id */
  has(id) {
    let low = 0;
    for (let high = this.count; low < high;) {
      const middle = (low + high) >>> 1;
      if (this.ids[middle] < id) low = middle + 1;
      else high = middle;
    }
    return low < this.count && this.ids[low] === id;
  }

  /**
   * Copies a row of another table of the same kind.
   * @param {number} row
   * @param {Table} from
   * @param {number} index
   */
  put(row, from, index) {
    this.ids[row] = from.ids[index];
    const { stride } = this;
    for (let cell = 0; cell < stride; cell++) this.cells[row * stride + cell] = from.cells[index * stride + cell];
  }
}

export class Zone {
  /** @param {readonly KindPlan[]} plans */
  constructor(plans) {
    this.plans = plans;
    /** @type {Table[]} */
    this.tables = plans.map((plan) => new Table(plan.stride));
    /** @type {Table[]} */
    this.back = plans.map((plan) => new Table(plan.stride));
    this.added = plans.map((plan) => new Table(plan.stride));
    this.removed = new Uint32Array(0);
  }

  get size() {
    return this.tables.reduce((sum, table) => sum + table.count, 0);
  }

  clear() {
    for (const table of this.tables) table.count = 0;
  }

  hash() {
    return hashTables(this.tables);
  }

  /**
   * Moves on by one tick.
   * @param {Uint8Array} bytes
   */
  applyDelta(bytes) {
    const reader = new PayloadReader(bytes);
    for (const plan of this.plans) {
      const base = this.tables[plan.index];
      const next = this.back[plan.index];
      const added = this.added[plan.index];
      const removed = this.#readRemoved(reader, base.count);
      readAdded(reader, plan, added);
      this.#extrapolate(plan, base, next, removed);
      readChanged(reader, plan, next);
      this.#finishMotion(plan, base, next, removed);
      merge(base, next, added);
    }
    reader.finish();
    this.#flip();
  }

  /**
   * Replaces everything.
   * @param {Uint8Array} bytes
   */
  readKeyframe(bytes) {
    const reader = new PayloadReader(bytes);
    for (const plan of this.plans) {
      const table = this.back[plan.index];
      table.count = 0;
      const rows = reader.count(1 + plan.stride);
      table.reserve(rows);
      for (let row = 0, start = 0; row < rows; row++, start += plan.stride) {
        table.ids[row] = reader.rising();
        readRow(reader, plan, table.cells, start);
      }
      table.count = rows;
    }
    reader.finish();
    this.#flip();
  }

  #flip() {
    const { tables } = this;
    this.tables = this.back;
    this.back = tables;
  }

  /**
   * Reads the indices of removed rows into `this.removed`; returns how many.
   * @param {PayloadReader} reader
   * @param {number} rows
   */
  #readRemoved(reader, rows) {
    const count = reader.count(1);
    if (count > rows) throw new DecodeError('the delta does not fit this state');
    if (count > this.removed.length) this.removed = new Uint32Array(Math.max(count, 2 * this.removed.length));
    for (let item = 0; item < count; item++) {
      const index = reader.rising();
      if (index >= rows) throw new DecodeError('the delta does not fit this state');
      this.removed[item] = index;
    }
    return count;
  }

  /**
   * Writes the rows that stay to `next`, with every field moved on as predicted.
   * @param {KindPlan} plan
   * @param {Table} base
   * @param {Table} next
   * @param {number} removed
   */
  #extrapolate(plan, base, next, removed) {
    next.count = 0;
    next.reserve(base.count - removed);
    let gone = 0;
    for (let index = 0; index < base.count; index++) {
      if (gone < removed && this.removed[gone] === index) {
        gone++;
        continue;
      }
      const start = next.count * plan.stride;
      next.put(next.count++, base, index);
      for (let column = 0; column < plan.fields.length; column++) {
        const field = plan.fields[column];
        if (field.motion < 0) continue;
        const moved = next.cells[start + column] + next.cells[start + field.motion];
        next.cells[start + column] = field.saturate(moved);
      }
    }
  }

  /**
   * Sets the motion of the rows that stay to the change they just made.
   * @param {KindPlan} plan
   * @param {Table} base
   * @param {Table} next
   * @param {number} removed
   */
  #finishMotion(plan, base, next, removed) {
    if (plan.stride === plan.fields.length) return;
    let gone = 0;
    for (let index = 0, row = 0; index < base.count; index++) {
      if (gone < removed && this.removed[gone] === index) {
        gone++;
        continue;
      }
      const before = index * plan.stride;
      const after = row++ * plan.stride;
      for (let column = 0; column < plan.fields.length; column++) {
        const field = plan.fields[column];
        if (field.motion < 0) continue;
        next.cells[after + field.motion] = field.difference(base.cells[before + column], next.cells[after + column]);
      }
    }
  }
}

/**
 * @param {PayloadReader} reader
 * @param {KindPlan} plan
 * @param {Int32Array} cells
 * @param {number} start
 */
function readRow(reader, plan, cells, start) {
  for (let column = 0; column < plan.fields.length; column++) {
    const field = plan.fields[column];
    cells[start + column] = reader.value(field);
    if (field.motion < 0) continue;
    const motion = reader.signed();
    if (!field.admitsMotion(motion)) throw new DecodeError('a motion is outside its range');
    cells[start + field.motion] = motion;
  }
}

/**
 * Reads rows that came; their motion is zero.
 * @param {PayloadReader} reader
 * @param {KindPlan} plan
 * @param {Table} added
 */
function readAdded(reader, plan, added) {
  added.count = 0;
  const rows = reader.count(1 + plan.fields.length);
  added.reserve(rows);
  for (let row = 0, start = 0; row < rows; row++, start += plan.stride) {
    added.ids[row] = reader.rising();
    for (let column = 0; column < plan.fields.length; column++) {
      added.cells[start + column] = reader.value(plan.fields[column]);
    }
    added.cells.fill(0, start + plan.fields.length, start + plan.stride);
  }
  added.count = rows;
}

/**
 * Applies the surprises to the predicted rows.
 * @param {PayloadReader} reader
 * @param {KindPlan} plan
 * @param {Table} next
 */
function readChanged(reader, plan, next) {
  for (let left = reader.count(3); left > 0; left--) {
    const row = reader.rising();
    if (row >= next.count) throw new DecodeError('the delta does not fit this state');
    const mask = reader.unsigned();
    if (mask === 0 || mask >= 2 ** plan.fields.length) throw new DecodeError('a mask is not in its canonical form');
    const start = row * plan.stride;
    for (let column = 0; column < plan.fields.length; column++) {
      if (((mask >>> column) & 1) === 0) continue;
      const field = plan.fields[column];
      const surprise = reader.signed();
      const expected = next.cells[start + column];
      const value = field.wraps ? field.saturate(expected + surprise) : expected + surprise;
      const fits = value >= field.min && value <= field.max;
      if (surprise === 0 || !fits || field.difference(expected, value) !== surprise) {
        throw new DecodeError('a surprise is outside its range');
      }
      next.cells[start + column] = value;
    }
  }
}

/**
 * Merges the added rows into those that stay, from the back so that it needs no third table.
 * @param {Table} base
 * @param {Table} next
 * @param {Table} added
 */
function merge(base, next, added) {
  if (added.count === 0) return;
  let kept = next.count - 1;
  let fresh = added.count - 1;
  next.reserve(next.count + added.count);
  next.count += added.count;
  for (let row = next.count - 1; fresh >= 0; row--) {
    if (kept >= 0 && next.ids[kept] > added.ids[fresh]) {
      next.put(row, next, kept--);
      continue;
    }
    // Nor may a row be removed and added at once: that is a change.
    if (base.has(added.ids[fresh])) throw new DecodeError('the delta does not fit this state');
    next.put(row, added, fresh--);
  }
}
