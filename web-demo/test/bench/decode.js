// How long the browser's decoder takes: `node web-demo/test/bench/decode.js`. Rows of two smooth coordinates, a surprise in
// every one, against a keyframe: the bytes come from the golden file `crowd.json`.

import { planSchema } from '../../client/schema.js';
import { Zone } from '../../client/zone.js';
import { bytes, golden, schema } from '../support/golden.js';

const { schema: kinds, keyframe, deltas } = golden('crowd');
const plans = planSchema(schema(kinds));
const start = bytes(keyframe);
const chain = deltas.map(bytes);
const times = [];
for (let round = 0; round < 200; round++) {
  const zone = new Zone(plans);
  zone.readKeyframe(start);
  for (const delta of chain) {
    const before = performance.now();
    zone.applyDelta(delta);
    if (round >= 50) times.push(performance.now() - before);
  }
}
times.sort((a, b) => a - b);
const at = (share) => `${(times[Math.floor(share * (times.length - 1))] * 1000).toFixed(0)} us`;
const size = chain.reduce((sum, delta) => sum + delta.length, 0) / chain.length;
console.log(`1000 rows, ${size.toFixed(0)} bytes: median ${at(0.5)}, 10% ${at(0.1)}, 90% ${at(0.9)}, most ${at(1)}`);
