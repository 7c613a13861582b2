// Reconnects after a lost connection: to the same room with a claim to the same seat, otherwise like the first join. Delays
// grow with jitter, unless the server sets one, and end early when the network changes. The welcome has the result of the
// claim. Where the server says that the room goes on at another one, the client follows at once. If the player leaves
// meanwhile, the client connects once more, only to release the seat.

import { Ahead } from './ahead.js';
import { Backoff } from './backoff.js';
import { LeaveError, NO_SUCH_ROOM, ROOM_UNAVAILABLE, invitesBack } from './close.js';
import { connect } from './connect.js';
import { COME_BACK } from './limits.js';
import { RECIPE } from './messages.js';

/** A connection that lasted this long was a good one: the next delay is short again. */
const GOOD_AFTER_MS = 5000;
/** An attempt that began this long before the network changed, or has lasted this long since, is made anew. */
const STUCK_AFTER_MS = 1000;
/** The least time between two attempts that are made because the network changed. */
const HASTEN_EVERY_MS = 1000;

/**
 * @typedef {import('./connect.js').Environment} Environment
 * @typedef {import('./connect.js').Request} Request
 * @typedef {import('./connect.js').Socket} Socket
 * @typedef {import('./messages.js').Join} Join
 */

const nothing = () => Promise.resolve();

export class Rejoin {
  /** How to join next. @type {Join | null} */ #join = null;
  #timer = /** @type {any} */ (null);
  /** When the timer is due, and whether the server has set that time. */
  #dueAt = Infinity;
  #isSet = false;
  /** When the attempt began; null while none is under way. @type {number | null} */
  #beganAt = null;
  /** When the connection was lost, the last good one if others followed, or the network changed since. */
  #since = 0;
  #hastenedAt = -Infinity;
  /** How the room can be made again. @type {Uint8Array | null} */ #recipe = null;
  /** The ticket for the server to which the room has moved, and the room. @type {{ join: Join, room: string } | null} */
  #moved = null;
  /** Whether another room is no substitute. */
  #isStrict = false;
  /** The server that admitted the client: in a cluster, another one than it asked at first. @type {string | null} */
  address = null;
  /** Cancels the attempt; resolves when the server has freed its seat. @type {() => Promise<void>} */
  #cancel = nothing;

  /**
   * @param {Environment} env
   * @param {Request} request the first join
   * @param {() => number} players of the room, as far as the client knows
   * @param {() => import('./messages.js').Resume | null} claim to the seat, at the time of the attempt
   * @param {(socket: Socket, welcome: import('./messages.js').Welcome) => void} welcomed
   * @param {(error: LeaveError) => void} refused for good
   */
  constructor(env, request, players, claim, welcomed, refused) {
    this.env = env;
    this.request = request;
    this.players = players;
    this.claim = claim;
    this.welcomed = welcomed;
    this.refused = refused;
    this.backoff = new Backoff(env.random);
    /** The connection to the server at which the room is about to go on. */
    this.ahead = new Ahead(env);
    this.joinedAt = this.#since = env.now();
  }

  /** Whether the connection that began last has proved to be a good one. */
  get good() {
    return this.env.now() - this.joinedAt >= GOOD_AFTER_MS;
  }

  /**
   * Schedules the first attempt.
   * @param {import('./messages.js').Welcome} welcome of the room to reconnect to
   * @param {number | null} wait milliseconds that the server asked for; the server spreads its clients itself
   * @param {import('./messages.js').Redirect | null} [redirect] where the room goes on
   */
  start({ room, extensions }, wait, redirect = null) {
    this.#recipe = extensions.find(([number]) => number === RECIPE)?.[1] ?? null;
    if (this.good) this.#restart();
    this.#isStrict = false;
    if (redirect) {
      this.address = redirect.address;
      this.#moved = { join: { type: 'reserved', ticket: redirect.ticket }, room };
      this.#schedule(this.env.now(), this.#moved.join);
    } else this.#wait({ type: 'byId', room }, wait);
  }

  /**
   * Makes an attempt now, for the same seat only: a page that was shown again must not find itself in another room.
   * @param {string} room
   */
  claimNow(room) {
    this.#restart();
    const { role } = this.request;
    this.#isStrict = true;
    this.#schedule(this.env.now(), { type: role === 'player' ? 'return' : 'byId', room });
  }

  /** The network may be another one: makes an attempt soon, also in place of one that got stuck in the network before. */
  hasten() {
    const join = this.#join;
    if (!join || this.#isSet) return;
    const now = this.env.now();
    let at = Math.max(now + this.backoff.spread(this.players()), this.#hastenedAt + HASTEN_EVERY_MS);
    if (this.#beganAt !== null) at = Math.max(at, this.#beganAt + STUCK_AFTER_MS);
    if (at >= this.#dueAt) return;
    // With signs in a row, the delays between them grow on.
    if (now - this.#hastenedAt >= GOOD_AFTER_MS) this.#restart();
    this.#hastenedAt = at;
    this.#schedule(at, join);
  }

  /** Makes no further attempts. @returns {Promise<void>} resolves when the server has freed the seat of a cancelled one */
  stop() {
    this.ahead.drop();
    this.#join = null;
    return this.#end();
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

  #restart() {
    this.#since = this.env.now();
    this.backoff.reset();
  }

  /** @param {Join} join @param {number | null} wait */
  #wait(join, wait) {
    const now = this.env.now();
    const repeats = this.backoff.attempts > 0;
    const own = this.backoff.next(this.players(), now - this.#since);
    this.#isSet = wait !== null;
    // Whatever a server asks for, it is not asked again and again without a delay.
    const asked = Math.min(wait ?? own, COME_BACK);
    this.#schedule(now + (repeats ? Math.max(asked, own) : asked), join);
  }

  /** @param {number} at @param {Join} join */
  #schedule(at, join) {
    this.env.clearTimeout(this.#timer);
    this.#join = join;
    this.#dueAt = at;
    this.#timer = this.env.setTimeout(() => {
      // A seat that is claimed twice is given to the later claim, so this need not wait for the end of the attempt before.
      const { pending } = this.env.leaves;
      this.#end();
      this.#attempt(join, pending);
    }, at - this.env.now());
  }

  #end() {
    const cancel = this.#cancel;
    this.#cancel = nothing;
    this.env.clearTimeout(this.#timer);
    this.#dueAt = Infinity;
    this.#isSet = false;
    this.#beganAt = null;
    return cancel();
  }

  /** @param {Join} join @param {Promise<unknown> | null} after */
  #attempt(join, after) {
    this.#join = join;
    this.#beganAt = this.env.now();
    this.#cancel = connect(
      this.env,
      { ...this.request, join, recipe: this.#recipe },
      join.type === 'byId' || join.type === 'return' || join === this.#moved?.join ? this.claim() : null,
      (socket, welcome) => {
        this.#done();
        this.#join = null;
        this.joinedAt = this.env.now();
        this.welcomed(socket, welcome);
      },
      (error) => {
        this.#done();
        this.#failed(join, error);
      },
      after,
      // Another room may be anywhere.
      join === this.request.join ? this.env.url : this.address ?? this.env.url,
      join === this.#moved?.join && this.address ? this.ahead.take(this.address) : null,
    );
  }

  /** The attempt is over, and there is nothing to cancel. */
  #done() {
    this.#cancel = nothing;
    this.#end();
  }

  /** @param {Join} join @param {Error} error */
  #failed(join, error) {
    if (join === this.#moved?.join) {
      // The server to which the room has moved does not admit the client after all; others know where it is.
      const { room } = this.#moved;
      this.#moved = this.address = null;
      this.#wait({ type: 'byId', room }, null);
      return;
    }
    if (!(error instanceof LeaveError)) {
      // The page's token function failed, perhaps because its backend is down like the server was; or the browser made no
      // socket, although it made one for this address before.
      this.#wait(join, null);
      return;
    }
    const gone = join.type === 'byId' && ROOM_UNAVAILABLE.has(error.code) && !this.#isStrict;
    const first = this.request.join;
    // A ticket is good for one join.
    if (gone && first.type !== 'byId' && first.type !== 'reserved') this.#attempt(first, this.env.leaves.pending);
    else if (invitesBack(error.code)) this.#wait(join, error.comeBack);
    else if (join.type === 'return' && error.code === NO_SUCH_ROOM) this.refused(new LeaveError(NO_SUCH_ROOM, 'the seat is gone'));
    else this.refused(error);
  }
}
