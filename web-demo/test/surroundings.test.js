// The small map and the drawing of cells, as far as they are arithmetic: how much the map shows, and which cells are empty and which
// ones unseen.

import assert from 'node:assert/strict';
import test from 'node:test';

import { emptyCells, tint } from '../demo/cells.js';
import { chooseSpan, startOf } from '../demo/minimap.js';

/** As the big arena's: 24 m of sight, 6 m beyond. */
const GRID = { first: 8192, origin: [0, 0], side: 1072, columns: 239, rows: 239, sight: 1536, margin: 384 };
const OWN = { x: 2000, y: 2000 };

test('the small map shows most avatars, and does not waver', () => {
  const crowd = (far, count) => ({ x: OWN.x + far, y: OWN.y, count });
  assert.equal(chooseSpan([], OWN, 2), 0);
  assert.equal(chooseSpan([crowd(0, 10), crowd(150, 9)], OWN, 3), 0);
  assert.equal(chooseSpan([crowd(0, 10), crowd(350, 9)], OWN, 0), 1);
  assert.equal(chooseSpan([crowd(0, 1), crowd(1900, 9)], OWN, 0), 3);
  const border = [crowd(0, 8), crowd(350, 2)];
  assert.deepEqual([chooseSpan(border, OWN, 0), chooseSpan(border, OWN, 1)], [0, 1], 'between both it stays as it is');
  assert.deepEqual([[2000, 400], [100, 400], [3950, 400], [100, 4000]].map(([at, span]) => startOf(at, span, 4000)), [1800, 0, 3600, 0]);
});

test('cells within reach that are not held are empty, others unseen', () => {
  const cells = emptyCells([{ column: 119, row: 119, rows: 3, lag: 0, lost: false }], OWN, GRID);
  const side = GRID.side / 64;
  const gap = (at, cell) => Math.max(0, cell * side - at, at - (cell + 1) * side);
  for (let row = 110; row < 130; row += 1) {
    for (let column = 110; column < 130; column += 1) {
      const near = Math.hypot(gap(OWN.x, column), gap(OWN.y, row)) <= 30 && !(column === 119 && row === 119);
      assert.equal(cells.some((cell) => cell.column === column && cell.row === row), near, `${column}, ${row}`);
    }
  }
  assert.ok(emptyCells([], { x: 0, y: 4000 }, GRID).every(({ column, row }) => column >= 0 && row < 239));
});

test('the longer a cell waits, the more it is tinted', () => {
  const cell = (lag, lost = false) => tint({ column: 0, row: 0, rows: 1, lag, lost }, 20);
  assert.equal(new Set([cell(0), cell(1), cell(10), cell(20), cell(0, true)]).size, 5);
  assert.deepEqual([cell(20), cell(Infinity)], [cell(40), cell(40)]);
});
