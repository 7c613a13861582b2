// What is measured of a run: the drawn positions of others against the truth, and what corrections do to the own avatar.
// Distances are in metres, times in milliseconds.

export const PER_METRE = 64;
/** The side of an avatar. */
export const WIDTH = (2 * 26) / PER_METRE;
/** A dash, the fastest that an avatar moves by itself. */
const FASTEST = 16;
/** Metres per second: the run. */
const RUN = 6;
/** Less than this per picture, against a true movement, is none. */
const STILL = 0.05;
/** Metres: more than that against the true direction is a move backward. */
const BACK = 0.02;

/** Where avatars truly were at a moment; between two ticks on a straight line. */
export class Truth {
  constructor(world) {
    this.world = world;
  }

  /** @returns {[number, number] | null} in metres */
  at(id, moment) {
    const { truth, rate } = this.world;
    const first = truth.get(1);
    if (!first) return null;
    const tick = 1 + ((moment - first.due) * rate) / 1000;
    const before = truth.get(Math.floor(tick))?.places.get(id);
    const after = truth.get(Math.floor(tick) + 1)?.places.get(id) ?? before;
    if (!before || !after) return null;
    const part = tick - Math.floor(tick);
    return [(before[0] + (after[0] - before[0]) * part) / PER_METRE, (before[1] + (after[1] - before[1]) * part) / PER_METRE];
  }

  /** All there were at a moment. @returns {Iterable<number>} */
  ids(moment) {
    const { truth, rate } = this.world;
    const first = truth.get(1);
    return (first && truth.get(Math.floor(1 + ((moment - first.due) * rate) / 1000))?.places.keys()) ?? [];
  }

  /** When a tick was due. */
  momentOf(tick) {
    const first = this.world.truth.get(1);
    return first ? first.due + ((tick - 1) * 1000) / this.world.rate : NaN;
  }
}

/** Measures one way to draw others. */
export class Others {
  /** @param {Truth} truth */
  constructor(truth) {
    this.truth = truth;
    this.errors = [];
    this.ages = [];
    /** By id: the last drawn place and its time, steps while running evenly, and for how long it has been frozen. */
    this.last = new Map();
    this.steps = [];
    this.jumps = 0;
    this.backward = 0;
    this.freezes = 0;
    this.longestFreeze = 0;
    this.pictures = 0;
  }

  /**
   * @param {{ places: Map<number, [number, number]>, moment: number }} shown positions in quanta, and the moment of the server that
   *   they are meant to be of
   * @param {number} own the id of the own avatar
   * @param {number} now
   */
  picture({ places, moment }, own, now) {
    if (Number.isNaN(moment)) return;
    this.pictures += 1;
    this.ages.push(now - moment);
    for (const [id, [x, y]] of places) if (id !== own) this.#avatar(id, x / PER_METRE, y / PER_METRE, moment, now);
  }

  #avatar(id, x, y, moment, now) {
    const true_ = this.truth.at(id, moment);
    if (!true_) return;
    this.errors.push(Math.hypot(x - true_[0], y - true_[1]));
    const last = this.last.get(id);
    this.last.set(id, { x, y, now, moment, frozen: 0 });
    if (!last || now - last.now > 100) return;
    const seconds = (now - last.now) / 1000;
    const [dx, dy] = [x - last.x, y - last.y];
    const moved = Math.hypot(dx, dy);
    // Where it would be if pictures were as old as the last one: what a frozen picture misses.
    const then = this.truth.at(id, last.moment);
    const next = this.truth.at(id, last.moment + now - last.now);
    if (!then || !next) return;
    const [tx, ty] = [next[0] - then[0], next[1] - then[1]];
    const truly = Math.hypot(tx, ty);
    if (moved > 2 * FASTEST * seconds && truly < 2 * FASTEST * seconds) this.jumps += 1;
    if (truly > 0.01 && (dx * tx + dy * ty) / truly < -BACK) this.backward += 1;
    this.#freeze(id, last, moved, truly, now);
    if (this.#runsEvenly(id, last.moment)) this.steps.push(moved / (RUN * seconds));
  }

  #freeze(id, last, moved, truly, now) {
    if (!(truly > 0.01) || moved > STILL * truly) return;
    const frozen = last.frozen + now - last.now;
    this.last.get(id).frozen = frozen;
    this.longestFreeze = Math.max(this.longestFreeze, frozen);
    if (frozen > 100 && last.frozen <= 100) this.freezes += 1;
  }

  /** Whether it ran straight on around this moment. */
  #runsEvenly(id, moment) {
    const places = [-225, -150, -75, 0].map((span) => this.truth.at(id, moment + span));
    if (places.some((place) => !place)) return false;
    const steps = places.slice(1).map((place, index) => [place[0] - places[index][0], place[1] - places[index][1]]);
    return steps.every(([dx, dy]) => Math.abs(Math.hypot(dx, dy) - RUN * 0.075) < 0.03 && Math.hypot(dx - steps[0][0], dy - steps[0][1]) < 0.05);
  }

  get result() {
    const mean = average(this.steps);
    return {
      error: average(this.errors), errorP99: quantile(this.errors, 0.99), jumps: this.jumps, backward: this.backward,
      freezes: this.freezes, longestFreeze: this.longestFreeze, age: quantile(this.ages, 0.5), ageSpread: deviation(this.ages),
      steps: this.steps.length, stutter: mean > 0 ? deviation(this.steps) / mean : NaN,
    };
  }
}

/** Measures what corrections do to the own avatar: how far it is drawn from where it is predicted, and how that changes. */
export class Own {
  constructor() {
    /** The visible offset, in metres. @type {[number, number]} */
    this.offset = [0, 0];
    this.moved = 0;
    /** Whether what fades is the player's own change of an input. */
    this.isSteered = false;
    this.corrections = [];
    this.perPicture = [];
    /** Pictures from an input to the first one that shows it; the player turns with each input. */
    this.delays = [];
    this.heading = NaN;
    /** @type {{ pictures: number, heading: number } | null} */
    this.waits = null;
  }

  /** Before a correction, and at each picture. @param {[number, number]} offset */
  seen(offset) {
    if (!this.isSteered) this.moved += Math.hypot(offset[0] - this.offset[0], offset[1] - this.offset[1]);
    this.offset = offset;
  }

  /** @param {[number, number]} offset right after the player has changed an input */
  steered(offset) {
    if (offset[0] !== this.offset[0] || offset[1] !== this.offset[1]) this.isSteered = true;
    this.offset = offset;
  }

  /** @param {[number, number]} offset right after the correction */
  corrected(offset) {
    const size = Math.hypot(offset[0] - this.offset[0], offset[1] - this.offset[1]);
    if (size > 0) {
      this.corrections.push(size);
      this.isSteered = false;
    }
    this.offset = offset;
  }

  /**
   * @param {boolean} acts whether the player has just done something
   * @param {number} heading as drawn
   */
  picture(acts, heading) {
    this.perPicture.push(this.moved);
    this.moved = 0;
    if (acts) this.waits = { pictures: 0, heading: this.heading };
    this.heading = heading;
    if (!this.waits) return;
    if (heading === this.waits.heading) this.waits.pictures += 1;
    else {
      this.delays.push(this.waits.pictures);
      this.waits = null;
    }
  }

  get result() {
    return {
      corrections: this.corrections.length, largest: Math.max(0, ...this.corrections),
      delay: average(this.delays), delayMost: Math.max(...this.delays), shiftP99: quantile(this.perPicture, 0.99) / WIDTH, shiftMost: Math.max(0, ...this.perPicture) / WIDTH,
    };
  }
}

export function average(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

export function deviation(values) {
  const mean = average(values);
  return Math.sqrt(average(values.map((value) => (value - mean) ** 2)));
}

export function quantile(values, share) {
  if (values.length === 0) return NaN;
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)];
}
