// Drawings of single things, in metres, at a place, on any 2D context: avatar, spark, snowball.
// They keep no state and know no room; what they show comes in as plain values. The ground is in
// ground.js, the order of drawing in scene.js.

import { ARENA, coat } from './palette.js';

/** @typedef {import('./portraits.js').Brush} Brush */

const TURN = Math.PI * 2;
/** Downward share of the heading below which the face is not seen. */
const AWAY = -0.35;

/**
 * @typedef {object} Pose
 * @property {number} x metres
 * @property {number} y
 * @property {number} heading radians, 0 to the right, a quarter turn is down the screen
 * @property {number} colour
 * @property {number} stride phase of the walk in radians
 * @property {number} pace 0 standing, 1 running
 * @property {boolean} dashing
 * @property {number} flash 0 to 1, how white it is from a hit
 * @property {boolean} dizzy
 * @property {boolean} shield
 * @property {boolean} own
 */

/** @param {Brush} ctx @param {number} x @param {number} y @param {number} rx @param {number} ry */
function blob(ctx, x, y, rx, ry) {
  ctx.beginPath();
  ctx.ellipse(x, y, rx, ry, 0, 0, TURN);
  ctx.fill();
}

/**
 * @param {CanvasRenderingContext2D} ctx
 * @param {Pose} pose
 * @param {number} time seconds
 * @param {import('./portraits.js').Portraits} portraits made with {@link paintFigure}
 */
export function drawAvatar(ctx, pose, time, portraits) {
  const dress = coat(pose.colour);
  const aheadX = Math.cos(pose.heading);
  const aheadY = Math.sin(pose.heading);
  const swing = Math.sin(pose.stride) * pose.pace;
  const hop = Math.abs(Math.cos(pose.stride)) * 0.07 * pose.pace;

  ctx.save();
  ctx.translate(pose.x, pose.y);
  ctx.fillStyle = ARENA.shadow;
  blob(ctx, 0.06, 0.05, 0.38, 0.17);
  if (pose.own) drawOwnRing(ctx, time);

  for (const [side, step] of [[-0.15, swing], [0.15, -swing]]) {
    const x = (side ?? 0) + aheadX * (0.03 + (step ?? 0) * 0.13);
    const y = 0.03 + aheadY * (step ?? 0) * 0.07 - Math.max(0, step ?? 0) * 0.07;
    ctx.fillStyle = ARENA.ink;
    blob(ctx, x, y, 0.13, 0.095);
    ctx.fillStyle = ARENA.boot;
    blob(ctx, x, y - 0.005, 0.095, 0.06);
  }

  ctx.translate(0, -hop);
  ctx.rotate(aheadX * 0.11 * pose.pace + swing * 0.03);
  if (pose.dashing) ctx.scale(1 + Math.abs(aheadX) * 0.14, 1 - Math.abs(aheadX) * 0.08);
  if (aheadY >= AWAY) drawScarf(ctx, pose, dress, time);
  portraits.draw(ctx, pose.colour, pose.heading, pose.dizzy);
  if (aheadY < AWAY) drawScarf(ctx, pose, dress, time);
  if (pose.flash > 0) {
    ctx.fillStyle = `rgb(255 255 255 / ${pose.flash * 0.8})`;
    blob(ctx, 0, -0.38, 0.4, 0.44);
  }
  ctx.restore();
  if (pose.dizzy) drawStars(ctx, pose, time);
  if (pose.shield) drawShield(ctx, pose, time);
}

/** @type {import('./portraits.js').Painter} Body, face and hat, standing upright. */
export function paintFigure(ctx, colour, heading, dizzy) {
  const dress = coat(colour);
  const aheadX = Math.cos(heading);
  const aheadY = Math.sin(heading);
  drawBody(ctx, dress);
  if (aheadY >= AWAY) drawFace(ctx, dizzy, aheadX, aheadY);
  drawHat(ctx, dress, aheadX, aheadY);
}

/** @param {CanvasRenderingContext2D} ctx @param {number} time */
function drawOwnRing(ctx, time) {
  ctx.strokeStyle = ARENA.guide;
  ctx.lineWidth = 0.05;
  ctx.setLineDash([0.26, 0.14]);
  ctx.lineDashOffset = -time * 0.25;
  ctx.beginPath();
  ctx.ellipse(0, 0.03, 0.56, 0.33, 0, 0, TURN);
  ctx.stroke();
  ctx.setLineDash([]);
}

/** @param {Brush} ctx @param {import('./palette.js').Coat} dress */
function drawBody(ctx, dress) {
  ctx.fillStyle = ARENA.ink;
  blob(ctx, 0, -0.34, 0.385, 0.375);
  ctx.fillStyle = dress.dark;
  blob(ctx, 0, -0.34, 0.35, 0.34);
  ctx.save();
  ctx.clip();
  ctx.fillStyle = dress.fill;
  blob(ctx, -0.05, -0.4, 0.36, 0.34);
  ctx.restore();
}

/** @param {Brush} ctx @param {boolean} dizzy @param {number} aheadX @param {number} aheadY */
function drawFace(ctx, dizzy, aheadX, aheadY) {
  const depth = Math.min(1, (aheadY + 0.5) / 0.75);
  const x = aheadX * 0.15;
  const y = -0.35 + aheadY * 0.07;
  const narrow = 1 - Math.abs(aheadX) * 0.2;
  ctx.fillStyle = ARENA.skin;
  blob(ctx, x, y, 0.235 * narrow, 0.175 * depth);
  ctx.fillStyle = ARENA.ink;
  const gap = 0.095 * narrow;
  const eye = dizzy ? 0.02 : 0.052 * Math.max(0.55, depth);
  blob(ctx, x - gap + aheadX * 0.06, y - 0.005, 0.037, eye);
  blob(ctx, x + gap + aheadX * 0.06, y - 0.005, 0.037, eye);
  ctx.fillStyle = 'rgb(240 120 120 / .4)';
  blob(ctx, x - gap * 1.65 + aheadX * 0.04, y + 0.075 * depth, 0.042, 0.028);
  blob(ctx, x + gap * 1.65 + aheadX * 0.04, y + 0.075 * depth, 0.042, 0.028);
}

/**
 * @param {Brush} ctx
 * @param {import('./palette.js').Coat} dress
 * @param {number} aheadX
 * @param {number} aheadY
 */
function drawHat(ctx, dress, aheadX, aheadY) {
  const brim = -0.5 + aheadY * 0.025;
  ctx.fillStyle = ARENA.ink;
  blob(ctx, -aheadX * 0.07, -0.83, 0.125, 0.115);
  ctx.beginPath();
  ctx.ellipse(0, brim, 0.37, 0.33, 0, Math.PI, TURN);
  ctx.fill();
  ctx.fillStyle = dress.dark;
  ctx.beginPath();
  ctx.ellipse(0, brim, 0.335, 0.295, 0, Math.PI, TURN);
  ctx.fill();
  drawPattern(ctx, dress, brim);
  ctx.fillStyle = dress.light;
  blob(ctx, -aheadX * 0.07, -0.83, 0.095, 0.085);
  ctx.lineCap = 'round';
  ctx.strokeStyle = ARENA.ink;
  ctx.lineWidth = 0.15;
  ctx.beginPath();
  ctx.ellipse(0, brim - 0.02, 0.31, 0.06 + aheadY * 0.035, 0, Math.PI, 0, aheadY > 0);
  ctx.stroke();
  ctx.strokeStyle = dress.light;
  ctx.lineWidth = 0.09;
  ctx.stroke();
}

/** On the hat, where it is seen from all sides. @param {Brush} ctx @param {import('./palette.js').Coat} dress @param {number} brim */
function drawPattern(ctx, dress, brim) {
  if (dress.pattern === 'plain') return;
  ctx.fillStyle = ctx.strokeStyle = dress.light;
  if (dress.pattern === 'dots') {
    for (const [x, y] of [[-0.2, -0.12], [0, -0.17], [0.2, -0.12], [-0.1, -0.24], [0.11, -0.24]]) blob(ctx, x ?? 0, brim + (y ?? 0), 0.034, 0.034);
    return;
  }
  ctx.lineWidth = 0.05;
  ctx.beginPath();
  ctx.ellipse(0, brim - 0.14, 0.27, 0.05, 0, Math.PI, 0, true);
  ctx.moveTo(0.17, brim - 0.24);
  ctx.ellipse(0, brim - 0.24, 0.17, 0.035, 0, 0, Math.PI);
  ctx.stroke();
}

/** @param {CanvasRenderingContext2D} ctx @param {Pose} pose @param {import('./palette.js').Coat} dress @param {number} time */
function drawScarf(ctx, pose, dress, time) {
  const flutter = Math.sin(time * 9 + pose.x * 3) * 0.05 * (0.3 + pose.pace);
  const reach = 0.34 + pose.pace * 0.22 + (pose.dashing ? 0.2 : 0);
  const backX = -Math.cos(pose.heading) * reach;
  const backY = -Math.sin(pose.heading) * reach * 0.5;
  ctx.lineCap = 'round';
  ctx.beginPath();
  ctx.moveTo(-Math.cos(pose.heading) * 0.2, -0.2);
  ctx.quadraticCurveTo(backX * 0.7, -0.25 + backY + flutter, backX * 1.15 + Math.sin(time * 4 + pose.y) * 0.06, -0.1 + backY - flutter + (1 - pose.pace) * 0.08);
  ctx.strokeStyle = ARENA.ink;
  ctx.lineWidth = 0.16;
  ctx.stroke();
  ctx.strokeStyle = dress.light;
  ctx.lineWidth = 0.1;
  ctx.stroke();
}

/** @param {CanvasRenderingContext2D} ctx @param {Pose} pose @param {number} time */
function drawStars(ctx, pose, time) {
  ctx.fillStyle = ARENA.spark;
  for (let index = 0; index < 3; index += 1) {
    const angle = time * 5 + (index * TURN) / 3;
    star(ctx, pose.x + Math.cos(angle) * 0.36, pose.y - 0.9 + Math.sin(angle) * 0.1, 0.09, 0.45);
  }
}

/** @param {CanvasRenderingContext2D} ctx @param {Pose} pose @param {number} time */
function drawShield(ctx, pose, time) {
  const pulse = 0.6 + Math.sin(time * 5) * 0.12;
  ctx.fillStyle = `rgb(${ARENA.shield} / .13)`;
  blob(ctx, pose.x, pose.y - 0.36, 0.6, 0.6);
  ctx.strokeStyle = `rgb(${ARENA.shield} / ${pulse})`;
  ctx.lineWidth = 0.04;
  ctx.stroke();
  ctx.strokeStyle = `rgb(255 255 255 / ${pulse})`;
  ctx.lineWidth = 0.055;
  ctx.lineCap = 'round';
  ctx.beginPath();
  ctx.arc(pose.x, pose.y - 0.36, 0.52, Math.PI * 1.12, Math.PI * 1.42);
  ctx.stroke();
}

/** @param {CanvasRenderingContext2D} ctx @param {number} x @param {number} y @param {number} radius @param {number} waist share */
function star(ctx, x, y, radius, waist) {
  ctx.beginPath();
  for (let point = 0; point < 8; point += 1) {
    const r = point % 2 === 0 ? radius : radius * waist;
    ctx.lineTo(x + Math.sin((point * TURN) / 8) * r, y - Math.cos((point * TURN) / 8) * r);
  }
  ctx.closePath();
  ctx.fill();
}

/**
 * @param {CanvasRenderingContext2D} ctx
 * @param {number} x
 * @param {number} y
 * @param {boolean} big
 * @param {number} time
 * @param {CanvasImageSource} glow
 */
export function drawSpark(ctx, x, y, big, time, glow) {
  const phase = time * 2.6 + x * 1.7 + y * 2.3;
  const radius = (big ? 0.3 : 0.19) * (1 + Math.sin(phase) * 0.1);
  const lift = y - 0.3 + Math.sin(phase * 0.8) * 0.05;
  ctx.fillStyle = ARENA.shadow;
  blob(ctx, x, y + 0.02, radius * 0.75, radius * 0.3);
  const halo = radius * 4.4;
  ctx.globalCompositeOperation = /** @type {GlobalCompositeOperation} */ (ARENA.halo);
  const shown = ctx.globalAlpha;
  ctx.globalAlpha = shown * (0.5 + Math.sin(phase) * 0.14);
  ctx.drawImage(glow, x - halo / 2, lift - halo / 2, halo, halo);
  ctx.globalCompositeOperation = 'source-over';
  ctx.globalAlpha = shown;
  ctx.fillStyle = ARENA.ink;
  star(ctx, x, lift, radius + 0.05, 0.46);
  ctx.fillStyle = ARENA.spark;
  star(ctx, x, lift, radius, 0.42);
  ctx.fillStyle = ARENA.sparkCore;
  star(ctx, x, lift, radius * 0.55, 0.45);
}

/** @param {CanvasRenderingContext2D} ctx @param {number} x @param {number} y @param {number} colour */
export function drawSnowball(ctx, x, y, colour) {
  const dress = coat(colour);
  ctx.fillStyle = ARENA.shadow;
  blob(ctx, x + 0.05, y + 0.05, 0.17, 0.085);
  ctx.fillStyle = dress.fill;
  blob(ctx, x, y - 0.38, 0.19, 0.19);
  ctx.fillStyle = '#c5d3ea';
  blob(ctx, x, y - 0.38, 0.15, 0.15);
  ctx.fillStyle = ARENA.snow;
  blob(ctx, x - 0.025, y - 0.41, 0.11, 0.11);
}

/** Two letters z over an avatar whose player is away. @param {CanvasRenderingContext2D} ctx @param {{x: number, y: number}} place @param {number} time */
export function drawSleep(ctx, { x, y }, time) {
  ctx.lineJoin = ctx.lineCap = 'round';
  for (const [index, size] of [0.17, 0.12].entries()) {
    const left = x + 0.3 + index * 0.2;
    const top = y - 0.75 - index * 0.2 + Math.sin(time * 2 + index) * 0.03;
    const letter = new Path2D();
    letter.moveTo(left, top);
    for (const [dx, dy] of [[size, 0], [0, size], [size, size]]) letter.lineTo(left + (dx ?? 0), top + (dy ?? 0));
    ctx.lineWidth = 0.11;
    ctx.strokeStyle = ARENA.ink;
    ctx.stroke(letter);
    ctx.lineWidth = 0.05;
    ctx.strokeStyle = ARENA.snow;
    ctx.stroke(letter);
  }
}

/** The soft round light of a spark, drawn once. @returns {HTMLCanvasElement} */
export function makeGlow() {
  const glow = document.createElement('canvas');
  glow.width = glow.height = 96;
  const ctx = glow.getContext('2d');
  if (!ctx) return glow;
  const light = ctx.createRadialGradient(48, 48, 0, 48, 48, 48);
  light.addColorStop(0, 'rgb(255 214 120 / .75)');
  light.addColorStop(0.35, 'rgb(255 196 90 / .25)');
  light.addColorStop(1, 'rgb(255 190 80 / 0)');
  ctx.fillStyle = light;
  ctx.fillRect(0, 0, 96, 96);
  return glow;
}
