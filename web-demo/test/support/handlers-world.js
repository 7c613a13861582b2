// The seeded world of handlers.test.js: a server, a browser with one page at a time, and a plan that a seed determines.

import { ENTITIES, RoomModel, entitiesOf } from './room-model.js';
import { VirtualTime } from './server.js';
import { LEFT_WITHIN_MS, Page } from './world-page.js';

const KIND_NAMES = ['ball', 'gem'];
const PAUSES_MS = [0, 0, 1, 3, 10, 10, 30, 60, 60, 200, 600];
const CLOSES = [4001, 4003, 4003, 4008, 4009, 1013, 4507, 4510, 4502];
const STEPS = 24;

/** An event as the oracle knows it; null for replies, which no handler hears. */
function describe(body) {
  const [[type, value]] = Object.entries(body);
  const two = (bytes) => bytes[0] + 256 * bytes[1];
  switch (type) {
    case 'game': return { channel: 'message', key: value.kind, text: `${value.kind}:${two(value.body)}`, bytes: value.body.length };
    case 'chat': return { channel: 'chat', text: value.text };
    case 'property': return { channel: 'property', text: value.join('=') };
    case 'ended': return { channel: 'ended', text: `ended ${two(value)}` };
    case 'reply': return null;
    default: return { channel: 'players', text: `${type} ${value.seat ?? [value].flat()[0]}` };
  }
}

export class World {
  names = 0;
  failures = [];
  story = [];
  /** No more reactions of handlers. */
  isCalm = false;
  questions = 0;
  /** How often what happened, as a measure of the plan. */
  seen = { events: 0, heard: 0, late: 0, resumed: 0, reseated: 0, reloads: 0, crashes: 0, cancelled: 0, leaves: 0, gaps: 0, deliveries: 0, beyondBounds: 0, throws: 0 };
  #serial = 0;
  #strangers = 1000;
  #thrown;
  #toThrow = 0;
  /** When the network or the server last did anything to excuse a seat that is still taken. */
  #disturbedAt = -Infinity;
  #isOver = false;

  /** @param chance see `dice` @param {Error[]} thrown what handlers threw, by way of the client @param {boolean} isTold whether to keep the story */
  constructor(chance, thrown, isTold) {
    this.chance = chance;
    this.#thrown = thrown;
    this.isTold = isTold;
    this.time = new VirtualTime();
    const settings = { latency: chance.below(25), holds: chance.one(0.85), steers: chance.one(0.1) };
    this.remembers = chance.one(0.8);
    this.model = new RoomModel(this.time, settings, chance, this);
    this.page = new Page(this);
  }

  fail(text) {
    this.note(() => `FAILED: ${text}`);
    this.failures.push(text);
  }

  note(text) {
    if (this.isTold) this.story.push(`${this.time.now()} ${text()}`);
  }

  throws() {
    this.#toThrow += 1;
    this.seen.throws += 1;
    throw new Error('thrown by a handler');
  }

  async run() {
    this.page.join();
    for (let step = 0; step < STEPS && this.failures.length === 0; step++) {
      this.chance.pick(PLAN).call(this);
      await this.#pass(this.chance.pick(PAUSES_MS));
    }
    if (this.failures.length === 0) await this.#end();
  }

  async #pass(ms) {
    await this.time.advance(ms);
    for (const fault of this.model.faults.splice(0)) this.fail(`the server: ${fault}`);
    for (const visit of this.page.visits) {
      visit.hands();
      visit.check();
      this.#checkRoster(visit);
      if (visit.leaves && !visit.aborted && visit.leaves.done === null && this.time.now() - visit.leaves.at > LEFT_WITHIN_MS) this.fail(`${visit.name}: leave() is pending`);
    }
    if (this.#thrown.some(({ message }) => message !== 'thrown by a handler') || this.#thrown.length !== this.#toThrow) {
      this.fail(`${this.#toThrow} handlers threw, the page sees ${this.#thrown.map(({ stack }) => stack)}`);
    }
    this.#thrown.length = this.#toThrow = 0;
  }

  /** "`room.players` and `room.properties` are always current." */
  #checkRoster({ name, room, oracle, roster }) {
    if (!room || oracle.left || !roster) return;
    const players = (all) => [...all.values()].map(({ seat, away }) => `${seat}${away ? ' away' : ''}`).sort().join();
    if (players(room.players) !== players(roster.players)) this.fail(`${name}: players are ${players(room.players)}, not ${players(roster.players)}`);
    const pairs = (all) => all.map((pair) => pair.join('=')).sort().join();
    const own = pairs(Object.entries(room.properties));
    if (own !== pairs([...roster.properties])) this.fail(`${name}: properties are ${own}`);
  }

  /** All handlers are there, the network is well: everything that was sent is heard. Then the page leaves. */
  async #end() {
    this.isCalm = true;
    if (!this.model.server.reachable) this.toggleServer();
    if (this.page.visits.length === 0 && this.remembers) this.page.resume();
    const isOnline = (name) => this.live.some((seat) => seat.name === name);
    const isSettled = ({ name, room, failed, aborted, oracle }) => failed || aborted || oracle.left || room?.connection === 'closed'
      || (room?.connection === 'online' && isOnline(name));
    for (let turn = 0; turn < 60 && !this.page.visits.every(isSettled); turn++) await this.#pass(500);
    const visits = this.page.visits.filter(({ room, oracle }) => room && !oracle.left);
    for (const visit of this.page.visits) if (!isSettled(visit)) this.fail(`${visit.name} neither comes back nor gives up`);
    for (const visit of visits) visit.subscribeToAll();
    this.emit(3);
    for (let turn = 0; turn < 3; turn++) {
      this.model.frame();
      await this.#pass(200);
    }
    for (const { name, room, oracle } of visits) {
      if (oracle.waiting.length > 0) this.fail(`${name}: ${oracle.waiting.map(({ text }) => text)} wait at the end`);
      const seat = [...this.model.seats.values()].findLast((each) => each.name === name);
      if (room.connection === 'online' && seat?.last !== oracle.newest) this.fail(`${name}: ${seat?.last} were sent, ${oracle.newest} arrived`);
    }
    await this.#leave(visits);
  }

  async #leave(visits) {
    const { page } = this;
    for (const visit of visits) visit.leave();
    for (let ms = 0; ms <= LEFT_WITHIN_MS && !visits.every(({ leaves }) => leaves.done !== null); ms += 50) await this.#pass(50);
    // Cancelled joins are left, too, and have no promise that says when.
    if (page.timers.size > 0 && !page.visits.some(({ aborted }) => aborted)) this.fail(`${page.timers.size} timers are left when all rooms are`);
    await this.#pass(LEFT_WITHIN_MS + 1000);
    const open = page.sockets.filter(({ readyState }) => readyState < 2).length;
    if (open > 0) this.fail(`${open} sockets are open at the end`);
    if (page.timers.size > 0) this.fail(`${page.timers.size} timers are left`);
    if (page.window.listening.size > 0) this.fail('the page still has listeners');
    if (page.visits.some(({ room }) => room && room.connection !== 'closed')) this.fail('a room that was left is not closed');
  }

  /** The client takes a welcome. */
  welcome(peer, welcome, take) {
    const visit = peer.page.visit(peer.name);
    // A connection that releases the seat.
    if (visit.oracle.left) return take();
    this.note(() => `${visit.name} is welcomed: ${welcome.continuity}, tick ${welcome.tick}, events ${welcome.events}, listed ${welcome.listed}`);
    const { oracle, entities } = visit;
    const isFirst = visit.epoch === null;
    oracle.begins();
    if (welcome.continuity === 'fresh') {
      oracle.anew(welcome.events);
      entities.becomes([]);
      if (!isFirst) oracle.arrives({ channel: 'reconnect', text: 'reconnect', number: Infinity });
    } else {
      oracle.lost(welcome.events, true);
      visit.moved ||= !isFirst && welcome.epoch !== visit.epoch;
      if (!isFirst) oracle.expect('resume');
    }
    if (welcome.continuity === 'fresh') visit.moved = false;
    if (!isFirst) oracle.expect('players');
    this.seen[welcome.continuity === 'fresh' ? 'reseated' : 'resumed'] += isFirst && welcome.continuity === 'fresh' ? 0 : 1;
    visit.epoch = welcome.epoch;
    visit.roster = { listed: welcome.listed, players: new Map(welcome.players.map((player) => [player.seat, player])), properties: new Map(welcome.properties) };
    take();
    oracle.taken();
    return entities.taken();
  }

  /** The client takes a frame. */
  frame(peer, { tick, mask, first, lost, items, correction }, take) {
    const visit = peer.page.visit(peer.name);
    const { oracle, entities } = visit;
    if (oracle.left || !visit.roster) return this.fail(`${visit.name} takes a frame after its end`);
    this.note(() => `${visit.name} takes a frame: tick ${tick}, entities ${mask}, events from ${first}, lost ${lost}, ${items.map(({ body }) => describe(body)?.text)}`);
    oracle.begins();
    oracle.frame();
    entities.becomes(entitiesOf(mask).map(({ kind, id }) => ({ kind: KIND_NAMES[kind], id })));
    oracle.expect('state');
    const move = correction ?? (visit.moved ? { epoch: visit.epoch, reason: 0 } : null);
    visit.moved = false;
    if (move) {
      visit.epoch = move.epoch;
      oracle.arrives({ channel: 'correction', text: `correction ${move.epoch} ${move.reason}`, number: Infinity });
    }
    this.#arrive(visit, { first, lost, items });
    take();
    oracle.taken();
    return entities.taken();
  }

  /** The client takes events, or what the game has seen, apart from a frame. */
  delivery(peer, batch, take) {
    const visit = peer.page.visit(peer.name);
    const { oracle, entities, roster } = visit;
    if (oracle.left || !roster) return this.fail(`${visit.name} takes events after its end`);
    this.note(() => `${visit.name} takes events from ${batch.first}, lost ${batch.lost}, ${batch.items.map(({ body }) => describe(body)?.text)}`);
    this.seen.deliveries += 1;
    oracle.begins();
    if (batch.items.length + batch.lost > 0) oracle.frame();
    this.#arrive(visit, batch);
    take();
    oracle.taken();
    return entities.taken();
  }

  /** What a visit hears of events. */
  #arrive(visit, { first, lost, items }) {
    const { oracle, roster } = visit;
    if (items.length + lost > 0) oracle.lost(Math.max(oracle.newest, first - 1), false);
    for (const { number, body, tick: at } of items) {
      if (number <= oracle.newest) continue;
      oracle.newest = number;
      if (number > roster.listed) enlist(roster, body);
      const event = describe(body);
      if (event) oracle.arrives({ ...event, number, tick: at });
      else visit.replies(body.reply);
      this.seen.events += 1;
    }
  }

  /** A page gets a seat: "joins of the same client wait for the seats that the client is leaving". */
  fresh({ page, name }) {
    for (const visit of page.visits) if (visit.leaves && visit.name !== name) this.#checkFree(visit, `${name} joins`);
  }

  /** "Resolves when the server has freed the seat." */
  freed(visit) {
    this.#checkFree(visit, 'leave() is done');
  }

  #checkFree(visit, when) {
    const seat = [...this.model.seats.values()].findLast(({ name }) => name === visit.name);
    if (!seat || visit.page.ended) return;
    const { at } = visit.leaves;
    // "After two seconds at the latest"; "if the server cannot be reached then, it holds the seat for its time".
    if (this.time.now() - at >= LEFT_WITHIN_MS || this.#disturbedAt >= at || !this.model.server.reachable || seat.peer?.severed) return;
    // "4502 ends the connection"; the seat is held for `client.resume({ token })`.
    if (visit.leaves.wasClosed) return;
    // "A cancelled `resume` leaves its seat as it was."
    if (visit.aborted && visit.isResumption) return;
    this.fail(`${when}, and the seat of ${visit.name} is taken`);
  }

  get live() {
    return [...this.model.seats.values()].filter(({ peer }) => peer && !peer.severed);
  }

  /** The visit that the page is in, if it is in any. */
  get visit() {
    return this.page.visits.findLast((visit) => !visit.isOver) ?? null;
  }

  /** Some entities come, others go. */
  mutate() {
    this.model.mask ^= this.chance.below(2 ** ENTITIES) & this.chance.below(2 ** ENTITIES);
  }

  /** Something happens in the room so many times. */
  emit(count) {
    for (let left = count; left > 0; left--) {
      const serial = ++this.#serial;
      const body = Uint8Array.of(serial & 255, serial >> 8);
      const kind = 1 + this.chance.below(4);
      const player = { seat: ++this.#strangers, entity: 0, name: 'Bo' };
      const { players, properties } = this.model;
      this.chance.pick([
        () => this.model.emitAll(() => ({ game: { kind, body } })),
        () => this.model.emitAll(() => ({ game: { kind, body } })),
        () => this.model.emitAll(() => ({ chat: { from: 1, name: 'Bo', text: `line ${serial}` } })),
        () => {
          properties.set('map', `m${serial}`);
          this.model.emitAll(() => ({ property: ['map', `m${serial}`] }));
        },
        () => {
          players.set(player.seat, player);
          this.model.emitAll(() => ({ joined: player }));
        },
        () => {
          const seat = [...players.keys()].find((each) => each > 1000);
          if (seat === undefined) return;
          players.delete(seat);
          this.model.emitAll(() => ({ left: [seat, 1000] }));
        },
      ])();
    }
  }

  /** So many or so large ones that not all of them can wait. */
  flood() {
    const isLarge = this.chance.one(0.5);
    const count = isLarge ? 6 : 300;
    for (const seat of this.model.seats.values()) seat.burst = count;
    for (let left = count; left > 0; left--) {
      const serial = ++this.#serial;
      const body = new Uint8Array(isLarge ? 20_000 : 2);
      body.set([serial & 255, serial >> 8]);
      const kind = 1 + this.chance.below(4);
      this.model.emitAll(() => ({ game: { kind, body } }));
    }
    this.model.frame();
  }

  /** The match is over, once in a room. */
  over() {
    if (this.overIn === this.model.room) return;
    this.overIn = this.model.room;
    const serial = ++this.#serial;
    this.model.emitAll(() => ({ ended: Uint8Array.of(serial & 255, serial >> 8) }));
  }

  cut() {
    const seat = this.chance.pick(this.live);
    if (!seat) return;
    this.#disturb(`the connection of ${seat.name} breaks`);
    this.model.cut(seat, this.chance.below(300), this.chance.one(0.5));
  }

  close() {
    const seat = this.chance.pick(this.live);
    const code = this.chance.pick(CLOSES);
    if (!seat) return;
    this.#disturb(`the server closes ${seat.name} with ${code}`);
    this.model.close(seat, code, this.chance.one(0.3) ? this.chance.below(900) : null);
  }

  crash() {
    const code = this.chance.pick([1011, 4512, 4514]);
    this.#disturb(`the room ends with ${code}`);
    this.model.crash(code);
  }

  toggleServer() {
    const { server } = this.model;
    server.reachable = !server.reachable;
    this.#disturb(`the server is reachable: ${server.reachable}`);
  }

  #disturb(what) {
    this.note(() => what);
    this.#disturbedAt = this.time.now();
  }

  reload(says) {
    this.page.end(says);
    this.seen[says ? 'reloads' : 'crashes'] += 1;
    this.page = new Page(this, this.page);
    if (this.chance.one(0.9)) this.page.resume();
  }
}

/** @param {{ players: Map<number, any>, properties: Map<string, string> }} roster */
function enlist({ players, properties }, body) {
  const [[type, value]] = Object.entries(body);
  if (type === 'joined') players.set(value.seat, value);
  if (type === 'left') players.delete(value[0]);
  if (type === 'property') properties.set(...value);
  if (type === 'disconnected' || type === 'reconnected') players.set(value, { ...players.get(value), away: type === 'disconnected' });
}

/** What may happen in a step, as often as it stands here. @type {[number, (this: World) => void][]} */
const ACTIONS = [
  [10, function () { this.emit(1 + this.chance.below(5)); }],
  [20, function () { this.emit(this.chance.below(8)); this.model.frame(); }],
  [10, function () { this.mutate(); this.model.frame(); }],
  [3, function () { for (const seat of this.model.seats.values()) seat.epoch += 1; }],
  [4, function () { this.model.server.coalesces = !this.model.server.coalesces; }],
  [1, function () { if (this.chance.one(0.3)) this.flood(); }],
  [1, function () { this.over(); }],
  [5, function () { this.cut(); }],
  [3, function () { this.close(); }],
  [1, function () { this.crash(); }],
  [2, function () { this.toggleServer(); }],
  [16, function () { if (this.visit?.room) this.visit.subscribe(); }],
  [6, function () { if (this.visit?.room) this.visit.unsubscribe(); }],
  [2, function () { if (this.visit?.room) this.visit.call(); }],
  [2, function () { if (this.visit?.room) this.visit.leave(); }],
  [2, function () {
    if (!this.visit?.room) return;
    this.visit.leave();
    this.page.join();
  }],
  [8, function () {
    if (this.visit) return;
    if (this.page.stored && this.chance.one(0.5)) return void this.page.resume();
    const visit = this.page.join();
    if (this.chance.one(0.3)) visit.abort();
    if (this.chance.one(0.3) && visit.aborted) this.page.join();
  }],
  [2, function () { this.visit?.abort(); }],
  [2, function () { this.reload(true); }],
  [1, function () { this.reload(false); }],
];
const PLAN = ACTIONS.flatMap(([weight, action]) => Array.from({ length: weight }, () => action));
