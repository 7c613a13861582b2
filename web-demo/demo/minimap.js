// A small map, where nobody sees the whole one: where the own avatar is and looks to, what the screen shows, and in which blocks of
// the map how many avatars are, which the server counts once per second. It shows the surroundings in which most of them are.

import { PER_METRE } from './arena.js';
import { tint } from './cells.js';
import { ARENA } from './palette.js';

/** @typedef {import('./types.js').Room} Room */
/** @typedef {import('./types.js').View} View */
/** @typedef {{left: number, top: number, scale: number}} Frame metres at the corner, device pixels per metre */

/** The side of the blocks in which avatars are counted, in metres. */
const BLOCK = 50;
/** A block with so many has the full colour. */
const CROWDED = 40;
/** How many metres the map shows across; the last one is all of it. */
const SPANS = [400, 800, 1600, Infinity];
/** It shows more when fewer than this part of all avatars are on it, and less when more would be. */
const [FEW, MOST] = [0.75, 0.9];
const EVERY_MS = 80;

/**
 * How much to show so that most are on it.
 * @param {Iterable<{x: number, y: number, count: number}>} blocks centres in metres
 * @param {{x: number, y: number}} own
 * @param {number} before index into the spans
 * @returns {number} index into the spans
 */
export function chooseSpan(blocks, own, before) {
  const within = SPANS.map(() => 0);
  let total = 0;
  for (const { x, y, count } of blocks) {
    total += count;
    const far = Math.max(Math.abs(x - own.x), Math.abs(y - own.y));
    SPANS.forEach((span, index) => { if (far <= span / 2) within[index] += count; });
  }
  const share = (/** @type {number} */ index) => (total === 0 ? 1 : (within[index] ?? 0) / total);
  let index = before;
  while (index < SPANS.length - 1 && share(index) < FEW) index += 1;
  while (index > 0 && share(index - 1) > MOST) index -= 1;
  return index;
}

/**
 * Where a span of the map begins that has a place in its middle, unless that is too near the edge.
 * @param {number} centre @param {number} span @param {number} whole metres
 */
export function startOf(centre, span, whole) {
  return span >= whole ? (whole - span) / 2 : Math.min(whole - span, Math.max(0, centre - span / 2));
}

export class Minimap {
  /** @param {HTMLCanvasElement} canvas @param {HTMLElement} caption @param {Room} room @param {{width: number, height: number}} map metres */
  constructor(canvas, caption, room, map) {
    this.canvas = canvas;
    this.caption = caption;
    this.room = room;
    this.map = map;
    this.span = 0;
    this.drawnAt = -Infinity;
  }

  /**
   * @param {number} now milliseconds
   * @param {View | null} own
   * @param {import('./camera.js').Camera} camera
   * @param {boolean} cells whether to show the cells that the client has
   */
  draw(now, own, camera, cells) {
    if (now - this.drawnAt < EVERY_MS) return;
    const ctx = this.canvas.getContext('2d');
    const size = Math.round(this.canvas.clientWidth * camera.ratio);
    if (!ctx || size < 1) return;
    this.drawnAt = now;
    if (this.canvas.width !== size) this.canvas.width = this.canvas.height = size;
    const place = own ?? camera;
    /** @type {{x: number, y: number, count: number}[]} */
    const blocks = [];
    for (const { kind, x, y, count } of this.room.state.entities.values()) if (kind === 'crowd') blocks.push({ x, y, count: count ?? 0 });
    this.span = chooseSpan(blocks, place, this.span);
    const { width, height } = this.map;
    const span = Math.min(SPANS[this.span] ?? Infinity, Math.max(width, height));
    const frame = { left: startOf(place.x, span, width), top: startOf(place.y, span, height), scale: size / span };
    const text = span < 1000 ? `${span} m` : `${span / 1000} km`;
    if (this.caption.textContent !== text) this.caption.textContent = text;
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.clearRect(0, 0, size, size);
    this.drawLand(ctx, frame, span, camera.ratio);
    for (const block of blocks) drawBlock(ctx, frame, block);
    if (cells) this.drawCells(ctx, frame);
    drawView(ctx, frame, camera);
    if (own) drawOwn(ctx, frame, own, camera.ratio);
  }

  /** The map's ground, with lines to measure by. @param {CanvasRenderingContext2D} ctx @param {Frame} frame @param {number} span @param {number} ratio */
  drawLand(ctx, { left, top, scale }, span, ratio) {
    const { width, height } = this.map;
    ctx.fillStyle = ARENA.chartLand;
    ctx.fillRect(-left * scale, -top * scale, width * scale, height * scale);
    const step = span > 1600 ? 1000 : span > 400 ? 200 : 100;
    ctx.fillStyle = ARENA.chartLine;
    for (let at = Math.max(step, Math.ceil(left / step) * step); at < Math.min(width, left + span); at += step) {
      ctx.fillRect(Math.round((at - left) * scale), Math.max(0, -top * scale), ratio, Math.min(span, height - top) * scale);
    }
    for (let at = Math.max(step, Math.ceil(top / step) * step); at < Math.min(height, top + span); at += step) {
      ctx.fillRect(Math.max(0, -left * scale), Math.round((at - top) * scale), Math.min(span, width - left) * scale, ratio);
    }
  }

  /** @param {CanvasRenderingContext2D} ctx @param {Frame} frame */
  drawCells(ctx, { left, top, scale }) {
    const { grid, rate } = this.room;
    if (!grid) return;
    const side = grid.side / PER_METRE;
    for (const cell of this.room.cells()) {
      const [x, y] = [grid.origin[0] / PER_METRE + cell.column * side, grid.origin[1] / PER_METRE + cell.row * side];
      ctx.fillStyle = tint(cell, rate);
      ctx.fillRect((x - left) * scale, (y - top) * scale, side * scale, side * scale);
      ctx.strokeStyle = ARENA.chartLine;
      ctx.strokeRect((x - left) * scale, (y - top) * scale, side * scale, side * scale);
    }
  }
}

/** @param {CanvasRenderingContext2D} ctx @param {Frame} frame @param {{x: number, y: number, count: number}} block */
function drawBlock(ctx, { left, top, scale }, { x, y, count }) {
  // With a gap between neighbours where there is room for one.
  const side = Math.max(2, Math.floor(BLOCK * scale) - 1);
  ctx.globalAlpha = 0.22 + 0.78 * Math.min(1, Math.log2(1 + count) / Math.log2(1 + CROWDED));
  ctx.fillStyle = ARENA.chartCrowd;
  ctx.fillRect(Math.round((x - BLOCK / 2 - left) * scale), Math.round((y - BLOCK / 2 - top) * scale), side, side);
  ctx.globalAlpha = 1;
}

/** @param {CanvasRenderingContext2D} ctx @param {Frame} frame @param {import('./camera.js').Camera} camera */
function drawView(ctx, { left, top, scale }, camera) {
  const [width, height] = [(camera.width / camera.scale) * scale, (camera.height / camera.scale) * scale];
  ctx.strokeStyle = ARENA.guide;
  ctx.lineWidth = camera.ratio * 1.25;
  ctx.strokeRect((camera.left / camera.scale - left) * scale, (camera.top / camera.scale - top) * scale, width, height);
}

/** @param {CanvasRenderingContext2D} ctx @param {Frame} frame @param {View} own @param {number} ratio */
function drawOwn(ctx, { left, top, scale }, own, ratio) {
  ctx.translate((own.x - left) * scale, (own.y - top) * scale);
  ctx.rotate(own.heading ?? 0);
  ctx.beginPath();
  for (const [x, y] of [[6, 0], [-4, 4], [-2, 0], [-4, -4]]) ctx.lineTo(x * ratio, y * ratio);
  ctx.closePath();
  ctx.lineWidth = 2.5 * ratio;
  ctx.lineJoin = 'round';
  ctx.strokeStyle = ARENA.chartRim;
  ctx.stroke();
  ctx.fillStyle = ARENA.chartOwn;
  ctx.fill();
  ctx.setTransform(1, 0, 0, 1, 0, 0);
}
