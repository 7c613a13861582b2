// The grid of a room whose players see only what is around them. Decoding frames needs none of it: it is for pages that draw
// what is seen, and for checks.

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
