// A connection to the server at which the room is about to go on, made while the room still plays elsewhere. The hello is said on it
// when the redirect comes.

import { LEFT } from './close.js';
import { SUBPROTOCOLS } from './messages.js';
import { abandon } from './pending-leaves.js';

/** How long the server lets a connection live on which no hello was said, less the time that a hello takes. */
const KEPT_FOR_MS = 4000;
/** A `readyState`. */
const OPEN = 1;

/**
 * @typedef {import('./connect.js').Environment} Environment
 * @typedef {import('./connect.js').Socket} Socket
 */

export class Ahead {
  /** @type {any} */ #timer = null;
  /** @type {{ address: string, socket: Socket } | null} */ #kept = null;

  /** @param {Environment} env */
  constructor(env) {
    this.env = env;
  }

  /** Connects at a time of its own, so that not all clients do at once. @param {import('./messages.js').Prepare} prepare */
  prepare({ address, within }) {
    this.drop();
    this.#timer = this.env.setTimeout(() => this.#open(address), this.env.random() * within);
  }

  /**
   * The connection to this address, if it is open: whoever gets it has it alone.
   * @param {string} address
   */
  take(address) {
    const { socket = null, address: at = null } = this.#kept ?? {};
    const isOpen = at === address && socket?.readyState === OPEN;
    if (isOpen) this.#kept = null;
    this.drop();
    return isOpen ? socket : null;
  }

  /** Forgets what was prepared. */
  drop() {
    this.env.clearTimeout(this.#timer);
    if (this.#kept) abandon(this.#kept.socket, LEFT);
    this.#kept = null;
  }

  /** @param {string} address */
  #open(address) {
    let socket;
    try {
      socket = new this.env.WebSocket(address, SUBPROTOCOLS);
    } catch {
      // An address that cannot be used is reported when the client is sent there.
      return;
    }
    socket.binaryType = 'arraybuffer';
    socket.onopen = socket.onmessage = null;
    socket.onerror = socket.onclose = () => this.drop();
    this.#kept = { address, socket };
    this.#timer = this.env.setTimeout(() => this.drop(), KEPT_FOR_MS);
  }
}
