// Reads the encoding of messages: bincode's standard configuration, of which only the canonical form is accepted.
//
// Bytes are untrusted. Every count is checked against the bytes that are left before memory is allocated for it, so that
// a message cannot cause more memory use than its size justifies. All faults are a DecodeError. Zone payloads have another
// encoding; see payload.js.

import { SERVER_TEXT } from './limits.js';

/** Bytes that the protocol does not allow. */
export class DecodeError extends Error {
  /** @param {string} message */
  constructor(message) {
    super(message);
    this.name = 'DecodeError';
  }
}

const TEXT = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * What a socket delivered, as bytes. Texts are a DecodeError, as is anything else that would become bytes of its own size.
 * @param {unknown} data of a message event
 */
export function bytesOf(data) {
  // Not `instanceof`: some test environments have another ArrayBuffer than their sockets.
  if (Object.prototype.toString.call(data) !== '[object ArrayBuffer]') throw new DecodeError('a message is not binary');
  return new Uint8Array(/** @type {ArrayBuffer} */ (data));
}

export class MessageReader {
  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.bytes = bytes;
    this.offset = 0;
  }

  u8() {
    if (this.offset >= this.bytes.length) throw new DecodeError('the bytes end too early');
    return this.bytes[this.offset++];
  }

  u16() {
    const value = this.u32();
    if (value > 0xffff) throw new DecodeError('a number is outside its range');
    return value;
  }

  u32() {
    const first = this.u8();
    if (first < 251) return first;
    if (first === 251) return this.#canonical(this.#littleEndian(2), 251);
    if (first === 252) return this.#canonical(this.#littleEndian(4), 0x10000);
    throw new DecodeError('a number is outside its range');
  }

  /** A number below 2^53, which JavaScript can count. */
  u53() {
    if (this.bytes[this.offset] !== 253) return this.u32();
    this.offset += 1;
    const low = this.#littleEndian(4);
    const value = this.#littleEndian(4) * 2 ** 32 + low;
    if (value > Number.MAX_SAFE_INTEGER) throw new DecodeError('a number is outside its range');
    return this.#canonical(value, 2 ** 32);
  }

  i32() {
    const raw = this.u32();
    return (raw >>> 1) ^ -(raw & 1);
  }

  /**
   * @template T
   * @param {(reader: this) => T} read
   * @returns {T | null}
   */
  option(read) {
    const tag = this.u8();
    if (tag > 1) throw new DecodeError('an option is neither there nor not');
    return tag === 1 ? read(this) : null;
  }

  bool() {
    const value = this.u8();
    if (value > 1) throw new DecodeError('an answer is neither yes nor no');
    return value === 1;
  }

  /**
   * A list of elements that take at least one byte each.
   * @template T
   * @param {(reader: this) => T} read
   * @returns {T[]}
   */
  list(read) {
    const items = [];
    for (let left = this.#length(); left > 0; left--) items.push(read(this));
    return items;
  }

  /** A number of four bytes, whatever its value. */
  fixed() {
    return this.#littleEndian(4);
  }

  /** How many bytes remain. */
  get left() {
    return this.bytes.length - this.offset;
  }

  /** All remaining bytes, as a view. */
  rest() {
    const rest = this.bytes.subarray(this.offset);
    this.offset = this.bytes.length;
    return rest;
  }

  /** A view of the bytes, not a copy. */
  slice() {
    return this.take(this.#length());
  }

  /** So many bytes, as a view. @param {number} length */
  take(length) {
    if (length > this.bytes.length - this.offset) throw new DecodeError('the bytes end too early');
    this.offset += length;
    return this.bytes.subarray(this.offset - length, this.offset);
  }

  text() {
    const bytes = this.slice();
    if (bytes.length > SERVER_TEXT) throw new DecodeError('a text is too long');
    try {
      return TEXT.decode(bytes);
    } catch {
      throw new DecodeError('text is not utf-8');
    }
  }

  finish() {
    if (this.offset !== this.bytes.length) throw new DecodeError('bytes are left over');
  }

  #length() {
    // A length is 64 bits wide, but one that does not fit 32 bits is longer than any message.
    const length = this.u32();
    if (length > this.bytes.length - this.offset) throw new DecodeError('the bytes end too early');
    return length;
  }

  /** @param {number} width */
  #littleEndian(width) {
    let value = 0;
    for (let shift = 0; shift < width * 8; shift += 8) value |= this.u8() << shift;
    return value >>> 0;
  }

  /**
   * @param {number} value
   * @param {number} least
   */
  #canonical(value, least) {
    if (value < least) throw new DecodeError('a number is not in its shortest form');
    return value;
  }
}
