// The files of recordings, as the server writes them: blocks with checksums, of which header and film are read here. What it
// takes to run a recording again is in a block of its own that is skipped.
//
// All of the file's structure is checked before anything is shown; only the payloads of zones are read later (film-zones.js).

import { readCbor } from './cbor.js';
import { readEventBody } from './events-wire.js';
import { FilmError } from './film-error.js';
import { FILM_BYTES, FILM_CHANGES, FILM_TICKS, ZONES } from './limits.js';
import { DecodeError, MessageReader } from './reader.js';
import { checkInputs, checkSchema } from './schema.js';
import { sha256 } from './digest.js';

/**
 * @typedef {import('./cbor.js').Value} Value
 * @typedef {import('./schema.js').Kind} Kind
 * @typedef {import('./schema.js').Field} Field
 * @typedef {{ seat: number, entity: number, away: boolean, zones: number[] }} FilmSeat `zones`: those that it subscribes to
 * @typedef {{ type: 'seat', seat: FilmSeat } | { type: 'freed', seat: number }
 *   | { type: 'event', event: import('./events-wire.js').EventBody }} Change
 * @typedef {{ zone: number, bytes: Uint8Array }} ZoneBytes
 * @typedef {object} Reel A part of a film: a state, and the way to those that follow.
 * @property {number} at the place of its state in the film, in ticks since the first one
 * @property {number} ticks how many follow
 * @property {ZoneBytes[]} keyframes
 * @property {FilmSeat[]} seats that are taken in its state
 * @property {[string, string][]} properties of the room then
 * @property {Uint8Array} deltas
 * @property {Uint32Array} frames where the deltas of each tick begin, and the last ones end
 * @property {{ at: number, change: Change }[]} changes with the ticks since its state
 * @typedef {object} FilmHeader
 * @property {string} room the id; shortened where the id alone admits to a private room
 * @property {string} game
 * @property {number} rate ticks per second
 * @property {number} incarnation
 * @property {string} reason why it was recorded
 * @property {number} first the first tick that can be watched
 * @property {number} last
 * @property {Kind[]} schema
 * @property {Field[]} inputs
 * @property {'open' | 'sealed' | 'none'} rerun whether the file has the inputs to run it again, and whether everybody can read them
 */

const MAGIC = 'tickrec\x01';
/** Of a block: its kind, its length, and a part of its SHA-256. */
const BLOCK_HEAD = 13;
const CHECKSUM = 8;

/**
 * @param {Uint8Array} file
 * @returns {{ header: FilmHeader, reels: Reel[] }}
 */
export function readFilmFile(file) {
  if (file.length > FILM_BYTES) throw new FilmError('the file is too large', FILM_BYTES);
  if (!isRecording(file)) throw new FilmError('this is no recording, or one of another version', 0);
  const blocks = new Map();
  for (let at = MAGIC.length; ;) {
    const block = readBlock(file, at);
    const order = 'HFRSE'.indexOf(block.kind);
    if (order < 0 || blocks.has(block.kind) || (order < 2 && blocks.size !== order)) throw new FilmError('a block is out of place', at);
    blocks.set(block.kind, block);
    at = block.end;
    if (block.kind === 'E') break;
  }
  const [head, film, end] = ['H', 'F', 'E'].map((kind) => blocks.get(kind));
  if (!film || end.end !== file.length) throw new FilmError('a block is out of place', end.at);
  const rerun = blocks.has('R') ? 'open' : blocks.has('S') ? 'sealed' : 'none';
  const header = readHeader(record(readCbor(head.content, head.start), head.start), head.start, rerun);
  const reels = readReels(list(readCbor(film.content, film.start), film.start), file, film.start, header);
  return { header, reels };
}

/** Whether the bytes begin as a recording does. @param {Uint8Array} file */
export function isRecording(file) {
  return [...MAGIC].every((letter, index) => file[index] === letter.charCodeAt(0));
}

/** @param {Uint8Array} file @param {number} at */
function readBlock(file, at) {
  const start = at + BLOCK_HEAD;
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  if (start > file.length) throw new FilmError('the file is cut off', at);
  const length = view.getUint32(at + 1, true);
  if (length > file.length - start) throw new FilmError('the file is cut off', at);
  const content = file.subarray(start, start + length);
  const kind = String.fromCharCode(file[at]);
  // What is not read here need not be right.
  if (kind === 'R' || kind === 'S') return { kind, at, start, content, end: start + length };
  const summed = new Uint8Array(length + 1);
  summed[0] = file[at];
  summed.set(content, 1);
  const sum = sha256(summed);
  for (let byte = 0; byte < CHECKSUM; byte++) {
    if (sum[byte] !== file[at + 5 + byte]) throw new FilmError('a block is damaged', at);
  }
  return { kind, at, start, content, end: start + length };
}

/** @param {Map<Value, Value>} head @param {number} at @param {FilmHeader['rerun']} rerun @returns {FilmHeader} */
function readHeader(head, at, rerun) {
  const [first, last] = list(head.get('ticks'), at).map((tick) => whole(tick, at));
  const schema = list(head.get('schema'), at).map((kind) => readKind(record(kind, at), at));
  const inputs = list(head.get('inputs'), at).map((field) => readField(record(field, at), at));
  placed(at, () => checkSchema(schema));
  placed(at, () => checkInputs(inputs));
  const rate = whole(head.get('rate'), at);
  if (rate < 1 || rate > 120) throw new FilmError('a rate outside 1 to 120', at);
  return {
    room: text(head.get('room'), at), game: text(head.get('game'), at), rate, incarnation: whole(head.get('incarnation'), at),
    reason: text(head.get('reason'), at), first, last: last ?? first, schema, inputs, rerun,
  };
}

/** @param {Map<Value, Value>} kind @param {number} at @returns {Kind} */
function readKind(kind, at) {
  return { name: text(kind.get('name'), at), fields: list(kind.get('fields'), at).map((field) => readField(record(field, at), at)) };
}

/** @param {Map<Value, Value>} field @param {number} at @returns {Field} */
function readField(field, at) {
  const [shape, about] = variant(field.get('shape'), at);
  const [motion, { heading }] = variant(field.get('motion'), at);
  const how = heading === undefined ? motion : { [motion]: whole(heading, at) };
  return /** @type {Field} */ ({ name: text(field.get('name'), at), shape: readShape(shape, about, at), motion: readMotion(how, at) });
}

/** @param {string} type @param {Record<string, Value>} about @param {number} at @returns {import('./schema.js').Shape} */
function readShape(type, { min, max, per_unit: perUnit, bits, labels, count }, at) {
  switch (type) {
    case 'bool': return { type };
    case 'int': return { type, min: signed(min, at), max: signed(max, at) };
    case 'fixed': return { type, min: signed(min, at), max: signed(max, at), perUnit: whole(perUnit, at) };
    case 'angle': return { type, bits: whole(bits, at) };
    case 'enum': return { type, labels: list(labels, at).map((label) => text(label, at)) };
    case 'colour': return { type, count: whole(count, at) };
    default: throw new FilmError('a field has an unknown shape', at);
  }
}

/** @param {string | Record<string, number>} motion @param {number} at */
function readMotion(motion, at) {
  const name = typeof motion === 'string' ? motion : Object.keys(motion)[0];
  const known = typeof motion === 'string' ? ['hold', 'linear', 'smooth', 'fade'] : ['along', 'across'];
  if (!known.includes(name)) throw new FilmError('a field has an unknown motion', at);
  return motion;
}

/** An enum value, as serde writes it: a bare name, or a map with the name as its only key. @param {Value | undefined} value @param {number} at @returns {[string, Record<string, Value>]} */
function variant(value, at) {
  if (typeof value === 'string') return [value.toLowerCase(), {}];
  const [entry] = record(value, at);
  if (!entry) throw new FilmError('an enum has no variant', at);
  return [text(entry[0], at).toLowerCase(), Object.fromEntries([...record(entry[1], at)].map(([name, field]) => [text(name, at), field]))];
}

/** @param {Value[]} values @param {Uint8Array} file @param {number} at @param {FilmHeader} header @returns {Reel[]} */
function readReels(values, file, at, header) {
  /** @type {Reel[]} */
  const reels = [];
  let changes = 0;
  let next = 0;
  for (const value of values) {
    const reel = readReel(record(value, at), file, at, next);
    const tick = whole(record(value, at).get('tick'), at);
    if (reels.length === 0) header.first = tick;
    if (tick !== (header.first + next) % 2 ** 32) throw new FilmError('a part of the film is missing', at);
    next += reel.ticks;
    if ((changes += reel.changes.length) > FILM_CHANGES) throw new FilmError('there are too many changes', at);
    reels.push(reel);
  }
  if (reels.length === 0) throw new FilmError('there is no film in it', at);
  header.last = (header.first + next) % 2 ** 32;
  return reels;
}

/** @param {Map<Value, Value>} reel @param {Uint8Array} file @param {number} at @param {number} place @returns {Reel} */
function readReel(reel, file, at, place) {
  const ticks = whole(reel.get('ticks'), at);
  const deltas = bytes(reel.get('deltas'), at);
  const presence = record(reel.get('presence'), at);
  const keyframes = list(reel.get('keyframes'), at).map((pair) => {
    const [zone, content] = list(pair, at);
    return { zone: whole(zone, at), bytes: bytes(content, at) };
  });
  if (keyframes.length > ZONES) throw new FilmError('there are too many zones', at);
  const seats = [...record(presence.get('seats'), at)].map(([seat, taken]) => readTaken(whole(seat, at), record(taken, at), at));
  const properties = [...record(presence.get('properties'), at)].map(([key, value]) => /** @type {[string, string]} */ ([text(key, at), text(value, at)]));
  const frames = scanFrames(deltas, ticks, deltas.byteOffset - file.byteOffset);
  const told = bytes(reel.get('changes'), at);
  const changes = readChanges(told, ticks, told.byteOffset - file.byteOffset);
  return { at: place, ticks, keyframes, seats, properties, deltas, frames, changes };
}

/** @param {number} seat @param {Map<Value, Value>} taken @param {number} at @returns {FilmSeat} */
function readTaken(seat, taken, at) {
  const zones = list(taken.get('zones'), at).map((zone) => whole(zone, at));
  return { seat, entity: whole(taken.get('entity'), at), away: taken.get('away') === true, zones };
}

/**
 * Finds where the deltas of each tick begin.
 * @param {Uint8Array} deltas @param {number} ticks @param {number} start where they begin in the file
 */
export function scanFrames(deltas, ticks, start) {
  if (ticks > FILM_TICKS) throw new FilmError('there are too few keyframes', start);
  // Every tick takes a byte at least.
  if (ticks > deltas.length) throw new FilmError('deltas are missing', start);
  const frames = new Uint32Array(ticks + 1);
  const reader = new MessageReader(deltas);
  for (let tick = 0; tick < ticks; tick++) {
    frames[tick] = reader.offset;
    placed(start + reader.offset, () => readFrame(reader));
  }
  frames[ticks] = reader.offset;
  if (reader.offset !== deltas.length) throw new FilmError('bytes are left over', start + reader.offset);
  return frames;
}

/**
 * The deltas of one tick, by zone.
 * @param {MessageReader} reader
 * @returns {ZoneBytes[]}
 */
export function readFrame(reader) {
  const number = reader.u32();
  if (number % 2 === 0) return [{ zone: 0, bytes: reader.take(number / 2) }];
  const count = (number - 1) / 2;
  if (count > ZONES) throw new DecodeError('there are too many zones');
  return Array.from({ length: count }, () => ({ zone: reader.u16(), bytes: reader.slice() }));
}

/** @param {Uint8Array} told @param {number} ticks @param {number} start */
function readChanges(told, ticks, start) {
  /** @type {Reel['changes']} */
  const changes = [];
  const reader = new MessageReader(told);
  for (let at = 0; reader.offset < told.length;) {
    placed(start + reader.offset, () => {
      at += reader.u32();
      if (at > ticks || changes.length >= FILM_CHANGES) throw new DecodeError('a change is out of place');
      changes.push({ at, change: readChange(reader) });
    });
  }
  return changes;
}

/** @param {MessageReader} reader @returns {Change} */
function readChange(reader) {
  switch (reader.u32()) {
    case 0: {
      const [seat, entity, away] = [reader.u16(), reader.u32(), reader.bool()];
      return { type: 'seat', seat: { seat, entity, away, zones: reader.list((inner) => inner.u16()) } };
    }
    case 1: return { type: 'freed', seat: reader.u16() };
    case 2: return { type: 'event', event: readEventBody(reader) };
    default: throw new DecodeError('an unknown change');
  }
}

/** Adds the place to what is wrong. @template T @param {number} at @param {() => T} read @returns {T} */
export function placed(at, read) {
  try {
    return read();
  } catch (error) {
    if (error instanceof DecodeError && !(error instanceof FilmError)) throw new FilmError(error.message, at);
    throw error;
  }
}

/** @param {Value | undefined} value @param {number} at */
function record(value, at) {
  if (!(value instanceof Map)) throw new FilmError('a map is missing', at);
  return value;
}

/** @param {Value | undefined} value @param {number} at */
function list(value, at) {
  if (!Array.isArray(value)) throw new FilmError('a list is missing', at);
  return value;
}

/** @param {Value | undefined} value @param {number} at */
function text(value, at) {
  if (typeof value !== 'string' || value.length > 1024) throw new FilmError('a text is missing', at);
  return value;
}

/** @param {Value | undefined} value @param {number} at */
function bytes(value, at) {
  if (!(value instanceof Uint8Array)) throw new FilmError('bytes are missing', at);
  return value;
}

/** @param {Value | undefined} value @param {number} at */
function whole(value, at) {
  const number = signed(value, at);
  if (number < 0) throw new FilmError('a number is negative', at);
  return number;
}

/** @param {Value | undefined} value @param {number} at */
function signed(value, at) {
  if (typeof value !== 'number') throw new FilmError('a number is missing', at);
  return value;
}
