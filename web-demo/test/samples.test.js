// The golden vectors of where an entity is drawn between its samples and beyond them, which the Rust client reads, too.
// UPDATE_GOLDEN=1 writes them.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import test from 'node:test';

import { History } from '../client/history.js';
import { advance } from '../client/motion.js';
import { planSchema } from '../client/schema.js';
import { schema } from './support/golden.js';
import { dice } from './support/random.js';

const GOLDEN = new URL('../../tests/golden/samples.json', import.meta.url);
const PERIOD = 50;
const DEPTH = 16;

const number = { Int: { min: -20_000, max: 20_000 } };
const field = (name, shape, motion) => ({ name, shape, motion });
/** In the form that the Rust crate reads. */
const KINDS = [
  { name: 'smooth', fields: [field('x', number, 'Smooth'), field('y', { Fixed: { min: -9000, max: 9000, per_unit: 100 } }, 'Smooth'), field('turn', { Angle: { bits: 8 } }, 'Smooth'), field('hp', number, 'Hold')] },
  { name: 'steered', fields: [field('x', number, { Along: { heading: 2 } }), field('y', number, { Across: { heading: 2 } }), field('heading', { Angle: { bits: 10 } }, 'Linear'), field('knock', number, 'Fade'), field('on', 'Bool', 'Hold')] },
];

/** Moves a row by a tick, at random, with its motion. */
function move(plan, row, { below, one }) {
  const next = row.slice();
  plan.fields.forEach((each, column) => {
    const step = each.name === 'knock' ? -Math.trunc(row[column] / 3) : one(0.1) ? below(200) - 100 : below(13) + 20;
    if (!each.motion) next[column] = one(0.1) ? each.saturate(below(50)) : row[column];
    else if (!one(0.15)) next[column] = each.saturate(row[column] + (each.name === 'knock' && one(0.1) ? 900 : step));
  });
  for (const column of plan.moving) advance(plan.fields[column], row, 0, next, 0, column);
  return next;
}

/** An entity whose frames come with gaps, twice, or late; which is placed now and then; and which is drawn at uneven moments. */
function recorded(plans, kind, seed) {
  const plan = plans[kind];
  const chance = dice(seed);
  const history = new History(plan, DEPTH, PERIOD);
  let row = new Int32Array(plan.stride);
  const out = new Float64Array(plan.fields.length);
  const speed = new Float64Array(2);
  const steps = [];
  let shown = -1.5;
  let dry = 0;
  for (let tick = 1; tick <= 120; tick++) {
    const cut = chance.one(0.04);
    row = move(plan, row, chance);
    if (cut) {
      row[0] = plan.fields[0].saturate(row[0] + 5000);
      row.fill(0, plan.fields.length);
    }
    dry = dry > 0 ? dry - 1 : tick > 1 && chance.one(0.05) ? chance.below(30) : 0;
    if (dry === 0 || cut) {
      history.push(tick, row, 0, cut);
      steps.push({ push: tick, cells: [...row], cut });
      if (chance.one(0.05)) {
        history.push(tick, row, 0, false);
        steps.push({ push: tick, cells: [...row], cut: false });
      }
    }
    for (let pictures = chance.below(3); pictures >= 0; pictures--) {
      shown += Math.max(0, (tick - 1.2 - shown) * chance.next());
      history.sample(shown, out);
      const known = history.pace(0, 1, speed);
      steps.push({ sample: shown, values: [...out], speed: known ? [...speed] : null });
    }
  }
  return { kind, period: PERIOD, depth: DEPTH, steps };
}

test('the vectors say where an entity is drawn', () => {
  const plans = planSchema(schema(KINDS));
  const cases = [0, 1].flatMap((kind) => [1, 2, 3].map((seed) => recorded(plans, kind, 10 * seed + kind)));
  const text = `{"kinds":${JSON.stringify(KINDS)},"cases":[\n${cases.map((each) => JSON.stringify(each)).join(',\n')}\n]}\n`;
  if (process.env.UPDATE_GOLDEN) writeFileSync(GOLDEN, text);
  assert.ok(readFileSync(GOLDEN, 'utf8') === text, 'samples.json: the history says something else than the vectors');
});
