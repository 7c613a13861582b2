// Messages in the directions that the client does not have: what a server writes, what it reads. PROTOCOL.md describes the
// bytes.

import { MessageReader } from '../../client/reader.js';
import { planSchema } from '../../client/schema.js';
import { MessageWriter } from '../../client/writer.js';

export function encodeWelcome(welcome) {
  const out = new MessageWriter();
  out.unsigned(0);
  out.unsigned(welcome.version);
  out.unsigned(welcome.features);
  out.text(welcome.room);
  out.unsigned(welcome.incarnation);
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
  out.list(welcome.extensions ?? [], ([number, content]) => {
    out.unsigned(number);
    out.slice(content);
  });
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

/**
 * A frame as the client decodes it, except for its events, and zone 0 alone in the form without a list. What is left out of a
 * note or a part is not told.
 */
export function encodeFrame({ stamp, note = null, events = null, zones }) {
  const out = new MessageWriter();
  const [{ zone, lag = 0, form, hash = null } = { zone: -1 }] = zones;
  const absolute = stamp.type === 'absolute';
  const alone = !absolute && zones.length === 1 && zone === 0 && lag === 0 && form.type === 'chain';
  if (stamp.type === 'short') {
    out.u8(0x80 | (stamp.tick & 15) | ((stamp.consumed & 3) << 4) | (hash === null ? 0 : 0x40));
    if (hash !== null) writeHash(hash, out);
    writeBytes(form.deltas[0], out);
    return out.finish();
  }
  const many = alone && form.deltas.length > 1;
  const wide = stamp.type === 'wide';
  out.u8(0x40 | (wide ? 1 : 0) | (absolute ? 32 : 0) | (note ? 2 : 0) | (events ? 4 : 0) | (alone ? 0 : 16) | (alone && hash !== null ? 8 : 0) | (many ? 32 : 0));
  if (absolute) for (const number of [stamp.tick, stamp.consumed]) out.unsigned(number);
  else if (wide) for (const number of [stamp.tick, stamp.consumed]) out.u8(number & 255);
  else out.u8((stamp.tick & 31) | ((stamp.consumed & 7) << 5));
  if (note) writeNote(note, out);
  if (events) writeEvents(events, out);
  if (!alone) {
    out.unsigned(zones.length);
    zones.forEach((part, index) => writePart(part, index + 1 === zones.length, out));
    return out.finish();
  }
  if (hash !== null) writeHash(hash, out);
  if (many) out.u8(form.deltas.length - 1);
  writeDeltas(form.deltas, true, out);
  return out.finish();
}

function writeNote({ superseded = 0, commands = null, correction = null, incarnation = null, lead = null }, out) {
  const second = (incarnation === null ? 0 : 1) | (lead === null ? 0 : 2);
  out.u8(Math.min(superseded, 31) | (commands === null ? 0 : 32) | (correction ? 64 : 0) | (second ? 128 : 0));
  if (superseded >= 31) out.unsigned(superseded);
  if (commands !== null) out.unsigned(commands);
  for (const byte of correction ? [correction.epoch, correction.reason] : []) out.u8(byte);
  if (second) out.u8(second);
  if (incarnation !== null) out.unsigned(incarnation);
  if (lead !== null) out.u8(lead & 0xff);
}

function writePart({ zone, lag = 0, form, hash = null }, last, out) {
  const more = (form.deltas?.length ?? 1) - 1;
  out.unsigned(zone);
  out.u8(['chain', 'keyframe', 'gone', 'fresh'].indexOf(form.type) | (hash === null ? 0 : 4) | (lag ? 8 : 0) | (Math.min(more, 15) << 4));
  if (hash !== null) writeHash(hash, out);
  if (lag) out.unsigned(lag);
  if (more >= 15) out.u8(more);
  if (form.type !== 'gone') writeDeltas(form.deltas ?? [form.bytes], last, out);
}

function writeDeltas(deltas, last, out) {
  for (const delta of last ? deltas.slice(0, -1) : deltas) out.slice(delta);
  if (last) writeBytes(deltas.at(-1), out);
}

function writeHash(hash, out) {
  for (let shift = 0; shift < 32; shift += 8) out.u8((hash >>> shift) & 0xff);
}

function writeBytes(bytes, out) {
  for (const byte of bytes) out.u8(byte);
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

/** What frames may tell as well. */
export function encodeDelivery({ tick, commands = null, events = null }) {
  const out = new MessageWriter();
  out.unsigned(5);
  out.unsigned(tick);
  out.option(commands, (seq) => out.unsigned(seq));
  out.option(events, (batch) => writeEvents(batch, out));
  return out.finish();
}

/** Messages with a single number. */
export function encodeSmall(name, number) {
  const out = new MessageWriter();
  out.unsigned({ pong: 2, comeBack: 3, refreshed: 4 }[name]);
  out.unsigned(number);
  return out.finish();
}

export function encodeRedirect(address, ticket) {
  const out = new MessageWriter();
  out.unsigned(6);
  out.text(address);
  out.text(ticket);
  out.unsigned(0);
  return out.finish();
}

export function encodePrepare(address, within) {
  const out = new MessageWriter();
  out.unsigned(7);
  out.text(address);
  out.unsigned(within);
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
  // Longer than any text of a server.
  const token = () => new TextDecoder().decode(reader.slice());
  const number = () => reader.option(() => reader.u32());
  const resume = () => ({ token: reader.slice(), incarnation: reader.u53(), tick: number(), events: number() });
  const readers = {
    0: () => ({
      type: 'hello', version: reader.u16(), features: reader.u32(), join: join(), role: ['player', 'spectator'][reader.u32()],
      name: reader.text(), player: pairs(), resume: reader.option(resume), token: reader.option(token),
      rate: reader.u16(), extensions: reader.list(() => [reader.u16(), reader.slice()]),
    }),
    3: () => ({ type: 'command', seq: reader.u32(), body: commandBody(reader) }),
    4: () => ({ type: 'ping', stamp: reader.u32() }),
    7: () => ({ type: 'feelDigest', body: reader.slice().slice() }),
    5: () => ({ type: 'resync', zone: reader.u16(), tick: reader.u32() }),
    6: () => ({ type: 'refresh', token: token() }),
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
  const ack = { tick: reader.u8(), events: first & 1 ? reader.u32() : null };
  const epoch = first & 2 ? reader.u8() : 0;
  const view = first & 32 ? reader.u16() : null;
  const held = first & 4 ? reader.u32() : 0;
  const runs = [];
  while (reader.offset < reader.bytes.length) {
    const count = first & 8 ? reader.u32() : 1;
    runs.push({ count, values: unpack(fields, reader) });
  }
  return runs.length + held === 0 ? { type: 'ack', ack, view } : { type: 'inputs', ack, epoch, view, held, runs };
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
