// The players' colours for those who see fewer: whoever looks alike to anybody differs in the hat's pattern, and every
// colour has a mark of its own.

import assert from 'node:assert/strict';
import test from 'node:test';

import { MARKS } from '../demo/marks.js';
import { COATS } from '../demo/palette.js';

/** What remains of linear red, green and blue (Machado, Oliveira and Fernandes 2009, severity 1). */
const VISIONS = {
  full: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
  protanopia: [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
  deuteranopia: [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
  tritanopia: [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
};
/** In Oklab, where about 0.02 is just noticeable side by side. */
const APART = 0.09;

const times = (matrix, vector) => matrix.map((row) => row.reduce((sum, each, at) => sum + each * vector[at], 0));

/** `#rrggbb` as somebody sees it, in Oklab. */
function seen(colour, vision) {
  const linear = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  const left = times(vision, linear).map((c) => Math.max(0, c));
  const cones = times([[0.4122, 0.5363, 0.0514], [0.2119, 0.6807, 0.1074], [0.0883, 0.2817, 0.63]], left).map(Math.cbrt);
  return times([[0.2105, 0.7936, -0.0041], [1.978, -2.4286, 0.4506], [0.0259, 0.7828, -0.8087]], cones);
}

for (const [name, vision] of Object.entries(VISIONS)) {
  test(`same pattern, other colour: ${name}`, () => {
    COATS.forEach((one, first) => COATS.slice(first + 1).forEach((other, rest) => {
      if (one.pattern !== other.pattern) return;
      const [a, b] = [seen(one.fill, vision), seen(other.fill, vision)];
      const apart = Math.hypot(...a.map((each, at) => each - b[at]));
      assert.ok(apart > APART, `colours ${first} and ${first + 1 + rest} are ${apart.toFixed(3)} apart`);
    }));
  });
}

test('every colour has a mark of its own', () => {
  assert.equal(MARKS.length, COATS.length);
  assert.equal(new Set(MARKS).size, MARKS.length);
});
