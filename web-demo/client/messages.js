// The messages: bytes of the server to objects, objects to bytes of the client. PROTOCOL.md describes the bytes.
//
// Decoding is exact: nothing may be left over. Byte strings inside a frame are views into the message. What the values
// mean is not decided here, except that a welcome's schemas are checked on the way (schema.js).

import { DecodeError, MessageReader } from './reader.js';
import { checkInputs, checkSchema } from './schema.js';
import { MessageWriter } from './writer.js';

/**
 * @typedef {import('./schema.js').Kind} Kind
 * @typedef {import('./schema.js').Field} Field
 * @typedef {import('./schema.js').Shape} Shape
 * @typedef {[string, string][]} Pairs
 * @typedef {{ seat: number, entity: number, name: string }} Player
 * @typedef {{ placement: number, reason: number }} Correction
 * @typedef {{ superseded: number, commands: number, correction: Correction | null }} Note
 * @typedef {{ type: 'joined', player: Player }
 *   | { type: 'left', seat: number, code: number }
 *   | { type: 'game', kind: number, body: Uint8Array }} EventBody
 * @typedef {{ age: number, body: EventBody }} EventItem
 * @typedef {{ first: number, lost: number, items: EventItem[] }} EventBatch
 * @typedef {{ type: 'chain', deltas: Uint8Array[] } | { type: 'keyframe', bytes: Uint8Array } | { type: 'gone' }} ZoneForm
 * @typedef {{ zone: number, form: ZoneForm, hash: number | null }} ZonePart
 * @typedef {{ type: 'welcome', version: number, room: string, game: string, rate: number, tick: number, seat: number,
 *   entity: number, rule: 'steer' | 'place', placement: number, resume: Uint8Array | null, schema: Kind[],
 *   inputs: Field[], properties: Pairs, players: Player[] }} Welcome
 * @typedef {{ type: 'frame', advance: number, consumed: number, note: Note | null, events: EventBatch | null,
 *   zones: ZonePart[] }} FrameMessage
 * @typedef {{ type: 'pong', stamp: number }} Pong
 * @typedef {Welcome | FrameMessage | Pong} ServerMessage
 *
 * @typedef {{ type: 'joinOrCreate', game: string, options: Pairs } | { type: 'create', game: string, options: Pairs }
 *   | { type: 'byId', room: string }} Join
 * @typedef {{ tick: number, events: number }} Ack
 * @typedef {{ count: number, values: ArrayLike<number> }} Run
 * @typedef {{ type: 'hello', version: number, join: Join, name: string, player: Pairs, resume: Uint8Array | null,
 *   token: string | null }} Hello
 * @typedef {{ type: 'inputs', ack: Ack, placement: number, first: number, runs: readonly Run[] }} Inputs
 * @typedef {Hello | Inputs | ({ type: 'ack' } & Ack) | { type: 'command', seq: number, kind: number, body: Uint8Array }
 *   | { type: 'ping', stamp: number } | { type: 'resync', zone: number, tick: number }} ClientMessage
 */

export const PROTOCOL_VERSION = 1;
export const SUBPROTOCOL = 'tickwire.v1';
/** Bytes of one message from the server; more is not read. */
export const MAX_SERVER_MESSAGE = 4 * 1024 * 1024;
/** Deltas in one chain. Bounds the work that few bytes can ask for. */
export const MAX_CHAIN = 32;

/**
 * @param {Uint8Array} bytes
 * @returns {ServerMessage}
 */
export function decodeServer(bytes) {
  if (bytes.length > MAX_SERVER_MESSAGE) throw new DecodeError('the message is too big');
  const reader = new MessageReader(bytes);
  const message = variant(reader, [readWelcome, readFrame, readPong]);
  reader.finish();
  return message;
}

/**
 * @template T
 * @param {MessageReader} reader
 * @param {readonly ((reader: MessageReader) => T)[]} readers
 * @returns {T}
 */
function variant(reader, readers) {
  const number = reader.u32();
  if (number >= readers.length) throw new DecodeError('an unknown variant');
  return readers[number](reader);
}

/** @param {MessageReader} reader @returns {ServerMessage} */
function readWelcome(reader) {
  const version = reader.u16();
  const room = reader.text();
  const game = reader.text();
  const rate = reader.u16();
  if (rate < 1 || rate > 120) throw new DecodeError('a rate outside 1 to 120');
  const tick = reader.u32();
  const seat = reader.u16();
  const entity = reader.u32();
  const rule = variant(reader, RULES);
  const placement = reader.u8();
  const resume = reader.option((inner) => inner.slice());
  const schema = reader.list(readKind);
  const inputs = reader.list(readField);
  checkSchema(schema);
  checkInputs(inputs);
  const properties = reader.list(readPair);
  const players = reader.list(readPlayer);
  return {
    type: 'welcome', version, room, game, rate, tick, seat, entity, rule, placement, resume, schema, inputs, properties,
    players,
  };
}

/** @type {(() => 'steer' | 'place')[]} */
const RULES = [() => 'steer', () => 'place'];

/** @param {MessageReader} reader @returns {Kind} */
function readKind(reader) {
  return { name: reader.text(), fields: reader.list(readField) };
}

/** @param {MessageReader} reader @returns {Field} */
function readField(reader) {
  return { name: reader.text(), shape: variant(reader, SHAPES), motion: variant(reader, MOTIONS) };
}

/** @type {((reader: MessageReader) => Shape)[]} */
const SHAPES = [
  () => ({ type: 'bool' }),
  (reader) => ({ type: 'int', min: reader.i32(), max: reader.i32() }),
  (reader) => ({ type: 'fixed', min: reader.i32(), max: reader.i32(), perUnit: reader.u16() }),
  (reader) => ({ type: 'angle', bits: reader.u8() }),
  (reader) => ({ type: 'enum', labels: reader.list((inner) => inner.text()) }),
  (reader) => ({ type: 'colour', count: reader.u8() }),
];

/** @type {((reader: MessageReader) => import('./schema.js').Motion)[]} */
const MOTIONS = [
  () => 'hold', () => 'linear', () => 'smooth', (reader) => ({ along: reader.u8() }),
  (reader) => ({ across: reader.u8() }), () => 'fade',
];

/** @param {MessageReader} reader @returns {[string, string]} */
function readPair(reader) {
  return [reader.text(), reader.text()];
}

/** @param {MessageReader} reader @returns {Player} */
function readPlayer(reader) {
  return { seat: reader.u16(), entity: reader.u32(), name: reader.text() };
}

/** @param {MessageReader} reader @returns {ServerMessage} */
function readFrame(reader) {
  const advance = reader.u32();
  const consumed = reader.u32();
  const note = reader.option(readNote);
  const events = reader.option(readEvents);
  const zones = reader.list(readZone);
  return { type: 'frame', advance, consumed, note, events, zones };
}

/** @param {MessageReader} reader @returns {Note} */
function readNote(reader) {
  const superseded = reader.u32();
  const commands = reader.u32();
  const correction = reader.option(() => ({ placement: reader.u8(), reason: reader.u8() }));
  return { superseded, commands, correction };
}

/** @param {MessageReader} reader @returns {EventBatch} */
function readEvents(reader) {
  const first = reader.u32();
  const lost = reader.u32();
  const items = reader.list(() => ({ age: reader.u32(), body: variant(reader, BODIES) }));
  return { first, lost, items };
}

/** @type {((reader: MessageReader) => EventBody)[]} */
const BODIES = [
  (reader) => ({ type: 'joined', player: readPlayer(reader) }),
  (reader) => ({ type: 'left', seat: reader.u16(), code: reader.u16() }),
  (reader) => ({ type: 'game', kind: reader.u16(), body: reader.slice() }),
];

/** @param {MessageReader} reader @returns {ZonePart} */
function readZone(reader) {
  const zone = reader.u16();
  const form = variant(reader, FORMS);
  const hash = reader.option((inner) => inner.u32());
  return { zone, form, hash };
}

/** @type {((reader: MessageReader) => ZoneForm)[]} */
const FORMS = [readChain, (reader) => ({ type: 'keyframe', bytes: reader.slice() }), () => ({ type: 'gone' })];

/** @param {MessageReader} reader @returns {ZoneForm} */
function readChain(reader) {
  const deltas = reader.list((inner) => inner.slice());
  if (deltas.length > MAX_CHAIN) throw new DecodeError('a chain is too long');
  return { type: 'chain', deltas };
}

/** @param {MessageReader} reader @returns {ServerMessage} */
function readPong(reader) {
  return { type: 'pong', stamp: reader.u32() };
}

/**
 * @param {ClientMessage} message
 * @param {MessageWriter} [writer] reused between messages
 * @returns {Uint8Array}
 */
export function encodeClient(message, writer = new MessageWriter()) {
  switch (message.type) {
    case 'hello':
      writer.unsigned(0);
      writeHello(message, writer);
      break;
    case 'inputs':
      writer.unsigned(1);
      writeInputs(message, writer);
      break;
    case 'ack':
      writer.unsigned(2);
      writeAck(message, writer);
      break;
    case 'command':
      writer.unsigned(3);
      writer.unsigned(message.seq);
      writer.unsigned(message.kind);
      writer.slice(message.body);
      break;
    case 'ping':
      writer.unsigned(4);
      writer.unsigned(message.stamp);
      break;
    case 'resync':
      writer.unsigned(5);
      writer.unsigned(message.zone);
      writer.unsigned(message.tick);
      break;
  }
  return writer.finish();
}

/** @param {Hello} hello @param {MessageWriter} writer */
function writeHello(hello, writer) {
  writer.unsigned(hello.version);
  writeJoin(hello.join, writer);
  writer.text(hello.name);
  writePairs(hello.player, writer);
  writer.option(hello.resume, (resume) => writer.slice(resume));
  writer.option(hello.token, (token) => writer.text(token));
}

/** @param {Join} join @param {MessageWriter} writer */
function writeJoin(join, writer) {
  if (join.type === 'byId') {
    writer.unsigned(2);
    writer.text(join.room);
    return;
  }
  writer.unsigned(join.type === 'joinOrCreate' ? 0 : 1);
  writer.text(join.game);
  writePairs(join.options, writer);
}

/** @param {Pairs} pairs @param {MessageWriter} writer */
function writePairs(pairs, writer) {
  writer.list(pairs, ([key, value]) => {
    writer.text(key);
    writer.text(value);
  });
}

/** @param {Inputs} inputs @param {MessageWriter} writer */
function writeInputs(inputs, writer) {
  writeAck(inputs.ack, writer);
  writer.u8(inputs.placement);
  writer.unsigned(inputs.first);
  writer.list(inputs.runs, (run) => {
    writer.unsigned(run.count);
    writer.unsigned(run.values.length);
    for (let index = 0; index < run.values.length; index++) writer.i32(run.values[index]);
  });
}

/** @param {Ack} ack @param {MessageWriter} writer */
function writeAck(ack, writer) {
  writer.unsigned(ack.tick);
  writer.unsigned(ack.events);
}
