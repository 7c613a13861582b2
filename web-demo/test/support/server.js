// A server in virtual time: sockets that deliver after a latency, messages as wire.js writes and reads them, and a clock with
// timers that tests advance. It sends keyframes, and deltas without bytes; encoder.js writes others.

import { encodeKeyframe } from './encoder.js';
import { planSchema } from '../../client/schema.js';
import { Zone } from '../../client/zone.js';
import { decodeClient, encodeDelivery, encodeFrame, encodeSmall, encodeWelcome } from './wire.js';

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
      await settle();
      const due = this.#next();
      if (due === null || this.timers.get(due).at > end) break;
      const { at, call } = this.timers.get(due);
      this.timers.delete(due);
      this.ms = Math.max(this.ms, at);
      call();
    }
    this.ms = end;
  }

  /** The timer that is due first; of several, the one that was set first. */
  #next() {
    let first = null;
    let earliest = Infinity;
    for (const [timer, { at }] of this.timers) if (at < earliest) [first, earliest] = [timer, at];
    return first;
  }

  /** Lets time pass without running timers, as in a frozen tab. */
  freeze(ms) {
    this.ms += ms;
  }
}

/** Lets promises settle that wait for each other, as many as there ever are in a row here. */
async function settle() {
  for (let turn = 0; turn < 10; turn++) await null;
}

/** The server's end of one connection. */
class Peer {
  constructor(server, socket, url, protocols) {
    Object.assign(this, { server, socket, url, protocols, received: [], sent: [], open: true, severed: false });
    /** The tick of the newest frame message, and the inputs consumed and superseded by then. @type {number | null} */
    this.tick = null;
    this.consumed = this.superseded = 0;
  }

  /** The stamp of a frame that advances by so much, in the long layout. */
  stamp(advance, consumed) {
    this.tick = ((this.tick ?? this.server.welcome.tick) + advance) >>> 0;
    this.consumed += consumed;
    const absolute = advance > 16 || consumed > 7;
    return { type: absolute ? 'absolute' : 'long', tick: this.tick, consumed: this.consumed };
  }

  /** `watch` is called when the client takes the message, with the function that hands it over. */
  send(bytes, watch = (take) => take()) {
    this.sent.push({ bytes, watch });
    this.server.time.setTimeout(() => {
      const arrived = this.sent.splice(0, this.server.coalesces ? Infinity : 1);
      for (const each of arrived) this.#arrive(each);
    }, this.server.latency);
  }

  #arrive({ bytes, watch }) {
    const { socket } = this;
    if (socket.readyState === 1 && socket.onmessage) watch(() => socket.onmessage({ data: bytes.slice().buffer }));
  }

  /** Cuts the wire: what is on its way is lost in both directions, and the client notices after `ms`. */
  sever(ms) {
    this.severed = true;
    this.sent = [];
    this.server.time.setTimeout(() => this.#closed(1006, ''), ms);
  }

  close(code, reason = '') {
    this.open = false;
    this.server.time.setTimeout(() => this.#closed(code, reason), this.server.latency);
  }

  #closed(code, reason) {
    if (this.socket.readyState === 3) return;
    this.socket.readyState = 3;
    this.socket.onclose?.({ code, reason });
  }

  /** Messages of one type received so far. */
  of(type) {
    return this.received.filter((message) => message.type === type);
  }
}

export class FakeServer {
  /** `accept(peer, message)` hears every client message; by default hellos are welcomed, pings not answered. */
  constructor(time, { welcome = {}, latency = 10 } = {}) {
    this.time = time;
    this.latency = latency;
    this.welcome = { ...WELCOME, ...welcome };
    this.peers = [];
    this.accept = (peer, message) => {
      if (message.type === 'hello') peer.send(encodeWelcome(this.welcome));
    };
    /** Hears the close frames of clients. */
    this.goodbye = () => {};
    this.reachable = true;
    /** Whether what was sent meanwhile arrives in one read, as behind some proxies: no promise settles in between. */
    this.coalesces = false;
    /** Whether it answers the closes of clients, a round trip later. */
    this.answersCloses = true;
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
          if (this.peer.severed) return;
          this.peer.received.push(message);
          server.accept(this.peer, message);
        }, server.latency);
      }

      close(code) {
        if (this.readyState >= 2) return;
        const opened = this.readyState === 1;
        this.readyState = 2;
        this.peer.open = false;
        this.peer.closedWith = code;
        if (opened) time.setTimeout(() => this.peer.severed || server.goodbye(this.peer, code), server.latency);
        if (opened && !server.answersCloses) return;
        time.setTimeout(() => {
          this.readyState = 3;
          this.onclose?.({ code: opened ? code : 1006, reason: '' });
        }, opened ? 2 * server.latency : 0);
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

  /** Sends a frame with zones as `[id, rows]`, rows as `{ kind, id, values }`; others stay as they are. */
  frame({ advance = 1, consumed = 0, note = null, events = null, zones = [], hash } = {}) {
    const parts = zones.map(([zone, rows]) => {
      const part = keyframe(this.welcome.schema, zone, rows);
      return hash === undefined ? part : { ...part, hash };
    });
    const { peer } = this;
    const stamp = peer.stamp(advance, consumed);
    peer.superseded += note?.superseded ?? 0;
    const told = note && stamp.type === 'absolute' ? { ...note, superseded: peer.superseded } : note;
    peer.send(encodeFrame({ stamp, note: told, events, zones: parts }));
  }

  /** Sends a frame of deltas in which everything in zone 0 goes on as foreseen. */
  still(advance = 1) {
    const deltas = Array.from({ length: advance }, () => new Uint8Array(0));
    this.peer.send(encodeFrame({ stamp: this.peer.stamp(advance, 0), zones: [{ zone: 0, form: { type: 'chain', deltas } }] }));
  }

  /** Sends seen commands and events apart from frames. */
  delivery(delivery) {
    this.peer.send(encodeDelivery({ tick: this.peer.tick ?? this.welcome.tick, ...delivery }));
  }
}

/** Makes a server answer pings, besides what it does. */
export function answerPings(server) {
  const { accept } = server;
  server.accept = (peer, message) => {
    accept(peer, message);
    if (message.type === 'ping') peer.send(encodeSmall('pong', message.stamp));
  };
}

const range = { type: 'fixed', min: -100_000, max: 100_000, perUnit: 64 };

export const WELCOME = {
  version: 2,
  features: 3,
  room: 'r1',
  incarnation: 7,
  game: 'toy',
  rate: 20,
  tick: 0xfffffffe,
  seat: 0,
  entity: 1,
  authority: 'server',
  epoch: 0,
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

/** The part of a frame that makes a zone have these rows. */
export function keyframe(schema, zone, rows) {
  const bytes = encodeKeyframe(schema, rows);
  const state = new Zone(planSchema(schema));
  state.readKeyframe(bytes);
  return { zone, form: { type: 'keyframe', bytes }, hash: state.hash() };
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
