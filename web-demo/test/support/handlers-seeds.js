// Runs seeds of the handlers' world in a worker of its own: under the test runner's hooks every promise costs several times as much.

import { parentPort, workerData } from 'node:worker_threads';

import { World } from './handlers-world.js';
import { dice } from './random.js';

/** What handlers threw, by way of the client, which throws it again in a microtask. */
const thrown = [];
const real = globalThis.queueMicrotask;
globalThis.queueMicrotask = (call) => real(() => {
  try {
    call();
  } catch (error) {
    thrown.push(error);
  }
});

const { first, seeds, isTold } = workerData;
const seen = {};
let failed = null;
for (let seed = first; seed < first + seeds && !failed; seed++) {
  const world = new World(dice(seed), thrown, isTold);
  await world.run();
  if (world.failures.length > 0 || isTold) failed = { seed, failures: world.failures, story: world.story };
  for (const [what, count] of Object.entries(world.seen)) seen[what] = (seen[what] ?? 0) + count;
}
parentPort.postMessage({ failed, seen });
