// The grid of a room whose players see only what is around them, and the cells of it that a client has. Decoding frames needs none
// of it: it is for pages that draw what is seen, and for checks.

import { DecodeError, MessageReader } from './reader.js';

/** The number of the welcome's extension. */
const NUMBER = 2;

/**
 * @typedef {object} WorldGrid All lengths are in quanta of the position.
 * @property {number} first the zone of the first cell; cells are numbered row by row
 * @property {[number, number]} origin the least position
 * @property {number} side the side of a cell
 * @property {number} columns
 * @property {number} rows
 * @property {number} sight how far players see
 * @property {number} margin how far beyond that they get rows, at least
 *
 * @typedef {object} HeldCell A cell of which the client has rows.
 * @property {number} column
 * @property {number} row
 * @property {number} rows how many rows of the cell the client has
 * @property {number} lag how many ticks the cell is behind the newest frame: more than 0 while its news wait at the server;
 *   Infinity when none of it has been read yet
 * @property {boolean} lost whether what the client has is wrong or missing, and a keyframe is asked for
 */

/**
 * The grid that a welcome tells, if the room has one.
 * @param {readonly (readonly [number, Uint8Array])[]} extensions
 * @returns {Readonly<WorldGrid> | null}
 */
export function readGrid(extensions) {
  const content = extensions.find(([number]) => number === NUMBER)?.[1];
  if (!content) return null;
  const reader = new MessageReader(content);
  const first = reader.u16();
  const origin = /** @type {[number, number]} */ ([reader.i32(), reader.i32()]);
  const [side, columns, rows] = [reader.i32(), reader.u16(), reader.u16()];
  const grid = { first, origin, side, columns, rows, sight: reader.i32(), margin: reader.i32() };
  reader.finish();
  if (grid.side < 1 || grid.columns < 1) throw new DecodeError('a grid without cells');
  return Object.freeze(grid);
}

/** The column and row of a zone that is a cell. @param {WorldGrid} grid @param {number} zone @returns {[number, number] | null} */
export function cellOf({ first, columns, rows }, zone) {
  const index = zone - first;
  const row = Math.floor(index / columns);
  return index >= 0 && row < rows ? [index % columns, row] : null;
}

/**
 * The cells of which a state has rows, newest first.
 * @param {WorldGrid | null} grid
 * @param {import('./state.js').State} state
 * @returns {HeldCell[]} empty in rooms without a grid
 */
export function heldCells(grid, { zones, elapsed }) {
  /** @type {HeldCell[]} */
  const cells = [];
  for (const entry of grid ? zones.entries : []) {
    const cell = grid && cellOf(grid, entry.id);
    if (!cell) continue;
    cells.push({ column: cell[0], row: cell[1], rows: entry.zone.size, lag: elapsed - entry.elapsed, lost: entry.lost });
  }
  return cells;
}

/**
 * Counts what a state has, for the figures of a connection.
 * @param {WorldGrid | null} grid
 * @param {import('./state.js').State} state
 * @param {{ rows: number, cells: number, cellsWaiting: number, oldestCell: number, rowsWaiting: Record<string, number> }} stats written to
 */
export function countCells(grid, { zones, elapsed, plans }, stats) {
  stats.rows = stats.cells = stats.cellsWaiting = stats.oldestCell = 0;
  for (const kind of Object.keys(stats.rowsWaiting)) stats.rowsWaiting[kind] = 0;
  for (const { id, zone, elapsed: tick } of zones.entries) {
    stats.rows += zone.size;
    if (!grid || !cellOf(grid, id)) continue;
    stats.cells += 1;
    if (tick < elapsed) {
      stats.cellsWaiting += 1;
      for (const { index, name } of plans) {
        const count = zone.tables[index]?.count ?? 0;
        if (count > 0) stats.rowsWaiting[name] = (stats.rowsWaiting[name] ?? 0) + count;
      }
    }
    if (tick > -Infinity) stats.oldestCell = Math.max(stats.oldestCell, elapsed - tick);
  }
}
