// A socket class behind a simulated link, to feel a bad network on a good one: `new Client(url, { WebSocket: overLink(WebSocket, 'wifi') })`.
// A module of its own, which nothing else imports: who plays without it does not load it.
//
// All sockets of the class share one link, as those of one machine do. Messages wait in order, in each direction for itself, and
// whatever is due is delivered, however late the timer is: a slow page gets no slower by it.

import { PROFILES, links } from './link.js';

const CONNECTING = 0;
const OPEN = 1;
const CLOSING = 2;
const CLOSED = 3;
/** Holds the seat as a lost connection does; a page cannot send 1006. */
const LOST_HERE = 4100;
/** Bytes of a handshake. */
const HANDSHAKE = 500;

/**
 * @param {any} WebSocket the class to wrap
 * @param {string | import('./link.js').LinkProfile} profile a name in `PROFILES`, or a profile
 * @param {{ seed?: number, now?: () => number, setTimeout?: (call: () => void, ms: number) => any }} [options] `now`: milliseconds of
 *   any monotonic clock
 * @returns {any} a class of sockets
 */
export function overLink(WebSocket, profile, options = {}) {
  const { seed = Math.floor(Math.random() * 2 ** 32), now = () => performance.now(), setTimeout: wait = (call, ms) => setTimeout(call, ms) } = options;
  const chosen = typeof profile === 'string' ? PROFILES[profile] : profile;
  if (!chosen) throw new RangeError(`no link profile ${JSON.stringify(profile)}: there are ${Object.keys(PROFILES).join(', ')}`);
  const micros = () => Math.round(now() * 1000);
  const { up, down } = links(chosen, micros(), seed);
  /** @param {import('./link.js').Link} link */
  const direction = (link) => new Direction(link, micros, wait);
  const both = { up: direction(up), down: direction(down) };
  return class extends LinkedSocket {
    /** @param {string} url @param {string[]} protocols */
    constructor(url, protocols) {
      super(new WebSocket(url, protocols), both);
    }
  };
}

/** What is on its way in one direction. */
class Direction {
  /** @param {import('./link.js').Link} link @param {() => number} micros @param {(call: () => void, ms: number) => any} wait */
  constructor(link, micros, wait) {
    this.link = link;
    this.micros = micros;
    this.wait = wait;
    /** Ascending. @type {{ at: number, call: () => void }[]} */
    this.flying = [];
    this.isWaiting = false;
  }

  /** @param {number} bytes @param {() => void} call when it arrives @param {() => void} [lost] when it never does */
  send(bytes, call, lost) {
    const now = this.micros();
    this.link.nextCut(now);
    const at = this.link.send(now, bytes);
    if (at === null) return lost?.();
    this.flying.push({ at, call });
    this.#arm();
  }

  #arm() {
    const [next] = this.flying;
    if (!next || this.isWaiting) return;
    this.isWaiting = true;
    this.wait(() => {
      this.isWaiting = false;
      const now = this.micros();
      let due = 0;
      while (due < this.flying.length && this.flying[due].at <= now) due += 1;
      const arrived = this.flying.splice(0, due);
      this.#arm();
      for (const { call } of arrived) call();
    }, Math.max(0, (next.at - this.micros()) / 1000));
  }
}

class LinkedSocket {
  /** @type {((event: any) => void) | null} */ onopen = null;
  /** @type {((event: any) => void) | null} */ onmessage = null;
  /** @type {((event: any) => void) | null} */ onclose = null;
  /** @type {((event: any) => void) | null} */ onerror = null;
  readyState = CONNECTING;

  /** @param {any} socket @param {{ up: Direction, down: Direction }} link */
  constructor(socket, { up, down }) {
    this.socket = socket;
    this.up = up;
    this.down = down;
    socket.onopen = (/** @type {any} */ event) => up.send(HANDSHAKE, () => down.send(HANDSHAKE, () => {
      if (this.readyState !== CONNECTING) return;
      this.readyState = OPEN;
      this.onopen?.(event);
    }, () => this.#cut()), () => this.#cut());
    socket.onmessage = (/** @type {{ data: any }} */ { data }) => {
      down.send(data.byteLength ?? data.length ?? 0, () => {
        if (this.readyState === OPEN) this.onmessage?.({ data });
      }, () => this.#cut());
    };
    socket.onerror = (/** @type {any} */ event) => this.readyState !== CLOSED && this.onerror?.(event);
    socket.onclose = (/** @type {any} */ event) => down.send(0, () => this.#end(event), () => this.#cut());
  }

  get binaryType() {
    return this.socket.binaryType;
  }

  set binaryType(type) {
    this.socket.binaryType = type;
  }

  get protocol() {
    return this.socket.protocol;
  }

  /** @param {Uint8Array} bytes */
  send(bytes) {
    if (this.readyState !== OPEN) return;
    // The sender may use its memory again.
    const copy = bytes.slice();
    this.up.send(copy.length, () => this.socket.readyState === OPEN && this.socket.send(copy), () => this.#cut());
  }

  /** @param {number} [code] @param {string} [reason] */
  close(code, reason) {
    if (this.readyState >= CLOSING) return;
    this.readyState = CLOSING;
    this.up.send(0, () => this.socket.close(code, reason), () => this.#cut());
  }

  /** A cut of the link resets the connection. */
  #cut() {
    if (this.readyState === CLOSED) return;
    this.socket.close(LOST_HERE);
    this.#end({ code: 1006, reason: '' });
  }

  /** @param {{ code: number, reason: string }} event */
  #end(event) {
    if (this.readyState === CLOSED) return;
    this.readyState = CLOSED;
    this.socket.onopen = this.socket.onmessage = this.socket.onclose = null;
    this.onclose?.(event);
  }
}
