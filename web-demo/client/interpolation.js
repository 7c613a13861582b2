// Interpolation of other entities: recent samples per entity, and the playout clock, which decides which moment to show.
//
// Frames arrive unevenly. The clock estimates when a tick should have arrived (from the fastest recent arrivals) and
// shows the world with a delay: two frames, plus the measured jitter. It changes the delay by playing slightly
// faster or slower, so that nothing jumps. Ticks here are counted from the welcome and never wrap.

/** Arrivals remembered: some seconds of frames. */
const ARRIVALS = 64;
const DELAY_FRAMES = 2;
/** The longest delay, however bad the connection. */
const MAX_DELAY_MS = 500;
/** How much faster or slower than real time the playback may run to reach its target delay. */
const STRETCH = 0.1;
/** Farther from the target than this, playback jumps: after a stall, the missed time is not replayed. */
const JUMP_MS = 400;

/** The recent rows of one entity. */
export class History {
  /**
   * @param {import('./schema.js').KindPlan} plan
   * @param {number} depth samples kept
   */
  constructor(plan, depth) {
    this.fields = plan.fields;
    this.depth = depth;
    this.ticks = new Float64Array(depth);
    this.cells = new Int32Array(depth * plan.fields.length);
    /** Whether the entity did not move from the sample before to this one, but was placed there. */
    this.cuts = new Uint8Array(depth);
    /** Samples ever pushed. */
    this.pushed = 0;
    /** The tick of the newest sample. */
    this.newest = -Infinity;
  }

  /**
   * Adds a sample; of a tick that is not later than the newest one's, it replaces that.
   * @param {number} tick
   * @param {Int32Array} values
   * @param {boolean} [cut] whether the entity was placed there, and did not move there
   */
  push(tick, values, cut = false) {
    const again = tick <= this.newest;
    if (again) this.pushed -= 1;
    const slot = this.pushed++ % this.depth;
    this.newest = this.ticks[slot] = tick;
    this.cells.set(values, slot * values.length);
    this.cuts[slot] = cut || (again && this.cuts[slot]) ? 1 : 0;
  }

  /**
   * Writes the values at a moment between two ticks: continuous fields interpolated, angles the short way round, others as at
   * the earlier tick, and so is everything before a cut. Before the first sample and after the last one, the values are those
   * of that sample.
   * @param {number} tick
   * @param {Float64Array} out
   */
  sample(tick, out) {
    const oldest = Math.max(0, this.pushed - this.depth);
    let later = this.pushed - 1;
    while (later > oldest && this.ticks[(later - 1) % this.depth] > tick) later--;
    const after = later % this.depth;
    const before = (later > oldest ? later - 1 : later) % this.depth;
    const span = this.ticks[after] - this.ticks[before];
    let part = span > 0 ? Math.min(1, Math.max(0, (tick - this.ticks[before]) / span)) : 1;
    if (this.cuts[after]) part = Math.floor(part);
    for (let column = 0; column < out.length; column++) {
      const from = this.cells[before * out.length + column];
      const to = this.cells[after * out.length + column];
      out[column] = between(this.fields[column], from, to, part);
    }
  }
}

/**
 * @param {import('./schema.js').FieldPlan} field
 * @param {number} from
 * @param {number} to
 * @param {number} part 0 at `from`, 1 at `to`
 */
export function between(field, from, to, part) {
  if (from === to) return from;
  if (!field.continuous) return part < 1 ? from : to;
  return onCircle(field, from + gap(field, from, to) * part);
}

/**
 * The change from one value to another, the short way round on a circle; for fractional values too.
 * @param {import('./schema.js').FieldPlan} field
 * @param {number} from
 * @param {number} to
 */
export function gap(field, from, to) {
  const difference = to - from;
  if (!field.wraps) return difference;
  const turn = field.max + 1;
  return difference - Math.round(difference / turn) * turn;
}

/**
 * Wraps a fractional value of a wrapping field into its range.
 * @param {import('./schema.js').FieldPlan} field
 * @param {number} value
 */
export function onCircle(field, value) {
  if (!field.wraps) return value;
  const turn = field.max + 1;
  return value - Math.floor(value / turn) * turn;
}

/** Decides which past moment to show. */
export class PlayoutClock {
  /**
   * @param {number} period milliseconds per tick
   * @param {number} [interval] milliseconds per frame, when there are fewer of them than ticks
   */
  constructor(period, interval = period) {
    this.period = period;
    this.interval = Math.max(period, interval);
    /** Arrival time minus tick time, of recent frames. */
    this.transits = new Float64Array(ARRIVALS);
    this.arrivals = 0;
    /** The least of them: that of a frame without delay. */
    this.base = 0;
    /** How late recent frames were against the least: between mean and worst, in milliseconds. */
    this.jitter = 0;
    /** The current delay after an undelayed arrival, in milliseconds; moves towards its target. */
    this.delay = DELAY_FRAMES * this.interval;
    this.shownAt = -Infinity;
    this.shownTick = -Infinity;
  }

  get goal() {
    return Math.min(MAX_DELAY_MS, DELAY_FRAMES * this.interval + this.jitter);
  }

  /**
   * Records the arrival of a frame.
   * @param {number} tick
   * @param {number} now
   */
  arrived(tick, now) {
    this.transits[this.arrivals++ % ARRIVALS] = now - tick * this.period;
    const known = Math.min(this.arrivals, ARRIVALS);
    let least = Infinity;
    for (let index = 0; index < known; index++) least = Math.min(least, this.transits[index]);
    let spread = 0;
    let worst = 0;
    for (let index = 0; index < known; index++) {
      const late = this.transits[index] - least;
      spread += late;
      worst = Math.max(worst, late);
    }
    this.base = least;
    // Between mean and worst: a single late frame should not increase the delay much, a pattern of them should.
    this.jitter = Math.min(worst, (2.5 * spread) / known);
  }

  /**
   * How many ticks the moment that was shown last lies before this tick; null when none was shown.
   * @param {number} tick
   */
  behind(tick) {
    return Number.isFinite(this.shownTick) ? tick - this.shownTick : null;
  }

  /**
   * The tick that should be arriving now if nothing delayed it, as a fraction.
   * @param {number} now
   */
  newest(now) {
    return (now - this.base) / this.period;
  }

  /**
   * The tick to show now, as a fraction; never decreases except in a jump.
   * @param {number} now
   */
  tick(now) {
    // Before the first frame the server's time is unknown, and there is nothing to show.
    if (this.arrivals === 0) return this.shownTick;
    const elapsed = Math.max(0, now - this.shownAt);
    const goal = this.newest(now) - this.goal / this.period;
    const steady = this.shownTick + elapsed / this.period;
    if (!(Math.abs(goal - steady) * this.period < JUMP_MS)) {
      this.shownTick = goal;
    } else {
      const most = (elapsed / this.period) * STRETCH;
      this.shownTick = steady + Math.min(most, Math.max(-most, goal - steady));
    }
    this.shownAt = Math.max(now, this.shownAt);
    this.delay = (this.newest(now) - this.shownTick) * this.period;
    return this.shownTick;
  }
}
