// Prediction of the own avatar: the game's predictor applies the client's inputs at once. Each frame corrects it: the inputs
// that the frame does not include yet are replayed on top of the frame's state.
//
// The drawn position lies between the last two predicted client ticks. When a replay ends at another state than predicted, the
// visible error fades out instead of jumping.

import { between, gap, onCircle } from './interpolation.js';
import { rethrow } from './listeners.js';

/** How long a correction takes to fade. */
const FADE_MS = 100;

/**
 * The rules of the game for one avatar, in integers. A property of the state with the name of a schema field is the value of
 * that field, in quanta; alternatively, `write` sets the values of the fields. A predictor that throws predicts
 * nothing until the next frame.
 * @typedef {Record<string, number>} PredictedState
 * @typedef {{
 *   read(entity: import('./state.js').AnyEntity): any,
 *   step(state: any, input: Int32Array): void,
 *   copy(from: any, to: any): void,
 *   write?(state: any, values: Float64Array): void,
 * }} Predictor
 */

export class Prediction {
  /** @param {Predictor} predictor */
  constructor(predictor) {
    this.predictor = predictor;
    /** @type {import('./state.js').AnyEntity | null} */
    this.entity = null;
    /** After the newest input. @type {any} */
    this.current = null;
    /** After the one before. @type {any} */
    this.previous = null;
    /** Becomes `previous` when a replay shows that the prediction was wrong. @type {any} */
    this.before = null;
    /** When the newest input was made. */
    this.steppedAt = 0;
    /** The visible error at the last correction, by column. */
    this.error = new Float64Array(0);
    this.correctedAt = -Infinity;
    this.from = new Float64Array(0);
    this.to = new Float64Array(0);
    /** The values shown just before a correction, and those that would be shown without fading. */
    this.shown = new Float64Array(0);
    this.settled = new Float64Array(0);
  }

  get active() {
    return this.entity !== null;
  }

  stop() {
    this.entity = this.current = this.previous = this.before = null;
  }

  /**
   * Applies the input of a client tick.
   * @param {Int32Array} input
   * @param {number} at when it was due
   */
  step(input, at) {
    this.steppedAt = at;
    if (!this.active) return;
    this.#attempt(() => {
      this.predictor.copy(this.current, this.previous);
      this.predictor.step(this.current, input);
      return true;
    });
  }

  /**
   * Takes the avatar's state from a frame of the server.
   * @param {import('./state.js').AnyEntity} entity
   * @param {readonly Int32Array[]} inputs those that the frame does not include yet
   * @param {number} now
   * @param {number} period milliseconds per client tick
   * @param {boolean} snap the server moved the avatar on purpose: show it there at once
   * @returns {boolean} whether the prediction was wrong
   */
  reconcile(entity, inputs, now, period, snap) {
    return this.#attempt(() => this.#replay(entity, inputs, now, period, snap));
  }

  /**
   * @param {import('./state.js').AnyEntity} entity
   * @param {readonly Int32Array[]} inputs
   * @param {number} now
   * @param {number} period
   * @param {boolean} snap
   */
  #replay(entity, inputs, now, period, snap) {
    const fresh = this.entity !== entity;
    if (fresh) this.#begin(entity);
    const replayed = this.predictor.read(entity);
    this.predictor.copy(replayed, this.before);
    for (const input of inputs) {
      this.predictor.copy(replayed, this.before);
      this.predictor.step(replayed, input);
    }
    const wrong = Object.keys(replayed).some((key) => replayed[key] !== this.current[key]);
    // A correct prediction stays as it is, with an older error that is still fading.
    if (!wrong && !snap) return false;
    this.show(now, period, this.shown);
    this.current = replayed;
    [this.previous, this.before] = [this.before, this.previous];
    this.#fade(now, period, snap || fresh);
    return wrong && !fresh;
  }

  /**
   * Writes the values to draw, in quanta.
   * @param {number} now
   * @param {number} period
   * @param {Float64Array} out
   */
  show(now, period, out) {
    if (this.entity === null) return;
    const part = Math.min(1, Math.max(0, (now - this.steppedAt) / period));
    const left = Math.max(0, 1 - (now - this.correctedAt) / FADE_MS);
    this.#write(this.previous, this.from);
    this.#write(this.current, this.to);
    const { fields } = this.entity.plan;
    for (let column = 0; column < fields.length; column++) {
      const value = between(fields[column], this.from[column], this.to[column], part);
      out[column] = onCircle(fields[column], value + this.error[column] * left);
    }
  }

  /**
   * Calls the predictor. An error in it must not stop the events of a frame or the inputs to the server.
   * @param {() => boolean} work
   */
  #attempt(work) {
    try {
      return work();
    } catch (error) {
      this.stop();
      rethrow(error);
      return false;
    }
  }

  /** @param {import('./state.js').AnyEntity} entity */
  #begin(entity) {
    this.entity = entity;
    this.current = this.predictor.read(entity);
    this.previous = this.predictor.read(entity);
    this.before = this.predictor.read(entity);
    const width = entity.values.length;
    this.error = new Float64Array(width);
    this.from = new Float64Array(width);
    this.to = new Float64Array(width);
    this.shown = new Float64Array(width);
    this.settled = new Float64Array(width);
  }

  /**
   * Turns the difference between the values shown before and now into a fading error.
   * @param {number} now
   * @param {number} period
   * @param {boolean} snap
   */
  #fade(now, period, snap) {
    this.error.fill(0);
    this.correctedAt = now;
    if (snap || this.entity === null) return;
    const { fields } = this.entity.plan;
    this.show(now, period, this.settled);
    for (let column = 0; column < fields.length; column++) {
      if (fields[column].continuous) this.error[column] = gap(fields[column], this.settled[column], this.shown[column]);
    }
  }

  /** @param {any} state @param {Float64Array} values */
  #write(state, values) {
    if (this.entity === null) return;
    values.set(this.entity.values);
    if (this.predictor.write) {
      this.predictor.write(state, values);
      return;
    }
    const { fields } = this.entity.plan;
    for (let column = 0; column < fields.length; column++) {
      const value = state[fields[column].name];
      if (typeof value === 'number') values[column] = value;
    }
  }
}
