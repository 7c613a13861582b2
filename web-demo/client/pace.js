// How fast reliable messages may be sent: a burst, then one per interval. Slower than the server's own limits, so that
// messages which a stalled connection delivers all at once do not break those. Owns no clock. Also how long a wait can be.

/** Timers of browsers take no more milliseconds: what is longer fires at once. */
export const LONGEST_TIMER_MS = 0x7fffffff;

export class Pace {
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
   * A message is sent.
   * @param {number} now
   */
  take(now) {
    this.due = Math.max(this.due, now) + this.every;
  }

  reset() {
    this.due = -Infinity;
  }
}
