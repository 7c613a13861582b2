// The join token: gets it from its source, and renews it before it expires. Only the page's backend and the server read
// its content; it is sent in messages only, never in a URL.

import { LONGEST_TIMER_MS } from './rate-limiter.js';
import { checkToken } from './requests.js';

/**
 * A token, or a function that gets one: called for every connection and every renewal.
 * @typedef {string | (() => string | Promise<string>)} TokenSource
 */

/** A renewal happens this long before the token expires, or when a fifth of the time is left if that is later. */
const BEFORE_END_S = 60;
const BEFORE_END_PART = 0.2;
/** The token is requested at most this often: the server accepts no more, and a source may return an old token for a while. */
const RETRY_MS = 5000;

/**
 * Gets the current token. A token that is no function is handed over at once.
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
  checkToken(token);
  return token;
}

/** Renews the token of one connection. */
export class TokenRenewal {
  /**
   * @param {Pick<import('./connect.js').Environment, 'now' | 'setTimeout' | 'clearTimeout'>} env
   * @param {TokenSource | null} source only functions can be called again
   * @param {(token: string) => void} send
   */
  constructor(env, source, send) {
    this.env = env;
    this.source = source;
    this.send = send;
    /** When the token expires, and when to request another. */
    this.endsAt = 0;
    this.askAt = 0;
    /** When the token was requested last. */
    this.askedAt = -Infinity;
    /** @type {any} */
    this.timer = null;
    /** Counts requests; answers to older ones are ignored. */
    this.round = 0;
  }

  /**
   * Takes the validity of the token, as sent by the server.
   * @param {number | null} seconds null: it does not expire
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
        // Without another token the server ends the session when the token expires, with a close code.
        if (round === this.round && this.env.now() < this.endsAt) this.#wait(RETRY_MS);
      },
    );
  }
}
