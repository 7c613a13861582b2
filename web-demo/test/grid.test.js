// The cells of a room's grid as the page is told of them: which ones the client has, and which ones are behind the newest frame.

import assert from 'node:assert/strict';
import test from 'node:test';

import { cellOf } from '../client/grid.js';
import { MessageWriter } from '../client/writer.js';
import { join } from './support/join.js';
import { avatar } from './support/server.js';

const GRID = { first: 8192, origin: [-640, 0], side: 512, columns: 10, rows: 4, sight: 1024, margin: 256 };

function extension() {
  const out = new MessageWriter();
  out.unsigned(GRID.first);
  GRID.origin.forEach((each) => out.i32(each));
  out.i32(GRID.side);
  for (const count of [GRID.columns, GRID.rows]) out.unsigned(count);
  for (const length of [GRID.sight, GRID.margin]) out.i32(length);
  return [2, out.finish()];
}

test('zones are cells from the first to the last one', () => {
  const cells = [8191, 8192, 8201, 8202, 8231, 8232].map((zone) => cellOf(GRID, zone));
  assert.deepEqual(cells, [null, [0, 0], [9, 0], [0, 1], [9, 3], null]);
});

test('a room tells its cells, and how far each is behind', async () => {
  const { time, server, room } = await join({ welcome: { extensions: [extension()] } });
  assert.deepEqual(room.grid, GRID);
  const told = () => room.cells().map(({ column, row, rows, lag, lost }) => [column, row, rows, lag, lost]);
  const counts = () => ['rows', 'cells', 'cellsWaiting', 'oldestCell'].map((name) => room.stats[name]);
  assert.deepEqual([told(), counts()], [[], [0, 0, 0, 0]]);
  server.frame({ zones: [[0, [avatar(1, 0)]], [8192, [avatar(2, 0), avatar(3, 0)]], [8203, [avatar(4, 0)]]] });
  await time.advance(50);
  assert.deepEqual(told(), [[1, 1, 1, 0, false], [0, 0, 2, 0, false]]);
  assert.deepEqual(counts(), [4, 2, 0, 0]);
  server.frame({ advance: 3, zones: [[0, [avatar(1, 64)]], [8203, [avatar(4, 64)]]] });
  await time.advance(150);
  assert.deepEqual(told(), [[1, 1, 1, 0, false], [0, 0, 2, 3, false]]);
  assert.deepEqual(counts(), [4, 2, 1, 3]);
  assert.deepEqual(room.stats.rowsWaiting, { avatar: 2 });
  server.frame({ zones: [[0, [avatar(1, 64)]], [8192, []], [8203, [avatar(4, 64)]]] });
  await time.advance(50);
  assert.deepEqual([told(), counts()], [[[1, 1, 1, 0, false]], [2, 1, 0, 0]]);
  assert.deepEqual(room.stats.rowsWaiting, { avatar: 0 });
  server.frame({ zones: [[0, [avatar(1, 64)]], [8203, [avatar(4, 96)]]], hash: 1 });
  await time.advance(50);
  assert.deepEqual(told(), [[1, 1, 1, 0, true]]);
});

test('while the own cell waits, the prediction goes on', async () => {
  const { time, server, room } = await join({ welcome: { extensions: [extension()] } });
  const fields = ['x', 'y', 'heading', 'mood', 'alive'];
  room.usePrediction({
    read: (entity) => Object.fromEntries(fields.map((field) => [field, entity.raw(field)])),
    step: (state, { dx }) => { state.x += dx; },
    copy: (from, to) => Object.assign(to, from),
  });
  room.setInput({ dx: 20 });
  const other = [8203, [avatar(4, 64)]];
  server.frame({ zones: [[8192, [avatar(1, 0)]], other] });
  await time.advance(300);
  const drawn = () => room.view().find(({ id }) => id === 1).values[0];
  const before = drawn();
  assert.ok(before > 60, `${before}`);
  server.frame({ advance: 3, consumed: 3, zones: [other] });
  await time.advance(50);
  assert.equal(room.cells()[1].lag, 3);
  assert.ok(drawn() > before, `${drawn()} after ${before}`);
  assert.equal(room.stats.corrections, 0);
  server.frame({ consumed: 1, zones: [[8192, [avatar(1, 80)]], other] });
  await time.advance(50);
  assert.deepEqual([room.stats.corrections, room.cells().map(({ lag }) => lag)], [0, [0, 0]]);
  server.frame({ zones: [[8192, [avatar(1, 500)]], other] });
  await time.advance(50);
  assert.equal(room.stats.corrections, 1, 'a wrong one is still corrected');
});

test('a room without a grid has no cells', async () => {
  const { time, server, room } = await join();
  server.frame({ zones: [[0, [avatar(1, 0)]], [8192, [avatar(2, 0)]]] });
  await time.advance(50);
  assert.deepEqual([room.grid, room.cells(), room.stats.cells, room.stats.rows], [null, [], 0, 2]);
});
