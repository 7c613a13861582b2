// How the game feels here: what the drawn pictures did, summed up every ten seconds into the few bytes of a feel digest, which a server that
// wants it may have. PROTOCOL.md has the bytes. It exists only where the digest is agreed.

/** How long one digest covers. */
const SPAN_MS = 10_000;
/** A picture that comes so long after the one before is long: three at the usual rate. */
const LONG_MS = 50;
/** After a longer time the page was hidden or stopped, which says nothing of pictures. */
const HIDDEN_MS = 1000;
/** Times as fast as an entity has moved lately, and quanta beside that: what moves farther in one picture has jumped. */
const JUMP = 2.5;
const SLACK = 4;
/** How much of the lately greatest speed is left after a millisecond. */
const REMEMBERED = 0.999;
/** Pictures whose age is kept. */
const AGES = 2048;

/** @typedef {{ x: number, y: number, fastest: number, seen: number }} Trace */

export class FeelMeter {
  /** @param {number} now */
  constructor(now) {
    /** @type {Map<number, Trace>} */
    this.traces = new Map();
    this.ages = new Float64Array(AGES);
    this.shows = 0;
    this.lastAt = -Infinity;
    this.since = now;
    this.pictures = 0;
    this.long = 0;
    this.jumps = 0;
    this.backward = 0;
    /** Of the ways of moving entities per picture, in parts of the true ones: how many, their sum, and that of their squares. */
    this.ways = 0;
    this.sum = 0;
    this.squares = 0;
    /** The longest time without a newer frame. */
    this.driest = 0;
    this.corrections = 0;
    this.largest = 0;
  }

  /** @param {number} now */
  #begin(now) {
    this.since = now;
    this.pictures = this.long = this.jumps = this.backward = 0;
    this.ways = this.sum = this.squares = 0;
    this.driest = this.corrections = this.largest = 0;
  }

  /** @param {number} size in units */
  corrected(size) {
    this.corrections += 1;
    this.largest = Math.max(this.largest, size);
  }

  /**
   * Looks at what is drawn.
   * @param {readonly import('./entity.js').View[]} views
   * @param {number} own the id of the own entity, which is drawn in another way
   * @param {number} now
   * @param {number} age of what is drawn of others, in milliseconds
   * @param {number} buffer how far the newest frame is ahead of it, in milliseconds
   */
  picture(views, own, now, age, buffer) {
    const elapsed = now - this.lastAt;
    this.lastAt = now;
    this.shows += 1;
    this.ages[this.pictures++ % AGES] = age;
    this.driest = Math.max(this.driest, -buffer);
    const isLost = elapsed > HIDDEN_MS;
    if (elapsed >= LONG_MS && !isLost) this.long += 1;
    if (elapsed <= 0) return;
    for (const view of views) if (view.id !== own) this.#look(view, isLost ? Infinity : elapsed);
    if (this.traces.size > views.length) {
      for (const [id, { seen }] of this.traces) if (seen !== this.shows) this.traces.delete(id);
    }
  }

  /** The bytes of a digest when one is due. @param {number} now @param {number} trip least round trip @param {number} lateness @returns {Uint8Array | null} */
  take(now, trip, lateness) {
    const seconds = (now - this.since) / 1000;
    if (seconds * 1000 < SPAN_MS) return null;
    const known = this.ages.slice(0, Math.min(this.pictures, AGES)).sort();
    const at = (/** @type {number} */ share) => known[Math.floor(share * (known.length - 1))] ?? 0;
    const mean = this.ways > 0 ? this.sum / this.ways : 0;
    const stutter = mean > 0 ? Math.sqrt(Math.max(0, this.squares / this.ways - mean * mean)) / mean : 0;
    const values = [
      seconds, this.pictures / seconds, this.long, this.jumps, this.backward, stutter * 64, at(0.5) / 4, at(0.99) / 8,
      this.driest / 16, this.corrections, this.largest * 16, trip / 4, lateness / 4,
    ];
    // A hidden page draws nothing and has nothing to tell.
    const digest = this.pictures > 0 ? Uint8Array.from(values, (value) => Math.min(255, Math.round(value))) : null;
    this.#begin(now);
    return digest;
  }

  /** @param {import('./entity.js').View} view @param {number} elapsed */
  #look(view, elapsed) {
    const { history, plan } = view.entity;
    if (plan.place.length < 2) return;
    const [first, second] = plan.place;
    const x = view.values[first];
    const y = view.values[second];
    const trace = this.traces.get(view.id);
    if (!trace) {
      this.traces.set(view.id, { x, y, fastest: 0, seen: this.shows });
      return;
    }
    const [dx, dy] = [x - trace.x, y - trace.y];
    [trace.x, trace.y, trace.seen] = [x, y, this.shows];
    const isWhole = history.pace(first, second, pace) && elapsed < Infinity;
    if (!isWhole) return;
    const speed = Math.hypot(pace[0], pace[1]);
    trace.fastest = Math.max(speed, trace.fastest * REMEMBERED ** elapsed);
    const moved = Math.hypot(dx, dy);
    if (moved > JUMP * trace.fastest * elapsed + SLACK) this.jumps += 1;
    if (speed * elapsed < 1) return;
    if ((dx * pace[0] + dy * pace[1]) / speed < -1) this.backward += 1;
    const way = moved / (speed * elapsed);
    this.ways += 1;
    this.sum += way;
    this.squares += way * way;
  }
}

/** Quanta per millisecond. */
const pace = new Float64Array(2);
