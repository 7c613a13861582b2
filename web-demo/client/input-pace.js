// How fast the client makes inputs, so that they reach the server just in time: the server tells how early or late changed inputs
// come (the input lead), and the client's ticks become up to a tenth shorter or longer. Owns no clock.
//
// What was already corrected within the last round trip is not in a lead yet and counts as added to it. Three signs of the same direction are
// needed before anything happens, so that one stall changes nothing.

/** How much shorter or longer a client tick may be. */
const STRETCH = 0.1;
const SIGNS = 3;
/** What a lead that is good takes from the signs of lateness: one late input in five is too many. */
const FORGIVEN = 0.25;
/** An input may wait for less than so many ticks; waiting costs less than a correction. */
const EARLY = 2;
/** The least step towards an earlier input: a part of a tick often suffices. */
const STEP = 0.5;
/** Beyond that there is no use in hurrying. */
const SNAP = 10;
/** Later than a picture: something has stopped the client. */
const LATE_MS = 25;
/** How long leads say nothing after the client itself was late: until the server has told another one. */
const HITCH_MS = 1000;
/** The server tells a lead that has changed once in so many frames; in silence, the last one is still true. */
const TOLD_EVERY = 16;

export class InputPace {
  /** @param {number} period milliseconds per tick */
  constructor(period) {
    this.period = period;
    /** Milliseconds by which inputs are still to be made earlier, or later when negative. */
    this.owed = 0;
    /** Corrections within the last round trip. @type {{ at: number, by: number }[]} */
    this.made = [];
    this.late = 0;
    this.early = 0;
    /** The least distance from good of the signs that are counted, in ticks. */
    this.least = Infinity;
    /** The newest lead, and whether a changed input was made since. @type {number | null} */
    this.lead = null;
    this.changed = false;
    this.frames = 0;
    /** When the client made inputs too late itself. */
    this.hitchedAt = -Infinity;
  }

  /**
   * Handles that a frame came.
   * @param {number | null} lead when it told one
   * @param {number} now
   * @param {number} rtt
   * @param {number} [rest] ticks at which the server repeated an input and that no input will settle: after a stall inputs come that much
   *   later than they were meant for, and yet when they are used
   */
  frame(lead, now, rtt, rest = 0) {
    this.frames += 1;
    if (lead !== null) this.lead = lead + Math.max(0, rest - 1);
    else if (this.lead === null || !this.changed || this.frames < TOLD_EVERY) return;
    this.frames = 0;
    this.changed = false;
    this.#sign(/** @type {number} */ (this.lead), now, rtt);
  }

  /** Notes when an input is made that was due at `due`: what the client delays itself, the server's lead must not make up for. @param {number} due @param {number} now */
  makes(due, now) {
    if (now - due > LATE_MS) this.hitchedAt = now;
  }

  /** The time from an input that is due at `now` to the next one, in milliseconds. @param {number} now */
  next(now) {
    const most = this.period * STRETCH;
    const by = Math.min(most, Math.max(-most, this.owed));
    if (by === 0) return this.period;
    this.owed -= by;
    this.made.push({ at: now, by });
    return this.period - by;
  }

  /**
   * How many inputs to make at once, or to leave out when negative: beyond ten ticks nothing else would help.
   * @param {number} now
   */
  snap(now) {
    if (Math.abs(this.owed) <= SNAP * this.period) return 0;
    const ticks = Math.trunc(this.owed / this.period);
    this.owed -= ticks * this.period;
    this.made.push({ at: now, by: ticks * this.period });
    return ticks;
  }

  /** @param {number} told @param {number} now @param {number} rtt */
  #sign(told, now, rtt) {
    if (now - this.hitchedAt < rtt + HITCH_MS) return;
    // A tick passes until an input is made, and the lead was told a frame ago.
    while (this.made.length > 0 && this.made[0].at < now - rtt - 2 * this.period) this.made.shift();
    // What is owed will be corrected anyway.
    const pending = this.made.reduce((sum, { by }) => sum + by, this.owed) / this.period;
    const lead = told + pending;
    if (lead >= 0 && lead < EARLY) {
      this.late = Math.max(0, this.late - FORGIVEN);
      this.early = 0;
      return;
    }
    const isLate = lead < 0;
    if (isLate ? this.late === 0 : this.early === 0) this.least = Infinity;
    this.late = isLate ? this.late + 1 : 0;
    this.early = isLate ? 0 : this.early + 1;
    this.least = Math.min(this.least, isLate ? -lead : lead - EARLY + 1);
    if (Math.max(this.late, this.early) < SIGNS) return;
    this.owed += isLate ? Math.max(STEP, this.least - STEP) * this.period : -this.least * this.period;
    this.late = this.early = 0;
  }
}
