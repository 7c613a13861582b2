// Schemas: the checks of the server, repeated; the arithmetic of fields; and translation to units and back.

import assert from 'node:assert/strict';
import test from 'node:test';

import { DecodeError } from '../client/reader.js';
import { FieldPlan, KindPlan, checkInputs, checkSchema } from '../client/schema.js';

function field(shape, motion = 'hold', name = 'f') {
  return { name, shape, motion };
}

function plan(shape, motion) {
  return new KindPlan({ name: 'k', fields: [field(shape, motion)] }, 0).fields[0];
}

test('schemas that break a rule are refused', () => {
  const faults = [
    { type: 'int', min: 3, max: 2 },
    { type: 'int', min: -(2 ** 29) - 1, max: 0 },
    { type: 'fixed', min: 0, max: 2 ** 29 + 1, perUnit: 1 },
    { type: 'fixed', min: 0, max: 1, perUnit: 0 },
    { type: 'angle', bits: 0 },
    { type: 'angle', bits: 17 },
    { type: 'enum', labels: [] },
    { type: 'enum', labels: Array(65).fill('a') },
    { type: 'enum', labels: ['a', ''] },
    { type: 'colour', count: 0 },
  ];
  for (const shape of faults) {
    assert.throws(() => checkSchema([{ name: 'k', fields: [field(shape)] }]), DecodeError, JSON.stringify(shape));
    assert.throws(() => checkInputs([field(shape)]), DecodeError);
  }
  const bool = { type: 'bool' };
  assert.throws(() => checkSchema([{ name: 'k', fields: [field(bool), field(bool)] }]), DecodeError);
  assert.throws(() => checkSchema([{ name: 'ä'.repeat(17), fields: [] }]), DecodeError);
  assert.throws(() => checkSchema([{ name: '', fields: [] }]), DecodeError);
  const many = (count) => Array.from({ length: count }, (_, index) => field(bool, 'hold', `f${index}`));
  checkSchema([{ name: 'ä'.repeat(16), fields: many(16) }]);
  checkInputs(many(8));
  assert.throws(() => checkSchema([{ name: 'k', fields: many(17) }]), DecodeError);
  assert.throws(() => checkInputs(many(9)), DecodeError);
  const kinds = Array.from({ length: 33 }, (_, index) => ({ name: `k${index}`, fields: [] }));
  assert.throws(() => checkSchema(kinds), DecodeError);
});

test('motion cells follow the values in field order', () => {
  const range = { type: 'int', min: 0, max: 9 };
  const fields = ['linear', 'hold', 'smooth', 'linear'].map((motion, index) => field(range, motion, `f${index}`));
  const kind = new KindPlan({ name: 'k', fields }, 0);
  assert.deepEqual([kind.stride, ...kind.fields.map(({ slot }) => slot)], [11, 4, 6, 6, 9]);
  assert.deepEqual([kind.moving, kind.held], [[0, 2, 3], [1]]);
});

test('directions turn the short way', () => {
  const angle = plan({ type: 'angle', bits: 8 });
  assert.deepEqual([angle.difference(250, 6), angle.difference(6, 250), angle.difference(0, 128)], [12, -12, -128]);
  assert.deepEqual([angle.saturate(262), angle.saturate(-1)], [6, 255]);
  assert.deepEqual([127, 128, -128, -129].map((motion) => angle.admitsMotion(motion)), [true, false, true, false]);
  const bit = plan({ type: 'angle', bits: 1 });
  assert.equal(bit.difference(0, 1), -1);
});

test('quanta and units', () => {
  const fixed = plan({ type: 'fixed', min: -640, max: 640, perUnit: 64 });
  assert.deepEqual([fixed.toUnits(-96), fixed.toQuanta(-1.5), fixed.toQuanta(99)], [-1.5, -96, 640]);
  const angle = plan({ type: 'angle', bits: 8 });
  assert.deepEqual([angle.toUnits(64), angle.toQuanta(-Math.PI / 2), angle.toQuanta(6 * Math.PI)], [Math.PI / 2, 192, 0]);
  assert.equal(angle.toQuanta(2 * Math.PI - 1e-9), 0);
  const mood = plan({ type: 'enum', labels: ['calm', 'cross'] });
  assert.deepEqual([mood.toUnits(1), mood.toQuanta('cross'), mood.toQuanta(7)], ['cross', 1, 1]);
  assert.throws(() => mood.toQuanta('glad'), RangeError);
  const flag = plan({ type: 'bool' });
  assert.deepEqual([flag.toUnits(1), flag.toQuanta(true), flag.toQuanta(0)], [true, 1, 0]);
  const tint = plan({ type: 'colour', count: 4 });
  assert.deepEqual([tint.toUnits(3), tint.toQuanta(9)], [3, 3]);
});

test('only what lies between two samples is continuous', () => {
  const range = { type: 'int', min: 0, max: 9 };
  assert.deepEqual(
    [plan(range, 'linear'), plan(range, 'hold'), plan({ type: 'angle', bits: 3 }), plan({ type: 'bool' }, 'linear')].map(
      (one) => one.continuous,
    ),
    [true, false, true, false],
  );
  assert.ok(new FieldPlan(field(range)).admitsMotion(-9));
});
