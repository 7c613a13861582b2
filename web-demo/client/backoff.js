// The delay before a reconnect: exponential backoff with full jitter, so that clients that lost the same server do
// not all reconnect at once. Owns no timer and no source of randomness.

const BASE_MS = 250;
const CAP_MS = 8000;

export class Backoff {
  /** @param {() => number} random a number in [0, 1) */
  constructor(random) {
    this.random = random;
    this.attempts = 0;
  }

  /** The delay before the next attempt, in milliseconds: a random part of a bound that doubles each time. */
  next() {
    const bound = Math.min(CAP_MS, BASE_MS * 2 ** Math.min(this.attempts, 16));
    this.attempts += 1;
    return this.random() * bound;
  }

  reset() {
    this.attempts = 0;
  }
}
