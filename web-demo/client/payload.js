// Reads the integers of a zone payload: LEB128 varints of 32 bits in their shortest form, zigzag for signed ones, gaps
// for strictly rising numbers. Messages have another encoding; see reader.js.

import { DecodeError } from './reader.js';

export class PayloadReader {
  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.bytes = bytes;
    this.offset = 0;
    /** The smallest number that may come next in the run of rising numbers being read. */
    this.floor = 0;
  }

  get left() {
    return this.bytes.length - this.offset;
  }

  unsigned() {
    let value = 0;
    for (let shift = 0; shift <= 28; shift += 7) {
      if (this.offset >= this.bytes.length) throw new DecodeError('the bytes end too early');
      const byte = this.bytes[this.offset++];
      if (shift === 28 && byte > 0x0f) throw new DecodeError('a number is outside its range');
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        if (byte === 0 && shift > 0) throw new DecodeError('a number is not in its shortest form');
        return value >>> 0;
      }
    }
    throw new DecodeError('a number is outside its range');
  }

  signed() {
    const raw = this.unsigned();
    return (raw >>> 1) ^ -(raw & 1);
  }

  /**
   * A count of things that take at least `bytes` bytes each; also starts a run of rising numbers.
   * @param {number} bytes
   */
  count(bytes) {
    const count = this.unsigned();
    if (count * bytes > this.left) throw new DecodeError('the bytes end too early');
    this.floor = 0;
    return count;
  }

  /** The next of strictly rising numbers, written as the gap since its predecessor. */
  rising() {
    const number = this.floor + this.unsigned();
    if (number > 0xffffffff) throw new DecodeError('a number is outside its range');
    this.floor = number + 1;
    return number;
  }

  /**
   * A value written as its distance from the field's least.
   * @param {import('./schema.js').FieldPlan} field
   */
  value(field) {
    const offset = this.unsigned();
    if (offset > field.max - field.min) throw new DecodeError('a value is outside its range');
    return field.min + offset;
  }

  finish() {
    if (this.left !== 0) throw new DecodeError('bytes are left over');
  }
}
