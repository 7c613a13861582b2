// The layout of frame messages, which are most messages of a server: one byte for the usual one, then the payload.
//
// The first byte flags the parts that deviate from the usual; PROTOCOL.md has the table. Byte strings are views into the
// message. Only the canonical form of a frame is accepted. state.js and session.js use the parts.

import { readEvents } from './events-wire.js';
import { DecodeError } from './reader.js';

/**
 * @typedef {import('./reader.js').MessageReader} MessageReader
 * @typedef {import('./events-wire.js').EventBatch} EventBatch
 * @typedef {{ epoch: number, reason: number }} Correction
 * @typedef {{ superseded: number, commands: number | null, correction: Correction | null }} Note
 * @typedef {{ type: 'chain', deltas: Uint8Array[] } | { type: 'keyframe', bytes: Uint8Array } | { type: 'gone' }} ZoneForm
 * @typedef {{ zone: number, form: ZoneForm, hash: number | null }} ZonePart
 * @typedef {{ type: 'frame', advance: number, consumed: number, note: Note | null, events: EventBatch | null,
 *   zones: ZonePart[] }} FrameMessage
 */

/** The first byte of a frame message is this or more. */
export const FRAME = 0x80;
/** Deltas in one chain. Bounds the work that few bytes can cause. */
const MAX_CHAIN = 32;

/** Bits of the first byte. `consumed` has two; 3 means that it is at least 3 and follows. */
const ADVANCE = 0x01;
const CONSUMED_SHIFT = 1;
const CONSUMED_FOLLOWS = 3;
const NOTE = 0x08;
const EVENTS = 0x10;
const HASH = 0x20;
const LISTED = 0x40;

/** Of a note: inputs superseded, 31 when they are at least 31 and the number follows; and flags of the parts present. */
const SUPERSEDED = 0x1f;
const COMMANDS = 0x20;
const CORRECTION = 0x40;

/** Of a listed part: the form in two bits, whether there is a hash, the number of deltas minus one. */
const CHAIN = 0;
const KEYFRAME = 1;
const GONE = 2;
const FORM = 0x03;
const PART_HASH = 0x04;
const DELTAS_SHIFT = 3;

/**
 * The whole message, its first byte included.
 * @param {MessageReader} reader
 * @returns {FrameMessage}
 */
export function readFrame(reader) {
  const first = reader.u8();
  const advance = first & ADVANCE ? reader.u32() : 1;
  if (first & ADVANCE && advance === 1) throw notCanonical();
  const few = (first >> CONSUMED_SHIFT) & CONSUMED_FOLLOWS;
  const consumed = few === CONSUMED_FOLLOWS ? reader.u32() : few;
  if (few > consumed) throw notCanonical();
  const note = first & NOTE ? readNote(reader) : null;
  const events = first & EVENTS ? readEvents(reader) : null;
  const zones = first & LISTED ? readListed(reader) : [readUsual(reader, advance, (first & HASH) !== 0)];
  if (first & LISTED && (first & HASH || isUsual(advance, zones))) throw notCanonical();
  return { type: 'frame', advance, consumed, note, events, zones };
}

function notCanonical() {
  return new DecodeError('a frame is not in its canonical form');
}

/** @param {MessageReader} reader @returns {Note} */
function readNote(reader) {
  const first = reader.u8();
  if (first === 0 || first > (SUPERSEDED | COMMANDS | CORRECTION)) throw notCanonical();
  const few = first & SUPERSEDED;
  const superseded = few === SUPERSEDED ? reader.u32() : few;
  if (few > superseded) throw notCanonical();
  const commands = first & COMMANDS ? reader.u32() : null;
  const correction = first & CORRECTION ? { epoch: reader.u8(), reason: reader.u8() } : null;
  return { superseded, commands, correction };
}

/**
 * Zone 0 alone, with one delta per tick.
 * @param {MessageReader} reader
 * @param {number} advance
 * @param {boolean} hashed
 * @returns {ZonePart}
 */
function readUsual(reader, advance, hashed) {
  if (advance < 1 || advance > MAX_CHAIN) throw new DecodeError('a chain is too long');
  return readPart(reader, 0, CHAIN, advance, hashed, true);
}

/** @param {number} advance @param {ZonePart[]} zones */
function isUsual(advance, zones) {
  if (zones.length !== 1 || zones[0].zone !== 0 || zones[0].form.type !== 'chain') return false;
  return zones[0].form.deltas.length === advance;
}

/** @param {MessageReader} reader @returns {ZonePart[]} */
function readListed(reader) {
  const zones = [];
  const count = reader.u32();
  for (let index = 1; index <= count; index++) {
    const zone = reader.u16();
    const first = reader.u8();
    const form = first & FORM;
    const deltas = first >> DELTAS_SHIFT;
    if (form !== CHAIN && deltas !== 0) throw notCanonical();
    zones.push(readPart(reader, zone, form, deltas + 1, (first & PART_HASH) !== 0, index === count));
  }
  return zones;
}

/**
 * @param {MessageReader} reader
 * @param {number} zone
 * @param {number} kind of form
 * @param {number} deltas
 * @param {boolean} hashed
 * @param {boolean} last whether the payload goes to the end of the message
 * @returns {ZonePart}
 */
function readPart(reader, zone, kind, deltas, hashed, last) {
  const hash = hashed ? reader.fixed() : null;
  return { zone, form: readForm(reader, kind, deltas, last), hash };
}

/**
 * @param {MessageReader} reader
 * @param {number} kind
 * @param {number} deltas
 * @param {boolean} last
 * @returns {ZoneForm}
 */
function readForm(reader, kind, deltas, last) {
  if (kind === GONE) return { type: 'gone' };
  if (kind === KEYFRAME) return { type: 'keyframe', bytes: last ? reader.rest() : reader.slice() };
  if (kind !== CHAIN) throw new DecodeError('an unknown variant');
  const chain = [];
  while (chain.length < deltas - 1) chain.push(reader.slice());
  chain.push(last ? reader.rest() : reader.slice());
  return { type: 'chain', deltas: chain };
}
