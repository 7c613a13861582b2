// Reconnects after a lost connection: to the same room with a claim to the same seat, otherwise like the first join. Delays
// grow with full jitter, unless the server sets one. The welcome has the result of the claim. If the player leaves
// meanwhile, the client connects once more, only to release the seat.

import { Backoff } from './backoff.js';
import { LeaveError, ROOM_UNAVAILABLE, invitesBack } from './close.js';
import { connect } from './connect.js';
import { LONGEST_TIMER_MS } from './rate-limiter.js';

/** A connection that lasted this long was a good one: the next delay is short again. */
const GOOD_AFTER_MS = 5000;

/**
 * @typedef {import('./connect.js').Environment} Environment
 * @typedef {import('./connect.js').Request} Request
 * @typedef {import('./connect.js').Socket} Socket
 */

const nothing = () => Promise.resolve();

export class Rejoin {
  /**
   * @param {Environment} env
   * @param {Request} request the first join
   * @param {() => import('./messages.js').Resume | null} claim to the seat, at the time of the attempt
   * @param {(socket: Socket, welcome: import('./messages.js').Welcome) => void} welcomed
   * @param {(error: LeaveError) => void} refused for good
   */
  constructor(env, request, claim, welcomed, refused) {
    this.env = env;
    this.request = request;
    this.claim = claim;
    this.welcomed = welcomed;
    this.refused = refused;
    this.backoff = new Backoff(env.random);
    this.joinedAt = env.now();
    /** Cancels the wait or attempt; resolves when the server has freed its seat. @type {() => Promise<void>} */
    this.cancel = nothing;
  }

  /** Whether the connection that began last has proved to be a good one. */
  get good() {
    return this.env.now() - this.joinedAt >= GOOD_AFTER_MS;
  }

  /**
   * Schedules the first attempt.
   * @param {string} room to reconnect to
   * @param {number | null} wait milliseconds that the server asked for; the server spreads its clients itself
   */
  start(room, wait) {
    if (this.good) this.backoff.reset();
    this.#wait({ type: 'byId', room }, wait);
  }

  /** Makes no further attempts. @returns {Promise<void>} resolves when the server has freed the seat of a cancelled one */
  stop() {
    const { cancel } = this;
    this.cancel = nothing;
    return cancel();
  }

  /**
   * Prepares to free the seat that the server holds, over a separate connection. There is one attempt.
   * @param {string} room
   * @returns {import('./pending-leaves.js').Operation | null} the attempt, done when the seat is free or it failed; null when
   *   no seat can be held
   */
  release(room) {
    const claim = this.claim();
    if (!claim) return null;
    const request = { ...this.request, join: /** @type {const} */ ({ type: 'return', room }) };
    const { leaves } = this.env;
    // Waits for what was cancelled before, so that the seat is not claimed twice at once; not for the leave that it is part of.
    const { pending } = leaves;
    return (done) => connect(this.env, request, claim, (socket) => {
      leaves.leave(socket).then(done);
    }, done, pending);
  }

  /** @param {import('./messages.js').Join} join @param {number | null} wait */
  #wait(join, wait) {
    const ms = Math.min(wait ?? this.backoff.next(), LONGEST_TIMER_MS);
    const timer = this.env.setTimeout(() => this.#attempt(join), ms);
    this.cancel = () => {
      this.env.clearTimeout(timer);
      return nothing();
    };
  }

  /** @param {import('./messages.js').Join} join */
  #attempt(join) {
    const request = { ...this.request, join };
    this.cancel = connect(
      this.env,
      request,
      join.type === 'byId' ? this.claim() : null,
      (socket, welcome) => {
        this.cancel = nothing;
        this.joinedAt = this.env.now();
        this.welcomed(socket, welcome);
      },
      (error) => this.#failed(join, error),
    );
  }

  /** @param {import('./messages.js').Join} join @param {Error} error */
  #failed(join, error) {
    if (!(error instanceof LeaveError)) {
      // The page's token function failed, perhaps because its backend is down like the server was; or the browser made no
      // socket, although it made one for this address before.
      this.#wait(join, null);
      return;
    }
    const gone = join.type === 'byId' && ROOM_UNAVAILABLE.has(error.code);
    const first = this.request.join;
    // A ticket is good for one join.
    if (gone && first.type !== 'byId' && first.type !== 'reserved') this.#attempt(first);
    else if (invitesBack(error.code)) this.#wait(join, error.comeBack);
    else this.refused(error);
  }
}
