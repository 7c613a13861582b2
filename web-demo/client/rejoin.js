// Coming back after a lost connection: into the same room if it is still there, else as at the first time, after waits
// that grow with full jitter. A new welcome is a fresh join; nothing of the old session is resumed.

import { Backoff } from './backoff.js';
import { ROOM_UNAVAILABLE, invitesBack } from './close.js';
import { connect } from './connection.js';

/** A connection that lasted this long was a good one: the next wait is short again. */
const GOOD_AFTER_MS = 5000;

/**
 * @typedef {import('./connection.js').Environment} Environment
 * @typedef {import('./connection.js').Request} Request
 */

export class Rejoin {
  /**
   * @param {Environment} env
   * @param {Request} request the first join
   * @param {(socket: WebSocket, welcome: import('./messages.js').Welcome) => void} welcomed
   * @param {(error: import('./close.js').LeaveError) => void} refused for good
   */
  constructor(env, request, welcomed, refused) {
    this.env = env;
    this.request = request;
    this.welcomed = welcomed;
    this.refused = refused;
    this.backoff = new Backoff(env.random);
    this.joinedAt = env.now();
    this.cancel = () => {};
  }

  /**
   * Schedules the first attempt.
   * @param {string} room where to
   */
  start(room) {
    if (this.env.now() - this.joinedAt >= GOOD_AFTER_MS) this.backoff.reset();
    this.#wait({ type: 'byId', room });
  }

  stop() {
    this.cancel();
    this.cancel = () => {};
  }

  /** @param {import('./messages.js').Join} join */
  #wait(join) {
    const timer = this.env.setTimeout(() => this.#attempt(join), this.backoff.next());
    this.cancel = () => this.env.clearTimeout(timer);
  }

  /** @param {import('./messages.js').Join} join */
  #attempt(join) {
    const request = { ...this.request, join };
    this.cancel = connect(
      this.env,
      request,
      (socket, welcome) => {
        this.cancel = () => {};
        this.joinedAt = this.env.now();
        this.welcomed(socket, welcome);
      },
      (error) => {
        const gone = join.type === 'byId' && ROOM_UNAVAILABLE.has(error.code);
        if (gone && this.request.join.type !== 'byId') this.#attempt(this.request.join);
        else if (invitesBack(error.code)) this.#wait(join);
        else this.refused(error);
      },
    );
  }
}
