// Zones against the golden vectors of the Rust side: every delta, keyframe and hash, a long walk, and broken payloads.

import assert from 'node:assert/strict';
import test from 'node:test';

import { DecodeError } from '../client/reader.js';
import { planSchema } from '../client/schema.js';
import { Zone } from '../client/zone.js';
import { bytes, golden, schema } from './support/golden.js';
import { mutations, random } from './support/random.js';

function rows(zone) {
  return zone.tables.flatMap((table, kind) =>
    Array.from({ length: table.count }, (_, row) => {
      const start = row * table.stride;
      const values = [...table.cells.slice(start, start + zone.plans[kind].fields.length)];
      return { kind, id: table.ids[row], values };
    }),
  );
}

function cells(zone) {
  return zone.tables.map((table) => [
    [...table.ids.slice(0, table.count)],
    [...table.cells.slice(0, table.count * table.stride)],
  ]);
}

/** What a golden step says of the rows that the zone placed somewhere: teleported, or come without having crossed over. */
function placed(before, { rows: after, teleported = [], crossed = [] }) {
  const names = (pairs) => new Set(pairs.map((pair) => pair.join()));
  const [old, jumped, moved] = [names(before.map(({ kind, id }) => [kind, id])), names(teleported), names(crossed)];
  const pairs = after.map(({ kind, id }) => [kind, id].join());
  return pairs.filter((pair) => jumped.has(pair) || (!old.has(pair) && !moved.has(pair)));
}

for (const { name, schema: kinds, steps } of golden('zones')) {
  test(name, () => {
    const plans = planSchema(schema(kinds));
    const chained = new Zone(plans);
    for (const step of steps) {
      const before = rows(chained);
      chained.applyDelta(bytes(step.delta));
      assert.deepEqual(rows(chained), step.rows);
      assert.deepEqual(chained.placed.flatMap((ids, kind) => [...ids].map((id) => `${kind},${id}`)).sort(), placed(before, step).sort());
      chained.forgetPlaced();
      assert.equal(chained.hash(), step.hash);
      const fresh = new Zone(plans);
      fresh.readKeyframe(bytes(step.keyframe));
      assert.deepEqual(cells(fresh), cells(chained));
    }
  });
}

for (const { name, schema: kinds, keyframe, hash } of golden('hash')) {
  test(`hash: ${name}`, () => {
    const zone = new Zone(planSchema(schema(kinds)));
    zone.readKeyframe(bytes(keyframe));
    assert.equal(zone.hash(), hash);
  });
}

test('a long walk stays in step', () => {
  const { schema: kinds, steps } = golden('walk');
  const zone = new Zone(planSchema(schema(kinds)));
  for (const { delta, hash, keyframe } of steps) {
    zone.applyDelta(bytes(delta));
    assert.equal(zone.hash(), hash);
    if (keyframe === undefined) continue;
    const fresh = new Zone(zone.plans);
    fresh.readKeyframe(bytes(keyframe));
    assert.deepEqual(cells(fresh), cells(zone));
  }
});

test('a thousand rows', () => {
  const { schema: kinds, keyframe, deltas, hash } = golden('crowd');
  const zone = new Zone(planSchema(schema(kinds)));
  zone.readKeyframe(bytes(keyframe));
  for (const delta of deltas) zone.applyDelta(bytes(delta));
  assert.equal(zone.hash(), hash);
});

test('a steady world allocates no tables', () => {
  const { schema: kinds, steps } = golden('walk');
  const zone = new Zone(planSchema(schema(kinds)));
  for (const { delta } of steps.slice(0, -1)) zone.applyDelta(bytes(delta));
  const buffers = new Set([...zone.tables, ...zone.back].flatMap((table) => [table.ids, table.cells]));
  for (let round = 0; round < 10; round++) zone.applyDelta(new Uint8Array(0));
  for (const table of [...zone.tables, ...zone.back]) assert.ok(buffers.has(table.ids) && buffers.has(table.cells));
});

test('broken payloads are refused and leave the state as it was', () => {
  const { schema: kinds, steps } = golden('walk');
  const plans = planSchema(schema(kinds));
  const base = steps.find(({ keyframe }) => keyframe !== undefined);
  const next = steps[steps.indexOf(base) + 1];
  let refused = 0;
  for (const [seed, payload, method] of [[1, next.delta, 'applyDelta'], [2, base.keyframe, 'readKeyframe']]) {
    for (const broken of mutations(bytes(payload), seed)) {
      const zone = new Zone(plans);
      zone.readKeyframe(bytes(base.keyframe));
      try {
        zone[method](broken);
      } catch (error) {
        assert.ok(error instanceof DecodeError, String(error));
        assert.equal(zone.hash(), base.hash);
        refused++;
        continue;
      }
      for (const { kind, values } of rows(zone)) {
        plans[kind].fields.forEach((field, column) => {
          assert.ok(values[column] >= field.min && values[column] <= field.max);
        });
      }
    }
  }
  assert.ok(refused > 500, `${refused} refused`);
});

test('a row is not added while it is there', () => {
  const { schema: kinds, steps } = golden('zones').find(({ name }) => name === 'ids at both ends');
  const zone = new Zone(planSchema(schema(kinds)));
  zone.applyDelta(bytes(steps[0].delta));
  assert.throws(() => zone.applyDelta(bytes(steps[0].delta)), DecodeError);
  assert.equal(zone.hash(), steps[0].hash);
});

test('noise is refused', () => {
  const plans = planSchema(schema(golden('walk').schema));
  const next = random(11);
  for (let round = 0; round < 5000; round++) {
    const noise = Uint8Array.from({ length: Math.floor(next() * 40) }, () => Math.floor(next() ** 3 * 256));
    const zone = new Zone(plans);
    for (const method of ['readKeyframe', 'applyDelta']) {
      try {
        zone[method](noise);
      } catch (error) {
        assert.ok(error instanceof DecodeError, String(error));
      }
    }
  }
});

test('few bytes do not make more rows than a zone may have', () => {
  const zone = new Zone(planSchema(schema(golden('hash')[0].schema)));
  for (let number = 0; number < 65536; number++) {
    for (const method of ['readKeyframe', 'applyDelta']) {
      try {
        zone.clear();
        zone[method](Uint8Array.of(number >> 8, number & 255));
      } catch (error) {
        assert.ok(error instanceof DecodeError, String(error));
      }
      assert.ok(zone.size <= 65536);
    }
  }
});
