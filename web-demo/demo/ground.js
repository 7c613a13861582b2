// The map as pictures: floor, wall fronts and shadows in a lower layer, snow-capped wall tops in
// an upper one that covers whoever stands behind a wall. Painted chunk by chunk at the exact scale
// of the screen, when first seen, and kept while there is room. Collisions are not decided here.

import { ARENA } from './palette.js';

/** @typedef {import('./types.js').Ground} Ground */
/** @typedef {{low: HTMLCanvasElement, high: HTMLCanvasElement | null}} Chunk */

const CHUNK = 8;
/** About three full screens; older chunks are painted again when they come back. Of small ones, as in an overview, twice
 * as many as are seen. */
const KEPT = 48;
/** How far a wall's top is drawn above its foot, in metres. An avatar south of a wall, whom the upper layer must
 * not cut, is not taller than this and its radius. */
export const WALL = 0.55;
/** Samples of the floor's snow per metre. */
const SNOW_DOTS = 8;
const SHADOW_X = 0.3;
const SHADOW_Y = 0.34;

/** The same arbitrary number in 0 to 1 for the same tile. @param {number} x @param {number} y @param {number} salt */
function grain(x, y, salt) {
  let bits = Math.imul(x, 374761393) ^ Math.imul(y, 668265263) ^ Math.imul(salt, 2246822519);
  bits = Math.imul(bits ^ (bits >>> 13), 1274126177);
  return ((bits ^ (bits >>> 16)) >>> 0) / 4294967296;
}

/** Smooth hills of the same grain, 0 to 1. @param {number} x @param {number} y */
function swell(x, y) {
  const [left, top] = [Math.floor(x), Math.floor(y)];
  const ease = (/** @type {number} */ t) => t * t * (3 - 2 * t);
  const [across, down] = [ease(x - left), ease(y - top)];
  const row = (/** @type {number} */ ty) => grain(left, ty, 3) * (1 - across) + grain(left + 1, ty, 3) * across;
  return row(top) * (1 - down) + row(top + 1) * down;
}

export class GroundPictures {
  /** @param {Ground} ground */
  constructor(ground) {
    this.ground = ground;
    /** Device pixels per metre; whole, so that chunks meet without seams. */
    this.scale = 0;
    /** @type {Map<number, Chunk>} */
    this.chunks = new Map();
    this.kept = KEPT;
  }

  /** The arena's colours have changed. */
  repaint() {
    this.chunks.clear();
  }

  /**
   * Draws one layer in device pixels; the context's transform must be the identity.
   * @param {CanvasRenderingContext2D} ctx
   * @param {'low' | 'high'} layer
   * @param {import('./camera.js').Camera} camera
   */
  draw(ctx, layer, camera) {
    if (camera.scale !== this.scale) {
      this.scale = camera.scale;
      this.repaint();
    }
    const size = CHUNK * this.scale;
    const lastX = Math.min(Math.ceil(this.ground.width / CHUNK) - 1, Math.floor((camera.left + ctx.canvas.width) / size));
    const lastY = Math.min(Math.ceil(this.ground.height / CHUNK) - 1, Math.floor((camera.top + ctx.canvas.height) / size));
    this.kept = Math.max(KEPT, 2 * Math.ceil(ctx.canvas.width / size + 1) * Math.ceil(ctx.canvas.height / size + 1));
    for (let cy = Math.max(-1, Math.floor(camera.top / size)); cy <= lastY; cy += 1) {
      for (let cx = Math.max(0, Math.floor(camera.left / size)); cx <= lastX; cx += 1) {
        const picture = this.chunk(cx, cy)[layer];
        if (picture) ctx.drawImage(picture, cx * size - camera.left, cy * size - camera.top);
      }
    }
  }

  /** @param {number} cx @param {number} cy @returns {Chunk} */
  chunk(cx, cy) {
    const key = cy * 4096 + cx;
    let chunk = this.chunks.get(key);
    if (chunk) {
      this.chunks.delete(key);
    } else {
      chunk = this.paint(cx * CHUNK, cy * CHUNK);
      const oldest = this.chunks.keys().next();
      if (this.chunks.size >= this.kept && !oldest.done) this.chunks.delete(oldest.value);
    }
    this.chunks.set(key, chunk);
    return chunk;
  }

  /** @param {number} left tile @param {number} top tile @returns {Chunk} */
  paint(left, top) {
    /** @type {[number, number][]} */
    const tiles = [];
    /** @type {[number, number][]} */
    const walls = [];
    for (let ty = Math.max(0, top - 2); ty < Math.min(this.ground.height, top + CHUNK + 2); ty += 1) {
      for (let tx = Math.max(0, left - 2); tx < Math.min(this.ground.width, left + CHUNK + 2); tx += 1) {
        tiles.push([tx, ty]);
        if (this.ground.solid(tx, ty)) walls.push([tx, ty]);
      }
    }
    const low = this.layer(left, top, (ctx) => {
      this.paintFloor(ctx, tiles);
      // Above the map there are only the tops of its first walls.
      if (top >= 0) this.paintSnow(ctx, left, top);
      this.paintShadows(ctx, walls);
      this.paintFronts(ctx, walls);
    });
    const high = walls.length > 0 ? this.layer(left, top, (ctx) => this.paintTops(ctx, walls)) : null;
    return { low, high };
  }

  /**
   * @param {number} left
   * @param {number} top
   * @param {(ctx: CanvasRenderingContext2D) => void} paint
   * @returns {HTMLCanvasElement}
   */
  layer(left, top, paint) {
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = CHUNK * this.scale;
    const ctx = canvas.getContext('2d');
    if (!ctx) throw new Error('no 2D canvas');
    ctx.setTransform(this.scale, 0, 0, this.scale, -left * this.scale, -top * this.scale);
    paint(ctx);
    return canvas;
  }

  /** @param {CanvasRenderingContext2D} ctx @param {[number, number][]} tiles */
  paintFloor(ctx, tiles) {
    ctx.fillStyle = ARENA.floor;
    for (const [tx, ty] of tiles) ctx.fillRect(tx, ty, 1, 1);
    for (const [tx, ty] of tiles) {
      // Flagstones of two tiles, laid like bricks.
      const slab = Math.floor((tx + (ty % 2)) / 2);
      ctx.fillStyle = grain(slab, ty, 1) < 0.5 ? ARENA.floorLight : ARENA.floorDark;
      ctx.globalAlpha = 0.25 + grain(slab, ty, 2) * 0.5;
      ctx.fillRect(tx, ty, 1, 1);
      ctx.globalAlpha = 1;
      ctx.fillStyle = ARENA.joint;
      ctx.fillRect(tx, ty, 1, 0.035);
      if ((tx + (ty % 2)) % 2 === 0) ctx.fillRect(tx, ty, 0.035, 1);
    }
  }

  /** Thin snow in patches, computed coarsely and smoothed by scaling up. @param {CanvasRenderingContext2D} ctx @param {number} left @param {number} top */
  paintSnow(ctx, left, top) {
    const side = CHUNK * SNOW_DOTS;
    // One dot more on each side, so that the smoothing agrees with the neighbouring chunk.
    const dots = new ImageData(side + 2, side + 2);
    for (let row = 0; row < side + 2; row += 1) {
      for (let column = 0; column < side + 2; column += 1) {
        const x = left + (column - 0.5) / SNOW_DOTS;
        const y = top + (row - 0.5) / SNOW_DOTS;
        const depth = swell(x / 3.4, y / 2.7) * 0.72 + swell(x * 0.9 + 40, y * 1.1) * 0.28;
        const cover = Math.min(1, Math.max(0, (depth - 0.58) * 14)) * 0.12 + Math.min(1, Math.max(0, (depth - 0.67) * 12)) * 0.1;
        const at = (row * (side + 2) + column) * 4;
        dots.data.set(ARENA.drift, at);
        dots.data[at + 3] = cover * 255;
      }
    }
    const coarse = document.createElement('canvas');
    coarse.width = coarse.height = side + 2;
    coarse.getContext('2d')?.putImageData(dots, 0, 0);
    ctx.imageSmoothingQuality = 'high';
    ctx.drawImage(coarse, left - 1 / SNOW_DOTS, top - 1 / SNOW_DOTS, CHUNK + 2 / SNOW_DOTS, CHUNK + 2 / SNOW_DOTS);
  }

  /** @param {CanvasRenderingContext2D} ctx @param {[number, number][]} walls */
  paintShadows(ctx, walls) {
    // One path for all, so that overlapping shadows are not darker.
    ctx.beginPath();
    for (const [tx, ty] of walls) {
      ctx.moveTo(tx, ty);
      ctx.lineTo(tx + 1, ty);
      ctx.lineTo(tx + 1 + SHADOW_X, ty + SHADOW_Y);
      ctx.lineTo(tx + 1 + SHADOW_X, ty + 1 + SHADOW_Y);
      ctx.lineTo(tx + SHADOW_X, ty + 1 + SHADOW_Y);
      ctx.lineTo(tx, ty + 1);
      ctx.closePath();
    }
    ctx.fillStyle = ARENA.shadow;
    ctx.fill();
  }

  /** @param {CanvasRenderingContext2D} ctx @param {[number, number][]} walls */
  paintFronts(ctx, walls) {
    for (const [tx, ty] of walls) {
      if (this.ground.solid(tx, ty + 1)) continue;
      const foot = ty + 1;
      const stone = ctx.createLinearGradient(0, foot - WALL, 0, foot);
      stone.addColorStop(0, ARENA.front);
      stone.addColorStop(1, ARENA.frontDark);
      ctx.fillStyle = stone;
      const corner = (/** @type {number} */ side) => (this.ground.solid(tx + side, ty) ? 0 : 0.16);
      ctx.beginPath();
      ctx.roundRect(tx, foot - WALL - 0.4, 1, WALL + 0.4, [0, 0, corner(1), corner(-1)]);
      ctx.fill();
      ctx.fillStyle = ARENA.frontJoint;
      ctx.fillRect(tx + 0.04, foot - 0.23, 0.92, 0.03);
      ctx.fillRect(tx + 0.3 + grain(tx, ty, 6) * 0.4, foot - WALL, 0.03, WALL - 0.23);
      ctx.fillRect(tx + 0.15 + grain(tx, ty, 7) * 0.6, foot - 0.2, 0.03, 0.18);
      // The snow hangs over the front a little, with an uneven edge.
      ctx.fillStyle = ARENA.topShade;
      ctx.beginPath();
      for (let at = 0; at < 4; at += 1) {
        const reach = 0.05 + grain(tx * 4 + at, ty, 8) * 0.1;
        ctx.roundRect(tx + at / 4, foot - WALL - 0.1, 0.25, 0.1 + reach, [0, 0, 0.1, 0.1]);
      }
      ctx.fill();
    }
  }

  /** @param {CanvasRenderingContext2D} ctx @param {[number, number][]} walls */
  paintTops(ctx, walls) {
    const lift = Math.round(WALL * this.scale) / this.scale;
    const solid = (/** @type {number} */ x, /** @type {number} */ y) => this.ground.solid(x, y);
    const cover = new Path2D();
    for (const [tx, ty] of walls) {
      const open = { n: !solid(tx, ty - 1), s: !solid(tx, ty + 1), w: !solid(tx - 1, ty), e: !solid(tx + 1, ty) };
      const round = (/** @type {boolean} */ a, /** @type {boolean} */ b) => (a && b ? 0.26 : 0);
      cover.roundRect(tx, ty - lift, 1, 1, [round(open.n, open.w), round(open.n, open.e), round(open.s, open.e), round(open.s, open.w)]);
    }
    ctx.fillStyle = ARENA.top;
    ctx.fill(cover);
    ctx.save();
    ctx.clip(cover);
    for (const [tx, ty] of walls) {
      if (grain(tx, ty, 9) < 0.55) this.paintMound(ctx, tx + grain(tx, ty, 10), ty - lift + grain(tx, ty, 11), 0.5 + grain(tx, ty, 12) * 0.5);
    }
    for (const [tx, ty] of walls) {
      ctx.fillStyle = ARENA.topShade;
      if (!solid(tx, ty + 1)) ctx.fillRect(tx, ty + 0.95 - lift, 1, 0.05);
      ctx.fillStyle = ARENA.topRim;
      if (!solid(tx, ty - 1)) ctx.fillRect(tx, ty - lift, 1, 0.07);
      if (!solid(tx - 1, ty)) ctx.fillRect(tx, ty - lift, 0.05, 1);
    }
    ctx.restore();
  }

  /** @param {CanvasRenderingContext2D} ctx @param {number} x @param {number} y @param {number} radius */
  paintMound(ctx, x, y, radius) {
    const soft = ctx.createRadialGradient(x, y, 0, x, y, radius);
    soft.addColorStop(0, 'rgb(238 244 255 / .38)');
    soft.addColorStop(1, 'rgb(238 244 255 / 0)');
    ctx.fillStyle = soft;
    ctx.fillRect(x - radius, y - radius, radius * 2, radius * 2);
  }
}
