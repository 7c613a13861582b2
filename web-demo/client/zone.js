// The state of one zone: per entity kind a table of rows sorted by id, and how deltas and keyframes change it.
//
// A zone has two sets of tables. A delta or keyframe is decoded into the back set, and the sets are swapped only when all of it
// was valid: an invalid message leaves the state as it was, and a steady world allocates nothing.

import { hashTables } from './hash.js';
import { ROWS as MAX_ROWS } from './limits.js';
import { CELLS, Forecast, admits, advance } from './motion.js';
import {
  ANY_ID, BUSY, COME, COMERS, COST_BLOCKS, CROSSED, FIRST_ID, HELD, LEAVE, NEXT_ID, PayloadReader, ROWS, SURPRISE, TELEPORT,
} from './payload.js';
import { DecodeError } from './reader.js';
import { Table, merge } from './rows.js';

/** @typedef {import('./schema.js').KindPlan} KindPlan */

/** Shared by all zones, which decode one payload at a time. */
const [reader, seen] = [new PayloadReader(), new Forecast()];
const before = new Int32Array(16); // the row before the one being read, by column

export class Zone {
  /** @param {readonly KindPlan[]} plans */
  constructor(plans) {
    this.plans = plans;
    /** What a payload costs besides its rows, counted in cells. */
    this.overhead = plans.reduce((sum, { fields }) => sum + 1 + fields.length, 1);
    /** @type {Table[]} */
    this.tables = plans.map((plan) => new Table(plan.stride));
    /** @type {Table[]} */
    this.back = plans.map((plan) => new Table(plan.stride));
    this.added = plans.map((plan) => new Table(plan.stride));
    /** Rows of the kind that is being read: those removed, and of those that stay the teleported ones. */
    this.removed = { items: new Uint32Array(0), count: 0 };
    this.teleported = { items: new Uint32Array(0), count: 0 };
    /** By kind, the ids of rows that deltas placed somewhere, instead of moving them there: those teleported, and those that
     * came without their motion. @type {Set<number>[]} */
    this.placed = plans.map(() => new Set());
    /** A number above all ids seen while a delta is read. */
    this.newest = 0;
    this.news = false;
  }

  get size() {
    return this.tables.reduce((sum, table) => sum + table.count, 0);
  }

  clear() {
    for (const table of this.tables) table.count = 0;
  }

  forgetPlaced() {
    for (const ids of this.placed) if (ids.size > 0) ids.clear();
  }

  hash() {
    return hashTables(this.tables);
  }

  /**
   * Applies a delta, which advances the zone by one tick.
   * @param {Uint8Array} bytes
   */
  applyDelta(bytes) {
    reader.costBase = 0;
    reader.open(bytes, this.overhead);
    const busy = reader.bit(BUSY) === 1;
    let fresh = 0;
    let rows = 0;
    this.news = false;
    this.newest = 0;
    for (const { ids, count } of this.tables) if (count > 0) this.newest = Math.max(this.newest, after(ids[count - 1]));
    for (const plan of this.plans) {
      const base = this.tables[plan.index];
      const next = this.back[plan.index];
      const added = this.added[plan.index];
      reader.costBase = plan.index * COST_BLOCKS;
      if (busy) reader.restartKind();
      this.removed.count = added.count = 0;
      if (busy && base.count > 0 && reader.bit(LEAVE) === 1) reader.indices(this.removed, base.count);
      if (busy) this.#readComers(base, added, MAX_ROWS - fresh);
      fresh += added.count;
      this.news ||= this.removed.count + added.count > 0;
      this.#readSurprises(plan, base, next, busy);
      if (added.count > 0) readAdded(plan, added, this.placed[plan.index]);
      merge(base, next, added);
      rows += next.count;
    }
    reader.finish();
    if (busy && !this.news) throw new DecodeError('a change changes nothing');
    if (rows > MAX_ROWS) throw new DecodeError('a zone has too many rows');
    this.#flip();
  }

  /**
   * Replaces the whole state by a keyframe.
   * @param {Uint8Array} bytes
   */
  readKeyframe(bytes) {
    reader.open(bytes, this.overhead);
    const byPlace = reader.even(1) === 1;
    let left = MAX_ROWS;
    for (const plan of this.plans) {
      readTable(plan, this.back[plan.index], byPlace && plan.placed, left);
      left -= this.back[plan.index].count;
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
   * Reads the ids of the added rows.
   * @param {Table} base
   * @param {Table} added
   * @param {number} most
   */
  #readComers(base, added, most) {
    if (reader.bit(COME) === 0) return;
    const count = reader.whole(COMERS) + 1;
    if (count > most) throw new DecodeError('a zone has too many rows');
    reader.spend(count * added.stride);
    added.reserve(count);
    for (let row = 0, id = 0; row < count; row++) {
      if (row > 0) id += 1 + reader.whole(NEXT_ID);
      else if (reader.bit(FIRST_ID) === 0) id = this.newest + reader.whole(FIRST_ID);
      else if ((id = reader.whole(ANY_ID)) >= this.newest) throw new DecodeError('an id is outside its range');
      if (id > 0xffffffff) throw new DecodeError('an id is outside its range');
      // A row may not be removed and added at once: that is a change.
      if (base.has(id)) throw new DecodeError('the delta does not fit this state');
      added.ids[row] = id;
    }
    added.count = count;
    this.newest = Math.max(this.newest, after(added.ids[count - 1]));
  }

  /**
   * Writes the rows that stay to `next`, at the next tick.
   * @param {KindPlan} plan
   * @param {Table} base
   * @param {Table} next
   * @param {boolean} busy
   */
  #readSurprises(plan, base, next, busy) {
    const { removed, teleported } = this;
    const { moving, stride } = plan;
    const stay = base.count - removed.count;
    next.count = teleported.count = 0;
    reader.spend(base.count * Math.max(1, stride));
    next.reserve(stay);
    const any = busy && stay > 0 && reader.bit(SURPRISE) === 1;
    if (any) this.#startSurprises(plan, stay);
    let surprised = 0;
    for (let index = 0, gone = 0, jumped = 0, row = 0; index < base.count; index++) {
      if (gone < removed.count && removed.items[gone] === index) {
        gone++;
        continue;
      }
      const from = index * stride;
      const to = next.count * stride;
      next.put(next.count++, base, index);
      if (any) row = readRow(plan, base.cells, from, next.cells, to, row & 1);
      else foresee(plan, base.cells, from, next.cells, to);
      surprised |= row;
      if (jumped < teleported.count && teleported.items[jumped] === index - gone) {
        if (row === 0) throw new DecodeError('a change changes nothing');
        this.placed[plan.index].add(next.ids[index - gone]);
        next.cells.fill(0, to + plan.fields.length, to + stride);
        jumped++;
        continue;
      }
      for (let item = 0; item < moving.length; item++) {
        advance(plan.fields[moving[item]], base.cells, from, next.cells, to, moving[item]);
      }
    }
    if (any && surprised === 0) throw new DecodeError('a change changes nothing');
    this.news ||= surprised !== 0;
  }

  /** @param {KindPlan} plan @param {number} rows that stay */
  #startSurprises(plan, rows) {
    if (reader.bit(TELEPORT) === 1) {
      reader.restartIndices();
      reader.indices(this.teleported, rows);
    }
    reader.restartSurprises(plan.fields);
  }
}

/** Grants the payloads that follow so many cells of work. */
export const grantWork = (/** @type {number} */ cells) => void (reader.cellsLeft = cells);
/** Adds the bits of the payloads that follow to these, `COST_BLOCKS` per kind; null to measure no more. */
export const measureInto = (/** @type {Float64Array | null} */ costs) => void (reader.costs = costs);

/** @param {number} id */
function after(id) {
  return Math.min(id + 1, 0xffffffff);
}

/**
 * @param {KindPlan} plan
 * @param {Int32Array} old
 * @param {number} from
 * @param {Int32Array} cells
 * @param {number} to
 */
function foresee(plan, old, from, cells, to) {
  for (let item = 0; item < plan.moving.length; item++) {
    const column = plan.moving[item];
    seen.look(plan.fields[column], old, from, cells, to, column);
    cells[to + column] = seen.value;
  }
}

/**
 * Reads the prediction errors of one row: first the fields that move, then, behind one flag, the held ones. Returns in bit 0
 * whether its held fields had errors, and in bit 1 whether the others had.
 * @param {KindPlan} plan
 * @param {Int32Array} old
 * @param {number} from
 * @param {Int32Array} cells
 * @param {number} to
 * @param {number} changed whether the held fields of the row before had errors
 */
function readRow(plan, old, from, cells, to, changed) {
  const { fields, moving, held } = plan;
  let any = 0;
  for (let item = 0, near = 0; item < moving.length; item++) {
    const column = moving[item];
    const field = fields[column];
    seen.look(field, old, from, cells, to, column);
    const surprise = reader.surprise(field, seen, near, false);
    cells[to + column] = surprise === 0 ? seen.value : field.saturate(seen.value + surprise);
    if (surprise !== 0) any = 1;
    near = surprise === 0 ? 1 : surprise === 1 || surprise === -1 ? 2 : 3;
  }
  if (held.length === 0 || reader.bit(HELD + 2 * any + changed) === 0) return any << 1;
  for (let item = 0, near = 0; item < held.length; item++) {
    const column = held[item];
    const field = fields[column];
    seen.look(field, old, from, cells, to, column);
    const surprise = reader.surprise(field, seen, near, near === 0 && item === held.length - 1);
    if (surprise === 0) continue;
    cells[to + column] = field.saturate(seen.value + surprise);
    near = 1;
  }
  return (any << 1) | 1;
}

/**
 * Reads a whole row, relative to the row read before.
 * @param {KindPlan} plan
 * @param {Int32Array} cells
 * @param {number} start
 * @param {boolean} motion whether its motion cells follow; otherwise they are zero
 */
function readWhole(plan, cells, start, motion) {
  cells.fill(0, start + plan.fields.length, start + plan.stride);
  for (let column = 0; column < plan.fields.length; column++) {
    const field = plan.fields[column];
    before[column] = cells[start + column] = reader.value(field, before[column]);
    for (let cell = 0; motion && cell < CELLS[field.motion]; cell++) {
      cells[start + field.slot + cell] = reader.cell(field, cell);
    }
  }
  if (motion && !plan.fields.every((field) => admits(field, cells, start))) throw new DecodeError('a motion is outside its range');
}

/** @param {KindPlan} plan */
function startWholes(plan) {
  reader.restartWholes(plan.fields);
  for (let column = 0; column < plan.fields.length; column++) before[column] = plan.fields[column].saturate(0);
}

/**
 * Reads the values of the added rows. Those that moved here from another zone keep their motion, that of the others is zero.
 * @param {KindPlan} plan
 * @param {Table} added
 * @param {Set<number>} placed
 */
function readAdded(plan, added, placed) {
  startWholes(plan);
  for (let row = 0; row < added.count; row++) {
    const crossed = reader.bit(CROSSED) === 1;
    readWhole(plan, added.cells, row * plan.stride, crossed);
    if (!crossed) placed.add(added.ids[row]);
  }
}

/**
 * Reads one kind of a keyframe.
 * @param {KindPlan} plan
 * @param {Table} table
 * @param {boolean} byPlace whether rows are in an order other than that of ids
 * @param {number} most
 */
function readTable(plan, table, byPlace, most) {
  reader.restartKind();
  startWholes(plan);
  const rows = reader.whole(ROWS);
  if (rows > most) throw new DecodeError('a zone has too many rows');
  table.count = 0;
  reader.spend(rows * plan.stride);
  table.reserve(rows);
  for (let row = 0, floor = 0; row < rows; row++) {
    const id = byPlace ? (after(floor - 1) + reader.signed(ANY_ID)) >>> 0 : floor + reader.whole(NEXT_ID);
    if (id > 0xffffffff) throw new DecodeError('an id is outside its range');
    floor = id + 1;
    table.ids[row] = id;
    const start = row * plan.stride;
    readWhole(plan, table.cells, start, true);
  }
  table.count = rows;
  if (byPlace) table.sort();
}
