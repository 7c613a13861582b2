// Reads CBOR (RFC 8949) as the server writes recordings: definite lengths, no tags. Maps become `Map`s, byte strings are views.
//
// Bytes are untrusted: the number of items and their nesting are bounded, and every fault is a FilmError with its place.

import { FilmError } from './film-error.js';
import { CBOR_DEPTH, CBOR_ITEMS } from './limits.js';

/** @typedef {number | string | boolean | null | Uint8Array | any[] | Map<any, any>} Value */

const TEXT = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

class Reader {
  /** @param {Uint8Array} bytes @param {number} start where they begin in the file */
  constructor(bytes, start) {
    this.bytes = bytes;
    this.start = start;
    this.at = 0;
    this.items = CBOR_ITEMS;
  }

  /** @param {string} what @returns {never} */
  fail(what) {
    throw new FilmError(what, this.start + this.at);
  }

  /** @param {number} width */
  number(width) {
    if (width > this.bytes.length - this.at) this.fail('the bytes end too early');
    let value = 0;
    for (let left = width; left > 0; left--) value = value * 256 + this.bytes[this.at++];
    if (value > Number.MAX_SAFE_INTEGER) this.fail('a number is too large');
    return value;
  }

  /** @param {number} more what the first byte says of it */
  argument(more) {
    if (more < 24) return more;
    if (more > 27) this.fail('an item has no definite length');
    return this.number(2 ** (more - 24));
  }

  /** @param {number} length */
  take(length) {
    if (length > this.bytes.length - this.at) this.fail('the bytes end too early');
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  /** @param {number} depth @returns {Value} */
  item(depth) {
    if (depth > CBOR_DEPTH || --this.items < 0) this.fail('there are too many items');
    const first = this.number(1);
    const major = first >> 5;
    if (major === 7) return this.simple(first);
    const argument = this.argument(first & 31);
    switch (major) {
      case 0: return argument;
      case 1: return -1 - argument;
      case 2: return this.take(argument);
      case 3: return this.text(argument);
      case 4: return this.list(argument, depth);
      case 5: return this.map(argument, depth);
      default: return this.fail('tags are not used');
    }
  }

  /** @param {number} first @returns {Value} */
  simple(first) {
    if (first === 0xf4 || first === 0xf5) return first === 0xf5;
    return first === 0xf6 ? null : this.fail('an unknown item');
  }

  /** @param {number} length */
  text(length) {
    try {
      return TEXT.decode(this.take(length));
    } catch (error) {
      return error instanceof FilmError ? this.fail(error.what) : this.fail('text is not utf-8');
    }
  }

  /** @param {number} length @param {number} depth */
  list(length, depth) {
    const list = [];
    for (let left = length; left > 0; left--) list.push(this.item(depth + 1));
    return list;
  }

  /** @param {number} length @param {number} depth */
  map(length, depth) {
    /** @type {Map<Value, Value>} */
    const map = new Map();
    for (let left = length; left > 0; left--) {
      const key = this.item(depth + 1);
      map.set(key, this.item(depth + 1));
    }
    return map;
  }
}

/**
 * Reads one item and nothing else.
 * @param {Uint8Array} bytes
 * @param {number} start where they begin in the file
 * @returns {Value}
 */
export function readCbor(bytes, start) {
  const reader = new Reader(bytes, start);
  const value = reader.item(0);
  if (reader.at !== bytes.length) reader.fail('bytes are left over');
  return value;
}
