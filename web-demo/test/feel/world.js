// Virtual time for whole clients: one loop that owns the clock, the timers of all clients, their links, and a server in
// another process that does what is due and no more (tests/lockstep). Two runs with the same seeds are the same run.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { PROFILES, links } from '../../client/link.js';

const BINARY = process.env.TICKWIRE_LOCKSTEP ?? fileURLToPath(new URL('../../../target/debug/examples/lockstep', import.meta.url));
const OPEN = 0;
const MESSAGE = 1;
const LOST = 2;
const RUN = 3;
/** Browsers wake the timers of hidden pages once per second. */
const HIDDEN_TIMER_US = 1_000_000;

/** A heap of calls by their moment; those of the same moment in the order in which they were added. */
class Agenda {
  constructor() {
    this.items = [];
    this.serial = 0;
  }

  get next() {
    return this.items[0]?.at ?? Infinity;
  }

  add(at, call) {
    const item = { at, serial: this.serial++, call };
    const { items } = this;
    let index = items.push(item) - 1;
    for (let parent = (index - 1) >> 1; index > 0 && before(item, items[parent]); parent = (index - 1) >> 1) {
      items[index] = items[parent];
      index = parent;
    }
    items[index] = item;
    return item;
  }

  take() {
    const { items } = this;
    const [first] = items;
    const last = items.pop();
    if (items.length === 0) return first;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child + 1 < items.length && before(items[child + 1], items[child])) child += 1;
      if (child >= items.length || !before(items[child], last)) break;
      items[index] = items[child];
      index = child;
    }
    items[index] = last;
    return first;
  }
}

function before(a, b) {
  return a.at < b.at || (a.at === b.at && a.serial < b.serial);
}

/** The server's process: one answer per request. */
class Server {
  constructor(rate, map, seed) {
    this.process = spawn(BINARY, [String(rate), map, String(seed)], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.nextTick = 0;
    this.left = Buffer.alloc(0);
    this.waiting = null;
    this.process.stdout.on('data', (chunk) => {
      this.left = this.left.length === 0 ? chunk : Buffer.concat([this.left, chunk]);
      this.#settle();
    });
    this.process.on('error', (error) => this.waiting?.reject(error));
    this.process.on('exit', (code) => this.waiting?.reject(new Error(`the server ended with ${code}`)));
  }

  /** @returns {Promise<{ kind: number, peer: number, bytes: Buffer }[]>} */
  request(operation, now, peer, bytes) {
    const head = Buffer.alloc(15);
    head.writeUInt32LE(11 + bytes.length, 0);
    head.writeUInt8(operation, 4);
    head.writeBigUInt64LE(BigInt(now), 5);
    head.writeUInt16LE(peer, 13);
    this.process.stdin.write(Buffer.concat([head, bytes]));
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject };
    });
  }

  #settle() {
    if (this.left.length < 4 || !this.waiting) return;
    const end = 4 + this.left.readUInt32LE(0);
    if (this.left.length < end) return;
    this.nextTick = Number(this.left.readBigUInt64LE(4));
    const items = [];
    for (let at = 12; at < end;) {
      const length = this.left.readUInt32LE(at + 3);
      items.push({ kind: this.left[at], peer: this.left.readUInt16LE(at + 1), bytes: this.left.subarray(at + 7, at + 7 + length) });
      at += 7 + length;
    }
    const { resolve } = this.waiting;
    this.waiting = null;
    this.left = this.left.subarray(end);
    resolve(items);
  }

  async stop() {
    this.waiting = null;
    const ended = once(this.process, 'exit');
    this.process.stdin.end();
    await ended;
  }
}

/** A machine with one client: its timers, link and sockets. */
class Machine {
  constructor(world, profile, seed) {
    this.world = world;
    this.profile = profile;
    const random = links(profile, world.us, seed);
    this.up = random.up;
    this.down = random.down;
    this.frozenUntil = 0;
    this.hidden = false;
    /** Until when the network is gone. */
    this.goneUntil = 0;
    this.sockets = new Set();
    /** When a message of the server was taken last. */
    this.heardAt = 0;
    this.timers = new Map();
    this.#cutLater();
    const machine = this;
    this.WebSocket = class extends Socket {
      constructor() {
        super(machine);
      }
    };
  }

  /** What `new Client` needs. */
  get options() {
    const { world } = this;
    return {
      WebSocket: this.WebSocket,
      now: () => world.us / 1000,
      random: world.random,
      setTimeout: (call, ms) => this.setTimeout(call, ms),
      clearTimeout: (timer) => void this.timers.delete(timer),
    };
  }

  setTimeout(call, ms) {
    const { world } = this;
    const id = ++world.serial;
    let at = world.us + Math.max(0, Math.ceil(ms * 1000));
    if (this.hidden) at = Math.ceil(at / HIDDEN_TIMER_US) * HIDDEN_TIMER_US;
    this.timers.set(id, call);
    this.later(at, () => {
      const due = this.timers.get(id);
      this.timers.delete(id);
      due?.();
    });
    return id;
  }

  /** Calls at that moment, or when the machine runs again. */
  later(at, call) {
    this.world.agenda.add(at, () => {
      if (this.world.us >= this.frozenUntil) call();
      else this.later(this.frozenUntil, call);
    });
  }

  /** The network is gone for so long: what is on its way is lost, and the connection is reset at the end. */
  cut(ms) {
    const { world } = this;
    this.goneUntil = world.us + ms * 1000;
    for (const socket of this.sockets) socket.sever(this.goneUntil);
  }

  #cutLater() {
    const next = this.up.nextCut(this.world.us);
    if (!next) return;
    this.down.nextCut(this.world.us);
    this.world.agenda.add(next.start, () => this.cut((next.end - next.start) / 1000));
    this.world.agenda.add(next.end, () => this.#cutLater());
  }
}

class Socket {
  constructor(machine) {
    this.machine = machine;
    this.readyState = 0;
    this.number = ++machine.world.connections;
    this.severed = false;
    machine.sockets.add(this);
    const { world } = machine;
    // A handshake is a round trip.
    this.#carry(machine.up, 300, () => {
      if (this.severed) return;
      world.peers.set(this.number, this);
      world.requests.push([OPEN, this.number, Buffer.alloc(0)]);
      this.#carry(machine.down, 300, () => {
        if (this.severed || this.readyState !== 0) return;
        this.readyState = 1;
        this.onopen?.({});
      }, true);
    });
    if (world.us < machine.goneUntil) this.sever(machine.goneUntil);
  }

  send(bytes) {
    const copy = Buffer.from(bytes);
    this.#carry(this.machine.up, copy.length, () => {
      if (!this.severed && this.machine.world.peers.has(this.number)) this.machine.world.requests.push([MESSAGE, this.number, copy]);
    });
  }

  close(code) {
    if (this.readyState >= 2) return;
    this.readyState = 3;
    this.machine.sockets.delete(this);
    this.#lose();
    this.machine.later(this.machine.world.us, () => this.onclose?.({ code, reason: '' }));
  }

  /** From the server. */
  arrive(bytes) {
    const copy = new Uint8Array(bytes).slice();
    this.#carry(this.machine.down, copy.length, () => {
      if (this.severed || this.readyState !== 1 || !this.onmessage) return;
      this.machine.heardAt = this.machine.world.us;
      this.onmessage({ data: copy.buffer });
    }, true);
  }

  /** The connection is dead, and the client notices at that moment. */
  sever(at) {
    if (this.severed) return;
    this.severed = true;
    this.machine.sockets.delete(this);
    this.#lose();
    this.machine.later(at, () => this.end(1006));
  }

  end(code) {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.machine.sockets.delete(this);
    this.onclose?.({ code, reason: '' });
  }

  #lose() {
    const { world } = this.machine;
    if (world.peers.delete(this.number)) world.requests.push([LOST, this.number, Buffer.alloc(0)]);
  }

  #carry(link, bytes, call, toClient = false) {
    const { world } = this.machine;
    const at = link.send(world.us, bytes);
    if (at === null) return;
    if (toClient) this.machine.later(at, call);
    else world.agenda.add(at, call);
  }
}

export class World {
  /** @param {{ rate?: number, map?: string, seed?: number }} [options] */
  constructor({ rate = 20, map = 'field', seed = 1 } = {}) {
    this.rate = rate;
    this.seed = seed;
    this.us = 0;
    this.agenda = new Agenda();
    this.serial = 0;
    this.connections = 0;
    this.requests = [];
    /** By connection. @type {Map<number, Socket>} */
    this.peers = new Map();
    /** By tick: when it was due (in ms), and where avatars were (in quanta). @type {Map<number, { due: number, places: Map<number, [number, number]> }>} */
    this.truth = new Map();
    this.newest = 0;
    this.server = new Server(rate, map, seed);
    this.server.nextTick = Math.round(1e6 / rate);
    let state = (seed * 2654435761) >>> 0;
    this.random = () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state / 2 ** 32;
    };
  }

  get ms() {
    return this.us / 1000;
  }

  /** @param {string | import('../../client/link.js').LinkProfile} profile */
  machine(profile, seed = 1) {
    return new Machine(this, typeof profile === 'string' ? PROFILES[profile] : profile, this.seed * 1000 + seed);
  }

  /** Runs for so many milliseconds. */
  async run(ms) {
    const end = this.us + ms * 1000;
    for (;;) {
      const next = Math.min(this.agenda.next, this.server.nextTick);
      if (next > end) break;
      this.us = Math.max(this.us, next);
      if (this.agenda.next <= this.server.nextTick) this.agenda.take().call();
      else this.requests.push([RUN, 0, Buffer.alloc(0)]);
      for (let turn = 0; turn < 4; turn++) await null;
      while (this.requests.length > 0) await this.#ask(.../** @type {[number, number, Buffer]} */ (this.requests.shift()));
    }
    this.us = end;
  }

  async #ask(operation, peer, bytes) {
    for (const item of await this.server.request(operation, Math.round(this.us), peer, bytes)) {
      if (item.kind === 2) this.#learn(item.bytes);
      else if (item.kind === 0) this.peers.get(item.peer)?.arrive(item.bytes);
      else {
        const socket = this.peers.get(item.peer);
        this.peers.delete(item.peer);
        socket?.machine.later(this.us, () => socket.end(item.bytes.readUInt16LE(0)));
      }
    }
  }

  #learn(bytes) {
    const places = new Map();
    for (let at = 12; at < bytes.length; at += 12) places.set(bytes.readUInt32LE(at), [bytes.readInt32LE(at + 4), bytes.readInt32LE(at + 8)]);
    this.newest = bytes.readUInt32LE(0);
    this.truth.set(this.newest, { due: Number(bytes.readBigUInt64LE(4)) / 1000, places });
  }

  stop() {
    return this.server.stop();
  }
}
