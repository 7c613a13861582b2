// Seats that this client is leaving. The server answers a close once the seat is free. A join that follows a leave waits for
// that answer, and so finds the seat free.

import { LEFT, TOKEN_EXPIRED, invitesBack } from './close.js';
import { encodeClient } from './messages.js';

/** The server frees a seat at the next tick of its room. Without an answer by then, none will come. */
const ANSWERED_WITHIN_MS = 2000;
const OPEN = 1;
const CLOSING = 2;

/**
 * @typedef {import('./connect.js').Socket} Socket
 * @typedef {(done: () => void) => () => void} Operation starts something and returns the function that cancels it
 */

export class PendingLeaves {
  /** @type {Set<Promise<void>>} */ #pending = new Set();
  /** @type {Pick<import('./connect.js').Environment, 'setTimeout' | 'clearTimeout'>} */ #env;

  /** @param {Pick<import('./connect.js').Environment, 'setTimeout' | 'clearTimeout'>} env */
  constructor(env) {
    this.#env = env;
  }

  /** Resolves when all leaves that are pending now are complete; null when there are none. @returns {Promise<unknown> | null} */
  get pending() {
    return this.#pending.size > 0 ? Promise.all(this.#pending) : null;
  }

  /**
   * Closes a socket whose events no longer matter.
   * @param {Socket} socket
   * @param {number} code
   * @param {Operation | null} [release] frees the seat when the connection ends before the server has heard of the close
   * @returns {Promise<void>} resolves when the server has answered, after 2 s at the latest; never rejects
   */
  close(socket, code, release = null) {
    const answers = socket.readyState === OPEN || socket.readyState === CLOSING;
    abandon(socket, code);
    if (!answers) return release ? this.track(release) : Promise.resolve();
    return this.track((done) => {
      let cancel = () => {
        socket.onclose = null;
      };
      socket.onclose = ({ code: answer }) => {
        if (release && (invitesBack(answer) || answer === TOKEN_EXPIRED)) cancel = release(done);
        else done();
      };
      return () => cancel();
    });
  }

  /**
   * Leaves right after a welcome. The server keeps holding a resumed seat for a client that sends nothing after its
   * welcome, so this sends a message first.
   * @param {Socket} socket
   * @param {Operation | null} [release] as for `close`
   * @returns {Promise<void>} as for `close`
   */
  leave(socket, release) {
    if (socket.readyState === OPEN) socket.send(encodeClient({ type: 'ping', stamp: 0 }));
    return this.close(socket, LEFT, release);
  }

  /**
   * Counts an operation as a pending leave until it is done, for 2 s at most.
   * @param {Operation} start
   * @returns {Promise<void>} never rejects
   */
  track(start) {
    const ended = new Promise((resolve) => {
      const cancel = start(() => {
        this.#env.clearTimeout(timer);
        resolve(undefined);
      });
      const timer = this.#env.setTimeout(() => {
        cancel();
        resolve(undefined);
      }, ANSWERED_WITHIN_MS);
    });
    const leave = ended.then(() => void this.#pending.delete(leave));
    this.#pending.add(leave);
    return leave;
  }
}

/**
 * Closes a socket whose events no longer matter, without waiting for an answer.
 * @param {Socket} socket
 * @param {number} code
 */
export function abandon(socket, code) {
  socket.onopen = socket.onmessage = socket.onclose = null;
  // Some implementations report an error for a socket that is closed while it connects; it does not matter.
  socket.onerror = () => {};
  socket.close(code);
}
