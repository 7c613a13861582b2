// Seats that are being left. A server answers a close when the seat is free again, so who joins right behind a goodbye waits
// for that answer, and finds it free.

import { LEFT } from './close.js';
import { encodeClient } from './messages.js';

/** The server frees a seat within its next tick; one that has not answered by then is not going to. */
const ANSWERED_WITHIN_MS = 2000;
const OPEN = 1;
const CLOSING = 2;

/** @typedef {import('./connection.js').Socket} Socket */

export class Leaves {
  /** @type {Set<Promise<void>>} */ #pending = new Set();
  /** @type {Pick<import('./connection.js').Environment, 'setTimeout' | 'clearTimeout'>} */ #env;

  /** @param {Pick<import('./connection.js').Environment, 'setTimeout' | 'clearTimeout'>} env */
  constructor(env) {
    this.#env = env;
  }

  /**
   * Closes a socket whose events no longer matter.
   * @param {Socket} socket
   * @param {number} code
   * @returns {Promise<void>} when the server has answered, after 2 s in any case; never rejects
   */
  close(socket, code) {
    const waits = socket.readyState === OPEN || socket.readyState === CLOSING;
    abandon(socket, code);
    if (!waits) return Promise.resolve();
    return this.wait((done) => {
      socket.onclose = done;
      return () => {
        socket.onclose = null;
      };
    });
  }

  /**
   * Leaves the seat of a welcome that nothing was said to yet: after a return, such a client would leave the seat held.
   * @param {Socket} socket
   * @returns {Promise<void>} as `close`
   */
  leave(socket) {
    if (socket.readyState === OPEN) socket.send(encodeClient({ type: 'ping', stamp: 0 }));
    return this.close(socket, LEFT);
  }

  /**
   * Counts something as a leave until it is done, for 2 s at most.
   * @param {(done: () => void) => () => void} start begins it, and returns what gives it up
   * @returns {Promise<void>} never rejects
   */
  wait(start) {
    const ended = new Promise((resolve) => {
      const giveUp = start(() => {
        this.#env.clearTimeout(timer);
        resolve(undefined);
      });
      const timer = this.#env.setTimeout(() => {
        giveUp();
        resolve(undefined);
      }, ANSWERED_WITHIN_MS);
    });
    const leave = ended.then(() => void this.#pending.delete(leave));
    this.#pending.add(leave);
    return leave;
  }

  /** When all that are pending now are done; null when there are none. @returns {Promise<unknown> | null} */
  get pending() {
    return this.#pending.size > 0 ? Promise.all(this.#pending) : null;
  }
}

/**
 * Closes a socket whose events no longer matter, and waits for nothing.
 * @param {Socket} socket
 * @param {number} code
 */
export function abandon(socket, code) {
  socket.onopen = socket.onmessage = socket.onclose = null;
  // Some implementations report the failure of a socket that is closed while connecting; nobody is interested.
  socket.onerror = () => {};
  socket.close(code);
}
