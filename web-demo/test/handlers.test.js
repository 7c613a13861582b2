// A seeded world in virtual time: pages that join, listen, reload, leave and cancel at random, against a model of the server
// over connections that coalesce, break and come back. An oracle judges what the handlers heard: each event exactly once and in
// order, or within a gap that was told; and that nothing is left at the end.
//
// `TICKWIRE_SEED=7` repeats one seed and prints what happened, `TICKWIRE_SEEDS` sets how many are run (10,000), `TICKWIRE_FIRST_SEED`
// where to start (0).

import assert from 'node:assert/strict';
import { once } from 'node:events';
import test from 'node:test';
import { Worker } from 'node:worker_threads';

const one = process.env.TICKWIRE_SEED;
const first = Number(one ?? process.env.TICKWIRE_FIRST_SEED ?? 0);
const seeds = one === undefined ? Number(process.env.TICKWIRE_SEEDS ?? 10_000) : 1;
/** What has to have happened for a run of so many seeds to mean something. */
const FULL = 10_000;

test('handlers hear every event once and in order, whatever pages and connections do', async (t) => {
  const worker = new Worker(new URL('./support/handlers-seeds.js', import.meta.url), { workerData: { first, seeds, isTold: one !== undefined } });
  const [{ failed, seen }] = await once(worker, 'message');
  for (const line of failed?.story ?? []) t.diagnostic(line);
  assert.deepEqual(failed?.failures ?? [], [], `TICKWIRE_SEED=${failed?.seed}`);
  t.diagnostic(JSON.stringify(seen));
  if (seeds >= FULL) for (const [what, count] of Object.entries(seen)) assert.ok(count > 500, `${what} happened ${count} times`);
});
