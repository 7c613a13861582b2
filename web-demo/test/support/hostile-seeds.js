// Runs seeds of the hostile server in a worker of its own: under the test runner's hooks every promise costs several times as much.

import { parentPort, workerData } from 'node:worker_threads';

import { HostileRun } from './hostile-server.js';

const { first, seeds } = workerData;
const seen = {};
let failed = null;
for (let seed = first; seed < first + seeds && !failed; seed++) {
  const run = new HostileRun(seed);
  await run.run();
  if (run.failures.length > 0) failed = { seed, failures: run.failures };
  for (const [what, count] of Object.entries(run.seen)) seen[what] = (seen[what] ?? 0) + count;
}
parentPort.postMessage({ failed, seen });
