// A page in the seeded world: its client with a storage, sockets and timers that end with it, and the rooms that it is in,
// each with handlers that come, go, throw and leave at random. What they hear goes to the oracles.

import { Client, LeaveError } from '../../client/index.js';
import { EntityOracle } from './entity-oracle.js';
import { Handler, EventOracle } from './event-oracle.js';
import { FakeStorage, page as fakePage } from './pages.js';

const URL = 'ws://test/play';
const KINDS = [1, 2, 3, '*'];
/** What a page can listen to, with the keys that it can ask for; those that are there often twice. */
const CHANNELS = [
  ['message', KINDS], ['message', KINDS], ['chat', ['*']], ['players', ['*']], ['property', ['*']], ['ended', ['*']], ['gap', ['*']], ['gap', ['*']],
  ['reconnect', ['*']], ['resume', ['*']], ['correction', ['*']], ['connection', ['*']], ['leave', ['*']],
  ['add', ['ball', 'gem', '*']], ['remove', ['ball', 'gem', '*']], ['state', ['*']],
];
/** What was delivered is stored as delivered within this time. */
const STORED_WITHIN_MS = 1000;
/** The server answers a leave within this time, or it counts as done. */
export const LEFT_WITHIN_MS = 2000;

const number = (bytes) => bytes[0] + 256 * bytes[1];

/** What a handler hears, as the model of the server names it: see `describe`. */
const SAYS = {
  message: (room, key, hear) => room.onMessage(key, (body, { kind, tick }) => hear(`${kind}:${number(body)}`, { tick })),
  chat: (room, _, hear) => room.onChat(({ text, tick }) => hear(text, { tick })),
  property: (room, _, hear) => room.onProperty((key, value) => hear(`${key}=${value}`)),
  ended: (room, _, hear) => room.onEnded((result) => hear(`ended ${number(result)}`)),
  gap: (room, _, hear) => room.onGap((lost) => hear('gap', { lost })),
  reconnect: (room, _, hear) => room.onReconnect(() => hear('reconnect')),
  correction: (room, _, hear) => room.onCorrection(({ epoch, reason }) => hear(`correction ${epoch} ${reason}`)),
};

/** One stay of the page in a room, as the user sees it. */
export class Visit {
  /** @param page @param {string} name of the player: each visit has its own */
  constructor(page, name) {
    Object.assign(this, { page, name, room: null, failed: null, aborted: false, leaves: null, epoch: null, moved: false });
    /** Questions to the game, by number. */
    this.calls = new Map();
    this.controller = new AbortController();
    this.oracle = new EventOracle(name, page.world);
    this.entities = new EntityOracle(this.oracle);
  }

  get isOver() {
    return this.failed !== null || this.oracle.left || this.aborted || this.room?.connection === 'closed';
  }

  /** The promise of a join or resume. */
  async follow(promise) {
    const { world } = this.page;
    try {
      const room = await promise;
      if (this.page.ended) return;
      if (this.aborted) world.fail(`${this.name}: a join that was cancelled resolves`);
      this.room = room;
      if (!room) this.failed = 'null';
      else this.oracle.connection = () => room.connection;
    } catch (error) {
      this.failed = error.name;
      if (error.name === 'AbortError' ? !this.aborted : this.aborted || !(error instanceof LeaveError)) world.fail(`${this.name}: ${error.stack}`);
      return;
    }
    if (this.room) await this.#firstHandlers();
  }

  /** Before anything else runs, a microtask later, or when the plan gets round to it. */
  async #firstHandlers() {
    const { chance } = this.page.world;
    for (let turn = 0; turn < 2; turn++) {
      for (let count = chance.below(5); count > 0 && chance.one(0.5); count--) this.subscribe();
      await null;
    }
  }

  subscribe([channel, keys] = this.page.world.chance.pick(CHANNELS)) {
    const { oracle, entities, room, page } = this;
    const handler = new Handler(channel, page.world.chance.pick(keys));
    handler.born = oracle.message;
    oracle.handlers.push(handler);
    page.world.note(() => `${this.name} listens to ${channel} ${handler.key}`);
    const after = () => page.reactAtRandom(this, handler);
    const both = (call) => (...args) => {
      page.world.note(() => `${this.name} ${channel} ${handler.key} hears ${args.map((arg) => arg?.kind ? `${arg.kind} ${arg.id}` : typeof arg === 'object' ? '' : String(arg))}`);
      call(...args);
      after();
    };
    if (SAYS[channel]) {
      handler.stop = SAYS[channel](room, handler.key, both((text, about) => oracle.hears(handler, text, about)));
      return;
    }
    const others = {
      players: () => room.onPlayers(both((_, change) => this.#hearsPlayers(handler, change))),
      resume: () => room.onResume(both(() => oracle.hearsNow(handler))),
      state: () => room.onStateChange(both(() => oracle.hearsNow(handler))),
      connection: () => room.onConnection(both((state) => oracle.hearsConnection(handler, state))),
      leave: () => room.onLeave(both((code, text, back) => oracle.hearsConnection(handler, back ? 'reconnecting' : 'closed'))),
      add: () => room.onAdd(handler.key, both((entity) => entities.added(handler, entity))),
      remove: () => room.onRemove(handler.key, both((entity) => entities.removed(handler, entity))),
    };
    handler.stop = others[channel]();
  }

  /** Null: "a new connection brought the whole list". */
  #hearsPlayers(handler, change) {
    if (change === null) this.oracle.hearsNow(handler);
    else this.oracle.hears(handler, `${change.type} ${change.seat ?? change.player.seat}`);
  }

  /** Handlers for everything. */
  subscribeToAll() {
    for (const [channel, keys] of CHANNELS) this.subscribe([channel, [keys.at(-1)]]);
  }

  unsubscribe(handler = this.page.world.chance.pick(this.oracle.handlers.filter(({ registered, stop }) => registered && stop))) {
    if (!handler?.stop) return;
    this.page.world.note(() => `${this.name} no longer listens to ${handler.channel} ${handler.key}`);
    handler.registered = false;
    handler.stop();
  }

  leave() {
    const { world } = this.page;
    world.note(() => `${this.name} leaves`);
    world.seen.leaves += 1;
    const wasClosed = this.room.connection === 'closed';
    this.oracle.left = true;
    const at = world.time.now();
    this.leaves ??= { at, done: null, wasClosed };
    this.room.leave().then(() => {
      this.leaves.done ??= world.time.now();
      if (world.time.now() - at > LEFT_WITHIN_MS) world.fail(`${this.name}: leave() took ${world.time.now() - at} ms`);
      if (!wasClosed) world.freed(this);
    }, (error) => world.fail(`${this.name}: leave() rejects: ${error}`));
  }

  abort() {
    if (this.room || this.failed || this.aborted) return;
    this.page.world.note(() => `${this.name} is cancelled`);
    this.page.world.seen.cancelled += 1;
    this.aborted = this.oracle.left = true;
    this.leaves = { at: this.page.world.time.now(), done: null };
    this.controller.abort();
  }

  /** A question to the game; its reply comes once, or the promise says why not. */
  call() {
    const { world } = this.page;
    const serial = ++world.questions;
    const question = Uint8Array.of(serial & 255, serial >> 8);
    this.calls.set(serial, { isSettled: false, isAnswered: false });
    const settled = () => (this.calls.get(serial).isSettled = true);
    this.room.call(1, question).then((reply) => {
      settled();
      if (reply.join() !== question.join()) world.fail(`${this.name}: the reply to ${question} is ${reply}`);
    }, ({ failure }) => {
      settled();
      if (!['gone', 'timeout', 'full'].includes(failure)) world.fail(`${this.name}: a call fails: ${failure}`);
    });
  }

  /** The client takes a reply. */
  replies({ body }) {
    const call = this.calls.get(number(body));
    if (call) call.isAnswered = true;
  }

  /** "After 4502 with a `storage`", what waits is delivered "to the room that claims the seat". */
  hands() {
    const { page, room, oracle } = this;
    if (room?.connection !== 'closed' || !page.hasSeat(this.name)) return;
    if (page.sockets.findLast(({ peer }) => peer.name === this.name)?.peer.isExpired) oracle.handOver();
  }

  check() {
    this.oracle.check();
    this.entities.check();
    const isClosed = this.room?.connection === 'closed';
    for (const { isSettled, isAnswered } of this.calls.values()) {
      if (!isSettled && (isAnswered || isClosed)) this.page.world.fail(`${this.name}: a call is pending after ${isClosed ? 'the end' : 'its reply'}`);
    }
  }
}

export class Page {
  ended = false;
  visits = [];
  timers = new Set();
  sockets = [];
  /** What the storage has, as the oracle knows it. */
  stored = null;

  /** @param world @param {Page | null} before whose storage it has */
  constructor(world, before = null) {
    this.world = world;
    const { time, model } = world;
    const storage = world.remembers ? before?.storage ?? new FakeStorage() : undefined;
    this.window = fakePage(new Set(), storage);
    this.storage = storage;
    this.stored = before?.stored ?? null;
    const page = this;
    const WebSocket = class extends model.server.WebSocket {
      constructor(...args) {
        super(...args);
        this.peer.page = page;
        page.sockets.push(this);
      }
    };
    const setTimeout = (call, ms) => {
      const timer = time.setTimeout(() => {
        this.timers.delete(timer);
        call();
      }, ms);
      this.timers.add(timer);
      return timer;
    };
    const clearTimeout = (timer) => {
      this.timers.delete(timer);
      time.clearTimeout(timer);
    };
    if (storage) {
      storage.setItem = (key, text) => this.#keep(key, text);
    }
    const random = () => world.chance.next();
    this.client = new Client(URL, {
      WebSocket, now: time.now, random, setTimeout, clearTimeout, storage, page: this.window.page, openChannel: this.window.openChannel,
    });
  }

  /** The page stores a seat: what a later page has to hear is what this one has not heard now. */
  #keep(key, text) {
    this.storage.items.set(key, text);
    const seat = JSON.parse(text);
    this.stored = this.visit(seat.request.name)?.oracle.snapshot(seat) ?? null;
  }

  /** Whether the storage has the seat of a visit. */
  hasSeat(name) {
    const text = this.storage?.getItem(`tickwire:${URL}`);
    return Boolean(text) && JSON.parse(text).request.name === name;
  }

  /** The newest visit under a name. */
  visit(name) {
    return this.visits.findLast((visit) => visit.name === name);
  }

  join() {
    const { world } = this;
    const visit = new Visit(this, `n${++world.names}`);
    world.note(() => `${visit.name} joins`);
    this.visits.push(visit);
    const how = { name: visit.name, signal: visit.controller.signal };
    visit.follow(world.chance.one(0.5) ? this.client.joinOrCreate('toy', how) : this.client.joinById(world.model.room, how));
    return visit;
  }

  /** "The next page receives what the previous one did not." */
  resume() {
    const { stored } = this;
    const text = this.storage?.getItem(`tickwire:${URL}`);
    const visit = new Visit(this, text ? JSON.parse(text).request.name : `n${++this.world.names}`);
    this.world.note(() => `${visit.name} resumes`);
    if (text) visit.oracle.restore(stored);
    visit.isResumption = true;
    this.visits.push(visit);
    visit.follow(this.client.resume({ signal: visit.controller.signal }));
    return visit;
  }

  /** Ends without a word, or with `pagehide`. */
  end(says) {
    this.world.note(() => (says ? 'the page is reloaded' : 'the page crashes'));
    if (says) this.window.hide();
    this.#checkStored(says);
    this.ended = true;
    for (const timer of this.timers) this.world.time.clearTimeout(timer);
    this.timers.clear();
    for (const socket of this.sockets) {
      socket.onopen = socket.onmessage = socket.onclose = socket.onerror = null;
      socket.close(1001);
    }
  }

  /** "The next page receives what the previous one did not"; after a crash also "what the previous one received within a second". */
  #checkStored(isWhole) {
    const visit = this.visits.at(-1);
    if (!visit?.room || visit.oracle.left || visit.room.connection === 'closed' || !this.hasSeat(visit.name)) return;
    const { world, stored } = this;
    if (isWhole && stored.newest !== visit.oracle.newest) world.fail(`${visit.name}: ${stored.newest} is stored as the newest event, not ${visit.oracle.newest}`);
    const since = world.time.now() - (isWhole ? 0 : STORED_WITHIN_MS);
    const again = visit.room.connection === 'online' && stored.waiting.find(({ number: at, text }) => visit.oracle.heardAt(at, text) <= since);
    if (again) world.fail(`${visit.name}: "${again.text}" is stored as unheard`);
  }

  /** What a handler does besides: mostly nothing. */
  reactAtRandom(visit, handler) {
    const { world } = this;
    const { chance } = world;
    if (world.isCalm || visit.oracle.left || chance.one(0.75)) return;
    const reactions = [
      () => world.throws(),
      () => visit.subscribe(),
      () => {
        visit.subscribe();
        visit.subscribe();
      },
      () => visit.unsubscribe(),
      () => visit.unsubscribe(handler),
      () => chance.one(0.3) && visit.leave(),
      () => {
        if (chance.one(0.8)) return;
        visit.leave();
        this.join();
      },
      () => visit.room.send(2, new Uint8Array(1)),
    ];
    chance.pick(reactions)();
  }
}
