// The input timeline: one input per client tick, numbered 1, 2, 3, ...; which of them were not sent yet, and which the
// server has not consumed. Owns no clock: the session decides when a client tick is due.
//
// Equal inputs share one array of values, so that runs are recognised by identity.

import { listed } from './game.js';
import { FieldPlan } from './schema.js';

/** Inputs kept for prediction; if the server consumes none of so many, they were lost. */
const MAX_PENDING = 240;
/** Below the protocol's 64 runs per message. */
const MAX_RUNS = 32;
/** The protocol's longest run. */
const MAX_RUN = 1200;

/** @typedef {Record<string, number | boolean | string>} InputValues */

export class InputTimeline {
  /** @param {readonly import('./schema.js').Field[]} fields */
  constructor(fields) {
    this.fields = fields.map((field) => new FieldPlan(field));
    /** The values that the page holds, in quanta. */
    this.held = Int32Array.from(this.fields, (field) => field.saturate(0));
    this.foreseen = this.held.slice();
    /** The values of an input by name, for predictors. @type {Record<string, number>} */
    this.names = {};
    /** What the next input alone has instead, by column. @type {Map<number, number>} */
    this.pressed = new Map();
    /** The values of the newest input. @type {Int32Array} */
    this.last = this.held.slice();
    /** The number of the newest input. */
    this.made = 0;
    /** The number of the last input that the server consumed; may exceed `made`, because the server counts repetitions. */
    this.consumed = 0;
    /** Values of the newest inputs that are not consumed, in order. @type {Int32Array[]} */
    this.pending = [];
    /** Inputs not sent yet: the number of those equal to the last one sent, and the runs after them. */
    this.unsentHeld = 0;
    /** @type {{ count: number, values: Int32Array }[]} */
    this.unsentRuns = [];
    /** Values of the last consumed input. @type {Int32Array} */
    this.base = this.last;
    /** Ticks at which the server repeated an input and which no later input has settled, as derived from its frames. */
    this.repeats = 0;
    /** Those of them that no input will settle, because inputs arrived too late or were never made. */
    this.rest = 0;
  }

  get hasUnsent() {
    return this.unsentHeld > 0 || this.unsentRuns.length > 0;
  }

  /**
   * Holds values until they are set again. Fields that are not named keep their values.
   * @param {InputValues} values in units
   */
  set(values) {
    for (const [column, quanta] of this.#quanta(values)) this.held[column] = quanta;
  }

  /**
   * Sets values for exactly one input.
   * @param {InputValues} values in units
   */
  press(values) {
    for (const [column, quanta] of this.#quanta(values)) this.pressed.set(column, quanta);
  }

  /** The values of the next input if the page changes nothing. Reused. */
  get upcoming() {
    this.foreseen.set(this.held);
    for (const [column, quanta] of this.pressed) this.foreseen[column] = quanta;
    return this.foreseen;
  }

  /** The values of an input by name, in quanta. Reused. @param {Int32Array} values */
  named(values) {
    for (let column = 0; column < values.length; column++) this.names[this.fields[column].name] = values[column];
    return this.names;
  }

  /**
   * Makes the input of a client tick.
   * @returns {boolean} whether it differs from the one before
   */
  make() {
    const values = this.held.slice();
    for (const [column, quanta] of this.pressed) values[column] = quanta;
    this.pressed.clear();
    const first = this.made === 0;
    const changed = first || values.some((value, column) => value !== this.last[column]);
    if (changed) this.last = values;
    this.made += 1;
    this.pending.push(this.last);
    if (this.pending.length > MAX_PENDING || this.made <= this.consumed) this.#drop(1);
    const run = this.unsentRuns.at(-1);
    if (!run && !changed && this.unsentHeld < MAX_RUN) this.unsentHeld += 1;
    else if (run?.values === this.last && run.count < MAX_RUN) run.count += 1;
    else this.unsentRuns.push({ count: 1, values: this.last });
    return changed || this.unsentRuns.length >= MAX_RUNS;
  }

  /**
   * The unsent inputs as a message, which counts as sent.
   * @param {import('./messages.js').Ack} ack
   * @param {number} epoch
   * @param {number | null} view
   * @returns {import('./messages.js').Inputs}
   */
  take(ack, epoch, view) {
    const { unsentHeld: held, unsentRuns: runs, fields } = this;
    this.unsentHeld = 0;
    this.unsentRuns = [];
    return { type: 'inputs', ack, epoch, view, held, runs, fields };
  }

  /**
   * Takes the counts of a frame: inputs consumed, ticks advanced, and inputs superseded (dropped unused).
   * @param {number} count
   * @param {number} ticks
   * @param {number} superseded
   */
  settle(count, ticks, superseded) {
    const { base } = this;
    const started = this.consumed > 0;
    this.consumed += count;
    const oldest = this.made - this.pending.length;
    this.#drop(Math.min(Math.max(0, this.consumed - oldest), this.pending.length));
    this.repeats = started ? Math.max(0, this.repeats + ticks - (count - superseded)) : 0;
    // A changed input is sent at once with all inputs before it, so repetitions left when it is consumed stay unsettled.
    if (this.base !== base) this.rest = this.repeats;
  }

  /**
   * Counts client ticks without an input: the server will have repeated the last one.
   * @param {number} ticks
   */
  skip(ticks) {
    this.rest += ticks;
  }

  /**
   * The inputs whose effect the newest frame does not include yet, in order. Unchanged inputs are sent late. Until then the
   * server repeats the last one, so the frame may include more of them than it counts as consumed.
   */
  unapplied() {
    let shown = 0;
    while (shown < this.repeats - this.rest && this.pending[shown] === this.base) shown += 1;
    return this.pending.slice(shown);
  }

  /** @param {number} count */
  #drop(count) {
    if (count === 0) return;
    this.base = this.pending[count - 1];
    this.pending.splice(0, count);
  }

  /**
   * @param {InputValues} values
   * @returns {[column: number, quanta: number][]}
   */
  #quanta(values) {
    return Object.entries(values).map(([name, value]) => {
      const column = this.fields.findIndex((field) => field.name === name);
      if (column < 0) throw new RangeError(`the input has no field ${JSON.stringify(name)}: ${listed(this.fields.map((field) => field.name))}`);
      return [column, this.fields[column].toQuanta(value)];
    });
  }
}
