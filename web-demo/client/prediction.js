// Prediction of the own avatar: the game's predictor applies the client's inputs at once. Each frame corrects it: the inputs
// that the frame does not include yet are replayed on top of the frame's state.
//
// What is drawn lies between the state after the newest input and the one that the input held now will lead to, so an input shows in the
// next picture. When a replay ends at another state than predicted, or the player changes the input in the middle of a client tick, the
// difference fades instead of jumping; after a correction its speed does, too.

import { between, gap, onCircle } from './interpolation.js';
import { rethrow } from './listeners.js';
import { PredictedEvents } from './predicted-events.js';

/** How long a difference takes to fade. */
const FADE_MS = 150;

/**
 * The rules of the game for one avatar, in integers. A property of the state with the name of a schema field is the value of
 * that field, in quanta; alternatively, `write` sets the values of the fields. The input has its values by name, in quanta, and is
 * reused: a state must not keep it. Without `copy`, the properties of a state are copied. A predictor that throws predicts
 * nothing until the next frame. What `step` returns, if anything, is what the avatar does by this input besides moving, such as a throw:
 * an object of the game's, which `onPredicted` receives.
 * @template [S=any]
 * @template {import('./game.js').GameTypes} [G=import('./game.js').AnyGame]
 * @typedef {{
 *   read(entity: import('./state.js').AnyEntity): S,
 *   step(state: S, input: { readonly [K in keyof G['input']]: number }): unknown,
 *   copy?(from: S, to: S): void,
 *   write?(state: S, values: Float64Array): void,
 * }} Predictor
 */

export class Prediction {
  /**
   * @param {Predictor} predictor
   * @param {() => Pick<import('./inputs.js').InputTimeline, 'named' | 'upcoming'> | null} inputs where inputs are made; null when none will be
   * @param {(event: import('./predicted-events.js').PredictedEvent) => void} [tell] of what the avatar does
   */
  constructor(predictor, inputs, tell = () => {}) {
    this.predictor = predictor;
    this.inputs = inputs;
    this.events = new PredictedEvents(tell);
    /** How many inputs were made since this prediction began. */
    this.made = 0;
    /** @type {import('./state.js').AnyEntity | null} */
    this.entity = null;
    /** The input that `next` includes. */
    this.ahead = new Int32Array(0);
    /** After the newest input. @type {any} */
    this.current = null;
    /** After the one that will be made next. @type {any} */
    this.next = null;
    /** When the newest input was made, and the time to the next one. */
    this.steppedAt = 0;
    this.span = 1;
    /** The visible difference when it began to fade, by column, and its speed per millisecond. */
    this.error = new Float64Array(0);
    this.drift = new Float64Array(0);
    this.correctedAt = -Infinity;
    /** The largest difference of the last correction, in units. */
    this.size = 0;
    this.from = new Float64Array(0);
    this.to = new Float64Array(0);
    /** The values shown just before a change, and those that would be shown without fading; and the speeds of both. */
    this.shown = new Float64Array(0);
    this.settled = new Float64Array(0);
    this.speed = new Float64Array(0);
  }

  get active() {
    return this.entity !== null;
  }

  stop() {
    this.entity = this.current = this.next = null;
    this.events.stop();
  }

  /**
   * Applies the input of a client tick.
   * @param {Int32Array} input
   * @param {number} at when it was due
   * @param {number} span milliseconds to the next one
   */
  step(input, at, span) {
    this.steppedAt = at;
    this.span = span;
    this.made += 1;
    if (!this.active) return;
    this.#attempt(() => {
      this.events.foresee(this.made, this.#apply(this.current, input), at);
      this.#lookAhead(at);
      return true;
    });
  }

  /** Handles that the player has changed the input that will be made next. @param {number} now */
  steered(now) {
    // A page may set its input anew for every picture.
    if (!this.active || isSame(this.ahead, this.inputs()?.upcoming ?? null)) return;
    this.#attempt(() => {
      this.show(now, this.shown);
      this.#lookAhead(now);
      this.#fade(now, false);
      return true;
    });
  }

  /**
   * Takes the avatar's state from a frame of the server.
   * @param {import('./state.js').AnyEntity} entity
   * @param {readonly Int32Array[]} inputs those that the frame does not include yet
   * @param {number} now
   * @param {boolean} snap the server moved the avatar on purpose: show it there at once
   * @returns {boolean} whether the prediction was wrong
   */
  reconcile(entity, inputs, now, snap) {
    return this.#attempt(() => this.#replay(entity, inputs, now, snap));
  }

  /**
   * @param {import('./state.js').AnyEntity} entity
   * @param {readonly Int32Array[]} inputs
   * @param {number} now
   * @param {boolean} snap
   */
  #replay(entity, inputs, now, snap) {
    const fresh = this.entity !== entity;
    if (fresh) this.#begin(entity);
    const replayed = this.predictor.read(entity);
    const included = this.made - inputs.length;
    inputs.forEach((input, index) => this.events.replayed(included + index + 1, this.#apply(replayed, input)));
    this.events.included(included);
    const wrong = Object.keys(replayed).some((key) => replayed[key] !== this.current[key]);
    // A correct prediction stays as it is, with an older error that is still fading.
    if (!wrong && !snap) return false;
    this.show(now, this.shown);
    this.#motion(now, this.speed);
    this.current = replayed;
    this.#lookAhead(now);
    if (snap || fresh) {
      this.error.fill(0);
      this.drift.fill(0);
    } else this.#fade(now, true);
    return wrong && !fresh;
  }

  /**
   * Writes the values to draw, in quanta.
   * @param {number} now
   * @param {Float64Array} out
   */
  show(now, out) {
    if (this.entity === null) return;
    const part = Math.min(1, Math.max(0, (now - this.steppedAt) / this.span));
    this.#write(this.current, this.from);
    this.#write(this.next, this.to);
    const { fields } = this.entity.plan;
    for (let column = 0; column < fields.length; column++) {
      const value = between(fields[column], this.from[column], this.to[column], part);
      out[column] = onCircle(fields[column], value + this.offset(column, now));
    }
  }

  /** How far a value is drawn from where it is predicted. @param {number} column @param {number} now */
  offset(column, now) {
    const part = (now - this.correctedAt) / FADE_MS;
    if (part >= 1) return 0;
    const left = 1 - Math.max(0, part);
    // Ends at nothing, and at rest.
    return left * left * ((1 + 2 * part) * this.error[column] + part * FADE_MS * this.drift[column]);
  }

  /**
   * Calls the predictor. An error in it must not stop the events of a frame or the inputs to the server.
   * @param {() => boolean} work
   */
  #attempt(work) {
    let done = false;
    try {
      done = work();
    } catch (error) {
      this.stop();
      rethrow(error);
    }
    this.events.flush();
    return done;
  }

  /** @param {import('./state.js').AnyEntity} entity */
  #begin(entity) {
    this.entity = entity;
    this.current = this.predictor.read(entity);
    this.next = this.predictor.read(entity);
    const width = entity.values.length;
    this.error = new Float64Array(width);
    this.drift = new Float64Array(width);
    this.from = new Float64Array(width);
    this.to = new Float64Array(width);
    this.shown = new Float64Array(width);
    this.settled = new Float64Array(width);
    this.speed = new Float64Array(width);
  }

  /** @param {number} now */
  #lookAhead(now) {
    if (this.predictor.copy) this.predictor.copy(this.current, this.next);
    else Object.assign(this.next, this.current);
    const input = this.inputs()?.upcoming;
    if (!input) return;
    if (this.ahead.length !== input.length) this.ahead = new Int32Array(input.length);
    this.ahead.set(input);
    this.events.foresee(this.made + 1, this.#apply(this.next, input), now);
  }

  /** @param {any} state @param {Int32Array} input */
  #apply(state, input) {
    const inputs = this.inputs();
    return inputs ? this.predictor.step(state, inputs.named(input)) : null;
  }

  /** How fast values are drawn to move, per millisecond. @param {number} now @param {Float64Array} out */
  #motion(now, out) {
    if (this.entity === null) return;
    const { fields } = this.entity.plan;
    this.#write(this.current, this.from);
    this.#write(this.next, this.to);
    for (let column = 0; column < fields.length; column++) {
      const drift = this.offset(column, now + 1) - this.offset(column, now);
      out[column] = fields[column].continuous ? gap(fields[column], this.from[column], this.to[column]) / this.span + drift : 0;
    }
  }

  /**
   * Turns the difference between the values shown before and now into one that fades.
   * @param {number} now
   * @param {boolean} drifts whether its speed fades, too
   */
  #fade(now, drifts) {
    if (this.entity === null) return;
    const { fields } = this.entity.plan;
    this.error.fill(0);
    this.drift.fill(0);
    this.correctedAt = now;
    this.show(now, this.settled);
    if (drifts) {
      this.#motion(now, this.to);
      this.size = 0;
    }
    for (let column = 0; column < fields.length; column++) {
      // Where the player turns is what the player sees at once.
      if (!fields[column].continuous || (!drifts && fields[column].wraps)) continue;
      this.error[column] = gap(fields[column], this.settled[column], this.shown[column]);
      if (!drifts) continue;
      this.drift[column] = this.speed[column] - this.to[column];
      const { shape, wraps } = fields[column];
      if (!wraps) this.size = Math.max(this.size, Math.abs(this.error[column]) / (shape.type === 'fixed' ? shape.perUnit : 1));
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

/** @param {Int32Array} ahead @param {Int32Array | null} input */
function isSame(ahead, input) {
  return input !== null && ahead.length === input.length && input.every((value, column) => value === ahead[column]);
}
