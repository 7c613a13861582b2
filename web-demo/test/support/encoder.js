// Keyframes as the server writes them, for tests: a range encoder that keeps all of its number, and rows in id order.

import { CELLS } from '../../client/motion.js';
import { ANY_ID, NEXT_ID, PayloadReader, ROWS } from '../../client/payload.js';
import { planSchema } from '../../client/schema.js';
import { WHOLES } from '../../client/odds.js';

/** A reader whose decisions are told beforehand and written down instead of read. */
class PayloadWriter extends PayloadReader {
  constructor() {
    super();
    /** The decisions so far lead to the interval from `low`, `width` wide, in units of 256 to the -`bytes`. */
    this.low = 0n;
    this.width = 0xffffffff;
    this.length = 4;
    this.restartKind();
  }

  #narrow(bound, bit) {
    this.low += bit ? BigInt(bound) : 0n;
    this.width = bit ? this.width - bound : bound;
    for (; this.width < 2 ** 24; this.width *= 256, this.low *= 256n) this.length++;
  }

  put(index, bit) {
    const odds = this.odds[index];
    const shift = this.uses[index] < 4 ? 5 : 6;
    this.#narrow((this.width >>> 16) * odds, bit);
    this.uses[index] = Math.min(this.uses[index] + 1, 7);
    this.odds[index] = bit ? odds - (odds >>> shift) : odds + ((65535 - odds) >>> shift);
  }

  putEven(count, value) {
    for (let left = count - 1; left >= 0; left--) this.#narrow(this.width >>> 1, Math.floor(value / 2 ** left) % 2 === 1);
  }

  putWhole(place, number) {
    const length = Math.min(number.toString(2).length * (number > 0), 31);
    let node = 1;
    for (let level = 4; level >= 0; level--) {
      const bit = (length >> level) & 1;
      this.put(place + node, bit === 1);
      node = node * 2 + bit;
    }
    if (length === 31) return this.putEven(32, number);
    if (length < 2) return undefined;
    this.put(place + node, Math.floor(number / 2 ** (length - 2)) % 2 === 1);
    return this.putEven(length - 2, number % 2 ** (length - 2));
  }

  putSigned(place, number) {
    this.putWhole(place, Math.abs(number));
    if (number !== 0) this.put(place, number < 0);
  }

  end() {
    const end = this.low + BigInt(this.width);
    for (let zeros = this.length; ; zeros--) {
      const unit = 256n ** BigInt(zeros);
      const least = ((this.low + unit - 1n) / unit) * unit;
      if (least >= end) continue;
      const digits = least.toString(16).padStart(2 * this.length, '0').match(/../g);
      while (digits.at(-1) === '00') digits.pop();
      return Uint8Array.from(digits, (pair) => parseInt(pair, 16));
    }
  }
}

/** Rows at rest: their motion is zero. */
export function encodeKeyframe(schema, rows) {
  const out = new PayloadWriter();
  out.putEven(1, 0);
  for (const plan of planSchema(schema)) {
    const own = rows.filter((row) => row.kind === plan.index).sort((a, b) => a.id - b.id);
    out.restartKind();
    out.restartWholes(plan.fields);
    out.putWhole(ROWS, own.length);
    const before = plan.fields.map((field) => field.saturate(0));
    let floor = 0;
    for (const { id, values } of own) {
      out.putWhole(NEXT_ID, id - floor);
      floor = id + 1;
      plan.fields.forEach((field, column) => {
        out.putSigned(field.block + WHOLES, field.difference(before[column], values[column]));
        before[column] = values[column];
        for (let cell = 0; cell < CELLS[field.motion]; cell++) {
          out.putSigned(field.block + WHOLES + (ANY_ID - ROWS) * (1 + cell), 0);
        }
      });
    }
  }
  return out.end();
}
