// A simulated network link: delay, jitter, spikes, bandwidth, stalls and cuts, computed from a seed. The twin of the crate's
// `src/engine/link.rs`, whose vectors it is tested with. Not part of the client unless a page asks for it (link-socket.js).
//
// It carries messages like a stream connection: in order, complete or not at all. Times are whole microseconds.

/**
 * @typedef {{ for_ms: number, every_ms: number }} Outage `every_ms`: the mean time between two, which varies by half
 * @typedef {{
 *   rtt_ms: number, jitter_ms: number, down_mbit?: number, up_mbit?: number,
 *   spike?: { for_ms: number, share: number }, stall?: Outage, cut?: Outage,
 * }} LinkProfile `jitter_ms`: how much longer or shorter a round trip may be; without `down_mbit` or `up_mbit` that direction is
 *   unlimited; `spike`: the share of messages that take longer, and by how much; `stall`: nothing arrives meanwhile; `cut`:
 *   everything on its way is lost, and the connection is reset
 */

/** The profiles of `assets/links.json`. @type {Record<string, LinkProfile>} */
export const PROFILES = {
  lan: { rtt_ms: 1, jitter_ms: 0.2 },
  wifi: { rtt_ms: 20, jitter_ms: 10, stall: { for_ms: 120, every_ms: 8000 } },
  lte: { rtt_ms: 70, jitter_ms: 20, down_mbit: 8, up_mbit: 2, stall: { for_ms: 250, every_ms: 10_000 } },
  train: {
    rtt_ms: 180, jitter_ms: 80, down_mbit: 1, up_mbit: 1,
    stall: { for_ms: 800, every_ms: 12_000 }, cut: { for_ms: 2000, every_ms: 60_000 },
  },
  spiky: { rtt_ms: 70, jitter_ms: 4, spike: { for_ms: 50, share: 0.1 } },
};

const MULTIPLIER = 6364136223846793005n;
const MASK = 2n ** 64n - 1n;

/** The generator of the crate's links, PCG XSH RR 64/32. */
class Pcg32 {
  /** @param {bigint} seed @param {bigint} stream */
  constructor(seed, stream) {
    this.increment = ((stream << 1n) | 1n) & MASK;
    this.state = (seed + this.increment) & MASK;
    this.#step();
  }

  #step() {
    this.state = (this.state * MULTIPLIER + this.increment) & MASK;
  }

  /** From 0 to 1, uniformly distributed. */
  unit() {
    const { state } = this;
    this.#step();
    const turn = Number(state >> 59n);
    const word = Number((((state >> 18n) ^ state) >> 27n) & 0xffffffffn);
    return (((word >>> turn) | (word << (-turn & 31))) >>> 0) / 0xffffffff;
  }
}

/**
 * Both directions of a link that starts at `now`: they have the same stalls and cuts.
 * @param {LinkProfile} profile
 * @param {number} now microseconds
 * @param {number} seed
 */
export function links(profile, now, seed) {
  return {
    up: new Link(profile, profile.up_mbit, now, BigInt(seed), 1n),
    down: new Link(profile, profile.down_mbit, now, BigInt(seed), 2n),
  };
}

/** One direction of a link. */
export class Link {
  /**
   * @param {LinkProfile} profile
   * @param {number | undefined} mbit
   * @param {number} now
   * @param {bigint} seed
   * @param {bigint} stream
   */
  constructor(profile, mbit, now, seed, stream) {
    const oneWay = (/** @type {number} */ ms) => Math.max(0, (ms * 1000) / 2);
    this.random = new Pcg32(seed, stream);
    this.leastDelay = oneWay(profile.rtt_ms - profile.jitter_ms);
    this.jitter = oneWay(2 * profile.jitter_ms);
    this.spike = profile.spike;
    this.mbit = mbit;
    this.stalls = new Outages(profile.stall, now, new Pcg32(seed, 3n));
    this.cuts = new Outages(profile.cut, now, new Pcg32(seed, 4n));
    /** When the last bit of the newest message leaves, and when that message arrives. */
    this.busyUntil = now;
    this.lastArrival = now;
  }

  /**
   * When a message that is sent now arrives; null when it is lost, because a cut falls between now and its arrival.
   * @param {number} now
   * @param {number} bytes its length
   */
  send(now, bytes) {
    let arrival = Math.max(this.#leaves(now, bytes), this.lastArrival);
    arrival = this.stalls.strikes(arrival, arrival)?.end ?? arrival;
    this.lastArrival = arrival;
    return this.cuts.strikes(now, arrival) ? null : arrival;
  }

  /** The current cut or the next one. `now` must not go back. @param {number} now */
  nextCut(now) {
    this.stalls.forget(now);
    this.cuts.forget(now);
    return this.cuts.next();
  }

  /** @param {number} now @param {number} bytes */
  #leaves(now, bytes) {
    const bits = bytes * 8;
    this.busyUntil = Math.max(now, this.busyUntil) + (this.mbit === undefined ? 0 : Math.trunc(bits / this.mbit));
    let delay = this.leastDelay + this.jitter * this.random.unit();
    if (this.spike && this.random.unit() < this.spike.share) delay += this.spike.for_ms * 1000;
    return this.busyUntil + Math.trunc(delay);
  }
}

/** The periods of one kind of outage, drawn as far ahead as needed. */
class Outages {
  /** @param {Outage | undefined} kind @param {number} now @param {Pcg32} random */
  constructor(kind, now, random) {
    this.kind = kind;
    this.random = random;
    /** Ascending and disjoint. @type {{ start: number, end: number }[]} */
    this.windows = [];
    this.drawn = now;
    // The first outage may come at any time, as if the link had existed before.
    if (kind) this.#push(now + Math.trunc(kind.every_ms * 1000 * random.unit()), kind);
  }

  /** The first period that touches these moments. @param {number} from @param {number} to */
  strikes(from, to) {
    const { kind } = this;
    if (!kind) return null;
    while (this.drawn <= to) this.#draw(kind);
    return this.windows.find(({ start, end }) => start <= to && from < end) ?? null;
  }

  next() {
    if (this.windows.length === 0 && this.kind) this.#draw(this.kind);
    return this.windows[0] ?? null;
  }

  /** @param {number} now */
  forget(now) {
    while (this.windows.length > 0 && this.windows[0].end <= now) this.windows.shift();
  }

  /** @param {Outage} kind */
  #draw(kind) {
    this.#push(this.drawn + Math.trunc(kind.every_ms * 1000 * (0.5 + this.random.unit())), kind);
  }

  /** @param {number} start @param {Outage} kind */
  #push(start, kind) {
    const end = start + Math.max(1, Math.trunc(kind.for_ms * 1000));
    this.windows.push({ start, end });
    this.drawn = end;
  }
}
