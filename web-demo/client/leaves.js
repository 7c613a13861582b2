// Seats that are being left. A server answers a close when the seat is free again, so who joins right behind a goodbye waits
// for that answer, and finds it free.

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
    const answered = new Promise((resolve) => {
      const timer = this.#env.setTimeout(() => resolve(undefined), ANSWERED_WITHIN_MS);
      socket.onclose = () => {
        this.#env.clearTimeout(timer);
        resolve(undefined);
      };
    });
    const leave = answered.then(() => {
      socket.onclose = null;
      this.#pending.delete(leave);
    });
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
