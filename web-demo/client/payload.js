// Reads the numbers of a zone payload: an adaptive binary range decoder, and numbers from its decisions.
//
// The twin of the crate's `src/snapshot/codec.rs` and `model.rs`; PROTOCOL.md describes both. All quantities stay below
// 2^53, so that plain numbers are exact. Messages have another encoding; see reader.js.

import { DecodeError } from './reader.js';
import { BLOCK, FIELDS, KIND, WHOLES } from './odds.js';

/** @typedef {import('./schema.js').FieldPlan} FieldPlan */

const MAX_FIELDS = 16;
/** Of a kind's costs. */
export const COST_BLOCKS = 1 + MAX_FIELDS;
const TOP = 2 ** 24;
/** How far a context moves towards each decision, as a shift, by its number of uses. */
const PACE = Uint8Array.of(5, 5, 5, 5, 6, 6, 6, 6);

// Contexts of a field's block: whether there is an error, its sign, its length in bits, its second and third bit.
const SIGN = 128;
const LENGTH = 140;
const SECOND = 204;
const THIRD = 212;
/** Contexts of a whole number: its sign, a tree over its length in bits, its second bit by length. */
const WHOLE = 64;

/** Contexts of a kind's block. */
export const BUSY = 0;
export const LEAVE = 1;
export const COME = 2;
export const SURPRISE = 3;
export const HELD = 4;
const LEAVERS = 8;
const LEAVER = LEAVERS + WHOLE;
export const COMERS = LEAVER + WHOLE;
export const FIRST_ID = COMERS + WHOLE;
export const NEXT_ID = FIRST_ID + WHOLE;
export const ROWS = NEXT_ID + WHOLE;
export const ANY_ID = ROWS + WHOLE;
export const TELEPORT = ANY_ID + WHOLE;
export const CROSSED = TELEPORT + 1;

const INDICES = KIND.subarray(LEAVERS, COMERS);
const SURPRISES = FIELDS.map((odds) => odds.subarray(0, WHOLES));
const VALUES = FIELDS.map((odds) => odds.subarray(WHOLES));

export class PayloadReader {
  constructor() {
    /** @type {Uint8Array} */
    this.bytes = new Uint8Array(0);
    /** Bytes taken; those after the end are zeros. */
    this.taken = 0;
    this.range = 0;
    /** Where the bytes point, above the interval's lower end. */
    this.code = 0;
    this.beyond = false;
    this.cellsLeft = Infinity;
    /** Bits by kind and block, if they are measured: a kind has one for itself and one per field. @type {Float64Array | null} */
    this.costs = null;
    /** The kind's first block in them, and the block of the last decision. */
    this.costBase = 0;
    this.costBlock = 0;
    /** By context, the probability of `false` in 65536ths, and how often it was used (up to 7). */
    this.odds = new Uint16Array(BLOCK * (1 + MAX_FIELDS));
    this.uses = new Uint8Array(BLOCK * (1 + MAX_FIELDS));
  }

  /** Counts work before it is done: a few bytes can describe many rows, and an empty delta advances them all. @param {number} cells */
  spend(cells) {
    this.cellsLeft -= cells;
    if (this.cellsLeft < 0) throw new DecodeError('a message is too much work');
  }

  /** @param {Uint8Array} bytes @param {number} cells that it costs besides its rows */
  open(bytes, cells = 0) {
    this.spend(cells);
    this.bytes = bytes;
    this.taken = 0;
    this.range = 0xffffffff;
    this.code = 0;
    for (let byte = 0; byte < 4; byte++) this.code = this.code * 256 + this.#take();
    // No interval reaches this value.
    this.beyond = this.code === this.range;
    if (this.beyond) this.code = 0;
    this.restartKind();
  }

  /** Resets the contexts of another kind's rows. */
  restartKind() {
    this.odds.set(KIND, 0);
    this.uses.fill(0, 0, BLOCK);
  }

  /** Resets those of them in which the removed rows were told, for the teleported ones. */
  restartIndices() {
    this.odds.set(INDICES, LEAVERS);
    this.uses.fill(0, LEAVERS, COMERS);
  }

  /**
   * Resets the contexts for the errors of a kind.
   * @param {readonly FieldPlan[]} fields
   */
  restartSurprises(fields) {
    for (let column = 0; column < fields.length; column++) {
      const { block, class: kind } = fields[column];
      this.odds.set(SURPRISES[kind], block);
      this.uses.fill(0, block, block + WHOLES);
    }
  }

  /**
   * Resets the contexts for whole rows of a kind.
   * @param {readonly FieldPlan[]} fields
   */
  restartWholes(fields) {
    for (let column = 0; column < fields.length; column++) {
      const { block, class: kind } = fields[column];
      this.odds.set(VALUES[kind], block + WHOLES);
      this.uses.fill(0, block + WHOLES, block + BLOCK);
    }
  }

  #take() {
    return this.taken < this.bytes.length ? this.bytes[this.taken++] : (this.taken++, 0);
  }

  /**
   * One decision: 0 or 1.
   * @param {number} index its context
   */
  bit(index) {
    const odds = this.odds[index];
    const uses = this.uses[index];
    const shift = PACE[uses];
    const bound = (this.range >>> 16) * odds;
    if (uses < 7) this.uses[index] = uses + 1;
    let bit = 0;
    if (this.code >= bound) {
      this.code -= bound;
      this.range -= bound;
      this.odds[index] = odds - (odds >>> shift);
      bit = 1;
    } else {
      this.range = bound;
      this.odds[index] = odds + ((65535 - odds) >>> shift);
    }
    while (this.range < TOP) {
      this.range *= 256;
      this.code = this.code * 256 + this.#take();
    }
    if (this.costs !== null) this.#measure((index / BLOCK) | 0, bit === 1 ? 65536 - odds : odds);
    return bit;
  }

  /** @param {number} block @param {number} odds of what was decided */
  #measure(block, odds) {
    this.costBlock = block;
    if (this.costs !== null) this.costs[this.costBase + block] += 16 - Math.log2(odds);
  }

  /**
   * A number of `count` (0 to 32) bits of even odds.
   * @param {number} count
   */
  even(count) {
    let value = 0;
    if (this.costs !== null) this.costs[this.costBase + this.costBlock] += count;
    for (let left = count; left > 0; left--) {
      const half = this.range >>> 1;
      if (this.code >= half) {
        this.code -= half;
        this.range -= half;
        value = value * 2 + 1;
      } else {
        this.range = half;
        value *= 2;
      }
      while (this.range < TOP) {
        this.range *= 256;
        this.code = this.code * 256 + this.#take();
      }
    }
    return value;
  }

  /**
   * The error of a field against its prediction; `sure` means that it is not 0.
   * @param {FieldPlan} field
   * @param {import('./motion.js').Forecast} seen
   * @param {number} near 0, or 1 + how far the field before was off, up to 3
   * @param {boolean} sure
   */
  surprise(field, seen, near, sure) {
    const { block } = field;
    if (!sure && this.bit(block + (seen.unrest * 4 + near) * 4 + seen.lean) === 0) return 0;
    const low = field.wraps ? -(field.max + 1) / 2 : field.min - seen.value;
    const high = field.wraps ? -low - 1 : field.max - seen.value;
    let negative = high === 0;
    if (low !== 0 && high !== 0) {
      const side = seen.below && seen.side !== 0 ? 3 - seen.side : seen.side;
      negative = (this.bit(block + SIGN + seen.lean * 3 + side) === 1) !== seen.below;
    }
    const most = negative ? -low : high;
    if (most === 0) throw new DecodeError('a surprise is outside its range');
    const size = this.#size(block, block + LENGTH + ((seen.unrest >> 1) * 2 + (near > 2 ? 1 : 0)) * 8, most);
    return negative ? -size : size;
  }

  /**
   * A number from 1 to `most`.
   * @param {number} block
   * @param {number} length
   * @param {number} most
   */
  #size(block, length, most) {
    const longest = 31 - Math.clz32(most);
    let bits = 0;
    while (bits < longest && this.bit(length + (bits < 7 ? bits : 7)) === 1) bits++;
    let found = 1;
    if (bits > 0) found = 2 + this.bit(block + SECOND + (bits < 8 ? bits : 8) - 1);
    if (bits > 1) {
      found = found * 2 + this.bit(block + THIRD + ((bits < 5 ? bits : 5) - 2) * 2 + (found & 1));
      found = found * 2 ** (bits - 2) + this.even(bits - 2);
    }
    if (found > most) throw new DecodeError('a surprise is outside its range');
    return found;
  }

  /**
   * A number of up to 32 bits, in the contexts from `place`.
   * @param {number} place
   */
  whole(place) {
    let node = 1;
    for (let level = 0; level < 5; level++) node = node * 2 + this.bit(place + node);
    const length = node - 32;
    if (length < 2) return length;
    if (length === 31) {
      const number = this.even(32);
      if (number < 2 ** 30) throw new DecodeError('a number is not in its shortest form');
      return number;
    }
    const second = this.bit(place + node);
    return (2 + second) * 2 ** (length - 2) + this.even(length - 2);
  }

  /**
   * A signed number of 32 bits.
   * @param {number} place
   */
  signed(place) {
    const size = this.whole(place);
    if (size === 0) return 0;
    const negative = this.bit(place) === 1;
    if (size > (negative ? 2 ** 31 : 2 ** 31 - 1)) throw new DecodeError('a number is outside its range');
    return negative ? -size : size;
  }

  /**
   * Numbers of rows, ascending, at least one.
   * @param {{ items: Uint32Array, count: number }} into reused
   * @param {number} rows that there are
   */
  indices(into, rows) {
    const count = this.whole(LEAVERS) + 1;
    if (count > rows) throw new DecodeError('the delta does not fit this state');
    if (count > into.items.length) into.items = new Uint32Array(Math.max(count, 2 * into.items.length));
    into.count = count;
    for (let item = 0, index = 0; item < count; item++, index++) {
      index += this.whole(LEAVER);
      if (index >= rows) throw new DecodeError('the delta does not fit this state');
      into.items[item] = index;
    }
  }

  /**
   * The value of a field as a whole, as its difference to `before`.
   * @param {FieldPlan} field
   * @param {number} before
   */
  value(field, before) {
    const step = this.signed(field.block + WHOLES);
    const low = field.wraps ? -(field.max + 1) / 2 : field.min - before;
    const high = field.wraps ? -low - 1 : field.max - before;
    if (step < low || step > high) throw new DecodeError('a value is outside its range');
    return field.saturate(before + step);
  }

  /**
   * A motion cell of a field, from 0.
   * @param {FieldPlan} field
   * @param {number} cell
   */
  cell(field, cell) {
    return this.signed(field.block + WHOLES + (1 + cell) * WHOLE);
  }

  /** Checks that the bytes are those that an encoder writes after the same decisions. */
  finish() {
    const { length } = this.bytes;
    if (length === 0) return;
    const after = this.taken - length;
    if (after < 0) throw new DecodeError('bytes are left over');
    const last = this.bytes[length - 1];
    const unit = after < 4 ? 256 ** after : 2 ** 32;
    const least = this.code < unit;
    const shortest = this.code + (256 - last) * unit >= this.range;
    if (this.beyond || last === 0 || !least || !shortest) throw new DecodeError('the bytes are not in their shortest form');
  }
}
