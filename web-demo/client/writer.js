// Writes the encoding of messages: bincode's standard configuration in its canonical form.
//
// One writer is reused for all messages of a connection; `finish` returns a copy. Values come from this client, so
// only their range is checked here.

const TEXT = new TextEncoder();

export class MessageWriter {
  constructor() {
    this.bytes = new Uint8Array(256);
    this.length = 0;
  }

  /** @param {number} value */
  u8(value) {
    this.#reserve(1);
    this.bytes[this.length++] = value;
  }

  /** @param {number} value an unsigned integer below 2^53, a variant number or a length */
  unsigned(value) {
    if (value < 251) {
      this.u8(value);
    } else if (value < 0x10000) {
      this.u8(251);
      this.#littleEndian(value, 2);
    } else if (value < 2 ** 32) {
      this.u8(252);
      this.#littleEndian(value, 4);
    } else {
      this.u8(253);
      this.#littleEndian(value % 2 ** 32, 4);
      this.#littleEndian(Math.floor(value / 2 ** 32), 4);
    }
  }

  /** @param {number} value */
  i32(value) {
    this.unsigned(((value << 1) ^ (value >> 31)) >>> 0);
  }

  /** @param {Uint8Array} value */
  slice(value) {
    this.unsigned(value.length);
    this.raw(value);
  }

  /** Without its length. @param {Uint8Array} value */
  raw(value) {
    this.#reserve(value.length);
    this.bytes.set(value, this.length);
    this.length += value.length;
  }

  /** @param {string} value */
  text(value) {
    this.slice(TEXT.encode(value));
  }

  /**
   * @template T
   * @param {T | null} value
   * @param {(value: T) => void} write
   */
  option(value, write) {
    this.u8(value === null ? 0 : 1);
    if (value !== null) write(value);
  }

  /**
   * @template T
   * @param {readonly T[]} items
   * @param {(item: T) => void} write
   */
  list(items, write) {
    this.unsigned(items.length);
    for (const item of items) write(item);
  }

  finish() {
    const bytes = this.bytes.slice(0, this.length);
    this.length = 0;
    return bytes;
  }

  /** @param {number} more */
  #reserve(more) {
    if (this.length + more <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.length + more));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }

  /**
   * @param {number} value
   * @param {number} width
   */
  #littleEndian(value, width) {
    for (let shift = 0; shift < width * 8; shift += 8) this.u8((value >>> shift) & 0xff);
  }
}
