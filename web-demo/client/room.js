// A room for the page: its state and players, which outlive connections; inputs, messages, prediction and views to
// draw. The callbacks are in room-events.js, connections and reconnecting in connection.js.

import { ClipRecorder } from './clip-recorder.js';
import { RoomClock, pageClock } from './clock.js';
import { LEFT } from './close.js';
import { Connection } from './connection.js';
import { EventStream } from './event-stream.js';
import { MessageCodec } from './game.js';
import { heldCells } from './grid.js';
import { Meter } from './meter.js';
import { Outbox } from './outbox.js';
import { Prediction } from './prediction.js';
import { bindMembers, markRaw } from './proxies.js';
import { chatCommand, gameCommand } from './requests.js';
import { RoomEvents } from './room-events.js';
import { Roster } from './roster.js';
import { isSameWorld } from './same-world.js';
import { ViewCache } from './view-cache.js';

/**
 * @typedef {import('./entity.js').View & Record<string, any>} AnyView
 * @typedef {import('./messages.js').Player} Player
 * @typedef {import('./messages.js').Welcome} Welcome
 * @typedef {import('./room-events.js').ConnectionState} ConnectionState
 */

const CALL_TIMEOUT_MS = 10_000;

/**
 * @template {import('./game.js').GameTypes} [G=import('./game.js').AnyGame]
 * @extends {RoomEvents<G>}
 */
export class Room extends RoomEvents {
  id = '';
  game = '';
  /** Ticks per second. */
  rate = 0;
  seat = 0;
  /** The id of the own entity; 0 for spectators. */
  entity = 0;
  /** @type {'player' | 'spectator'} */ role = 'player';
  /** @type {'server' | 'client'} */ authority = 'server';
  /** @type {import('./messages.js').Kind[]} */ schema = [];
  /** @type {import('./messages.js').Field[]} */ inputs = [];
  /** Where players see only what is around them. @type {import('./messages.js').Welcome['grid']} */ grid = null;
  /** @type {ConnectionState} */ connection = 'online';

  #meter = new Meter();
  #views = new ViewCache();
  #roster = new Roster();
  /** @type {Prediction | null} */ #prediction = null;
  #clock = new RoomClock(50);
  /** The correction epoch of the newest welcome or correction. */
  #epoch = 0;
  /** The entity was moved while there was no connection; reported with the next frame. */
  #moved = false;
  /** @type {ClipRecorder | null} */ #clip = null;
  /** @type {Outbox} */ #outbox;
  /** @type {EventStream} */ #news;
  /** @type {import('./connect.js').Environment} */ #env;
  /** @type {import('./connect.js').Request} */ #request;
  /** @type {Connection} */ #link;

  /**
   * Made by the client with the first welcome.
   * @param {import('./connect.js').Environment} env
   * @param {import('./connect.js').Request} request
   * @param {import('./connect.js').Socket} socket
   * @param {Welcome} welcome
   * @param {import('./seat-store.js').StoredSeat | null} stored what the page knew before a reload
   */
  constructor(env, request, socket, welcome, stored = null) {
    super();
    bindMembers(this);
    this.#env = env;
    this.codec = new MessageCodec(env.game ?? null);
    this.#request = request;
    this.role = request.role;
    this.#outbox = new Outbox(env, this.#roster);
    this.#news = new EventStream(this.#roster, this.#outbox, this.listeners, this);
    if (stored) {
      this.#news.restore(stored);
      this.#outbox.restore(stored.firstCommand, stored.commands, stored.events);
    }
    const shared = { meter: this.#meter, outbox: this.#outbox, news: this.#news };
    this.#link = new Connection(env, request, this.#owner(), shared, welcome, stored?.resume ?? null);
    this.#link.enter(socket, welcome);
  }

  /** The players in the room, by seat; spectators are not listed. */
  get players() { return this.#roster.players; }
  /** The properties that the game has set for this room. */
  get properties() { return this.#roster.properties; }

  /**
   * Sends a message to the game. It arrives exactly once and in order, also when the connection is lost meanwhile, unless
   * the seat is lost too. Returns false when it is refused: the room is closed, or 32 messages wait already.
   * @template {keyof G['commands']} K
   * @param {K} kind a number; with the module of the game, a name
   * @param {import('./game.js').BodyOf<G, K>} body at most 1024 bytes; with a name, its value as JSON
   */
  send(kind, ...[body]) {
    const command = gameCommand('game', this.codec.command(kind, body));
    if (!this.#outbox.add(command)) return false;
    this.#link.pump();
    return true;
  }

  /**
   * Calls the game and waits for its reply.
   * @template {keyof G['replies'] & keyof G['commands']} K
   * @param {K} kind as of `send`
   * @param {G['commands'][K]} body as of `send`
   * @param {{ timeout?: number }} [options] milliseconds to wait for the reply
   * @returns {Promise<G['replies'][K]>} the reply; rejects with a CommandError
   */
  call(kind, body, { timeout = CALL_TIMEOUT_MS } = {}) {
    const reply = this.#outbox.ask(gameCommand('call', this.codec.command(kind, body)), timeout);
    this.#link.pump();
    return this.codec.replied(kind, reply);
  }

  /**
   * Sends a chat line to everyone, or to the players who have some seats now. A player who leaves before the game has seen
   * the line does not receive it, nor does the next player of that seat; with no recipient left the line is `gone`.
   * @param {string} text at most 240 characters
   * @param {{ to?: number | number[] }} [options] seats, at most 16
   * @returns {Promise<number>} the tick at which it was delivered; rejects with a CommandError
   */
  chat(text, { to = [] } = {}) {
    const delivery = this.#outbox.deliver(chatCommand(text, [to].flat()));
    this.#link.pump();
    return delivery;
  }

  /**
   * Leaves the room. Callbacks receive nothing more except the leave itself.
   * @returns {Promise<void>} resolves when the seat is free, usually within a tick and a round trip, and after 2 s at the latest;
   *   never rejects. Joins of the same client wait for it. When the connection is lost, also before the server has heard of the leave,
   *   the client tries once to release the seat; if that fails, the server holds it for its time (30 s by default).
   */
  leave() {
    // Whatever waits or is being delivered ends here.
    this.#news.backlog.close();
    this.listeners.clear();
    this.state.close();
    if (this.connection !== 'closed') this.#link.end(LEFT, 'left the room', true);
    return this.#link.left;
  }

  /**
   * Holds input values, in units, until they are set again. Fields that are not named keep their values.
   * @param {Partial<G['input']>} values
   */
  setInput(values) {
    this.#link.setInput(/** @type {any} */ (values));
    this.#prediction?.steered(this.#env.now());
  }

  /**
   * Sets input values for exactly one client tick.
   * @param {Partial<G['input']>} values
   */
  pressInput(values) {
    this.#link.pressInput(/** @type {any} */ (values));
    this.#prediction?.steered(this.#env.now());
  }

  /** @template S @param {import('./prediction.js').Predictor<S, G>} predictor */
  usePrediction(predictor) {
    this.#prediction?.stop();
    this.#prediction = new Prediction(predictor, () => this.#link.session?.inputs ?? null, (event) => this.listeners.predicted.emit(event));
  }

  /**
   * The views to draw now: one per entity, that of the own entity predicted, the others in the recent past. The array and its
   * views are reused by the next call.
   * @param {number} [nowMs] on the clock of `options.now`, such as the time of an animation frame
   * @returns {readonly import('./game.js').ViewOf<G>[]}
   */
  view(nowMs = this.#env.now()) {
    // While the page draws, it need not wait for timers, which are coarse and late.
    this.#link.pump();
    this.#prediction?.events.expire(nowMs);
    const tick = this.#clock.show(nowMs);
    const views = this.#views.show(this.state, tick, this.#prediction, nowMs);
    this.#meter.feel?.picture(views, this.entity, nowMs, this.stats.displayAge, this.#meter.stats.bufferDepth);
    return /** @type {any} */ (views);
  }

  /** The room's time, as measured by pings and frames. */
  get clock() { return pageClock(this.#clock, this.#env.now); }
  /** The cells of the grid of which the client has rows, newest first; empty in rooms without a grid. */
  cells() { return heldCells(this.grid, this.state); }

  /** Keeps the last seconds, for `clip`. @param {number} seconds 0 to keep nothing; at most 60 */
  keepClip(seconds) {
    this.#clip = seconds > 0 ? new ClipRecorder(Math.ceil(Math.min(60, seconds) * this.rate)) : null;
  }

  /** What was seen in the last seconds, for `Film.read`, without names and texts; null when nothing is kept. */
  clip() { return this.#clip?.ofRoom(this) ?? null; }

  get stats() {
    const now = this.#env.now();
    const { stats } = this.#meter;
    this.#meter.roll(now, this.players.size);
    this.#clock.describe(stats, this.state.elapsed, now);
    return stats;
  }

  /** @returns {import('./connection.js').ConnectionOwner} */
  #owner() {
    return {
      entered: (welcome) => this.#entered(welcome),
      online: (welcome) => {
        this.listeners.leave.current = null;
        this.listeners.connection.emit('online');
        // The page may have left.
        if (this.connection !== 'online') return;
        if (welcome.continuity === 'fresh') this.#news.backlog.deliver({ type: 'reconnect' }, welcome.tick);
        else this.listeners.resume.emit(this);
        this.listeners.players.emit(this.players, null);
      },
      frame: (message, step, bytes, now) => this.#frame(message, step, bytes, now),
      input: (values, at, span) => this.#prediction?.step(values, at, span),
      shownBehind: () => this.#clock.behind(this.state.elapsed),
      awake: (now) => this.#clock.awake(now),
      answered: (trip, now) => void (this.#meter.leastTrip = this.#clock.answered(trip, now)),
      known: () => this.state.known,
      left: (code, text, comesBack) => this.#left(code, text, comesBack),
    };
  }

  /** @param {Welcome} welcome */
  #entered(welcome) {
    const same = welcome.continuity !== 'fresh' && isSameWorld(this, welcome);
    // Until a frame has come, the last connection's move is still to be told.
    this.#moved = same && (this.#moved || welcome.epoch !== this.#epoch);
    this.#epoch = welcome.epoch;
    this.id = welcome.room;
    this.game = welcome.game;
    this.rate = welcome.rate;
    this.seat = welcome.seat;
    this.entity = welcome.entity;
    this.authority = welcome.authority;
    this.schema = welcome.schema;
    this.inputs = welcome.inputs;
    this.grid = welcome.grid;
    this.#roster.begin(welcome);
    this.connection = 'online';
    if (same) this.#clock.resumed();
    else this.#beginPicture(welcome);
    // Frames continue from the present state; those of a server that continues from another one would not decode.
    if (same && (welcome.continuity === 'seat' || !this.state.isAt(welcome))) this.state.forget(welcome);
    return same;
  }

  /** @param {Welcome} welcome */
  #beginPicture(welcome) {
    const wanted = this.#request.rate || welcome.rate;
    const period = 1000 / welcome.rate;
    this.#clock = new RoomClock(period, 1000 / wanted, welcome.tick * period);
    this.#meter.spacing = Math.max(1, Math.ceil(welcome.rate / wanted));
    this.#prediction?.stop();
    this.#clip?.restart();
    this.state.reset(welcome);
  }

  /** @type {import('./session.js').Owner['frame']} */
  #frame(message, step, bytes, now) {
    const { state } = this;
    if (step.incarnation !== null) state.forget({ tick: state.tick, incarnation: step.incarnation });
    const wrong = state.apply(step, message.zones);
    this.#clip?.frame(state, step.advance, message.zones);
    const moved = this.#moved ? { epoch: this.#epoch, reason: 0 } : null;
    const told = message.note?.correction ?? null;
    const correction = told && told.epoch !== this.#epoch ? told : moved;
    this.#moved = false;
    this.#epoch = correction?.epoch ?? this.#epoch;
    this.#clock.arrived(state.elapsed, now);
    this.#meter.frame(step.advance, bytes, state, this.grid);
    this.#meter.roll(now, this.players.size);
    this.#reconcile(now, correction !== null);
    state.announce();
    if (correction) this.#news.backlog.deliver({ type: 'correction', correction }, state.tick);
    this.#news.receive(message.events, state.tick);
    return wrong;
  }

  /** @param {number} now @param {boolean} snap */
  #reconcile(now, snap) {
    const { session } = this.#link;
    if (!this.#prediction || !session) return;
    const own = this.state.entities.get(this.entity);
    if (!own) return void this.#prediction.stop();
    // While its cell waits, its row is older than the inputs that the frame consumed.
    if (!snap && own.seen.zone && own.seen.zone.elapsed < this.state.elapsed) return;
    const inputs = session.inputs.unapplied();
    if (this.#prediction.reconcile(own, inputs, now, snap || own.teleported)) {
      this.#meter.stats.corrections += 1;
      this.#meter.stats.correctionSize = this.#prediction.size;
      this.#meter.feel?.corrected(this.#prediction.size);
    }
  }

  /** @param {number} code @param {string} text @param {boolean} comesBack */
  #left(code, text, comesBack) {
    if (!comesBack) this.#prediction?.stop();
    const told = this.connection = comesBack ? 'reconnecting' : 'closed';
    this.listeners.connection.emitSticky(told);
    // The page may have left, and its callbacks have been called.
    if (this.connection !== told) return;
    this.listeners.leave.emitSticky(code, text, comesBack);
  }
}

markRaw(Room);
