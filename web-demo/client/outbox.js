// Reliable messages to the game: numbered, kept until the game has seen them, sent again after a lost connection,
// each counted once. Also the promises of the page: chat waits for its delivery, calls for their reply. Chat to some seats is
// for the players who had them when it was written, not for later ones.
//
// Bounded: messages are refused when a page sends faster than the server accepts. The session sends them within the rate limit.

import { LONGEST_TIMER_MS, RateLimiter } from './rate-limiter.js';

/** Commands kept: as many as a server accepts in one tick. */
const MAX_KEPT = 32;
/** Calls that wait for a reply. */
const MAX_CALLS = 64;
/** Below the server's 20 per second and burst of 20 ... */
const COMMAND_EVERY_MS = 60;
const COMMAND_BURST = 10;
/** ... and for chat two per second and a burst of five. */
const CHAT_EVERY_MS = 600;
const CHAT_BURST = 3;
/** Commands, and chat lines among them, that the game may not have seen yet: a link that stalls delivers them at once, and then a burst. */
const MAX_UNCONFIRMED = 10;
const MAX_CHAT_UNCONFIRMED = 2;

const TEXT = new TextDecoder();
/** What is sent under the number of a line that nobody is left to hear: the server says nothing for it. @type {CommandBody} */
const SILENCE = { type: 'chat', to: [], text: '' };

/**
 * @typedef {import('./messages.js').CommandBody} CommandBody
 * @typedef {{ resolve(value: any): void, reject(error: Error): void }} Waiter
 * @typedef {{ seq: number, body: CommandBody, waiter: Waiter | null, since: number }} Kept `since`: the newest event that
 *   the players were known by when it was made
 * @typedef {'refused' | 'timeout' | 'gone' | 'full'} CommandFailure
 */

/** Why a chat line or a call failed. */
export class CommandError extends Error {
  /**
   * @param {CommandFailure} failure `refused`: the game said no, the message is its text; `timeout`: no reply in time, it may
   *   still be done; `gone`: the seat was lost or left before an answer, or a chat line has no recipient left;
   *   `full`: too much is waiting already
   * @param {string} message
   */
  constructor(failure, message) {
    super(message);
    this.name = 'CommandError';
    /** @type {CommandFailure} */
    this.failure = failure;
  }
}

export class Outbox {
  /**
   * @param {Pick<import('./connect.js').Environment, 'setTimeout' | 'clearTimeout'>} env
   * @param {{ listed: number }} roster
   */
  constructor(env, roster) {
    this.env = env;
    this.roster = roster;
    /** The newest event that was checked here for players who left. */
    this.heard = 0;
    /** The number of the newest command. */
    this.newest = 0;
    /** The newest command that the game has seen, once that is known. @type {number | null} */
    this.confirmed = null;
    /** Commands that the game has not seen, in order. @type {Kept[]} */
    this.kept = [];
    /** How many of them were sent over this connection. */
    this.sent = 0;
    /** Calls without a reply, by number. @type {Map<number, Waiter & { timer: any }>} */
    this.calls = new Map();
    this.rate = new RateLimiter(COMMAND_EVERY_MS, COMMAND_BURST);
    this.chatRate = new RateLimiter(CHAT_EVERY_MS, CHAT_BURST);
    this.closed = false;
  }

  /**
   * Takes over the commands of the page before a reload that may not have been delivered.
   * @param {number} first the number of the first one
   * @param {CommandBody[]} bodies
   * @param {number} since the newest event that the page knew
   */
  restore(first, bodies, since) {
    this.kept = bodies.slice(0, MAX_KEPT).map((body, index) => ({ seq: (first + index) >>> 0, body, waiter: null, since }));
  }

  /**
   * A connection begins.
   * @param {import('./messages.js').Welcome} welcome
   */
  begin({ continuity, commands, tick }) {
    this.rate.reset();
    this.chatRate.reset();
    this.sent = 0;
    // A room that went back to an earlier state has lost what it had confirmed, and will not answer it.
    const wentBack = this.confirmed !== null && ((commands - this.confirmed) | 0) < 0;
    if (continuity === 'fresh') this.fail('the seat was lost');
    else if (wentBack) this.fail('the server went back to an earlier state');
    else this.acknowledge(commands, tick);
    this.confirmed = commands;
    // The server accepts the command after `commands` next; those that do not follow it cannot be delivered.
    if (this.kept.length > 0 && this.kept[0].seq !== (commands + 1) >>> 0) this.fail('the server lost a message before it');
    this.newest = (commands + this.kept.length) >>> 0;
  }

  /**
   * Keeps a message for the game. Returns whether there is space for it.
   * @param {CommandBody} body
   * @param {Waiter | null} [waiter] of the delivery
   */
  add(body, waiter = null) {
    if (this.closed || this.kept.length >= MAX_KEPT) return false;
    this.newest = (this.newest + 1) >>> 0;
    this.kept.push({ seq: this.newest, body, waiter, since: this.roster.listed });
    return true;
  }

  /**
   * @param {CommandBody} body
   * @returns {Promise<number>} the tick at which the game had seen it
   */
  deliver(body) {
    return quiet(new Promise((resolve, reject) => {
      if (!this.add(body, { resolve, reject })) reject(this.#refusal());
    }));
  }

  /**
   * @param {CommandBody} body
   * @param {number} timeout milliseconds
   * @returns {Promise<Uint8Array>} the game's reply
   */
  ask(body, timeout) {
    return quiet(new Promise((resolve, reject) => {
      if (this.calls.size >= MAX_CALLS || !this.add(body)) return reject(this.#refusal());
      const seq = this.newest;
      const late = () => {
        this.calls.delete(seq);
        reject(new CommandError('timeout', `no reply within ${timeout} ms`));
      };
      this.calls.set(seq, { resolve, reject, timer: this.env.setTimeout(late, Math.min(timeout, LONGEST_TIMER_MS)) });
    }));
  }

  /**
   * The commands that may be sent now, in order; they count as sent.
   * @param {number} now
   * @returns {import('./messages.js').Command[]}
   */
  take(now) {
    const due = [];
    for (; this.sent < this.kept.length && this.wait(now) === 0; this.sent++) {
      const { seq, body } = this.kept[this.sent];
      this.rate.take(now);
      if (body.type === 'chat') this.chatRate.take(now);
      due.push(/** @type {const} */ ({ type: 'command', seq, body }));
    }
    return due;
  }

  /**
   * Milliseconds until the next command may be sent; Infinity when there is none, or when events or confirmations must arrive first.
   * @param {number} now
   */
  wait(now) {
    if (this.sent >= this.kept.length || this.sent >= MAX_UNCONFIRMED || this.#early(this.kept[this.sent])) return Infinity;
    const isChat = (/** @type {Kept} */ { body }) => body.type === 'chat';
    if (!isChat(this.kept[this.sent])) return this.rate.wait(now);
    if (this.kept.slice(0, this.sent).filter(isChat).length >= MAX_CHAT_UNCONFIRMED) return Infinity;
    const chat = this.chatRate.wait(now);
    return Math.max(chat, this.rate.wait(now));
  }

  /**
   * Handles that a player left this seat; the next player of the seat is another one.
   * @param {number} number of the event
   * @param {number} seat
   */
  left(number, seat) {
    this.#unaddress(number, (other) => other !== seat);
  }

  /**
   * Handles that events up to this one are lost, so that it is unknown which players left.
   * @param {number | null} number null when the numbers of events are others now
   */
  missed(number) {
    this.#unaddress(number, () => false);
  }

  /**
   * Handles that the game has seen all commands up to this one.
   * @param {number} seq
   * @param {number} tick
   */
  acknowledge(seq, tick) {
    let seen = 0;
    while (seen < this.kept.length && ((this.kept[seen].seq - seq) | 0) <= 0) seen += 1;
    for (const { waiter } of this.kept.splice(0, seen)) waiter?.resolve(tick);
    if (seen > 0) this.confirmed = seq;
    this.sent = Math.max(0, this.sent - seen);
  }

  /** @param {number} command @param {boolean} done @param {Uint8Array} body */
  reply(command, done, body) {
    const call = this.calls.get(command);
    if (!call) return;
    this.calls.delete(command);
    this.env.clearTimeout(call.timer);
    // A copy: otherwise a body that the page keeps would retain the message's buffer.
    if (done) call.resolve(body.slice());
    else call.reject(new CommandError('refused', TEXT.decode(body)));
  }

  /**
   * Rejects everything that waits.
   * @param {string} why
   */
  fail(why) {
    const waiting = [...this.kept.flatMap(({ waiter }) => waiter ?? []), ...this.calls.values()];
    for (const { timer } of this.calls.values()) this.env.clearTimeout(timer);
    this.kept = [];
    this.sent = 0;
    this.calls.clear();
    for (const { reject } of waiting) reject(new CommandError('gone', why));
  }

  /**
   * Accepts nothing any more.
   * @param {string} why
   */
  close(why) {
    this.closed = true;
    this.fail(why);
  }

  /**
   * Whether a recipient may have left, by an event that the welcome includes and that has not arrived yet.
   * @param {Kept} kept
   */
  #early({ body, since }) {
    const { listed } = this.roster;
    return body.type === 'chat' && body.to.length > 0 && ((listed - this.heard) | 0) > 0 && ((listed - since) | 0) > 0;
  }

  /**
   * Removes seats from chat lines that were written before an event.
   * @param {number | null} number of the event
   * @param {(seat: number) => boolean} stays
   */
  #unaddress(number, stays) {
    for (const line of this.kept) {
      const { body, since, waiter } = line;
      if (body.type !== 'chat' || body.to.every(stays) || (number !== null && ((number - since) | 0) <= 0)) continue;
      const to = body.to.filter(stays);
      // A line without a seat would be for everyone.
      line.body = to.length > 0 ? { ...body, to } : SILENCE;
      if (to.length > 0) continue;
      line.waiter = null;
      waiter?.reject(new CommandError('gone', 'the player has left'));
    }
  }

  #refusal() {
    if (this.closed) return new CommandError('gone', 'the room is closed');
    return new CommandError('full', 'too many messages wait for the server');
  }
}

/**
 * Lets pages ignore the result of a message without an unhandled rejection.
 * @template T
 * @param {Promise<T>} promise
 */
function quiet(promise) {
  promise.catch(() => {});
  return promise;
}
