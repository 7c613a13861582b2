// Applies what the crate's `examples/soak` wrote to a file and compares hashes: `node web-demo/test/bench/soak.js FILE`.

import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';

import { planSchema } from '../../client/schema.js';
import { Zone } from '../../client/zone.js';
import { bytes, schema } from '../support/golden.js';

let zone = new Zone([]);
let pairs = 0;
let keyframes = 0;
for await (const line of createInterface({ input: createReadStream(process.argv[2]) })) {
  const step = JSON.parse(line);
  if (step.schema) {
    zone = new Zone(planSchema(schema(step.schema)));
    continue;
  }
  zone.applyDelta(bytes(step.delta));
  if (zone.hash() !== step.hash) throw new Error(`pair ${pairs}: another state`);
  pairs++;
  if (step.keyframe === null) continue;
  const fresh = new Zone(zone.plans);
  fresh.readKeyframe(bytes(step.keyframe));
  if (fresh.hash() !== step.hash) throw new Error(`pair ${pairs}: another keyframe`);
  keyframes++;
}
console.log(`${pairs} pairs and ${keyframes} keyframes: no mismatch`);
