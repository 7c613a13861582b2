// What is around: on maps that nobody sees as a whole, how clearly things at the edge of sight are drawn. Whoever comes into sight
// fades in on the way through the margin and who leaves fades out, so nothing pops up; beyond sight the ground lies in haze.

import { PER_METRE } from './arena.js';
import { ARENA } from './palette.js';

/** What appears further away than this part of the sight came from outside, and fades in; what appears nearer was made there. */
const OUTSIDE = 0.7;
const FADE_MS = 150;

export class Sight {
  /** @param {{sight: number, margin: number}} grid in quanta */
  constructor({ sight, margin }) {
    /** How far players see, in metres. */
    this.reach = sight / PER_METRE;
    /** How far beyond that they get rows at least, in metres. */
    this.margin = margin / PER_METRE;
    /** When whom was first there, by entity. @type {Map<number, {since: number, pass: number}>} */
    this.known = new Map();
    this.pass = 0;
  }

  /** Before the first call of `clarity` for a picture. */
  begin() {
    this.pass += 1;
  }

  /**
   * @param {{id: number, x: number, y: number}} view
   * @param {{x: number, y: number}} own who looks
   * @param {number} now milliseconds
   * @returns {number} 0 for not at all, 1 for fully
   */
  clarity({ id, x, y }, own, now) {
    const far = Math.hypot(x - own.x, y - own.y);
    let known = this.known.get(id);
    if (!known) {
      known = { since: far > this.reach * OUTSIDE ? now : -Infinity, pass: 0 };
      this.known.set(id, known);
    }
    known.pass = this.pass;
    const near = Math.min(1, Math.max(0, (this.reach + this.margin - far) / this.margin));
    return near * Math.min(1, (now - known.since) / FADE_MS);
  }

  /** Forgets who was not there since `begin`. */
  end() {
    for (const [id, { pass }] of this.known) if (pass !== this.pass) this.known.delete(id);
  }

  /**
   * Draws the haze; the context's units are metres.
   * @param {CanvasRenderingContext2D} ctx
   * @param {{x: number, y: number}} own
   * @param {import('./camera.js').Camera} camera
   */
  drawHaze(ctx, own, camera) {
    const haze = ctx.createRadialGradient(own.x, own.y, this.reach * 0.94, own.x, own.y, this.reach + this.margin);
    haze.addColorStop(0, `rgb(${ARENA.haze} / 0)`);
    haze.addColorStop(1, `rgb(${ARENA.haze} / .92)`);
    ctx.fillStyle = haze;
    ctx.fillRect(camera.left / camera.scale, camera.top / camera.scale, camera.width / camera.scale, camera.height / camera.scale);
  }
}
