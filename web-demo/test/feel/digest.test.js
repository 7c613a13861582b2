// Whether the feel digest tells the truth: it must name the players whose view was bad, in seeded worlds over all links.

import assert from 'node:assert/strict';
import test from 'node:test';

import { FeelMeter } from '../../client/feel-meter.js';
import { PROFILES } from '../../client/link.js';
import { clients, play } from './scenes.js';

const SEEDS = 12;
/** Milliseconds: an avatar that moves is drawn in one place for longer than that. */
const FROZEN = 150;

/** Ten seconds of one player: what was true of the view, and what the digest says. */
async function view(kind, profile, seed) {
  let meter = null;
  let end = 0;
  const { others } = await play(kind, {
    profile, seed, seconds: 10, others: 4,
    looks: (views, room, now, isMeasured) => {
      if (!isMeasured) return;
      meter ??= new FeelMeter(now);
      const { displayAge, bufferDepth } = room.stats;
      meter.picture(views, room.entity, now, displayAge, bufferDepth);
      end = now;
    },
  });
  const digest = meter.take(end + 1000, 0, 0);
  const isBad = others.jumps > 0 || others.longestFreeze > FROZEN;
  // Entities go on for 250 ms without a newer frame.
  const isNamed = digest[3] > 0 || digest[8] * 16 > 250 + FROZEN;
  return { isBad, isNamed, told: `${others.jumps} jumps and ${Math.round(others.longestFreeze)} ms frozen, told ${digest[3]} and ${digest[8] * 16} ms` };
}

test('the digest names the players whose view is bad, and no others', async (t) => {
  const { now } = await clients();
  const wrong = [];
  let bad = 0;
  let all = 0;
  for (const name of Object.keys(PROFILES)) {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const { isBad, isNamed, told } = await view(now, name, seed + 100);
      all += 1;
      bad += Number(isBad);
      if (isBad !== isNamed) wrong.push(`${name}, seed ${seed}: ${told}`);
    }
  }
  t.diagnostic(`${bad} of ${all} are bad; wrong of: ${wrong.join('; ')}`);
  assert.ok(bad >= 5 && bad <= all - 5, `${bad} of ${all}`);
  assert.ok(wrong.length <= 0.05 * all, wrong.join('\n'));
});
