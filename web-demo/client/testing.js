// For tests of pages: whether a predictor moves the own avatar by the rule of the game. The steps are those that `testing::Steps`
// recorded of the rule in Rust.

import { listed } from './game.js';

/**
 * The parsed file.
 * @typedef {{ kind: string, fields: string[], inputs: string[], runs: StepRun[] }} Steps
 *
 * One sequence of steps. Columns are pairs of a value and how often it follows.
 * @typedef {{ rate: number, setup: Record<string, string>, count: number, start: number[], acted: number[], placed: number[][],
 *   inputs: number[][], changes: number[][] }} StepRun
 */

/**
 * Runs a predictor against recorded steps, as a room would: it reads where the avatar is when something else than the rule moved it, and
 * steps for each input.
 * @template {object} S
 * @template {import('./game.js').GameTypes} [G=import('./game.js').AnyGame]
 * @param {Steps} steps
 * @param {(run: { rate: number, setup: Record<string, string> }) => import('./prediction.js').Predictor<S, G>} predictorOf
 * @returns {{ steps: number, fields: string[] }} how many steps were equal, and which fields the predictor has
 * @throws {Error} at the first difference, with the step, the input and both values
 */
export function checkSteps(steps, predictorOf) {
  const fields = new Set();
  let count = 0;
  steps.runs.forEach((run, index) => {
    const check = new RunCheck(steps, run, predictorOf({ rate: run.rate, setup: run.setup }), `run ${index + 1} (${about(run)})`);
    for (let step = 1; step <= run.count; step++) check.take(step);
    for (const field of check.compared) fields.add(field);
    count += run.count;
  });
  if (fields.size === 0) throw new Error(`the predictor has no field of ${steps.kind}: ${listed(steps.fields)}`);
  return { steps: count, fields: [...fields] };
}

/** @param {StepRun} run */
function about({ rate, setup }) {
  return [`${rate} Hz`, ...Object.entries(setup).map(([key, value]) => `${key} ${value}`)].join(', ');
}

class RunCheck {
  /**
   * @param {Steps} steps
   * @param {StepRun} run
   * @param {import('./prediction.js').Predictor<any, any>} predictor
   * @param {string} where
   */
  constructor({ kind, fields, inputs }, run, predictor, where) {
    this.kind = kind;
    this.fields = fields;
    this.inputs = inputs;
    this.predictor = predictor;
    this.where = where;
    this.columns = { inputs: run.inputs.map(values), changes: run.changes.map(values) };
    this.placed = new Map(run.placed.map(([step, ...row]) => [step, row]));
    this.acted = new Set(run.acted);
    /** The avatar in the game. */
    this.row = run.start;
    this.state = this.#read();
    /** The client looks one input ahead, with a copy that it keeps. */
    this.ahead = this.#read();
    /** Fields of which the predictor has a value. @type {Set<string>} */
    this.compared = new Set();
  }

  /** @param {number} step counted from 1 */
  take(step) {
    const before = this.placed.get(step) ?? this.row;
    if (before !== this.row) {
      this.row = before;
      this.state = this.#read();
    }
    const input = Object.fromEntries(this.inputs.map((name, column) => [name, this.columns.inputs[column][step - 1]]));
    if (this.predictor.copy) this.predictor.copy(this.state, this.ahead);
    else Object.assign(this.ahead, this.state);
    this.predictor.step(this.ahead, input);
    const acts = this.predictor.step(this.state, input);
    this.row = before.map((value, column) => value + this.columns.changes[column][step - 1]);
    const fail = (/** @type {string} */ what) => {
      throw new Error(`${this.where}, step ${step}: ${what}. Before it: ${told(this.fields, before)}. Input: ${told(this.inputs, Object.values(input))}`);
    };
    const [own, copied] = [this.#values(this.state), this.#values(this.ahead)];
    for (const [column, field] of this.fields.entries()) {
      if (own[column] !== this.row[column] && !Number.isNaN(own[column])) fail(`${field} is ${own[column]}, and ${this.row[column]} in the game`);
      if (own[column] !== copied[column] && !(Number.isNaN(own[column]) && Number.isNaN(copied[column]))) fail(`${field} is ${copied[column]} from a copy, and ${own[column]} without: copy() lacks something`);
    }
    const did = acts !== null && acts !== undefined;
    if (did !== this.acted.has(step)) fail(did ? 'step() returns something, and the avatar only moved in the game' : 'step() returns nothing, and the avatar did something in the game');
  }

  #read() {
    const raw = (/** @type {string} */ field) => {
      const column = this.fields.indexOf(field);
      if (column < 0) throw new RangeError(`${this.kind} has no field ${JSON.stringify(field)}: ${listed(this.fields)}`);
      return this.row[column];
    };
    return this.predictor.read(/** @type {any} */ ({ kind: this.kind, raw }));
  }

  /** The values that a state shows, by column; NaN where it has none. @param {any} state */
  #values(state) {
    const shown = Float64Array.from(this.fields, (field) => (typeof state[field] === 'number' ? state[field] : NaN));
    if (this.predictor.write) {
      shown.fill(NaN);
      this.predictor.write(state, shown);
    }
    const rounded = shown.map((value) => Math.round(value));
    this.fields.forEach((field, column) => { if (!Number.isNaN(rounded[column])) this.compared.add(field); });
    return this.predictor.write ? rounded : shown;
  }
}

/** @param {string[]} names @param {number[]} row */
function told(names, row) {
  return names.map((name, column) => `${name} ${row[column]}`).join(', ');
}

/** Each value as often as it follows. @param {number[]} pairs */
function values(pairs) {
  /** @type {number[]} */
  const all = [];
  for (let at = 0; at < pairs.length; at += 2) {
    for (let times = 0; times < pairs[at + 1]; times++) all.push(pairs[at]);
  }
  return all;
}
