// A room as the page has it: its state and players, which outlive connections; inputs, prediction and what to draw now.
// The callbacks are in room-events.js, what a connection does in session.js, coming back in rejoin.js.

import { CLOSES, LEFT, LOST, invitesBack, meaning } from './close.js';
import { abandon } from './connection.js';
import { PlayoutClock } from './interpolation.js';
import { Meter } from './meter.js';
import { Prediction } from './prediction.js';
import { Rejoin } from './rejoin.js';
import { RoomEvents } from './room-events.js';
import { Session } from './session.js';
import { Stage } from './stage.js';

/**
 * @typedef {import('./entity.js').View & Record<string, any>} AnyView
 * @typedef {import('./messages.js').Player} Player
 * @typedef {import('./messages.js').Welcome} Welcome
 * @typedef {import('./room-events.js').ConnectionState} ConnectionState
 */

/** Bytes of a command. */
const MAX_BODY = 1024;

export class Room extends RoomEvents {
  id = '';
  game = '';
  /** Ticks per second. */
  rate = 0;
  seat = 0;
  /** The id of the own entity. */
  entity = 0;
  /** @type {'steer' | 'place'} */
  rule = 'steer';
  /** What the game says about this room. @type {Record<string, string>} */
  properties = {};
  /** @type {import('./messages.js').Kind[]} */
  schema = [];
  /** @type {import('./messages.js').Field[]} */
  inputs = [];
  /** Everyone in the room, by seat. @type {Map<number, Player>} */
  players = new Map();
  /** @type {ConnectionState} */
  connection = 'online';

  /** @type {Session | null} */ #session = null;
  /** @type {any} */ #timer = null;
  #meter = new Meter();
  #stage = new Stage();
  /** @type {Prediction | null} */ #prediction = null;
  #playout = new PlayoutClock(50);
  /** @type {import('./connection.js').Environment} */ #env;
  /** @type {import('./connection.js').Request} */ #request;
  /** @type {Rejoin} */ #rejoin;

  /**
   * Made by the client with the first welcome.
   * @param {import('./connection.js').Environment} env
   * @param {import('./connection.js').Request} request
   * @param {WebSocket} socket
   * @param {Welcome} welcome
   */
  constructor(env, request, socket, welcome) {
    super();
    this.#env = env;
    this.#request = request;
    this.#rejoin = new Rejoin(
      env,
      request,
      (next, again) => {
        this.#enter(next, again);
        this.listeners.connection.emit('online');
        this.listeners.reconnect.emit(this);
      },
      ({ code, text }) => this.#end(code, text),
    );
    this.#enter(socket, welcome);
  }

  /**
   * Sends a message to the game. Returns whether there is a connection to send it on.
   * @param {number} kind
   * @param {Uint8Array} body at most 1024 bytes
   */
  send(kind, body) {
    if (!Number.isInteger(kind) || kind < 0 || kind > 0xffff) throw new RangeError(`message kind ${kind}`);
    if (body.length > MAX_BODY) throw new RangeError(`a message of ${body.length} bytes: at most ${MAX_BODY}`);
    this.#session?.command(kind, body);
    return this.#session !== null;
  }

  /** Leaves for good. */
  leave() {
    if (this.connection !== 'closed') this.#end(LEFT, 'left the room');
  }

  /**
   * Holds input values, in units, until they are set again. Fields that are not named stay as they are.
   * @param {import('./inputs.js').InputValues} values
   */
  setInput(values) {
    if (this.#session?.setInput(values, this.#env.now())) this.#pump();
  }

  /**
   * Sets input values for exactly one client tick.
   * @param {import('./inputs.js').InputValues} values
   */
  pressInput(values) {
    this.#session?.inputs.press(values);
  }

  /** @param {import('./prediction.js').Predictor} predictor */
  usePrediction(predictor) {
    this.#prediction = new Prediction(predictor);
  }

  /**
   * What to draw now: one view per entity, others in the recent past, the own one predicted. The array and its views are
   * reused by the next call.
   * @param {number} [nowMs] on the clock of `options.now`, such as the time an animation frame gets
   * @returns {readonly AnyView[]}
   */
  view(nowMs = this.#env.now()) {
    // A drawing page need not wait for timers, which are coarse and late.
    this.#pump();
    const tick = this.#playout.tick(nowMs);
    return this.#stage.show(this.state, tick, this.#prediction, nowMs, 1000 / this.rate);
  }

  get stats() {
    const now = this.#env.now();
    const { stats } = this.#meter;
    this.#meter.roll(now, this.players.size);
    const newest = stats.snapshots > 0 ? this.#playout.newest(now) : this.state.elapsed;
    stats.serverTickLag = Math.max(0, newest - this.state.elapsed);
    stats.interpolationDelay = this.#playout.delay;
    return stats;
  }

  /** @param {WebSocket} socket @param {Welcome} welcome */
  #enter(socket, welcome) {
    const now = this.#env.now();
    this.id = welcome.room;
    this.game = welcome.game;
    this.rate = welcome.rate;
    this.seat = welcome.seat;
    this.entity = welcome.entity;
    this.rule = welcome.rule;
    this.properties = Object.fromEntries(welcome.properties);
    this.schema = welcome.schema;
    this.inputs = welcome.inputs;
    this.players.clear();
    for (const player of welcome.players) this.players.set(player.seat, player);
    const wanted = this.#request.rate || welcome.rate;
    this.#playout = new PlayoutClock(1000 / welcome.rate, 1000 / wanted);
    this.#meter.spacing = Math.max(1, Math.ceil(welcome.rate / wanted));
    this.#prediction?.stop();
    this.connection = 'online';
    const session = new Session(socket, welcome, this.#owner(), this.#meter, now);
    this.#session = session;
    socket.onmessage = ({ data }) => {
      session.receive(new Uint8Array(data), this.#env.now());
      this.#pump();
    };
    socket.onclose = ({ code, reason }) => this.#closed(meaning(code), reason);
    socket.onerror = () => {};
    this.state.reset(welcome);
    this.#pump();
  }

  /** @returns {import('./session.js').Owner} */
  #owner() {
    return {
      frame: (message, bytes, now) => this.#frame(message, bytes, now),
      input: (values, at) => this.#prediction?.step(values, at),
      lost: () => {
        if (this.#session) abandon(this.#session.socket, 4500);
        this.#closed(LOST, '');
      },
    };
  }

  /** @param {import('./messages.js').FrameMessage} message @param {number} bytes @param {number} now */
  #frame(message, bytes, now) {
    const { state } = this;
    const wrong = state.apply(message.advance, message.zones);
    this.#playout.arrived(state.elapsed, now);
    this.#meter.frame(message.advance, bytes, state.tick);
    this.#reconcile(now, message.note?.correction != null);
    state.announce();
    if (message.note?.correction) this.listeners.correction.emit(message.note.correction);
    if (message.events) this.#events(message.events);
    return wrong;
  }

  /** @param {number} now @param {boolean} snap */
  #reconcile(now, snap) {
    if (!this.#prediction || !this.#session) return;
    const own = this.state.entities.get(this.entity);
    if (!own) {
      this.#prediction.stop();
      return;
    }
    const inputs = this.#session.inputs.unapplied();
    if (this.#prediction.reconcile(own, inputs, now, 1000 / this.rate, snap)) this.#meter.stats.corrections += 1;
  }

  /** @param {import('./messages.js').EventBatch} events */
  #events({ lost, items }) {
    if (lost > 0) this.listeners.gap.emit(lost);
    for (const { age, body } of items) {
      if (body.type === 'game') {
        // A copy: the message's buffer should not live as long as the page keeps a body.
        this.listeners.message.emit(body.kind, body.body.slice(), { kind: body.kind, tick: (this.state.tick - age) >>> 0 });
        continue;
      }
      if (body.type === 'joined') this.players.set(body.player.seat, body.player);
      else if (body.type === 'left') this.players.delete(body.seat);
      else continue;
      this.listeners.players.emit(this.players);
    }
  }

  #pump() {
    this.#env.clearTimeout(this.#timer);
    const session = this.#session;
    if (!session) return;
    const now = this.#env.now();
    const next = session.pump(now);
    this.#meter.roll(now, this.players.size);
    // The pump may have ended the session.
    if (this.#session === session) this.#timer = this.#env.setTimeout(() => this.#pump(), Math.max(1, Math.ceil(next - now)));
  }

  /** @param {number} code @param {string} reason */
  #closed(code, reason) {
    const text = reason || (CLOSES.get(code)?.[1] ?? `closed with code ${code}`);
    if (!invitesBack(code)) {
      this.#end(code, text);
      return;
    }
    this.#drop();
    this.connection = 'reconnecting';
    this.#rejoin.start(this.id);
    this.listeners.connection.emit('reconnecting');
    this.listeners.leave.emit(code, text, true);
  }

  /** @param {number} code @param {string} text */
  #end(code, text) {
    if (this.#session) abandon(this.#session.socket, 1000);
    this.#drop();
    this.#rejoin.stop();
    this.connection = 'closed';
    this.listeners.connection.emit('closed');
    this.listeners.leave.emit(code, text, false);
  }

  #drop() {
    this.#env.clearTimeout(this.#timer);
    this.#session = null;
    this.#prediction?.stop();
  }
}
