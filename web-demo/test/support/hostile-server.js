// A server that says anything: valid messages at the wrong time, mutated ones, noise, things that are no messages, closes with any
// code, silence. It drives one real client in virtual time and notes what a client must never do.

import { CLOSES, Client } from '../../client/index.js';
import { page } from './pages.js';
import { dice } from './random.js';
import { VirtualTime, WELCOME, avatar, keyframe } from './server.js';
import { encodeDelivery, encodeFrame, encodeSmall, encodeWelcome } from './wire.js';

/** The longest that one message may take, on a busy machine. */
const MESSAGE_MS = 1500;
/** A client reconnects a few times in a row, and then about once per second at most. */
const CONNECTIONS = 12;
const CONNECTIONS_PER_SECOND = 4;
/** No wait that a server asks for is longer. */
const LONGEST_WAIT_S = 3700;
const CLIENT_MESSAGE = 16 * 1024;

const NO_BYTES = ['-1', '3000000000', '{}', '', null, undefined, -1, 3e9, [1], { byteLength: 3e9 }, new Uint8Array(3)];
const NUMBERS = [0, 1, 2, 3, 15, 16, 31, 250, 251, 255, 256, 0x7fff, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff];
const CODES = [0, 999, 1000, 1001, 1002, 1005, 1006, 1008, 1011, 1012, 1013, 1015, 3000, 4000, 4001, 4003, 4008, 4009, 4500, 4501, 4502, 4504,
  4505, 4506, 4511, 4513, 4999, 70_000];

export class HostileRun {
  constructor(seed) {
    this.chance = dice(seed);
    this.time = new VirtualTime();
    this.failures = [];
    this.seen = { welcomed: 0, refused: 0, closed: 0, broken: 0, plays: 0 };
    this.sockets = [];
    this.honest = false;
    this.tick = 100;
    this.leaves = [];
  }

  get socket() {
    return this.sockets.at(-1);
  }

  async run() {
    const { chance, time } = this;
    const began = time.ms;
    const sheet = page();
    const { now, setTimeout, clearTimeout } = time;
    const options = { WebSocket: this.#sockets(), now, setTimeout, clearTimeout, random: chance.next };
    const client = new Client('ws://test/play', { ...options, ...sheet, token: chance.one(0.3) ? () => 'token' : undefined });
    const joining = client.joinOrCreate('toy', { name: 'Ada' }).then((room) => (this.room = room), (error) => (this.refusal = error));
    await this.#advance(100);
    for (let step = chance.below(25); step > 0 && this.failures.length === 0; step--) {
      this.#act();
      if (this.room) this.#use(this.room, sheet);
      await this.#advance(chance.pick([0, 0, 5, 5, 5, 50, 50, 400, 2500]));
    }
    const seconds = (time.ms - began) / 1000;
    if (this.sockets.length > CONNECTIONS + CONNECTIONS_PER_SECOND * seconds) this.#fail(`${this.sockets.length} connections in ${seconds} s`);
    sheet.show({ persisted: true });
    await this.#heal(joining);
  }

  /** An honest server takes over: the room plays on, or has ended with a reason. */
  async #heal(joining) {
    this.honest = true;
    if (this.room?.connection === 'online') this.#close(this.socket, 1006);
    await this.#advance(this.room ? 3000 : 12_000);
    await joining;
    const { room } = this;
    if (room && !this.listens) this.#listen(room);
    await this.#advance(0);
    for (let second = 0; room?.connection === 'reconnecting' && second < LONGEST_WAIT_S; second += 10) await this.#advance(10_000);
    if (!room) {
      if (!this.refusal) this.#fail('the join is neither granted nor refused');
      this.seen.refused += 1;
    } else if (room.connection === 'online') {
      this.#sayHonest(this.socket);
      await this.#advance(100);
      if (room.connection === 'online' && !room.state.entities.has(1)) this.#fail('the room does not play on');
      this.seen.plays += 1;
      room.leave();
    } else if (room.connection === 'closed') {
      const [code, text, comesBack] = this.leaves.at(-1) ?? [];
      if (!text || comesBack || !(CLOSES.has(code) || code >= 1000)) this.#fail(`the ending has no name: ${code} ${text}`);
      this.seen.closed += 1;
    } else this.#fail(`the room is ${room.connection}`);
    room?.leave();
    await this.#advance(5000);
    if (this.time.timers.size > 0) this.#fail(`${this.time.timers.size} timers are left`);
  }

  #fail(what) {
    this.failures.push(what);
  }

  /** Runs what the client does, and notes what it throws and how long it takes. */
  #guard(what, act) {
    const from = performance.now();
    try {
      act();
    } catch (error) {
      this.#fail(`${what}: ${error.stack}`);
    }
    const ms = performance.now() - from;
    if (ms > MESSAGE_MS) this.#fail(`${what} took ${Math.round(ms)} ms`);
  }

  async #advance(ms) {
    try {
      await this.time.advance(ms);
    } catch (error) {
      this.#fail(`a timer: ${error.stack}`);
    }
  }

  #sockets() {
    const run = this;
    return class {
      constructor() {
        this.readyState = 0;
        run.sockets.push(this);
        run.time.setTimeout(() => run.#open(this), 5);
      }

      send(bytes) {
        if (!(bytes instanceof Uint8Array) || bytes.length > CLIENT_MESSAGE) run.#fail('a message that no server takes');
        if (bytes[0] === 0) run.time.setTimeout(() => run.#greet(this), 5);
        if (run.honest && bytes[0] === 4) run.time.setTimeout(() => this.readyState === 1 && run.#say(this, encodeSmall('pong', 0)), 5);
      }

      close(code) {
        if (code !== 1000 && !(code >= 3000 && code <= 4999)) run.#fail(`a page cannot close with ${code}`);
        if (this.readyState >= 2) return;
        this.readyState = 2;
        run.time.setTimeout(() => run.#close(this, code), 5);
      }
    };
  }

  #open(socket) {
    if (socket.readyState !== 0) return;
    const fails = !this.honest && this.chance.one(this.room ? 0.15 : 0.03);
    socket.readyState = fails ? 3 : 1;
    if (!fails) this.#guard('open', () => socket.onopen?.({}));
    else {
      this.#guard('error', () => socket.onerror?.({}));
      this.#guard('close', () => socket.onclose?.({ code: 1006, reason: '' }));
    }
  }

  #greet(socket) {
    if (socket.readyState !== 1) return;
    const { chance } = this;
    if (this.honest) {
      this.#say(socket, this.#welcome());
      this.#sayHonest(socket);
      return;
    }
    if (chance.one(this.room ? 0.7 : 0.93)) this.#say(socket, this.#welcome());
    else if (chance.one(0.5)) this.#close(socket, chance.pick(CODES));
    else this.#say(socket, this.#anything());
  }

  #sayHonest(socket) {
    this.tick += 1;
    const stamp = { type: 'absolute', tick: this.tick, consumed: 0 };
    this.#say(socket, encodeFrame({ stamp, zones: [keyframe(WELCOME.schema, 0, [avatar(1, 64)])] }));
  }

  #say(socket, data) {
    const { room } = this;
    const lasts = room?.connection;
    if (socket.readyState === 1) this.#guard('message', () => socket.onmessage?.({ data: data instanceof Uint8Array ? data.slice().buffer : data }));
    if (lasts === 'online' && room.connection !== 'online') this.seen.broken += 1;
  }

  #close(socket, code) {
    if (socket.readyState === 3) return;
    socket.readyState = 3;
    this.#guard('close', () => socket.onclose?.({ code, reason: this.chance.pick(['', 'because', 'x'.repeat(123)]) }));
  }

  #act() {
    const { chance, socket } = this;
    if (!socket) return;
    if (chance.one(0.12)) this.#close(socket, chance.pick(CODES));
    else for (let count = 1 + chance.below(4); count > 0; count--) this.#say(chance.one(0.95) ? socket : chance.pick(this.sockets), this.#anything());
    if (chance.one(0.02)) this.#guard('error', () => socket.onerror?.({}));
  }

  /** What the page does meanwhile. */
  #use(room, sheet) {
    const { chance } = this;
    if (!this.listens) this.#listen(room);
    this.#guard('view', () => room.view());
    const acts = [
      () => room.setInput({ dx: 5, dash: true }), () => room.pressInput({ aim: 1 }), () => room.send(1, Uint8Array.of(1)), () => room.stats,
      () => room.chat('hello', { to: [1] }).catch(() => {}), () => room.call(2, new Uint8Array(9)).catch(() => {}), () => room.leave(),
      () => sheet.page.emit('online'), () => sheet.hide({ persisted: true }), () => sheet.show({ persisted: true }), () => sheet.cover(),
    ];
    const act = chance.one(0.02) ? acts[6] : chance.pick(acts.filter((each) => each !== acts[6]));
    try {
      act();
    } catch (error) {
      // A welcome may have other inputs than the page knows.
      if (!(error instanceof RangeError)) this.#fail(`the page: ${error.stack}`);
    }
  }

  #listen(room) {
    this.listens = true;
    this.seen.welcomed += 1;
    room.onLeave((...args) => this.leaves.push(args));
    for (const on of ['onAdd', 'onChange', 'onRemove', 'onMessage']) if (this.chance.one(0.5)) room[on]('*', () => {});
    for (const on of ['onPlayers', 'onChat', 'onProperty', 'onEnded', 'onGap', 'onReconnect', 'onResume', 'onCorrection', 'onStateChange', 'onConnection']) {
      if (this.chance.one(0.5)) room[on](() => {});
    }
    if (this.chance.one(0.3)) room.usePrediction({ read: (own) => ({ x: own.raw('x') }), step: (state) => { state.x += 1; }, copy: (from, to) => { to.x = from.x; } });
  }

  #anything() {
    const { chance } = this;
    if (chance.one(0.04)) return chance.pick(NO_BYTES);
    if (chance.one(0.1)) return Uint8Array.from({ length: chance.below(chance.pick([4, 40, 400])) }, () => chance.below(256));
    const bytes = this.#valid();
    return chance.one(0.6) ? bytes : this.#mutated(bytes);
  }

  #mutated(bytes) {
    const { chance } = this;
    const kind = chance.below(4);
    if (kind === 0) return bytes.slice(0, chance.below(bytes.length + 1));
    if (kind === 1) return Uint8Array.from([...bytes, ...this.#valid()]);
    const copy = bytes.slice();
    for (let hits = 1 + chance.below(kind === 2 ? 2 : 8); hits > 0 && copy.length > 0; hits--) {
      copy[chance.below(copy.length)] = chance.one(0.5) ? chance.below(256) : chance.pick([0, 1, 250, 251, 252, 253, 255]);
    }
    return copy;
  }

  /** A message that decodes, if not at this moment. */
  #valid() {
    const { chance } = this;
    const number = () => (chance.one(0.5) ? chance.below(200) : chance.pick(NUMBERS));
    switch (chance.below(12)) {
      case 0: return encodeSmall('pong', number());
      case 1: return encodeSmall('comeBack', number());
      case 2: return encodeSmall('refreshed', number());
      case 3: return this.#welcome();
      case 4: return Uint8Array.of(6, 1, 120, 1, 121, 0);
      case 5: return encodeDelivery({ tick: number(), commands: chance.one(0.5) ? number() : null, events: this.#events(number) });
      default: return this.#frame(number);
    }
  }

  #welcome() {
    const { chance, honest } = this;
    const number = () => (chance.one(0.5) ? chance.below(200) : chance.pick(NUMBERS));
    if (honest) return encodeWelcome({ ...WELCOME, tick: this.tick });
    const changes = {
      tick: () => number(), events: () => number(), listed: () => number(), commands: () => number(), expires: () => number(), epoch: () => chance.below(256),
      incarnation: () => number(), rate: () => 1 + chance.below(120), seat: () => number() & 0xffff, entity: () => number(), room: () => chance.pick(['', 'r2', 'x'.repeat(300)]),
      continuity: () => chance.pick(['fresh', 'seat', 'state']), resume: () => new Uint8Array(chance.below(65)), authority: () => chance.pick(['server', 'client']),
      schema: () => WELCOME.schema.slice(0, chance.below(4)), inputs: () => WELCOME.inputs.slice(0, chance.below(4)), version: () => chance.pick([2, 2, 2, 1, 3]),
      players: () => Array.from({ length: chance.below(9) }, (_, seat) => ({ seat: chance.below(9), entity: seat, name: 'Bo' })),
      properties: () => [['map', 'yard'], ['__proto__', 'x'], ['constructor', 'y']].slice(chance.below(3)),
    };
    const welcome = { ...WELCOME, tick: this.tick, resume: Uint8Array.of(1) };
    for (const [name, change] of Object.entries(changes)) if (chance.one(0.12)) welcome[name] = change();
    this.tick = welcome.tick;
    return encodeWelcome(welcome);
  }

  #frame(number) {
    const { chance } = this;
    const type = chance.pick(['short', 'long', 'wide', 'absolute']);
    this.tick = (chance.one(0.8) ? this.tick + 1 + chance.below(3) : number()) >>> 0;
    const stamp = { type, tick: this.tick, consumed: chance.one(0.7) ? 0 : number() };
    const empty = () => Array.from({ length: 1 + chance.below(5) }, () => new Uint8Array(0));
    if (type === 'short') return encodeFrame({ stamp, zones: [{ zone: 0, form: { type: 'chain', deltas: [new Uint8Array(0)] }, hash: chance.one(0.2) ? number() : null }] });
    const note = chance.one(0.4) ? {
      superseded: number(), commands: chance.one(0.5) ? number() : null, lead: chance.one(0.5) ? chance.below(256) : null,
      correction: chance.one(0.3) ? { epoch: chance.below(256), reason: 1 } : null, incarnation: type === 'absolute' && chance.one(0.3) ? number() : null,
    } : null;
    const rows = () => Array.from({ length: chance.below(4) }, (_, id) => avatar(id + 1, chance.below(1000), 0, 0, chance.below(2)));
    const forms = [
      () => ({ form: { type: 'chain', deltas: empty() } }), () => ({ form: { type: 'gone' } }), () => ({ form: { type: 'fresh', deltas: empty() } }),
      () => keyframe(WELCOME.schema, 0, rows()), () => keyframe(WELCOME.schema, 0, rows()),
    ];
    const zones = Array.from({ length: chance.below(4) }, () => ({ ...chance.pick(forms)(), zone: chance.below(3), lag: chance.one(0.2) ? number() : 0 }));
    const distinct = zones.filter(({ zone }, index) => zones.findIndex((other) => other.zone === zone) === index);
    return encodeFrame({ stamp, note, events: this.#events(number), zones: distinct });
  }

  #events(number) {
    const { chance } = this;
    if (chance.one(0.4)) return null;
    const bodies = [
      () => ({ joined: { seat: chance.below(9), entity: 3, name: 'Cy', away: chance.one(0.5) } }), () => ({ left: [chance.below(9), 1000] }),
      () => ({ game: { kind: number() & 0xffff, body: new Uint8Array(chance.below(80)) } }), () => ({ disconnected: chance.below(9) }),
      () => ({ reconnected: chance.below(9) }), () => ({ chat: { from: 1, name: 'Bo', text: 'hello', private: chance.one(0.5) } }),
      () => ({ reply: { command: chance.below(9), done: chance.one(0.5), body: new Uint8Array(4) } }),
      () => ({ property: [chance.pick(['map', '__proto__', `k${chance.below(99)}`]), chance.pick(['', 'x'])] }), () => ({ ended: new Uint8Array(3) }),
    ];
    const items = Array.from({ length: chance.below(6) }, () => ({ age: chance.below(5), ...chance.pick(bodies)() }));
    return { first: number(), lost: chance.one(0.2) ? number() : 0, items };
  }
}
