// What the client must show of a game, measured over simulated links in virtual time: the demands, and the guide's tables.
// Needs the server in lockstep: `cargo build --example lockstep`. Nothing here is timed; every figure is that of a seed.

import assert from 'node:assert/strict';
import test, { before } from 'node:test';

import { measure, written, write } from './table.js';

let measured, byName;
before(async () => {
  measured = await measure();
  byName = new Map(measured.runs.map((run) => [run.name, run.now]));
});

test('the guide has the measured figures', () => {
  assert.equal(written(), write(measured), 'node test/feel/table.js --update writes them');
});

test('others neither jump nor move backwards nor freeze', () => {
  for (const name of ['lan', 'wifi', 'lte', 'spiky']) {
    const { jumps, backward, longestFreeze, steps } = byName.get(name).others;
    assert.deepEqual({ name, jumps, backward, steps: steps > 1000 }, { name, jumps: 0, backward: 0, steps: true });
    assert.ok(longestFreeze <= 100, `${name}: ${longestFreeze} ms`);
  }
});

test('others are closer to the truth, and smoother, than before and by fixed delays', () => {
  for (const { name, before: old, now } of measured.runs.slice(0, 6)) {
    for (const [way, other] of Object.entries({ before: old.others, fixed: now.fixed })) {
      assert.ok(now.others.error <= other.error + 0.002, `${name}, ${way}: ${now.others.error} and ${other.error} m`);
      assert.ok(now.others.stutter <= other.stutter + 0.01, `${name}, ${way}: ${now.others.stutter} and ${other.stutter}`);
    }
  }
});

test('an own input shows in the next picture, on every link', () => {
  for (const [name, { own }] of byName) {
    if (name !== 'train') assert.equal(own.delayMost, 0, name);
  }
});

test('corrections are hardly seen', () => {
  assert.ok(byName.get('rough').own.shiftP99 < 0.04, `${byName.get('rough').own.shiftP99}`);
  assert.ok(byName.get('rough, with hits').own.shiftMost < 0.25, `${byName.get('rough, with hits').own.shiftMost}`);
});

test('the view is right and smooth within 300 ms after an outage', () => {
  for (const { name, now } of measured.recoveries) assert.ok(now <= 300, `${name}: ${now} ms`);
});
