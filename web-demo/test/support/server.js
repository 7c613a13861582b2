// A server in virtual time: sockets that deliver after a latency, messages encoded as PROTOCOL.md says, and a clock with
// timers that tests advance. It sends keyframes only; deltas are covered by the golden vectors.

import { encodeKeyframe } from './encoder.js';
import { MessageReader } from '../../client/reader.js';
import { planSchema } from '../../client/schema.js';
import { MessageWriter } from '../../client/writer.js';
import { Zone } from '../../client/zone.js';

/** A clock whose timers run only when a test advances it. */
export class VirtualTime {
  constructor() {
    this.ms = 1000;
    this.timers = new Map();
    this.serial = 0;
    this.now = () => this.ms;
    this.setTimeout = (call, ms) => {
      this.timers.set(++this.serial, { at: this.ms + Math.max(0, ms), call });
      return this.serial;
    };
    this.clearTimeout = (timer) => void this.timers.delete(timer);
  }

  /** Runs what is due within the next `ms`, in order; promises settle in between. */
  async advance(ms) {
    const end = this.ms + ms;
    for (;;) {
      await Promise.resolve();
      const due = [...this.timers].filter(([, { at }]) => at <= end).sort((a, b) => a[1].at - b[1].at || a[0] - b[0])[0];
      if (!due) break;
      this.timers.delete(due[0]);
      this.ms = Math.max(this.ms, due[1].at);
      due[1].call();
    }
    this.ms = end;
    await Promise.resolve();
  }

  /** Lets time pass without running timers, as in a frozen tab. */
  freeze(ms) {
    this.ms += ms;
  }
}

/** The server's end of one connection. */
class Peer {
  constructor(server, socket, url, protocols) {
    Object.assign(this, { server, socket, url, protocols, received: [], open: true });
  }

  send(bytes) {
    this.server.time.setTimeout(() => {
      if (this.socket.readyState === 1) this.socket.onmessage?.({ data: bytes.slice().buffer });
    }, this.server.latency);
  }

  close(code, reason = '') {
    this.open = false;
    this.server.time.setTimeout(() => {
      if (this.socket.readyState === 3) return;
      this.socket.readyState = 3;
      this.socket.onclose?.({ code, reason });
    }, this.server.latency);
  }

  /** Messages of one type received so far. */
  of(type) {
    return this.received.filter((message) => message.type === type);
  }
}

export class FakeServer {
  /** `accept(peer, message)` hears every client message; by default hellos are welcomed. */
  constructor(time, { welcome = {}, latency = 10 } = {}) {
    this.time = time;
    this.latency = latency;
    this.welcome = { ...WELCOME, ...welcome };
    this.peers = [];
    this.accept = (peer, message) => {
      if (message.type === 'hello') peer.send(encodeWelcome(this.welcome));
    };
    this.reachable = true;
    this.fail = (socket) => {
      socket.onerror?.({});
      socket.onclose?.({ code: 1006, reason: '' });
    };
    const server = this;
    this.WebSocket = class {
      constructor(url, protocols) {
        this.readyState = 0;
        this.binaryType = 'blob';
        this.peer = new Peer(server, this, url, protocols);
        server.peers.push(this.peer);
        time.setTimeout(() => {
          if (this.readyState !== 0) return;
          this.readyState = server.reachable ? 1 : 3;
          if (server.reachable) this.onopen?.({});
          else server.fail(this);
        }, server.latency);
      }

      send(bytes) {
        const message = decodeClient(bytes, server.welcome.inputs);
        message.at = time.ms;
        time.setTimeout(() => {
          this.peer.received.push(message);
          server.accept(this.peer, message);
        }, server.latency);
      }

      close(code) {
        if (this.readyState === 3) return;
        this.readyState = 3;
        this.peer.open = false;
        this.peer.closedWith = code;
      }
    };
  }

  get peer() {
    return this.peers.at(-1);
  }

  /** What `new Client` needs. */
  get options() {
    const { now, setTimeout, clearTimeout } = this.time;
    return { WebSocket: this.WebSocket, now, setTimeout, clearTimeout, random: () => 0.5 };
  }

  /** Sends a frame with zones as `[id, rows]`, rows as `{ kind, id, values }`. */
  frame({ advance = 1, consumed = 0, note = null, events = null, zones = [], hash } = {}) {
    const parts = zones.map(([zone, rows]) => {
      const bytes = encodeKeyframe(this.welcome.schema, rows);
      const state = new Zone(planSchema(this.welcome.schema));
      state.readKeyframe(bytes);
      return { zone, bytes, hash: hash === undefined ? state.hash() : hash };
    });
    this.peer.send(encodeFrame({ advance, consumed, note, events, parts }));
  }
}

const range = { type: 'fixed', min: -100_000, max: 100_000, perUnit: 64 };

export const WELCOME = {
  version: 1,
  room: 'r1',
  game: 'toy',
  rate: 20,
  tick: 0xfffffffe,
  seat: 0,
  entity: 1,
  rule: 'steer',
  placement: 0,
  schema: [
    {
      name: 'avatar',
      fields: [
        { name: 'x', shape: range, motion: 'linear' },
        { name: 'y', shape: range, motion: 'linear' },
        { name: 'heading', shape: { type: 'angle', bits: 8 }, motion: 'hold' },
        { name: 'mood', shape: { type: 'enum', labels: ['calm', 'cross'] }, motion: 'hold' },
        { name: 'alive', shape: { type: 'bool' }, motion: 'hold' },
      ],
    },
    { name: 'secret', fields: [{ name: 'gold', shape: { type: 'int', min: 0, max: 99 }, motion: 'hold' }] },
    {
      name: 'odd',
      fields: [
        { name: 'id', shape: { type: 'int', min: 0, max: 9 }, motion: 'hold' },
        { name: 'constructor', shape: { type: 'colour', count: 4 }, motion: 'hold' },
        { name: '__proto__', shape: { type: 'bool' }, motion: 'hold' },
      ],
    },
  ],
  inputs: [
    { name: 'dx', shape: { type: 'int', min: -127, max: 127 }, motion: 'hold' },
    { name: 'aim', shape: { type: 'angle', bits: 8 }, motion: 'hold' },
    { name: 'dash', shape: { type: 'bool' }, motion: 'hold' },
  ],
  properties: [['map', 'yard']],
  players: [{ seat: 0, entity: 1, name: 'Ada' }],
};

/** An avatar row at rest. */
export function avatar(id, x, y = 0, heading = 0, mood = 0, alive = 1) {
  return { kind: 0, id, values: [x, y, heading, mood, alive] };
}

export function encodeWelcome(welcome) {
  const out = new MessageWriter();
  out.unsigned(0);
  out.unsigned(welcome.version);
  out.text(welcome.room);
  out.text(welcome.game);
  for (const number of [welcome.rate, welcome.tick, welcome.seat, welcome.entity]) out.unsigned(number);
  out.unsigned(welcome.rule === 'steer' ? 0 : 1);
  out.u8(welcome.placement);
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
function encodeFrame({ advance, consumed, note, events, parts }) {
  const out = new MessageWriter();
  const few = Math.min(consumed, 3);
  out.u8(0xc0 | (advance === 1 ? 0 : 1) | (few << 1) | (note ? 8 : 0) | (events ? 16 : 0));
  if (advance !== 1) out.unsigned(advance);
  if (few === 3) out.unsigned(consumed);
  const writeNote = ({ superseded = 0, correction = null }) => {
    out.u8(Math.min(superseded, 31) | (correction ? 64 : 0));
    if (superseded >= 31) out.unsigned(superseded);
    for (const byte of correction ? [correction.placement, correction.reason] : []) out.u8(byte);
  };
  const writeEvents = ({ first, lost = 0, items }) => {
    out.unsigned(first);
    out.unsigned(lost);
    out.list(items, ({ age = 0, joined, left, game }) => {
      out.unsigned(age);
      out.unsigned(joined ? 0 : left ? 1 : 2);
      if (joined) writePlayer(joined, out);
      for (const number of left ?? []) out.unsigned(number);
      if (game) {
        out.unsigned(game.kind);
        out.slice(game.body);
      }
    });
  };
  if (note) writeNote(note);
  if (events) writeEvents(events);
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

function decodeClient(bytes, inputs) {
  const reader = new MessageReader(bytes);
  if (bytes[0] >= 0x80) return decodeInputs(reader, planSchema([{ name: 'input', fields: inputs }])[0].fields);
  const pairs = () => reader.list(() => [reader.text(), reader.text()]);
  const join = () => {
    const type = ['joinOrCreate', 'create', 'byId', 'reserved'][reader.u32()];
    if (type === 'reserved') return { type, ticket: reader.text() };
    return type === 'byId' ? { type, room: reader.text() } : { type, game: reader.text(), options: pairs() };
  };
  const number = () => reader.option(() => reader.u32());
  const resume = () => ({ token: reader.slice(), tick: number(), events: number() });
  const readers = {
    0: () => ({
      type: 'hello', version: reader.u16(), join: join(), role: ['player', 'observer'][reader.u32()], name: reader.text(),
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
  const placement = first & 2 ? reader.u8() : 0;
  const held = first & 4 ? reader.u32() : 0;
  const runs = [];
  while (reader.offset < reader.bytes.length) {
    const count = first & 8 ? reader.u32() : 1;
    runs.push({ count, values: unpack(fields, reader) });
  }
  return runs.length + held === 0 ? { type: 'ack', ack } : { type: 'inputs', ack, placement, held, runs };
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

/** All inputs that a peer sent, one by one, in quanta. */
export function inputsOf(peer, neutral) {
  const values = [];
  let last = neutral;
  for (const { held, runs } of peer.of('inputs')) {
    for (let count = 0; count < held; count++) values.push(last);
    for (const run of runs) {
      for (let count = 0; count < run.count; count++) values.push(run.values);
      last = run.values;
    }
  }
  return values;
}
