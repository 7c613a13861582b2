// The room's time at the client, from the arrivals of frames and the answers to pings: what the server's time is, and
// which past moment of others to show. The twin of the crate's `src/engine/client/clock.rs`; `tests/golden/clock.json` keeps
// the two equal. Owns no clock: every call tells the time.
//
// Times are milliseconds. Ticks are counted from the welcome and never wrap.
//
// The least recent transit is that of a frame without delay. A frame must be there when the moment of the frame before it has been
// shown; how much later than without delay it comes is what it *needs*. The delay of the playback is what 99 of 100 recent
// frames need, whether they came late or the server sent fewer of them. It is enlarged at once, but the playback reaches it by running up to a tenth
// slower or faster. What is later than the longest delay is an outage: no delay could hide it, so it does not count.

/** How long a frame counts, and how many of them do at most. */
const REMEMBERED_MS = 20_000;
const MOST_FRAMES = 1024;
/** One of so many frames may come too late. */
const TOLERATED = 100;
/** Beyond what frames need: timers and pictures are not exact. */
const MARGIN_MS = 2;
/** The longest delay at usual rates; a frame that comes later than that belongs to an outage. */
const MOST_DELAY_MS = 500;
/** While so few frames are known, the delay is at least two frames. */
const FEW_FRAMES = 20;
/** A delay that could be shorter by less than this stays; otherwise it is shortened after so much time in which it was not needed. */
const SPARE_MS = 4;
const CLEAN_MS = 3000;
/** By how much it is shortened then: slowly, since a steady delay is worth more than a short one. */
const SHORTENED = 0.01;
/** How much slower or faster time may run to get where it should be, and how soon it would get there without that limit. */
const STRETCH = 0.1;
const CATCH_UP_MS = 500;
/** Playback that is farther behind than this jumps; no change of the delay is as large. */
const JUMP_MS = 600;
/** When frames were an outage for so long and so often, they are the new normal: the server's time has moved. */
const MOVED_MS = 150;
const MOVED_FRAMES = 4;
/** A client that did nothing for so long was stopped: what arrived meanwhile was not late. */
const STOPPED_MS = 150;
/** Frames that come so soon after one another were held up together, at any rate. */
const BURST_MS = 8;
/** Pings among which the least counts. */
const PINGS = 8;

export class RoomClock {
  /**
   * @param {number} period milliseconds per tick
   * @param {number} [interval] milliseconds per frame, when there are fewer of them than ticks
   * @param {number} [origin] the time of the tick from which ticks are counted
   */
  constructor(period, interval = period, origin = 0) {
    this.period = period;
    this.origin = origin;
    this.interval = Math.max(period, interval);
    this.longest = Math.max(MOST_DELAY_MS, 2 * this.interval);
    const most = Math.min(MOST_FRAMES, Math.ceil(REMEMBERED_MS / this.interval));
    /** Of recent frames: when they came, that less their tick's time, and that less the time of the tick before. */
    this.times = new Float64Array(most);
    this.transits = new Float64Array(most);
    this.reaches = new Float64Array(most);
    this.first = 0;
    this.count = 0;
    this.lastTick = -Infinity;
    this.lastArrival = -Infinity;
    /** The transit of a frame without delay. */
    this.least = 0;
    this.known = false;
    /** How much later than that 99 of 100 frames come, and how much later than shown they may come. */
    this.lateness = 0;
    this.need = 0;
    /** Frames that arrive are part of an outage: since when, how many, and the least transit of them. */
    this.outage = false;
    this.outageSince = 0;
    this.outageFrames = 0;
    this.outageLeast = Infinity;
    this.awakeAt = -Infinity;
    this.stoppedAt = -Infinity;
    /** The delay to reach, and when it was needed last. */
    this.target = 2 * this.interval;
    this.neededAt = -Infinity;
    this.measuredAt = 0;
    /** The last round trips. */
    this.trips = new Float64Array(PINGS);
    this.pings = 0;
    /** The server's time less ours. @type {number | null} */
    this.offset = null;
    this.offsetAt = 0;
    /** Whether the server's time has moved since a moment was shown. */
    this.moved = false;
    /** The moment that was shown last, in ticks, and when. */
    this.shownTick = -Infinity;
    this.shownAt = -Infinity;
  }

  /** Notes that the client runs, so that its own stops do not count as delays. @param {number} now */
  awake(now) {
    if (this.known && now - this.awakeAt > STOPPED_MS) {
      this.#beginOutage(now);
      this.stoppedAt = now;
    }
    this.awakeAt = Math.max(this.awakeAt, now);
  }

  /** After a connection was lost: the server's time may be elsewhere, and may be taken over at once. */
  resumed() {
    this.offset = null;
    this.outage = false;
  }

  /** Records the arrival of a frame. @param {number} tick @param {number} now */
  arrived(tick, now) {
    this.awake(now);
    const transit = now - tick * this.period;
    let reach = now - this.lastTick * this.period;
    // The first frame, and one after an outage in which the server sent none, came when it should.
    if (!(reach - this.least <= this.longest)) reach = transit + this.interval;
    const inBurst = now - Math.max(this.lastArrival, this.stoppedAt) < Math.max(BURST_MS, this.period / 4);
    this.lastTick = tick;
    this.lastArrival = now;
    if (this.known && this.#isOutage(transit, now, inBurst)) return;
    this.#remember(transit, reach, now);
    this.#measure(now);
    this.#slew(now);
  }

  /** Records a round trip. Returns the least of the last ones. @param {number} trip @param {number} now */
  answered(trip, now) {
    this.trips[this.pings++ % PINGS] = trip;
    if (this.known) this.#slew(now);
    return this.rtt();
  }

  /** The least of the last round trips, in milliseconds; 0 until one was measured. */
  rtt() {
    const known = Math.min(this.pings, PINGS);
    let least = known > 0 ? Infinity : 0;
    for (let index = 0; index < known; index++) least = Math.min(least, this.trips[index]);
    return least;
  }

  /** The server's time, in milliseconds since the welcome's tick. @param {number} now */
  server(now) {
    return now + (this.offset ?? -this.least);
  }

  /** The tick that should be arriving now if nothing delayed it, as a fraction. @param {number} now */
  newest(now) {
    return (now - this.least) / this.period;
  }

  /** How long after an undelayed arrival others are shown, in milliseconds. */
  get delay() {
    return this.known && this.shownTick > -Infinity ? (this.newest(this.shownAt) - this.shownTick) * this.period : this.target;
  }

  /** How long ago the moment that was shown last was at the server, in milliseconds. @param {number} now */
  age(now) {
    return Number.isFinite(this.shownTick) ? this.server(now) - this.shownTick * this.period - (now - this.shownAt) : 0;
  }

  /**
   * Writes what the page may show of it.
   * @param {import('./meter.js').Meter['stats']} stats
   * @param {number} tick of the newest frame
   * @param {number} now
   */
  describe(stats, tick, now) {
    stats.serverTickLag = this.known ? Math.max(0, this.newest(now) - tick) : 0;
    stats.interpolationDelay = this.delay;
    stats.displayAge = this.age(now);
    stats.lateness = this.lateness;
    stats.bufferDepth = (this.behind(tick) ?? 0) * this.period;
  }

  /** How many ticks the moment that was shown last lies before this tick; null when none was shown. @param {number} tick */
  behind(tick) {
    return Number.isFinite(this.shownTick) ? tick - this.shownTick : null;
  }

  /** The tick to show now, as a fraction; never decreases unless the server's time has moved. @param {number} now */
  show(now) {
    this.awake(now);
    // Before the first frame the server's time is unknown, and there is nothing to show.
    if (!this.known) return this.shownTick;
    const elapsed = Math.max(0, now - this.shownAt);
    const goal = this.newest(now) - this.target / this.period;
    const steady = this.shownTick + elapsed / this.period;
    const off = (goal - steady) * this.period;
    if (this.moved || !(off < JUMP_MS)) this.shownTick = goal;
    else this.shownTick = steady + slewed(off, elapsed) / this.period;
    this.moved = false;
    this.shownAt = Math.max(now, this.shownAt);
    return this.shownTick;
  }

  /**
   * Whether a frame belongs to an outage, or came with others that do.
   * @param {number} transit
   * @param {number} now
   * @param {boolean} inBurst
   */
  #isOutage(transit, now, inBurst) {
    if (transit - this.least <= this.longest) {
      this.outage &&= inBurst;
      this.outageFrames = 0;
      return this.outage;
    }
    if (!this.outage || this.outageFrames === 0) this.#beginOutage(now);
    this.outageFrames += 1;
    this.outageLeast = Math.min(this.outageLeast, transit);
    if (this.outageFrames < MOVED_FRAMES || now - this.outageSince < MOVED_MS) return true;
    this.first = this.count = 0;
    this.least = this.outageLeast;
    this.outage = false;
    this.offset = null;
    this.moved = true;
    return false;
  }

  /** @param {number} now */
  #beginOutage(now) {
    this.outage = true;
    this.outageSince = now;
    this.outageFrames = 0;
    this.outageLeast = Infinity;
  }

  /** @param {number} transit @param {number} reach @param {number} now */
  #remember(transit, reach, now) {
    const { times } = this;
    while (this.count > 0 && (this.count === times.length || now - times[this.first] > REMEMBERED_MS)) {
      this.first = (this.first + 1) % times.length;
      this.count -= 1;
    }
    const slot = (this.first + this.count) % times.length;
    this.count += 1;
    times[slot] = now;
    this.transits[slot] = transit;
    this.reaches[slot] = reach;
    this.known = true;
  }

  /** @param {number} now */
  #measure(now) {
    let least = Infinity;
    for (let index = 0; index < this.count; index++) least = Math.min(least, this.transits[(this.first + index) % this.times.length]);
    this.least = least;
    this.lateness = this.#high(this.transits) - least;
    this.need = this.#high(this.reaches) - least;
    const start = this.count < FEW_FRAMES ? 2 * this.interval : 0;
    const wanted = Math.min(this.longest, Math.max(start, this.need + MARGIN_MS));
    if (wanted >= this.target - SPARE_MS) this.neededAt = now;
    if (wanted > this.target) this.target = wanted;
    else if (now - this.neededAt > CLEAN_MS) this.target = Math.max(wanted, this.target - SHORTENED * (now - this.measuredAt));
    this.measuredAt = now;
  }

  /** What all but one of a hundred of these values are at most. @param {Float64Array} values */
  #high(values) {
    const above = Math.floor(this.count / TOLERATED);
    let count = 0;
    for (let index = 0; index < this.count; index++) {
      const value = values[(this.first + index) % values.length];
      if (count > above && value <= highest[above]) continue;
      let place = Math.min(count, above);
      for (; place > 0 && highest[place - 1] < value; place--) highest[place] = highest[place - 1];
      highest[place] = value;
      count = Math.min(count + 1, above + 1);
    }
    return highest[above];
  }

  /** @param {number} now */
  #slew(now) {
    const goal = this.rtt() / 2 - this.least;
    if (this.offset === null) this.offset = goal;
    else this.offset += slewed(goal - this.offset, Math.max(0, now - this.offsetAt));
    this.offsetAt = now;
  }
}

/**
 * The clock for the page. Times are in milliseconds since the room's tick 0, so all clients of a room have the same.
 * `serverNow`: what it is now at the server; `renderNow`: the moment at which `view` has shown others last; `rtt`: the least of the last
 * round trips; `jitter`: how much later than the fastest frames 99 of 100 come.
 * @param {RoomClock} clock
 * @param {() => number} now
 */
export function pageClock(clock, now) {
  return {
    serverNow: (at = now()) => clock.origin + clock.server(at),
    renderNow: () => clock.origin + clock.shownTick * clock.period,
    rtt: () => clock.rtt(),
    jitter: () => clock.lateness,
  };
}

/** The highest values, in descending order. */
const highest = new Float64Array(Math.floor(MOST_FRAMES / TOLERATED) + 1);

/**
 * How far time may be moved towards where it should be.
 * @param {number} off milliseconds
 * @param {number} elapsed milliseconds since it was moved last
 */
function slewed(off, elapsed) {
  const wanted = Math.abs(off) / CATCH_UP_MS;
  const most = Math.min(Math.abs(off), elapsed * Math.min(STRETCH, wanted));
  return off < 0 ? -most : most;
}
