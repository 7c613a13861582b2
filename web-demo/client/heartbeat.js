// The pings of one connection: how long the server may be silent, and probes, which find out at once whether the connection
// has survived a change of the network. Owns no timer and sends nothing.

const PING_EVERY_MS = 1000;
/** Pings in a row without a message from the server. Counted in pings: after a freeze of the tab, the server is not gone. */
const MAX_UNANSWERED_PINGS = 10;
/** How long the answer to a probe may take: four round trips, within these bounds. */
const PROBE_TRIPS = 4;
const PROBE_LEAST_MS = 500;
const PROBE_MOST_MS = 2000;
/** The least time from a ping to a probe, since a page may hear of many changes in a row. */
const PROBE_AFTER_PING_MS = 250;
/** A timer that is later than this may run before messages that arrived in time. */
const LATE_MS = 100;
/** A timer that is later than this: the machine slept, or the page was frozen. */
const ASLEEP_MS = 5000;

export class Heartbeat {
  /**
   * @param {import('./meter.js').Meter} meter
   * @param {number} now
   */
  constructor(meter, now) {
    this.stats = meter.stats;
    this.nextPingAt = now;
    this.pingedAt = -Infinity;
    this.unansweredPings = 0;
    /** Whether the next ping is a probe. */
    this.probes = false;
    /** The stamp of the probe that is not answered yet. @type {number | null} */
    this.probe = null;
    /** When the connection counts as lost unless something arrives, and whether that was put off for a late timer. */
    this.answerBy = Infinity;
    this.putOff = false;
  }

  /** When `beat` is due. */
  get dueAt() {
    return Math.min(this.nextPingAt, this.answerBy);
  }

  /**
   * Makes the next ping a probe, and due soon.
   * @param {number} now
   */
  check(now) {
    if (this.probes || this.probe !== null) return;
    this.probes = true;
    this.nextPingAt = Math.min(this.nextPingAt, Math.max(now, this.pingedAt + PROBE_AFTER_PING_MS));
  }

  /**
   * Whether the connection counts as lost, or the stamp of a ping to send now, if any.
   * @param {number} now
   * @returns {number | 'lost' | null}
   */
  beat(now) {
    if (this.#isUnanswered(now)) return 'lost';
    if (now - this.nextPingAt > ASLEEP_MS) this.check(now);
    if (now < this.nextPingAt) return null;
    this.unansweredPings += 1;
    if (this.unansweredPings > MAX_UNANSWERED_PINGS) return 'lost';
    const stamp = stampOf(now);
    this.pingedAt = now;
    this.nextPingAt = now + PING_EVERY_MS;
    if (this.probes) {
      this.probes = false;
      this.probe = stamp;
      this.#expectMore(now);
    }
    return stamp;
  }

  /** Handles that a message arrived. @param {number} now */
  received(now) {
    this.unansweredPings = 0;
    // Until the probe is answered, each message may be the last one from the network before.
    if (this.probe !== null) this.#expectMore(now);
  }

  /**
   * Returns the round trip.
   * @param {number} stamp of the ping that is answered
   * @param {number} now
   */
  answered(stamp, now) {
    this.stats.ping = ((stampOf(now) - stamp) >>> 0) / 10;
    // The answer to an earlier ping says nothing about the network now.
    if (this.probe !== null && ((stamp - this.probe) | 0) >= 0) {
      this.probe = null;
      this.answerBy = Infinity;
    }
    return this.stats.ping;
  }

  /** @param {number} now */
  #expectMore(now) {
    this.answerBy = now + Math.min(Math.max(PROBE_LEAST_MS, PROBE_TRIPS * this.stats.ping), PROBE_MOST_MS);
    this.putOff = false;
  }

  /** @param {number} now */
  #isUnanswered(now) {
    if (now < this.answerBy) return false;
    if (now < this.answerBy + LATE_MS || this.putOff) return true;
    this.putOff = true;
    this.answerBy = now + LATE_MS;
    return false;
  }
}

/**
 * The time in tenths of a millisecond, as sent in pings.
 * @param {number} now
 */
function stampOf(now) {
  return Math.floor(now * 10) >>> 0;
}
