// The client as a whole against a seeded hostile server: nothing throws out of a handler, no message takes long, connections are
// few, and in the end the room plays on with an honest server or has ended with a reason.
//
// `TICKWIRE_SEED=7` repeats one seed, `TICKWIRE_HOSTILE_SEEDS` sets how many are run (2,000), `TICKWIRE_FIRST_SEED` where to start (0).

import assert from 'node:assert/strict';
import { once } from 'node:events';
import test from 'node:test';
import { Worker } from 'node:worker_threads';

const one = process.env.TICKWIRE_SEED;
const first = Number(one ?? process.env.TICKWIRE_FIRST_SEED ?? 0);
const seeds = one === undefined ? Number(process.env.TICKWIRE_HOSTILE_SEEDS ?? 2000) : 1;
/** How many seeds it takes for all endings to have happened often. */
const FULL = 2000;

test('whatever a server says, the client stays within its bounds and the room ends with a reason or plays on', async (t) => {
  const worker = new Worker(new URL('./support/hostile-seeds.js', import.meta.url), { workerData: { first, seeds } });
  const [{ failed, seen }] = await once(worker, 'message');
  assert.deepEqual(failed?.failures ?? [], [], `TICKWIRE_SEED=${failed?.seed}`);
  t.diagnostic(JSON.stringify(seen));
  if (seeds >= FULL) for (const [what, count] of Object.entries(seen)) assert.ok(count > 200, `${what} happened ${count} times`);
});
