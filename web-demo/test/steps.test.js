// A predictor against recorded steps: that of the game of tag, as its page has it, and others that are wrong in one way each, which the
// error names. `tests/tag.rs` records the steps.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';

import typescript from 'typescript';

import { checkSteps } from '../client/testing.js';

const read = (path) => readFileSync(new URL(`../../examples/pages/tag/${path}`, import.meta.url), 'utf8');
const steps = JSON.parse(read('steps.json'));
const { outputText } = typescript.transpileModule(read('rule.ts'), { compilerOptions: { module: 'ES2022', target: 'ES2022' } });
const { runnerAt } = await import(`data:text/javascript,${encodeURIComponent(outputText)}`);

/** @param {object} change members of a predictor in place of those of tag's */
const changed = (change) => () => checkSteps(steps, ({ rate }) => {
  const rule = runnerAt(rate);
  return { ...rule, ...change(rule, rate) };
});

test('the page of tag predicts by the rule of the game', () => {
  assert.deepEqual(checkSteps(steps, ({ rate }) => runnerAt(rate)), { steps: 3000, fields: ['x', 'y', 'boost', 'stuck'] });
  assert.deepEqual(changed(() => ({ copy: (from, to) => Object.assign(to, from) }))().steps, 3000);
});

test('whatever differs is named, with what was before it', () => {
  const slow = (rule) => ({ step: (own, input) => rule.step(own, { ...input, right: 0 }) });
  assert.throws(changed(slow), /^Error: run 1 \(10 Hz\), step \d+: x is \d+, and \d+ in the game\. Before it: x \d+, y \d+, team \d, boost \d+, stuck \d+\. Input: right -?1, down -?\d$/);
  const eager = (rule) => ({ step: (own, input) => (rule.step(own, input), {}) });
  assert.throws(changed(eager), /step 1: step\(\) returns something, and the avatar only moved in the game/);
  const late = (rule, rate) => (rate === 60 ? { step: (own, input) => (rule.step(own, input), void (own.stuck = 0)) } : {});
  assert.throws(changed(late), /^Error: run 3 \(60 Hz\), step \d+: stuck is 0, and \d+ in the game/);
  assert.throws(changed(() => ({ copy: (from, to) => { to.x = from.x; to.y = from.y; } })), /from a copy, and .* without: copy\(\) lacks something/);
  assert.throws(changed(() => ({ read: (own) => ({ z: own.raw('z') }) })), { name: 'RangeError', message: 'runner has no field "z": this game has x, y, team, boost, stuck' });
  assert.throws(changed(() => ({ read: () => ({ place: 1 }), step: () => {} })), /the predictor has no field of runner: this game has x, y, team, boost, stuck/);
});

test('a finer state is compared by what it writes, and what it does by whether the avatar did it', () => {
  const one = { kind: 'dot', fields: ['x', 'y'], inputs: ['dx'] };
  const run = { rate: 20, setup: { map: 'yard' }, count: 4, start: [5, 0], acted: [3], placed: [[4, 50, 0]], inputs: [[1, 4]], changes: [[0, 1, 1, 1, 0, 1, 1, 1], [0, 4]] };
  const finer = (throwsAt) => ({
    read: (own) => ({ half: own.raw('x') * 2, age: 0 }),
    step: (state, { dx }) => {
      state.half += dx;
      state.age += 1;
      return state.age === throwsAt ? { what: 'throw' } : null;
    },
    write: (state, values) => { values[0] = Math.trunc(state.half / 2); },
  });
  assert.throws(() => checkSteps({ ...one, runs: [run] }, () => finer(3)), /run 1 \(20 Hz, map yard\), step 4: x is 50, and 51 in the game/);
  const placed = { ...run, changes: [[0, 1, 1, 1, 0, 2], [0, 4]] };
  assert.deepEqual(checkSteps({ ...one, runs: [placed] }, () => finer(3)), { steps: 4, fields: ['x'] });
  assert.throws(() => checkSteps({ ...one, runs: [placed] }, () => finer(9)), /step 3: step\(\) returns nothing, and the avatar did something in the game/);
});
