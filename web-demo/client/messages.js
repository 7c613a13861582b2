// The messages: decodes those of the server and encodes those of the client. PROTOCOL.md describes the bytes.
//
// Decoding is exact: no byte may be left over. Values are not interpreted here, except that the schemas of a welcome
// are checked (schema.js). Frames are read in frame.js, inputs and acknowledgements written in inputs-wire.js.

import { readEvents, readPlayer, variant } from './events-wire.js';
import { LONG_FRAME, readFrame } from './frame.js';
import { readGrid } from './grid.js';
import { writeAck, writeInputs } from './inputs-wire.js';
import { EXTENSION, EXTENSIONS, PROPERTIES, RESUME, SERVER_MESSAGE } from './limits.js';
import { DecodeError, MessageReader } from './reader.js';
import { checkInputs, checkSchema } from './schema.js';
import { readField, readKind } from './schema-wire.js';
import { MessageWriter } from './writer.js';

/**
 * @typedef {import('./schema.js').Kind} Kind
 * @typedef {import('./schema.js').Field} Field
 * @typedef {[string, string][]} Pairs
 * @typedef {import('./events-wire.js').Player} Player
 * @typedef {import('./frame.js').Correction} Correction
 * @typedef {import('./events-wire.js').EventBatch} EventBatch
 * @typedef {import('./frame.js').ZonePart} ZonePart
 * @typedef {import('./frame.js').FrameMessage} FrameMessage
 * @typedef {[number, Uint8Array][]} Extensions by number
 * @typedef {{ type: 'welcome', version: number, features: number, room: string, incarnation: number, game: string,
 *   rate: number, tick: number, seat: number, entity: number, authority: 'server' | 'client', epoch: number,
 *   resume: Uint8Array | null, continuity: Continuity, events: number, listed: number, commands: number,
 *   expires: number | null, schema: Kind[], inputs: Field[], properties: Pairs, players: Player[],
 *   extensions: Extensions, grid: import('./grid.js').WorldGrid | null }} Welcome
 * @typedef {'fresh' | 'seat' | 'state'} Continuity `seat`: the same seat, with the whole state anew; `state`: frames go
 *   on from the state that the client has
 * @typedef {{ type: 'pong', stamp: number }} Pong
 * @typedef {{ type: 'comeBack', after: number }} ComeBack milliseconds
 * @typedef {{ type: 'refreshed', expires: number }} Refreshed seconds
 * @typedef {{ type: 'delivery', tick: number, commands: number | null, events: EventBatch | null }} Delivery
 * @typedef {{ type: 'redirect', address: string, ticket: string, atTick: number }} Redirect
 * @typedef {{ type: 'prepare', address: string, within: number }} Prepare milliseconds
 * @typedef {Welcome | FrameMessage | Pong | ComeBack | Refreshed | Delivery | Redirect | Prepare} ServerMessage
 *
 * @typedef {{ type: 'joinOrCreate', game: string, options: Pairs } | { type: 'create', game: string, options: Pairs }
 *   | { type: 'byId', room: string } | { type: 'reserved', ticket: string } | { type: 'return', room: string }} Join
 * @typedef {import('./inputs-wire.js').Ack} Ack
 * @typedef {import('./inputs-wire.js').Inputs} Inputs
 * @typedef {{ token: Uint8Array, incarnation: number, tick: number | null, events: number | null }} Resume `tick` of the
 *   state that the client still has, `events`: the newest one that arrived; null when forgotten
 * @typedef {{ type: 'hello', version: number, features: number, join: Join, role: 'player' | 'spectator', name: string,
 *   player: Pairs, resume: Resume | null, token: string | null, rate: number, extensions: Extensions }} Hello
 * @typedef {{ type: 'game' | 'call', kind: number, body: Uint8Array } | { type: 'chat', to: number[], text: string }} CommandBody
 * @typedef {{ type: 'command', seq: number, body: CommandBody }} Command
 * @typedef {Hello | Inputs | ({ type: 'ack' } & Ack) | Command | { type: 'ping', stamp: number }
 *   | { type: 'resync', zone: number, tick: number } | { type: 'refresh', token: string }
 *   | { type: 'feelDigest', body: Uint8Array }} ClientMessage
 */

export const PROTOCOL_VERSION = 2;
/** What is offered in the handshake. */
export const SUBPROTOCOLS = ['tickwire.v2'];
/** Bits of `features`. */
export const INPUT_LEAD = 0x01;
export const VIEW_TIME = 0x02;
export const REDIRECT = 0x04;
export const FEEL_DIGEST = 0x08;
export const PREPARE = 0x10;
export const DENSE_LIST = 0x20;
/** What this client asks for. */
export const FEATURES = INPUT_LEAD | VIEW_TIME | REDIRECT | FEEL_DIGEST | PREPARE | DENSE_LIST;
/** The extension of welcome and hello by which a room can be made again after a restart. */
export const RECIPE = 1;

/**
 * @param {Uint8Array} bytes
 * @returns {ServerMessage}
 */
export function decodeServer(bytes) {
  if (bytes.length > SERVER_MESSAGE) throw new DecodeError('the message is too big');
  const reader = new MessageReader(bytes);
  const message = bytes[0] >= LONG_FRAME ? readFrame(reader) : variant(reader, READERS);
  reader.finish();
  return message;
}

/** @returns {ServerMessage} */
function noFrame() {
  throw new DecodeError('frames start with another byte');
}

/** @param {MessageReader} reader @returns {ServerMessage} */
function readWelcome(reader) {
  const version = reader.u16();
  const features = reader.u32();
  const room = reader.text();
  const incarnation = reader.u53();
  const game = reader.text();
  const rate = reader.u16();
  if (rate < 1 || rate > 120) throw new DecodeError('a rate outside 1 to 120');
  const tick = reader.u32();
  const seat = reader.u16();
  const entity = reader.u32();
  const authority = variant(reader, AUTHORITIES);
  const epoch = reader.u8();
  const resume = reader.option((inner) => inner.slice());
  if (resume && resume.length > RESUME) throw new DecodeError('a resume token is too long');
  const continuity = variant(reader, CONTINUITIES);
  const events = reader.u32();
  const listed = reader.u32();
  const commands = reader.u32();
  const expires = reader.option((inner) => inner.u32());
  const schema = reader.list(readKind);
  const inputs = reader.list(readField);
  checkSchema(schema);
  checkInputs(inputs);
  const properties = reader.list(readPair);
  if (properties.length > PROPERTIES) throw new DecodeError('too many properties');
  const players = reader.list(readPlayer);
  const extensions = readExtensions(reader);
  return {
    type: 'welcome', version, features, room, incarnation, game, rate, tick, seat, entity, authority, epoch, resume,
    continuity, events, listed, commands, expires, schema, inputs, properties, players, extensions,
    grid: readGrid(extensions),
  };
}

/** Any numbers: those of later features are not known here. @param {MessageReader} reader @returns {Extensions} */
function readExtensions(reader) {
  let least = 0;
  const extensions = reader.list(() => {
    const number = reader.u16();
    const content = reader.slice();
    if (number < least) throw new DecodeError('extensions are not in ascending order');
    if (content.length > EXTENSION) throw new DecodeError('an extension is too long');
    least = number + 1;
    return /** @type {[number, Uint8Array]} */ ([number, content]);
  });
  if (extensions.length > EXTENSIONS) throw new DecodeError('too many extensions');
  return extensions;
}

/** @type {(() => 'server' | 'client')[]} */
const AUTHORITIES = [() => 'server', () => 'client'];

/** @type {(() => Continuity)[]} */
const CONTINUITIES = [() => 'fresh', () => 'seat', () => 'state'];

/** @param {MessageReader} reader @returns {[string, string]} */
function readPair(reader) {
  return [reader.text(), reader.text()];
}

/** @param {MessageReader} reader @returns {ServerMessage} */
function readPong(reader) {
  return { type: 'pong', stamp: reader.u32() };
}

/** @param {MessageReader} reader @returns {ServerMessage} */
function readDelivery(reader) {
  const tick = reader.u32();
  const commands = reader.option((inner) => inner.u32());
  const events = reader.option(readEvents);
  if (commands === null && events === null) throw new DecodeError('a delivery of nothing');
  return { type: 'delivery', tick, commands, events };
}

/** @type {((reader: MessageReader) => ServerMessage)[]} */
const READERS = [
  readWelcome, noFrame, readPong, (reader) => ({ type: 'comeBack', after: reader.u32() }),
  (reader) => ({ type: 'refreshed', expires: reader.u32() }), readDelivery,
  (reader) => ({ type: 'redirect', address: reader.text(), ticket: reader.text(), atTick: reader.u32() }),
  (reader) => ({ type: 'prepare', address: reader.text(), within: reader.u32() }),
];

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
      writeInputs(message, writer);
      break;
    case 'ack':
      writeAck(message, writer);
      break;
    case 'command':
      writer.unsigned(3);
      writer.unsigned(message.seq);
      writeCommandBody(message.body, writer);
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
    case 'refresh':
      writer.unsigned(6);
      writer.text(message.token);
      break;
    case 'feelDigest':
      writer.unsigned(7);
      writer.slice(message.body);
      break;
  }
  return writer.finish();
}

/** @param {Hello} hello @param {MessageWriter} writer */
function writeHello(hello, writer) {
  writer.unsigned(hello.version);
  writer.unsigned(hello.features);
  writeJoin(hello.join, writer);
  writer.unsigned(hello.role === 'player' ? 0 : 1);
  writer.text(hello.name);
  writePairs(hello.player, writer);
  writer.option(hello.resume, ({ token, incarnation, tick, events }) => {
    writer.slice(token);
    writer.unsigned(incarnation);
    for (const known of [tick, events]) writer.option(known, (number) => writer.unsigned(number));
  });
  writer.option(hello.token, (token) => writer.text(token));
  writer.unsigned(hello.rate);
  writer.list(hello.extensions, ([number, content]) => {
    writer.unsigned(number);
    writer.slice(content);
  });
}

/** @param {CommandBody} body @param {MessageWriter} writer */
function writeCommandBody(body, writer) {
  writer.unsigned({ game: 0, call: 1, chat: 2 }[body.type]);
  if (body.type === 'chat') {
    writer.list(body.to, (seat) => writer.unsigned(seat));
    writer.text(body.text);
    return;
  }
  writer.unsigned(body.kind);
  writer.slice(body.body);
}

/** @param {Join} join @param {MessageWriter} writer */
function writeJoin(join, writer) {
  if (join.type === 'byId' || join.type === 'return') {
    writer.unsigned(join.type === 'byId' ? 2 : 4);
    writer.text(join.room);
    return;
  }
  if (join.type === 'reserved') {
    writer.unsigned(3);
    writer.text(join.ticket);
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
