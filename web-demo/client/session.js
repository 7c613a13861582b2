// One connection after its welcome: numbers and sends inputs, acknowledges, pings, requests keyframes, sends the messages of
// the outbox, decodes the server's messages and passes them to its owner. Owns no timer: the owner calls `pump` when it may be
// due, and for the socket's messages. connection.js has the parts that outlive a connection.

import { FeelMeter } from './feel-meter.js';
import { FrameOrder } from './frame-order.js';
import { Heartbeat } from './heartbeat.js';
import { DecodeError, bytesOf } from './reader.js';
import { InputPace } from './input-pace.js';
import { InputTimeline } from './inputs.js';
import { FEEL_DIGEST, VIEW_TIME, decodeServer, encodeClient } from './messages.js';
import { MessageWriter } from './writer.js';

/** The longest time between the arrival of a frame and its acknowledgement, as the protocol demands. */
const ACK_WITHIN_MS = 100;
/** A message that arrives this long after the last acknowledgement is acknowledged at once, before the timer is due. */
const ACK_EARLY_MS = 60;
/** Messages that come so soon after one another were held up; the server waits for the acknowledgement of the last of them. */
const BURST_MS = 4;
/** Unchanged inputs are sent at least this often. */
const RUN_WITHIN_MS = 250;
/** The server answers one resync per two seconds, for all zones together. */
const RESYNC_EVERY_MS = 2000;
/** View times are told in fractions of a tick, as 16 bits. */
const [VIEW_PARTS, MAX_VIEW] = [16, 0xffff];
/** Client ticks that are made up after a late timer; further ones are skipped. */
const CATCH_UP = 4;

/**
 * @typedef {import('./messages.js').FrameMessage} FrameMessage
 * @typedef {{
 *   frame(message: FrameMessage, step: import('./frame-order.js').Step, bytes: number, now: number): number[],
 *   input(values: Int32Array, at: number, span: number): void,
 *   shownBehind(): number | null,
 *   awake(now: number): void,
 *   answered(trip: number, now: number): void,
 *   refreshed(seconds: number): void, prepare(message: import('./messages.js').Prepare): void,
 *   lost(isBroken: boolean): void,
 * }} Owner `frame` returns the zones that need a keyframe; `shownBehind`: how many ticks the moment that the page shows lies
 *   before the newest frame, null when it shows none; `awake`: the client runs; `answered`: a round trip was measured; `refreshed`:
 *   the token is valid for this long; `lost`: the connection is unusable, `isBroken` because of a message that cannot be read
 * @typedef {{ comeBack: number | null, redirect: import('./messages.js').Redirect | null }} Told
 * @typedef {{ owner: Owner, meter: import('./meter.js').Meter, outbox: import('./outbox.js').Outbox,
 *   news: import('./event-stream.js').EventStream }} Company
 */

export class Session {
  /**
   * @param {import('./connect.js').Socket} socket
   * @param {import('./messages.js').Welcome} welcome
   * @param {boolean} plays whether there are inputs to make
   * @param {Company} company
   * @param {number} now
   */
  constructor(socket, welcome, plays, { owner, meter, outbox, news }, now) {
    this.socket = socket;
    this.owner = owner;
    this.meter = meter;
    this.outbox = outbox;
    this.news = news;
    this.writer = new MessageWriter();
    this.inputs = new InputTimeline(plays ? welcome.inputs : []);
    this.period = 1000 / welcome.rate;
    this.pace = new InputPace(this.period);
    this.epoch = welcome.epoch;
    this.order = new FrameOrder(welcome);
    this.tellsView = (welcome.features & VIEW_TIME) !== 0;
    /** Ticks from the moment that was shown at the newest input to the newest frame. @type {number | null} */
    this.viewBehind = null;
    meter.stats.inputLead = null;
    meter.feel = welcome.features & FEEL_DIGEST ? new FeelMeter(now) : null;
    this.ackedEvents = welcome.events;
    /** Position reports start when the page has a position to report. */
    this.inputsRun = welcome.authority === 'server' && this.inputs.fields.length > 0;
    this.authority = welcome.authority;
    /** After a resume under client authority: reports wait for a frame with the entity's position. */
    this.awaitingFirstFrame = welcome.authority === 'client' && welcome.continuity !== 'fresh';
    this.reports = false;
    /** Whether the server moved the entity meanwhile, so that the held position is out of date. */
    this.stale = false;
    /** Milliseconds before a reconnect, and where the room goes on, if the server told. @type {Told} */
    this.told = { comeBack: null, redirect: null };
    this.unacknowledged = false;
    this.arrivedAt = -Infinity;
    this.ackedAt = this.flushedAt = now;
    this.nextInputAt = now + this.period;
    this.heartbeat = new Heartbeat(meter, now);
    this.resyncedAt = -Infinity;
  }

  /**
   * @param {unknown} data of a message event
   * @param {number} now
   */
  receive(data, now) {
    this.heartbeat.received(now);
    try {
      const bytes = bytesOf(data);
      this.meter.down += bytes.length;
      const message = decodeServer(bytes);
      if (message.type === 'frame') this.#frame(message, bytes.length, now);
      else if (message.type === 'delivery') this.#delivery(message, now);
      else if (message.type === 'pong') this.owner.answered(this.heartbeat.answered(message.stamp, now), now);
      else if (message.type === 'comeBack') this.told.comeBack = message.after;
      else if (message.type === 'redirect') this.told.redirect = message;
      else if (message.type === 'prepare') this.owner.prepare(message);
      else if (message.type === 'refreshed') this.owner.refreshed(message.expires);
      else throw new DecodeError(`a ${message.type} that was not asked for`);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.owner.lost(true);
    }
  }

  /**
   * Sends everything that is due.
   * @param {number} now
   * @returns {number} the latest time of the next call
   */
  pump(now) {
    this.owner.awake(now);
    this.#makeInputs(now);
    const ping = this.heartbeat.beat(now);
    if (ping === 'lost') {
      this.owner.lost(false);
      return Infinity;
    }
    if (ping !== null) this.#send({ type: 'ping', stamp: ping });
    for (const command of this.outbox.take(now)) this.#send(command);
    const digest = this.meter.feel?.take(now, this.meter.leastTrip, this.meter.stats.lateness);
    if (digest) this.#send({ type: 'feelDigest', body: digest });
    if (this.inputs.hasUnsent && now - this.flushedAt >= RUN_WITHIN_MS) this.flush(now);
    if (this.unacknowledged && now - this.ackedAt >= ACK_WITHIN_MS) this.acknowledge(now);
    let next = Math.min(this.heartbeat.dueAt, now + this.outbox.wait(now));
    if (this.inputsRun) next = Math.min(next, this.nextInputAt);
    if (this.inputs.hasUnsent) next = Math.min(next, this.flushedAt + RUN_WITHIN_MS);
    if (this.unacknowledged) next = Math.min(next, this.ackedAt + ACK_WITHIN_MS);
    return next;
  }

  /**
   * @param {import('./inputs.js').InputValues} values
   * @param {number} now
   * @returns {boolean} whether inputs begin with this one, so that a pump is due
   */
  setInput(values, now) {
    this.inputs.set(values);
    this.reports = true;
    if (this.inputsRun || this.awaitingFirstFrame || this.inputs.fields.length === 0) return false;
    this.inputsRun = true;
    this.nextInputAt = now;
    return true;
  }

  /**
   * Continues to hold the inputs of an earlier connection of this seat.
   * @param {Session} last
   */
  resumeFrom(last) {
    this.inputs.held.set(last.inputs.held);
    this.reports = last.reports;
    this.stale = last.stale || last.epoch !== this.epoch;
  }

  /** @param {string} token newer than that of the hello */
  refresh(token) {
    this.#send({ type: 'refresh', token });
  }

  /**
   * Handles that the server moved the player's entity.
   * @param {import('./messages.js').Correction} correction
   * @param {number} now
   */
  correct({ epoch }, now) {
    // Positions reported before the correction arrived belong to the old epoch.
    if (this.inputs.hasUnsent) this.flush(now);
    this.epoch = epoch;
    this.#halt();
  }

  /** @param {number} now */
  flush(now) {
    this.#send(this.inputs.take(this.#ack(), this.epoch, this.#view()));
    this.flushedAt = now;
    this.#acked(now);
  }

  /** @param {number} now */
  acknowledge(now) {
    if (this.inputs.hasUnsent) {
      this.flush(now);
      return;
    }
    this.#send({ type: 'ack', ...this.#ack() });
    this.#acked(now);
  }

  /** @param {FrameMessage} message @param {number} bytes @param {number} now */
  #frame(message, bytes, now) {
    const step = this.order.take(message);
    if (!step) return;
    const { note } = message;
    if (step.incarnation !== null) this.news.restarted(step.incarnation);
    if (this.viewBehind !== null) this.viewBehind += step.advance;
    this.inputs.settle(step.consumed, step.advance, step.superseded);
    if (note?.correction && note.correction.epoch !== this.epoch) this.correct(note.correction, now);
    else if (this.stale) this.#halt();
    this.stale = false;
    if (note && note.lead !== null) this.meter.stats.inputLead = note.lead;
    this.pace.frame(note?.lead ?? null, now, this.meter.stats.ping, this.inputs.rest);
    // Before the events: a command that the game has seen was delivered, even if its recipient left since.
    if (note && note.commands !== null) this.outbox.acknowledge(note.commands, step.tick);
    const wrong = this.owner.frame(message, step, bytes, now);
    if (this.awaitingFirstFrame) this.#see(now);
    for (const zone of wrong) this.#resync(zone, now);
    // After a frame with more ticks than requested, the server may wait for its acknowledgement before it sends more.
    this.#arrived(now, step.advance > this.meter.spacing);
  }

  /** @param {import('./messages.js').Delivery} message @param {number} now */
  #delivery({ tick, commands, events }, now) {
    if (commands !== null) this.outbox.acknowledge(commands, tick);
    if (events) this.news.receive(events, tick);
    this.#arrived(now, false);
  }

  /** Acknowledges a message, now or in time. @param {number} now @param {boolean} waitedFor */
  #arrived(now, waitedFor) {
    if (!this.unacknowledged) {
      this.unacknowledged = true;
      // After a silence the bound counts from the first message.
      if (now - this.ackedAt > ACK_WITHIN_MS) this.acknowledge(now);
    }
    const inBurst = now - this.arrivedAt < BURST_MS;
    this.arrivedAt = now;
    if (this.unacknowledged && (waitedFor || inBurst || now - this.ackedAt >= ACK_EARLY_MS)) this.acknowledge(now);
  }

  /** Marks the held position as stale; reports resume when the page sets one after the move. */
  #halt() {
    if (this.authority !== 'client') return;
    this.inputsRun = this.reports = false;
  }

  /** @param {number} now */
  #see(now) {
    this.awaitingFirstFrame = false;
    this.inputsRun = this.reports && this.inputs.fields.length > 0;
    this.nextInputAt = now;
  }

  /** @param {number} now */
  #makeInputs(now) {
    if (!this.inputsRun) return;
    if (this.tellsView && now >= this.nextInputAt) this.viewBehind = this.owner.shownBehind();
    this.pace.makes(this.nextInputAt, now);
    const snap = this.pace.snap(now);
    if (snap < 0) this.nextInputAt -= snap * this.period;
    let changed = false;
    for (let left = snap; left > 0; left--) changed = this.#makeInput(now, this.period) || changed;
    for (let made = 0; made < CATCH_UP && now >= this.nextInputAt; made++) {
      const span = this.pace.next(this.nextInputAt);
      changed = this.#makeInput(this.nextInputAt, span) || changed;
      this.nextInputAt += span;
    }
    if (now >= this.nextInputAt) {
      const missed = Math.floor((now - this.nextInputAt) / this.period) + 1;
      this.inputs.skip(missed);
      this.nextInputAt += this.period * missed;
    }
    this.pace.changed ||= changed;
    if (changed) this.flush(now);
  }

  /** @param {number} at when it was due @param {number} span the time to the next one @returns {boolean} whether it is another input */
  #makeInput(at, span) {
    const changed = this.inputs.make();
    this.owner.input(this.inputs.last, at, span);
    return changed;
  }

  /** @param {number} zone @param {number} now */
  #resync(zone, now) {
    this.meter.stats.desyncs += 1;
    if (now - this.resyncedAt < RESYNC_EVERY_MS) return;
    this.resyncedAt = now;
    this.#send({ type: 'resync', zone, tick: this.order.tick });
  }

  /** @returns {import('./messages.js').Ack} */
  #ack() {
    const { newest } = this.news;
    const events = newest === this.ackedEvents ? null : newest;
    this.ackedEvents = newest;
    return { tick: this.order.tick, whole: false, events };
  }

  /** The view time of the newest input. */
  #view() {
    if (this.viewBehind === null) return null;
    return Math.min(Math.max(0, Math.round(this.viewBehind * VIEW_PARTS)), MAX_VIEW);
  }

  /** @param {number} now */
  #acked(now) {
    this.unacknowledged = false;
    this.ackedAt = now;
  }

  /** @param {import('./messages.js').ClientMessage} message */
  #send(message) {
    const OPEN = 1;
    if (this.socket.readyState !== OPEN) return;
    const bytes = encodeClient(message, this.writer);
    this.meter.up += bytes.length;
    this.socket.send(bytes);
  }
}
