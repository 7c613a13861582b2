// Which frame messages bring something new, and what their numbers are. Frames tell the lowest bits of their tick and of the
// number of consumed inputs; messages may be repeated and overtaken on some transports.

import { DecodeError } from './reader.js';

/** How many ticks, and numbers of consumed inputs, the told bits can tell apart. */
const MODULI = { short: [16, 4], long: [32, 8], dense: [32, 8], wide: [256, 256] };

/**
 * @typedef {{ tick: number, advance: number, consumed: number, superseded: number, incarnation: number | null }} Step what a
 *   frame brings: `advance`, `consumed` and `superseded` count from the frame before; `incarnation` when it is another one
 */

export class FrameOrder {
  /** @param {Pick<import('./messages.js').Welcome, 'tick' | 'incarnation'>} welcome */
  constructor({ tick, incarnation }) {
    /** The server's tick of the newest frame. */
    this.tick = tick;
    this.incarnation = incarnation;
    /** That of a frame that tells its tick as a whole and no incarnation. */
    this.welcomed = incarnation;
    /** Inputs since the welcome. */
    this.consumed = 0;
    /** The greatest number of them so far. */
    this.settled = 0;
    this.superseded = 0;
  }

  /**
   * Counts a frame as the newest one. Returns null when it is not newer.
   * @param {Pick<import('./frame.js').FrameMessage, 'stamp' | 'note'>} frame
   * @returns {Step | null}
   */
  take({ stamp, note }) {
    const { tick, incarnation, consumed, superseded } = this;
    const told = stamp.type === 'absolute' ? note?.incarnation ?? this.welcomed : incarnation;
    const anew = told > incarnation;
    const at = this.#whole(stamp);
    const ahead = (at.tick - tick) | 0;
    if (told < incarnation || (!anew && ahead <= 0)) return null;
    // What was saved of a room may be older than what it had consumed.
    if (!anew && ((at.consumed - consumed) | 0) < 0) throw new DecodeError('consumed inputs are taken back');
    this.tick = at.tick;
    this.incarnation = told;
    this.consumed = at.consumed;
    const dropped = note?.superseded ?? 0;
    this.superseded = stamp.type === 'absolute' ? dropped : superseded + dropped;
    // A room that was started again may have consumed less; inputs that were settled once stay settled.
    const settled = Math.max(0, (at.consumed - this.settled) | 0);
    this.settled = (this.settled + settled) >>> 0;
    return {
      tick: at.tick, advance: Math.max(1, ahead), consumed: settled,
      superseded: Math.max(0, this.superseded - superseded), incarnation: anew ? told : null,
    };
  }

  /** @param {import('./frame.js').Stamp} stamp */
  #whole({ type, tick, consumed }) {
    if (type === 'absolute') return { tick, consumed };
    const [ticks, inputs] = MODULI[type];
    const ahead = (tick - this.tick) & (ticks - 1);
    return {
      // More than half of the circle ahead is behind.
      tick: (this.tick + (ahead > ticks / 2 ? ahead - ticks : ahead)) >>> 0,
      consumed: (this.consumed + ((consumed - this.consumed) & (inputs - 1))) >>> 0,
    };
  }
}
