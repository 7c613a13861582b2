// The layouts of frame messages, which are most messages of a server: a short one for the usual frame, with one byte before
// the payload, and a long one for all others.
//
// PROTOCOL.md has the tables. Byte strings are views into the message. Only the canonical form of a frame is accepted.
// frame-order.js, state.js and session.js use the parts.

import { readEvents } from './events-wire.js';
import { DecodeError } from './reader.js';

/**
 * @typedef {import('./reader.js').MessageReader} MessageReader
 * @typedef {import('./events-wire.js').EventBatch} EventBatch
 * @typedef {{ type: 'short' | 'long' | 'dense' | 'wide' | 'absolute', tick: number, consumed: number }} Stamp the lowest bits of both numbers,
 *   or all of them
 * @typedef {{ epoch: number, reason: number }} Correction
 * @typedef {{ superseded: number, commands: number | null, correction: Correction | null, incarnation: number | null,
 *   lead: number | null }} Note
 * @typedef {{ type: 'chain', deltas: Uint8Array[] } | { type: 'fresh', deltas: Uint8Array[] }
 *   | { type: 'keyframe', bytes: Uint8Array } | { type: 'gone' }} ZoneForm a chain starts from the client's state of the zone,
 *   a fresh one from the empty zone
 * @typedef {{ zone: number, lag: number, form: ZoneForm, hash: number | null }} ZonePart `lag`: ticks before the frame's
 * @typedef {{ type: 'frame', stamp: Stamp, note: Note | null, events: EventBatch | null, zones: ZonePart[] }} FrameMessage
 */

/** The first byte of a long frame is this or more, that of a short frame at least `SHORT`. */
export const LONG_FRAME = 0x40;
const SHORT = 0x80;
/** Deltas in one chain. Bounds the work that few bytes can cause. */
const MAX_CHAIN = 32;

/** Of the short layout: bits of the tick and of `consumed`, and whether there is a hash. */
const SHORT_TICK = 0x0f;
const SHORT_CONSUMED_SHIFT = 4;
const SHORT_CONSUMED = 0x03;
const SHORT_HASH = 0x40;

/** Of the long layout: flags of the parts present, and the bits of the tick in the second byte. */
const WIDE = 0x01;
const NOTE = 0x02;
const EVENTS = 0x04;
const HASH = 0x08;
const LISTED = 0x10;
/** Without a list of zones: the number of deltas of zone 0 follows; with one: tick and `consumed` are told as a whole. */
const CHAIN_LENGTH = 0x20;
const ABSOLUTE = 0x20;
/** The first byte of a dense list; elsewhere a list and a hash exclude each other. */
const DENSE = LONG_FRAME | LISTED | HASH;
const LONG_TICK = 0x1f;
const LONG_CONSUMED_SHIFT = 5;

/** Of a note: inputs superseded, 31 when they are at least 31 and the number follows; and flags of the parts present. */
const SUPERSEDED = 0x1f;
const COMMANDS = 0x20;
const CORRECTION = 0x40;
const MORE = 0x80;
/** Of its second byte. */
const INCARNATION = 0x01;
const LEAD = 0x02;

/** Of a listed part: the form in two bits, whether there are a hash and a lag, the number of deltas minus one. */
const CHAIN = 0;
const KEYFRAME = 1;
const GONE = 2;
const FORM = 0x03;
const PART_HASH = 0x04;
const PART_LAG = 0x08;
const DELTAS_SHIFT = 4;
const DELTAS_FOLLOW = 15;

/**
 * The whole message, its first byte included.
 * @param {MessageReader} reader
 * @returns {FrameMessage}
 */
export function readFrame(reader) {
  const first = reader.u8();
  if (first < SHORT) return readLong(reader, first);
  const consumed = (first >> SHORT_CONSUMED_SHIFT) & SHORT_CONSUMED;
  const hash = first & SHORT_HASH ? reader.fixed() : null;
  return {
    type: 'frame', stamp: { type: 'short', tick: first & SHORT_TICK, consumed }, note: null, events: null,
    zones: [{ zone: 0, lag: 0, form: { type: 'chain', deltas: [reader.rest()] }, hash }],
  };
}

/** @param {MessageReader} reader @param {number} first @returns {FrameMessage} */
function readLong(reader, first) {
  if (first === DENSE) return { type: 'frame', stamp: readLowBits(reader, 'dense'), note: null, events: null, zones: readDense(reader) };
  const stamp = readStamp(reader, first);
  const note = first & NOTE ? readNote(reader) : null;
  if (note?.incarnation != null && stamp.type !== 'absolute') throw notCanonical();
  const events = first & EVENTS ? readEvents(reader) : null;
  const listed = (first & LISTED) !== 0;
  if (listed && first & HASH) throw notCanonical();
  const zones = listed ? readListed(reader, stamp.type === 'absolute') : [readAlone(reader, first)];
  return { type: 'frame', stamp, note, events, zones };
}

/** @param {MessageReader} reader @param {number} first @returns {Stamp} */
function readStamp(reader, first) {
  if (first & LISTED && first & ABSOLUTE) {
    if (first & WIDE) throw notCanonical();
    return { type: 'absolute', tick: reader.u32(), consumed: reader.u32() };
  }
  if (first & WIDE) return { type: 'wide', tick: reader.u8(), consumed: reader.u8() };
  return readLowBits(reader, 'long');
}

/** @param {MessageReader} reader @param {'long' | 'dense'} type @returns {Stamp} */
function readLowBits(reader, type) {
  const bits = reader.u8();
  return { type, tick: bits & LONG_TICK, consumed: bits >> LONG_CONSUMED_SHIFT };
}

function notCanonical() {
  return new DecodeError('a frame is not in its canonical form');
}

/** @param {MessageReader} reader @returns {Note} */
function readNote(reader) {
  const first = reader.u8();
  if (first === 0) throw notCanonical();
  const few = first & SUPERSEDED;
  const superseded = few === SUPERSEDED ? reader.u32() : few;
  if (few > superseded) throw notCanonical();
  const commands = first & COMMANDS ? reader.u32() : null;
  const correction = first & CORRECTION ? { epoch: reader.u8(), reason: reader.u8() } : null;
  const second = first & MORE ? reader.u8() : 0;
  if (first & MORE && (second === 0 || second > (INCARNATION | LEAD))) throw notCanonical();
  const incarnation = second & INCARNATION ? reader.u53() : null;
  const lead = second & LEAD ? (reader.u8() << 24) >> 24 : null;
  return { superseded, commands, correction, incarnation, lead };
}

/** Zone 0 alone, up to the frame's tick. @param {MessageReader} reader @param {number} first @returns {ZonePart} */
function readAlone(reader, first) {
  const hash = first & HASH ? reader.fixed() : null;
  const more = first & CHAIN_LENGTH ? readMore(reader, 1) : 0;
  return { zone: 0, lag: 0, form: { type: 'chain', deltas: readDeltas(reader, more + 1, true) }, hash };
}

/** @param {MessageReader} reader @param {boolean} whole whether the tick is told as a whole @returns {ZonePart[]} */
function readListed(reader, whole) {
  /** @type {ZonePart[]} */
  const zones = [];
  const seen = new Set();
  const count = reader.u32();
  for (let index = 1; index <= count; index++) {
    const part = readPart(reader, index === count);
    if (seen.has(part.zone)) throw new DecodeError('a zone has two parts');
    seen.add(part.zone);
    zones.push(part);
  }
  const [{ zone, lag, form } = { zone: -1, lag: 0, form: null }] = zones;
  if (!whole && count === 1 && zone === 0 && lag === 0 && form?.type === 'chain') throw notCanonical();
  return zones;
}

/** Two zones or more that advance by one tick each, in ascending order. @param {MessageReader} reader @returns {ZonePart[]} */
function readDense(reader) {
  /** @type {ZonePart[]} */
  const zones = [];
  while (reader.left > 0) {
    const gap = reader.u32();
    const zone = (zones.at(-1)?.zone ?? 0) + gap;
    if (zone > 0xffff || (gap === 0 && zones.length > 0)) throw new DecodeError('the zones of a list do not ascend');
    const size = reader.u32();
    const hash = size & 1 ? reader.fixed() : null;
    zones.push({ zone, lag: 0, form: { type: 'chain', deltas: [reader.take(size >>> 1)] }, hash });
  }
  if (zones.length < 2) throw notCanonical();
  return zones;
}

/**
 * @param {MessageReader} reader
 * @param {boolean} last whether the payload goes to the end of the message
 * @returns {ZonePart}
 */
function readPart(reader, last) {
  const zone = reader.u16();
  const first = reader.u8();
  const hash = first & PART_HASH ? reader.fixed() : null;
  const lag = first & PART_LAG ? reader.u32() : 0;
  if ((first & PART_LAG && lag === 0) || (first & PART_HASH && (first & FORM) === GONE)) throw notCanonical();
  return { zone, lag, form: readForm(reader, first & FORM, first >> DELTAS_SHIFT, last), hash };
}

/**
 * @param {MessageReader} reader
 * @param {number} kind of form
 * @param {number} more deltas after the first, as in the part's byte
 * @param {boolean} last
 * @returns {ZoneForm}
 */
function readForm(reader, kind, more, last) {
  if (kind === KEYFRAME || kind === GONE) {
    if (more !== 0) throw notCanonical();
    return kind === GONE ? { type: 'gone' } : { type: 'keyframe', bytes: last ? reader.rest() : reader.slice() };
  }
  if (more === DELTAS_FOLLOW) more = readMore(reader, DELTAS_FOLLOW);
  return { type: kind === CHAIN ? 'chain' : 'fresh', deltas: readDeltas(reader, more + 1, last) };
}

/** The number of deltas after the first. @param {MessageReader} reader @param {number} least */
function readMore(reader, least) {
  const more = reader.u8();
  if (more < least || more >= MAX_CHAIN) throw notCanonical();
  return more;
}

/** @param {MessageReader} reader @param {number} count @param {boolean} last @returns {Uint8Array[]} */
function readDeltas(reader, count, last) {
  const deltas = [];
  while (deltas.length < count - 1) deltas.push(reader.slice());
  deltas.push(last ? reader.rest() : reader.slice());
  return deltas;
}
