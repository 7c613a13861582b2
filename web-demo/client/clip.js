// Clips: a few seconds of a room as one client saw them, small enough for a link. A clip is a film of a single part, in the
// encoding of messages: the schema as in a welcome, a keyframe of each zone, and the deltas as they came.

import { FilmError } from './film-error.js';
import { placed, scanFrames } from './film-file.js';
import { FILM_BYTES, PROPERTIES, ZONES } from './limits.js';
import { encodeKeyframe } from './payload-writer.js';
import { DecodeError, MessageReader } from './reader.js';
import { readKind, writeKind } from './schema-wire.js';
import { checkSchema } from './schema.js';
import { MessageWriter } from './writer.js';

/**
 * @typedef {import('./film-file.js').ZoneBytes} ZoneBytes
 * @typedef {import('./film-file.js').FilmHeader} FilmHeader
 * @typedef {import('./film-file.js').Reel} Reel
 * @typedef {{ game: string, rate: number, first: number, schema: import('./schema.js').Kind[], properties: [string, string][],
 *   players: { seat: number, entity: number }[], zones: Map<number, import('./zone.js').Zone>, frames: ZoneBytes[][] }} ClipParts
 */

/** The first byte: the version. Recordings begin with a letter. */
const VERSION = 1;

/** @param {Uint8Array} bytes @returns {{ header: FilmHeader, reels: Reel[] }} */
export function readClip(bytes) {
  if (bytes.length > FILM_BYTES) throw new FilmError('the clip is too large', FILM_BYTES);
  const reader = new MessageReader(bytes);
  if (bytes[0] !== VERSION) throw new FilmError('this is no recording and no clip, or one of another version', 0);
  reader.offset = 1;
  const head = placed(1, () => readHead(reader));
  const { first, ticks, game, rate, schema, properties, players, keyframes } = head;
  const start = reader.offset;
  const deltas = reader.rest();
  const frames = scanFrames(deltas, ticks, start);
  const zones = keyframes.map(({ zone }) => zone);
  const seats = players.map(({ seat, entity }) => ({ seat, entity, away: false, zones }));
  const header = /** @type {FilmHeader} */ ({
    room: '', game, rate, incarnation: 0, reason: 'a shared clip', first, last: (first + ticks) % 2 ** 32, schema, inputs: [], rerun: 'none',
  });
  return { header, reels: [{ at: 0, ticks, keyframes, seats, properties, deltas, frames, changes: [] }] };
}

/** @param {MessageReader} reader */
function readHead(reader) {
  const game = reader.text();
  const rate = reader.u16();
  if (rate < 1 || rate > 120) throw new DecodeError('a rate outside 1 to 120');
  const first = reader.u32();
  const schema = reader.list(readKind);
  checkSchema(schema);
  const properties = reader.list(() => /** @type {[string, string]} */ ([reader.text(), reader.text()]));
  const players = reader.list(() => ({ seat: reader.u16(), entity: reader.u32() }));
  const keyframes = reader.list(() => ({ zone: reader.u16(), bytes: reader.slice() }));
  if (properties.length > PROPERTIES || keyframes.length > ZONES) throw new DecodeError('there are too many zones or properties');
  return { game, rate, first, schema, properties, players, keyframes, ticks: reader.u32() };
}

/** @param {ClipParts} parts `frames`: of each tick after the first the deltas, ascending by zone */
export function writeClip({ game, rate, first, schema, properties, players, zones, frames }) {
  const writer = new MessageWriter();
  writer.u8(VERSION);
  writer.text(game);
  writer.unsigned(rate);
  writer.unsigned(first);
  writer.list(schema, (kind) => writeKind(kind, writer));
  writer.list(properties, (pair) => pair.forEach((text) => writer.text(text)));
  writer.list(players, ({ seat, entity }) => {
    writer.unsigned(seat);
    writer.unsigned(entity);
  });
  writer.list([...zones], ([id, { plans, tables }]) => {
    writer.unsigned(id);
    writer.slice(encodeKeyframe(plans, tables));
  });
  writer.unsigned(frames.length);
  for (const frame of frames) {
    const alone = frame.length === 1 && frame[0].zone === 0;
    writer.unsigned(alone ? 2 * frame[0].bytes.length : 2 * frame.length + 1);
    for (const { zone, bytes } of frame) {
      if (alone) writer.raw(bytes);
      else {
        writer.unsigned(zone);
        writer.slice(bytes);
      }
    }
  }
  return writer.finish();
}
