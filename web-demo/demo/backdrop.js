// The winter evening behind the lobby: sky, hills, falling snow and a few players out for a walk.
// Decoration only; it stops while a game is on, follows the page's theme, and holds still under
// reduced motion.

import { Portraits } from './portraits.js';
import { drawAvatar, paintFigure } from './sprites.js';
import { onTheme, theme } from './theme.js';

/** @typedef {{sky: string[], glow: string, hills: string[], snow: string, stars: number}} Sight */

/** @type {Sight} */
const NIGHT = { sky: ['#0b1020', '#141d36', '#22304f'], glow: '150 185 255', hills: ['#1b2642', '#24314f', '#303f61'], snow: '255 255 255', stars: 0.8 };
/** @type {Sight} */
const DAY = { sky: ['#cfdff5', '#e2ecf9', '#f6f9fd'], glow: '255 236 190', hills: ['#cbd9ee', '#dbe6f5', '#f4f8fe'], snow: '150 178 222', stars: 0 };
const WALKERS = [
  { colour: 0, at: 0.14, speed: 0.9 }, { colour: 4, at: 0.34, speed: -0.7 }, { colour: 3, at: 0.5, speed: 1.15 },
  { colour: 8, at: 0.78, speed: -1 }, { colour: 9, at: 0.92, speed: 0.8 },
];
const METRE = 58;

export class Backdrop {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.calm = window.matchMedia('(prefers-reduced-motion: reduce)');
    this.portraits = new Portraits(paintFigure);
    this.request = 0;
    this.running = false;
    const again = () => { if (this.running) this.draw(performance.now()); };
    window.addEventListener('resize', again);
    onTheme(again);
  }

  start() {
    this.stop();
    this.running = true;
    const loop = (/** @type {number} */ now) => {
      this.draw(now);
      if (!this.calm.matches) this.request = requestAnimationFrame(loop);
    };
    this.request = requestAnimationFrame(loop);
  }

  stop() {
    this.running = false;
    cancelAnimationFrame(this.request);
  }

  /** @param {number} now milliseconds */
  draw(now) {
    const ctx = this.canvas.getContext('2d');
    if (!ctx) return;
    const ratio = Math.min(2, window.devicePixelRatio || 1);
    const width = this.canvas.clientWidth;
    const height = this.canvas.clientHeight;
    if (this.canvas.width !== Math.round(width * ratio)) this.canvas.width = Math.round(width * ratio);
    if (this.canvas.height !== Math.round(height * ratio)) this.canvas.height = Math.round(height * ratio);
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    const sight = theme() === 'light' ? DAY : NIGHT;
    const time = this.calm.matches ? 20 : now / 1000;
    drawSky(ctx, sight, width, height);
    sight.hills.forEach((colour, index) => drawHill(ctx, colour, index, width, height));
    this.portraits.setScale(METRE * ratio);
    drawWalkers(ctx, width, height, time, this.portraits);
    drawSnow(ctx, sight.snow, width, height, time);
  }
}

/**
 * @param {CanvasRenderingContext2D} ctx
 * @param {Sight} sight
 * @param {number} width
 * @param {number} height
 */
function drawSky(ctx, sight, width, height) {
  const sky = ctx.createLinearGradient(0, 0, 0, height);
  sight.sky.forEach((colour, index) => sky.addColorStop(index / 2, colour));
  ctx.fillStyle = sky;
  ctx.fillRect(0, 0, width, height);
  const glow = ctx.createRadialGradient(width * 0.82, height * 0.12, 0, width * 0.82, height * 0.12, height * 0.8);
  glow.addColorStop(0, `rgb(${sight.glow} / .3)`);
  glow.addColorStop(0.5, `rgb(${sight.glow} / .07)`);
  glow.addColorStop(1, `rgb(${sight.glow} / 0)`);
  ctx.fillStyle = glow;
  ctx.fillRect(0, 0, width, height);
  if (sight.stars === 0) return;
  ctx.fillStyle = '#ffffff';
  for (let star = 0; star < 90; star += 1) {
    ctx.globalAlpha = sight.stars * (0.15 + ((star * 53) % 70) / 100);
    const size = star % 9 === 0 ? 1.9 : 1.1;
    ctx.fillRect((star * 613.7) % width, (star * 331.3) % (height * 0.75), size, size);
  }
  ctx.globalAlpha = 1;
}

/** Height of a hill's edge. @param {number} x @param {number} index @param {number} height @returns {number} */
function ridge(x, index, height) {
  const base = height - 190 + index * 58;
  return base + Math.sin(x / (310 - index * 40) + index * 2.1) * (26 - index * 6) + Math.sin(x / 127 + index) * 7;
}

/**
 * @param {CanvasRenderingContext2D} ctx
 * @param {string} colour
 * @param {number} index
 * @param {number} width
 * @param {number} height
 */
function drawHill(ctx, colour, index, width, height) {
  ctx.fillStyle = colour;
  ctx.beginPath();
  ctx.moveTo(0, height);
  for (let x = 0; x <= width + 12; x += 12) ctx.lineTo(x, ridge(x, index, height));
  ctx.lineTo(width, height);
  ctx.fill();
}

/**
 * @param {CanvasRenderingContext2D} ctx
 * @param {number} width
 * @param {number} height
 * @param {number} time seconds
 * @param {Portraits} portraits
 */
function drawWalkers(ctx, width, height, time, portraits) {
  const path = width + 160;
  WALKERS.forEach(({ colour, at, speed }, index) => {
    const x = ((((at * path + time * speed * METRE) % path) + path) % path) - 80;
    const y = ridge(x, 2, height) + 16 + index * 11;
    ctx.save();
    ctx.scale(METRE, METRE);
    drawAvatar(ctx, {
      x: x / METRE, y: y / METRE, heading: speed > 0 ? 0.35 : Math.PI - 0.35, colour, stride: time * Math.abs(speed) * 5.4,
      pace: 0.8, dashing: false, flash: 0, dizzy: false, shield: false, own: false,
    }, time, portraits);
    ctx.restore();
  });
}

/**
 * @param {CanvasRenderingContext2D} ctx
 * @param {string} colour
 * @param {number} width
 * @param {number} height
 * @param {number} time
 */
function drawSnow(ctx, colour, width, height, time) {
  for (let flake = 0; flake < 110; flake += 1) {
    const near = 0.35 + ((flake * 41) % 65) / 100;
    const x = (flake * 211.9 + Math.sin(time * 0.6 + flake) * 20 + time * near * 9) % (width + 20);
    const y = (flake * 97.3 + time * (16 + near * 34)) % (height + 20);
    ctx.fillStyle = `rgb(${colour} / ${0.15 + near * 0.4})`;
    ctx.beginPath();
    ctx.arc(x - 10, y - 10, near * 2.2, 0, Math.PI * 2);
    ctx.fill();
  }
}
