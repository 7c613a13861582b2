// Writes zone payloads: an adaptive binary range encoder, and keyframes. Deltas are written by servers alone.
//
// The twin of payload.js and zone.js, which read what is written here.

import { CELLS } from './motion.js';
import { WHOLES } from './odds.js';
import { ANY_ID, NEXT_ID, PayloadReader, ROWS } from './payload.js';

/** Cells of motion have contexts of their own, beside those of values. */
const CELL = ANY_ID - ROWS;

/** A reader whose decisions are told beforehand and written down instead of read. */
export class PayloadWriter extends PayloadReader {
  constructor() {
    super();
    /** The decisions so far lead to the interval from `low`, `width` wide, behind these bytes. @type {number[]} */
    this.out = [];
    this.low = 0;
    this.width = 0xffffffff;
    this.restartKind();
  }

  /** Adds one to the bytes written, as a number. */
  #carry() {
    let at = this.out.length - 1;
    while (at >= 0 && this.out[at] === 0xff) this.out[at--] = 0;
    if (at >= 0) this.out[at] += 1;
  }

  /** @param {number} bound @param {boolean} bit */
  #narrow(bound, bit) {
    if (bit) this.low += bound;
    this.width = bit ? this.width - bound : bound;
    if (this.low >= 2 ** 32) {
      this.low -= 2 ** 32;
      this.#carry();
    }
    for (; this.width < 2 ** 24; this.width *= 256) {
      this.out.push(this.low >>> 24);
      this.low = (this.low << 8) >>> 0;
    }
  }

  /** One decision. @param {number} index of its context @param {boolean} bit */
  put(index, bit) {
    const odds = this.odds[index];
    const shift = this.uses[index] < 4 ? 5 : 6;
    this.#narrow((this.width >>> 16) * odds, bit);
    this.uses[index] = Math.min(this.uses[index] + 1, 7);
    this.odds[index] = bit ? odds - (odds >>> shift) : odds + ((65535 - odds) >>> shift);
  }

  /** The lowest bits of a number. @param {number} count @param {number} value */
  putEven(count, value) {
    for (let left = count - 1; left >= 0; left--) this.#narrow(this.width >>> 1, Math.floor(value / 2 ** left) % 2 === 1);
  }

  /** @param {number} place @param {number} number */
  putWhole(place, number) {
    const length = number > 0 ? Math.min(number.toString(2).length, 31) : 0;
    let node = 1;
    for (let level = 4; level >= 0; level--) {
      const bit = (length >> level) & 1;
      this.put(place + node, bit === 1);
      node = node * 2 + bit;
    }
    if (length === 31) this.putEven(32, number);
    if (length < 2 || length === 31) return;
    this.put(place + node, Math.floor(number / 2 ** (length - 2)) % 2 === 1);
    this.putEven(length - 2, number % 2 ** (length - 2));
  }

  /** @param {number} place @param {number} number */
  putSigned(place, number) {
    this.putWhole(place, Math.abs(number));
    if (number !== 0) this.put(place, number < 0);
  }

  /**
   * A whole row after the one before, which it becomes.
   * @param {import('./schema.js').KindPlan} plan
   * @param {number[]} before
   * @param {ArrayLike<number>} cells
   * @param {number} start of the row in the cells
   * @param {boolean} [motion] whether its motion cells follow
   */
  putRow(plan, before, cells, start, motion = true) {
    plan.fields.forEach((field, column) => {
      const value = cells[start + column];
      this.putSigned(field.block + WHOLES, field.difference(before[column], value));
      before[column] = value;
      for (let cell = 0; motion && cell < CELLS[field.motion]; cell++) {
        this.putSigned(field.block + WHOLES + CELL * (1 + cell), cells[start + field.slot + cell]);
      }
    });
  }

  /** The shortest bytes that lead to the interval, of those the least, without zeros at the end. */
  end() {
    for (let zeros = 4; ; zeros--) {
      const unit = 256 ** zeros;
      let least = Math.ceil(this.low / unit) * unit;
      if (least >= this.low + this.width) continue;
      if (least >= 2 ** 32) {
        least -= 2 ** 32;
        this.#carry();
      }
      const out = [...this.out, least >>> 24, (least >>> 16) & 0xff, (least >>> 8) & 0xff, least & 0xff];
      while (out.at(-1) === 0) out.pop();
      return Uint8Array.from(out);
    }
  }
}

/**
 * The keyframe of a zone.
 * @param {readonly import('./schema.js').KindPlan[]} plans
 * @param {readonly import('./rows.js').Table[]} tables one per kind
 */
export function encodeKeyframe(plans, tables) {
  const out = new PayloadWriter();
  out.putEven(1, 0);
  for (const plan of plans) {
    const { ids, cells, count } = tables[plan.index];
    out.restartKind();
    out.restartWholes(plan.fields);
    out.putWhole(ROWS, count);
    const before = plan.fields.map((field) => field.saturate(0));
    for (let row = 0, floor = 0; row < count; row++) {
      out.putWhole(NEXT_ID, ids[row] - floor);
      floor = ids[row] + 1;
      out.putRow(plan, before, cells, row * plan.stride);
    }
  }
  return out.end();
}
