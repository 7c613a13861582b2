// What the server sends, over the arena: the cells of the room's grid, which of them this client has and how old each is, how far
// its player sees and how far beyond that rows come. For those who want to see how it works; the game needs none of it.

import { PER_METRE } from './arena.js';
import { ARENA } from './palette.js';

/** @typedef {import('./types.js').Room} Room */
/** @typedef {import('../client/grid.js').HeldCell} HeldCell */

/** Milliseconds: a cell that has waited so long has the last colour. */
const OLDEST = 1000;
/** CSS pixels. */
const TEXT = 11;

/** How a cell is tinted. @param {HeldCell} cell @param {number} rate ticks per second @returns {string} */
export function tint({ lag, lost }, rate) {
  if (lost) return 'rgb(255 60 60 / .45)';
  if (lag === 0) return `rgb(${ARENA.fresh} / .1)`;
  const age = Math.min(1, (lag * 1000) / rate / OLDEST);
  return `hsl(${45 - 45 * age} 95% 52% / ${0.16 + 0.24 * age})`;
}

/**
 * @param {CanvasRenderingContext2D} ctx its transform is replaced
 * @param {import('./camera.js').Camera} camera
 * @param {Room} room
 * @param {{x: number, y: number} | null} own
 */
export function drawCells(ctx, camera, room, own) {
  const { grid } = room;
  if (!grid) return;
  const side = grid.side / PER_METRE;
  const [left, top] = [grid.origin[0] / PER_METRE, grid.origin[1] / PER_METRE];
  const held = room.cells();
  const cells = own ? [...held, ...emptyCells(held, own, grid)] : held;
  camera.apply(ctx);
  for (const cell of cells) {
    ctx.fillStyle = tint(cell, room.rate);
    ctx.fillRect(left + cell.column * side, top + cell.row * side, side, side);
  }
  drawBorders(ctx, camera, { left, top, side });
  if (own) drawReach(ctx, camera, own, grid);
  ctx.setTransform(1, 0, 0, 1, 0, 0);
  for (const cell of cells) drawLabel(ctx, camera, cell, room.rate, { left, top, side });
}

/**
 * The cells around a place that the client has, too, although nothing is in them.
 * @param {HeldCell[]} held
 * @param {{x: number, y: number}} own metres
 * @param {import('../client/grid.js').WorldGrid} grid
 * @returns {HeldCell[]}
 */
export function emptyCells(held, own, { origin, side, columns, rows, sight, margin }) {
  const known = new Set(held.map(({ column, row }) => row * columns + column));
  const reach = sight + margin;
  const place = [own.x * PER_METRE - origin[0], own.y * PER_METRE - origin[1]];
  const [first, last] = [-reach, reach].map((by) => place.map((at) => Math.floor((at + by) / side)));
  const gap = (/** @type {number} */ at, /** @type {number} */ cell) => Math.max(0, cell * side - at, at - (cell + 1) * side);
  const cells = [];
  for (let row = Math.max(0, first[1]); row <= Math.min(rows - 1, last[1]); row += 1) {
    for (let column = Math.max(0, first[0]); column <= Math.min(columns - 1, last[0]); column += 1) {
      if (known.has(row * columns + column) || Math.hypot(gap(place[0], column), gap(place[1], row)) > reach) continue;
      cells.push({ column, row, rows: 0, lag: 0, lost: false });
    }
  }
  return cells;
}

/** @param {CanvasRenderingContext2D} ctx @param {import('./camera.js').Camera} camera @param {{left: number, top: number, side: number}} grid metres */
function drawBorders(ctx, camera, { left, top, side }) {
  const [x, y] = [camera.left / camera.scale, camera.top / camera.scale];
  const [right, bottom] = [x + camera.width / camera.scale, y + camera.height / camera.scale];
  ctx.beginPath();
  for (let at = left + Math.ceil((x - left) / side) * side; at < right; at += side) {
    ctx.moveTo(at, y);
    ctx.lineTo(at, bottom);
  }
  for (let at = top + Math.ceil((y - top) / side) * side; at < bottom; at += side) {
    ctx.moveTo(x, at);
    ctx.lineTo(right, at);
  }
  ctx.strokeStyle = ARENA.guide;
  ctx.globalAlpha = 0.45;
  ctx.lineWidth = camera.ratio / camera.scale;
  ctx.stroke();
  ctx.globalAlpha = 1;
}

/**
 * How far the player sees, and how far beyond rows come.
 * @param {CanvasRenderingContext2D} ctx @param {import('./camera.js').Camera} camera
 * @param {{x: number, y: number}} own @param {{sight: number, margin: number}} grid
 */
function drawReach(ctx, camera, own, { sight, margin }) {
  ctx.strokeStyle = ARENA.guide;
  ctx.lineWidth = (1.5 * camera.ratio) / camera.scale;
  for (const [radius, dash, alpha] of [[sight, 0, 0.8], [sight + margin, 0.6, 0.5]]) {
    ctx.setLineDash(dash ? [dash, dash] : []);
    ctx.globalAlpha = alpha;
    ctx.beginPath();
    ctx.arc(own.x, own.y, radius / PER_METRE, 0, Math.PI * 2);
    ctx.stroke();
  }
  ctx.setLineDash([]);
  ctx.globalAlpha = 1;
}

/**
 * @param {CanvasRenderingContext2D} ctx @param {import('./camera.js').Camera} camera
 * @param {HeldCell} cell @param {number} rate @param {{left: number, top: number, side: number}} grid metres
 */
function drawLabel(ctx, camera, { column, row, rows, lag, lost }, rate, { left, top, side }) {
  const [x, y] = [(left + column * side) * camera.scale - camera.left, (top + row * side) * camera.scale - camera.top];
  const [right, bottom] = [x + side * camera.scale, y + side * camera.scale];
  if (right < 0 || bottom < 0 || x > camera.width || y > camera.height) return;
  const late = lost ? ', lost' : lag > 0 ? `, ${Math.round((lag * 1000) / rate)} ms late` : '';
  const [seenFrom, seenTo] = [Math.max(0, x), Math.min(camera.width, right)];
  const text = rows === 0 ? 'empty' : `${rows} ${rows === 1 ? 'row' : 'rows'}${late}`;
  const size = TEXT * camera.ratio;
  ctx.font = `600 ${size}px ui-monospace, "Liberation Mono", monospace`;
  ctx.textBaseline = 'bottom';
  // In the lower corner, or as near to it as can be seen.
  const [tx, ty] = [seenFrom + size * 0.5, Math.min(camera.height, bottom) - size * 0.4];
  const width = ctx.measureText(text).width;
  if (width + size > seenTo - seenFrom) return;
  ctx.fillStyle = ARENA.labelBack;
  ctx.fillRect(tx - size * 0.3, ty - size * 1.1, width + size * 0.6, size * 1.25);
  ctx.fillStyle = ARENA.guide;
  ctx.fillText(text, tx, ty);
}
