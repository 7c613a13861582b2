// The rate of reliable messages: a burst, then one per interval. Slower than the server's own limits, so that messages
// that a stalled connection delivers all at once do not exceed them. Owns no clock. Also the longest delay of a timer.

/** The longest delay of a browser's timer, in milliseconds; a timer with a longer one fires at once. */
export const LONGEST_TIMER_MS = 0x7fffffff;

export class RateLimiter {
  /**
   * @param {number} every milliseconds per message
   * @param {number} burst messages at once after a silence
   */
  constructor(every, burst) {
    this.every = every;
    this.ahead = (burst - 1) * every;
    this.due = -Infinity;
  }

  /**
   * Milliseconds until the next message may be sent.
   * @param {number} now
   */
  wait(now) {
    return Math.max(0, this.due - this.ahead - now);
  }

  /**
   * Counts a message as sent.
   * @param {number} now
   */
  take(now) {
    this.due = Math.max(this.due, now) + this.every;
  }

  reset() {
    this.due = -Infinity;
  }
}
