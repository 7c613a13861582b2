// The recent rows of one entity: where it is at any moment between two of them, and where it goes on when there is no newer one.
//
// Fields that move smoothly are drawn as curves, others straight, and fields that cannot be interpolated stay until the next row.
// Beyond the newest row, for a short time, every field moves on as the coder predicts it. When a newer row shows that this was
// wrong, the error fades. Before a cut, where the entity was placed and not moved, nothing moves or fades.

import { between, curved, gap, onCircle } from './interpolation.js';
import { foresee, steady } from './motion.js';

/** @typedef {import('./schema.js').KindPlan} KindPlan */

/** How far an entity moves on without a newer row. */
const AHEAD_MS = 250;
/** How long the error of that takes to fade. */
const FADE_MS = 200;
/** Meanwhile, an entity that is drawn too far ahead moves at least by the other part of its true way. */
const WAITING = 0.8;
/** Quanta that cannot be seen. */
const LEAST = 0.01;
/** After a longer time without a newer row, what was drawn says nothing any more, and nothing fades. */
const STALE_MS = 1000;

export class History {
  /**
   * @param {KindPlan} plan
   * @param {number} depth samples kept
   * @param {number} period milliseconds per tick
   */
  constructor(plan, depth, period) {
    this.plan = plan;
    this.fields = plan.fields;
    this.depth = depth;
    this.period = period;
    this.ticks = new Float64Array(depth);
    this.cells = new Int32Array(depth * plan.fields.length);
    /** Changes per tick, of smooth fields. */
    this.slopes = new Float64Array(depth * plan.curves.length);
    /** Whether the entity did not move from the sample before to this one, but was placed there. */
    this.cuts = new Uint8Array(depth);
    /** Samples ever pushed. */
    this.pushed = 0;
    /** The tick of the newest sample. */
    this.newest = -Infinity;
    /** The row and motion of the newest sample, and those of two ticks after it, made when they are needed. */
    this.row = new Int32Array(plan.stride);
    /** @type {Int32Array | null} */
    this.early = null;
    /** @type {Int32Array | null} */
    this.late = null;
    this.lateStep = 0;
    /** The moment drawn last, and the sample before it; -1 when it does not lie between two samples. */
    this.drawn = -Infinity;
    this.segment = -1;
    /** What is left to fade, what the values were without it, and the moment of both. @type {Float64Array | null} */
    this.error = null;
    /** @type {Float64Array | null} */
    this.settledAt = null;
    this.fadedTo = -Infinity;
    /** When it began. */
    this.fadesFrom = -Infinity;
    /** The tick of the newest cut, over which nothing fades. */
    this.cutAt = -Infinity;
  }

  /**
   * Adds a sample; of a tick that is not later than the newest one's, it replaces that.
   * @param {number} tick
   * @param {Int32Array} cells of a table with the row and its motion
   * @param {number} [start] of the row
   * @param {boolean} [cut] whether the entity was placed there, and did not move there
   */
  push(tick, cells, start = 0, cut = false) {
    const again = tick <= this.newest;
    const { drawn, newest } = this;
    const wasAhead = !again && drawn > newest && this.pushed > 0;
    const fades = wasAhead && (drawn - newest) * this.period <= STALE_MS && !(cut && drawn >= tick);
    if (fades) this.sample(drawn, shown);
    else if (wasAhead) this.fadesFrom = -Infinity;
    if (cut) this.cutAt = tick;
    if (again) this.pushed -= 1;
    const slot = this.pushed++ % this.depth;
    const width = this.fields.length;
    this.newest = this.ticks[slot] = tick;
    for (let column = 0; column < width; column++) this.cells[slot * width + column] = cells[start + column];
    for (let cell = 0; cell < this.plan.stride; cell++) this.row[cell] = cells[start + cell];
    this.lateStep = 0;
    this.cuts[slot] = cut || (again && this.cuts[slot]) ? 1 : 0;
    this.#lean(slot);
    if (fades) this.#fade(drawn);
  }

  /**
   * Writes the values at a moment. Before the first sample they are those of that sample.
   * @param {number} tick
   * @param {Float64Array} out
   */
  sample(tick, out) {
    this.drawn = tick;
    this.segment = -1;
    const { fields, depth } = this;
    const width = fields.length;
    if (tick > this.newest && this.pushed > 0) this.#goOn(tick, out);
    else {
      const oldest = Math.max(0, this.pushed - depth);
      let later = this.pushed - 1;
      while (later > oldest && this.ticks[(later - 1) % depth] > tick) later--;
      const after = later % depth;
      const before = (later > oldest ? later - 1 : later) % depth;
      const span = this.ticks[after] - this.ticks[before];
      let part = span > 0 ? Math.min(1, Math.max(0, (tick - this.ticks[before]) / span)) : 1;
      if (this.cuts[after]) part = Math.floor(part);
      else if (before !== after) this.segment = before;
      for (let column = 0; column < width; column++) {
        const to = this.cells[after * width + column];
        const from = this.cells[before * width + column];
        out[column] = from === to ? to : between(fields[column], from, to, part);
      }
      if (part > 0 && part < 1) this.#curve(before, after, span, part, out);
    }
    if (this.fadesFrom > -Infinity) this.#addError(tick, out);
  }

  /**
   * Writes how fast two fields truly moved at the moment drawn last, per millisecond. Returns false when nothing is known of that.
   * @param {number} first
   * @param {number} second
   * @param {Float64Array} out
   */
  pace(first, second, out) {
    if (this.segment < 0) return false;
    const width = this.fields.length;
    const after = (this.segment + 1) % this.depth;
    const span = (this.ticks[after] - this.ticks[this.segment]) * this.period;
    out[0] = (this.cells[after * width + first] - this.cells[this.segment * width + first]) / span;
    out[1] = (this.cells[after * width + second] - this.cells[this.segment * width + second]) / span;
    return true;
  }

  /** @param {number} before @param {number} after @param {number} span @param {number} part @param {Float64Array} out */
  #curve(before, after, span, part, out) {
    const { curves } = this.plan;
    const width = this.fields.length;
    for (let item = 0; item < curves.length; item++) {
      const column = curves[item];
      const from = this.cells[before * width + column];
      const to = this.cells[after * width + column];
      if (from === to) continue;
      const leaving = this.slopes[before * curves.length + item] * span;
      const reaching = this.slopes[after * curves.length + item] * span;
      out[column] = curved(this.fields[column], from, to, leaving, reaching, part);
    }
  }

  /** Computes the slopes at the newest sample from it and those before, so that they never change. @param {number} slot */
  #lean(slot) {
    const { curves } = this.plan;
    if (curves.length === 0) return;
    const { depth } = this;
    const width = this.fields.length;
    const one = (this.pushed - 2 + depth) % depth;
    const two = (this.pushed - 3 + depth) % depth;
    const known = this.cuts[slot] ? 1 : Math.min(this.pushed, this.cuts[one] ? 2 : 3);
    for (let item = 0; item < curves.length; item++) {
      const column = curves[item];
      const slopeOf = (/** @type {number} */ from, /** @type {number} */ to) => {
        const change = gap(this.fields[column], this.cells[from * width + column], this.cells[to * width + column]);
        return change / (this.ticks[to] - this.ticks[from]);
      };
      let slope = known > 1 ? slopeOf(one, slot) : 0;
      if (known > 2) {
        const share = (this.ticks[slot] - this.ticks[one]) / (this.ticks[slot] - this.ticks[two]);
        slope += (slope - slopeOf(two, one)) * share;
      }
      this.slopes[slot * curves.length + item] = slope;
    }
  }

  /** Writes the values after the newest sample. @param {number} tick @param {Float64Array} out */
  #goOn(tick, out) {
    const { fields, plan } = this;
    const ahead = Math.min(tick - this.newest, AHEAD_MS / this.period);
    const step = Math.ceil(ahead);
    this.early ??= new Int32Array(plan.stride);
    this.late ??= new Int32Array(plan.stride);
    if (this.lateStep > step) this.lateStep = 0;
    if (this.lateStep === 0) {
      this.late.set(this.row);
      steady(plan, this.late);
    }
    for (; this.lateStep < step; this.lateStep++) {
      [this.early, this.late] = [this.late, this.early];
      foresee(plan, this.early, this.late);
    }
    const part = step === 0 ? 1 : 1 - (step - ahead);
    const from = step === 0 ? this.late : this.early;
    for (let column = 0; column < fields.length; column++) {
      const field = fields[column];
      out[column] = field.continuous ? between(field, from[column], this.late[column], part) : this.row[column];
    }
  }

  /** Makes the difference between what was drawn at that moment and what is there now fade. @param {number} tick */
  #fade(tick) {
    this.fadesFrom = -Infinity;
    this.sample(tick, settled);
    const error = (this.error ??= new Float64Array(this.fields.length));
    this.settledAt ??= new Float64Array(this.fields.length);
    this.settledAt.set(settled.subarray(0, error.length));
    this.fadedTo = tick;
    let any = false;
    for (let column = 0; column < error.length; column++) {
      const field = this.fields[column];
      error[column] = field.continuous ? gap(field, settled[column], shown[column]) : 0;
      any ||= error[column] !== 0;
    }
    if (any) this.fadesFrom = tick;
  }

  /** @param {number} tick @param {Float64Array} out */
  #addError(tick, out) {
    const { error, settledAt } = this;
    if (!error || !settledAt || (this.fadesFrom < this.cutAt && tick >= this.cutAt)) {
      this.fadesFrom = -Infinity;
      return;
    }
    const before = ((this.fadedTo - this.fadesFrom) * this.period) / FADE_MS;
    const now = ((tick - this.fadesFrom) * this.period) / FADE_MS;
    const share = now < 1 ? 1 - (rest(before) - rest(now)) / rest(before) : Math.max(0, 1 - (now - before));
    let any = false;
    for (let column = 0; column < error.length; column++) {
      if (error[column] === 0) continue;
      const value = out[column];
      const moved = gap(this.fields[column], settledAt[column], value);
      let left = error[column] * share;
      // What is drawn too far ahead waits and does not go back, as long as the entity moves on.
      if (moved * error[column] > 0 && Math.abs(error[column] - left) > WAITING * Math.abs(moved)) left = error[column] - WAITING * moved;
      error[column] = Math.abs(left) < LEAST ? 0 : left;
      settledAt[column] = value;
      out[column] = onCircle(this.fields[column], value + error[column]);
      any ||= error[column] !== 0;
    }
    this.fadedTo = tick;
    if (!any) this.fadesFrom = -Infinity;
  }
}

/** How much of an error is left after that part of its time. @param {number} part */
function rest(part) {
  const left = 1 - part;
  return left * left * (3 - 2 * left);
}

/** The values drawn before and after a sample came; a kind has at most 16 fields. */
const shown = new Float64Array(16);
const settled = new Float64Array(16);
