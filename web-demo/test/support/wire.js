// Messages in the directions that the client does not have: what a server writes, what it reads. PROTOCOL.md describes the
// bytes.

import { MessageReader } from '../../client/reader.js';
import { planSchema } from '../../client/schema.js';
import { MessageWriter } from '../../client/writer.js';

export function encodeWelcome(welcome) {
  const out = new MessageWriter();
  out.unsigned(0);
  out.unsigned(welcome.version);
  out.text(welcome.room);
  out.text(welcome.game);
  for (const number of [welcome.rate, welcome.tick, welcome.seat, welcome.entity]) out.unsigned(number);
  out.unsigned(welcome.authority === 'server' ? 0 : 1);
  out.u8(welcome.epoch);
  out.option(welcome.resume ?? null, (token) => out.slice(token));
  out.unsigned(['fresh', 'seat', 'state'].indexOf(welcome.continuity ?? 'fresh'));
  for (const number of [welcome.events, welcome.listed, welcome.commands]) out.unsigned(number ?? 0);
  out.option(welcome.expires ?? null, (seconds) => out.unsigned(seconds));
  out.list(welcome.schema, (kind) => {
    out.text(kind.name);
    out.list(kind.fields, (field) => writeField(field, out));
  });
  out.list(welcome.inputs, (field) => writeField(field, out));
  out.list(welcome.properties, (pair) => pair.forEach((text) => out.text(text)));
  out.list(welcome.players, (player) => writePlayer(player, out));
  return out.finish();
}

function writeField({ name, shape, motion }, out) {
  out.text(name);
  out.unsigned(['bool', 'int', 'fixed', 'angle', 'enum', 'colour'].indexOf(shape.type));
  if (shape.type === 'int' || shape.type === 'fixed') {
    out.i32(shape.min);
    out.i32(shape.max);
  }
  if (shape.type === 'fixed') out.unsigned(shape.perUnit);
  if (shape.type === 'angle') out.u8(shape.bits);
  if (shape.type === 'enum') out.list(shape.labels, (label) => out.text(label));
  if (shape.type === 'colour') out.u8(shape.count);
  out.unsigned(['hold', 'linear', 'smooth'].indexOf(motion));
}

function writePlayer({ seat, entity, name, away = false }, out) {
  out.unsigned(seat);
  out.unsigned(entity);
  out.text(name);
  out.u8(away ? 1 : 0);
}

/** Always in the form that lists its zones. */
export function encodeFrame({ advance, consumed, note, events, parts }) {
  const out = new MessageWriter();
  const few = Math.min(consumed, 3);
  out.u8(0xc0 | (advance === 1 ? 0 : 1) | (few << 1) | (note ? 8 : 0) | (events ? 16 : 0));
  if (advance !== 1) out.unsigned(advance);
  if (few === 3) out.unsigned(consumed);
  const writeNote = ({ superseded = 0, commands = null, correction = null }) => {
    out.u8(Math.min(superseded, 31) | (commands === null ? 0 : 32) | (correction ? 64 : 0));
    if (superseded >= 31) out.unsigned(superseded);
    if (commands !== null) out.unsigned(commands);
    for (const byte of correction ? [correction.epoch, correction.reason] : []) out.u8(byte);
  };
  if (note) writeNote(note);
  if (events) writeEvents(events, out);
  out.unsigned(parts.length);
  parts.forEach(({ zone, bytes, hash }, index) => {
    out.unsigned(zone);
    out.u8(hash === null ? 1 : 5);
    for (let shift = 0; hash !== null && shift < 32; shift += 8) out.u8((hash >>> shift) & 0xff);
    if (index + 1 < parts.length) out.unsigned(bytes.length);
    for (const byte of bytes) out.u8(byte);
  });
  return out.finish();
}

/** Events by the names that golden vectors have in lower case, such as `{ age: 2, disconnected: { seat: 3 } }`. */
function writeEvents({ first, lost = 0, items }, out) {
  out.unsigned(first);
  out.unsigned(lost);
  out.list(items, ({ age = 0, ...body }) => {
    const [[name, value]] = Object.entries(body);
    out.unsigned(age);
    out.unsigned(Object.keys(BODIES).indexOf(name));
    BODIES[name](value, out);
  });
}

/** In the order of their numbers. */
const BODIES = {
  joined: writePlayer,
  left: ([seat, code], out) => [seat, code].forEach((number) => out.unsigned(number)),
  game: ({ kind, body }, out) => {
    out.unsigned(kind);
    out.slice(body);
  },
  disconnected: (seat, out) => out.unsigned(seat),
  reconnected: (seat, out) => out.unsigned(seat),
  chat: ({ from, name, text, private: secret = false }, out) => {
    out.unsigned(from);
    out.text(name);
    out.text(text);
    out.u8(secret ? 1 : 0);
  },
  reply: ({ command, done, body }, out) => {
    out.unsigned(command);
    out.u8(done ? 1 : 0);
    out.slice(body);
  },
  property: ([key, value], out) => [key, value].forEach((text) => out.text(text)),
  ended: (result, out) => out.slice(result),
};

/** Everything as foreseen in zone 0: deltas without bytes. */
export function encodeStill(advance) {
  const out = new MessageWriter();
  out.u8(advance === 1 ? 0x80 : 0x81);
  if (advance !== 1) out.unsigned(advance);
  for (let delta = 1; delta < advance; delta++) out.u8(0);
  return out.finish();
}

/** Messages with a single number. */
export function encodeSmall(name, number) {
  const out = new MessageWriter();
  out.unsigned({ pong: 2, comeBack: 3, refreshed: 4 }[name]);
  out.unsigned(number);
  return out.finish();
}

export function decodeClient(bytes, inputs) {
  const reader = new MessageReader(bytes);
  if (bytes[0] >= 0x80) return decodeInputs(reader, planSchema([{ name: 'input', fields: inputs }])[0].fields);
  const pairs = () => reader.list(() => [reader.text(), reader.text()]);
  const join = () => {
    const type = ['joinOrCreate', 'create', 'byId', 'reserved', 'return'][reader.u32()];
    if (type === 'reserved') return { type, ticket: reader.text() };
    return type === 'byId' || type === 'return' ? { type, room: reader.text() } : { type, game: reader.text(), options: pairs() };
  };
  const number = () => reader.option(() => reader.u32());
  const resume = () => ({ token: reader.slice(), tick: number(), events: number() });
  const readers = {
    0: () => ({
      type: 'hello', version: reader.u16(), join: join(), role: ['player', 'spectator'][reader.u32()], name: reader.text(),
      player: pairs(), resume: reader.option(resume), token: reader.option(() => reader.text()), rate: reader.u16(),
    }),
    3: () => ({ type: 'command', seq: reader.u32(), body: commandBody(reader) }),
    4: () => ({ type: 'ping', stamp: reader.u32() }),
    5: () => ({ type: 'resync', zone: reader.u16(), tick: reader.u32() }),
    6: () => ({ type: 'refresh', token: reader.text() }),
  };
  const message = readers[reader.u32()]();
  reader.finish();
  return message;
}

function commandBody(reader) {
  const type = ['game', 'call', 'chat'][reader.u32()];
  if (type === 'chat') return { type, to: reader.list(() => reader.u16()), text: reader.text() };
  return { type, kind: reader.u16(), body: reader.slice() };
}

/** Inputs or an acknowledgement alone. */
function decodeInputs(reader, fields) {
  const first = reader.u8();
  const ack = { frames: reader.u8(), events: first & 1 ? reader.u32() : null };
  const epoch = first & 2 ? reader.u8() : 0;
  const held = first & 4 ? reader.u32() : 0;
  const runs = [];
  while (reader.offset < reader.bytes.length) {
    const count = first & 8 ? reader.u32() : 1;
    runs.push({ count, values: unpack(fields, reader) });
  }
  return runs.length + held === 0 ? { type: 'ack', ack } : { type: 'inputs', ack, epoch, held, runs };
}

function unpack(fields, reader) {
  const widths = fields.map((field) => 32 - Math.clz32(field.max - field.min));
  const count = Math.max(1, Math.ceil(widths.reduce((sum, width) => sum + width, 0) / 8));
  let bits = 0n;
  for (let index = 0; index < count; index++) bits |= BigInt(reader.u8()) << BigInt(8 * index);
  return fields.map((field, column) => {
    const offset = Number(BigInt.asUintN(widths[column], bits));
    bits >>= BigInt(widths[column]);
    return field.min + offset;
  });
}
