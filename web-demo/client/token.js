// The join token: where it comes from, and a newer one before it expires. What it says is between the page's backend and
// the server; it travels in messages only, never in a URL.

import { LONGEST_TIMER_MS } from './pace.js';

/**
 * A token, or a function that gets one: called for every connection and every renewal.
 * @typedef {string | (() => string | Promise<string>)} TokenSource
 */

/** A renewal happens this long before the end, or when a fifth of the time is left if that is later. */
const BEFORE_END_S = 60;
const BEFORE_END_PART = 0.2;
/** The token is asked for this often at most: the server takes no more, and a source may have but an old one for a while. */
const RETRY_MS = 5000;

/**
 * The token of this moment. A token that is no function is handed over at once.
 * @param {TokenSource | null} source
 * @param {(token: string | null) => void} then
 * @param {(error: Error) => void} failed
 */
export function currentToken(source, then, failed) {
  if (typeof source !== 'function') {
    then(source);
    return;
  }
  asked(source).then(then, failed);
}

/** @param {() => string | Promise<string>} source */
async function asked(source) {
  const token = await source();
  if (typeof token !== 'string') throw new TypeError(`the token function gave ${typeof token}, a text is needed`);
  return token;
}

/** Keeps the token of one connection fresh. */
export class TokenRenewal {
  /**
   * @param {Pick<import('./connection.js').Environment, 'now' | 'setTimeout' | 'clearTimeout'>} env
   * @param {TokenSource | null} source only functions can be asked again
   * @param {(token: string) => void} send
   */
  constructor(env, source, send) {
    this.env = env;
    this.source = source;
    this.send = send;
    /** When the token ends, and when to ask for another. */
    this.endsAt = 0;
    this.askAt = 0;
    /** The last time. */
    this.askedAt = -Infinity;
    /** @type {any} */
    this.timer = null;
    /** Answers to questions of an older count are of no use. */
    this.round = 0;
  }

  /**
   * The server said how long the token is good for.
   * @param {number | null} seconds null for ever
   */
  arm(seconds) {
    this.stop();
    if (seconds === null || typeof this.source !== 'function') return;
    const now = this.env.now();
    this.endsAt = now + seconds * 1000;
    const early = Math.min(BEFORE_END_S, seconds * BEFORE_END_PART) * 1000;
    this.askAt = Math.max(this.endsAt - early, this.askedAt + RETRY_MS);
    this.#wait(this.askAt - now);
  }

  stop() {
    this.round += 1;
    this.env.clearTimeout(this.timer);
  }

  /** @param {number} ms */
  #wait(ms) {
    this.env.clearTimeout(this.timer);
    this.timer = this.env.setTimeout(() => this.#due(), Math.min(Math.max(0, ms), LONGEST_TIMER_MS));
  }

  #due() {
    const now = this.env.now();
    if (now < this.askAt) {
      this.#wait(this.askAt - now);
      return;
    }
    this.askedAt = now;
    const { round } = this;
    currentToken(
      this.source,
      (token) => {
        if (round === this.round && token !== null) this.send(token);
      },
      () => {
        // Without another token the server ends the session in its time, and says so.
        if (round === this.round && this.env.now() < this.endsAt) this.#wait(RETRY_MS);
      },
    );
  }
}
