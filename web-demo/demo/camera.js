// Which part of the map the screen shows: follows a target smoothly or shows all of it, stays on the map except
// where something lies over the picture, converts between screen and map. The scale and the corner are whole device
// pixels, so that pictures stay crisp. Nothing is drawn here.

import { wayOut } from './clear-view.js';

/** Metres on the geometric mean of the screen's sides. */
const SPAN = 19.5;
const SMALLEST = 30;
const LARGEST = 84;
/** CSS pixels per metre where as much is shown as can be seen: on the smallest phones, avatars must still be told apart. */
const LEAST = 16;
/** What of an avatar should be seen, its name included, in metres around its feet. */
const BODY = { side: 0.75, above: 1.7, below: 0.45 };
/** In the overview: smaller, nobody is told from anybody. */
const TINIEST = 8;

export class Camera {
  /** @param {{width: number, height: number}} map in metres @param {number} rise how far walls are drawn above their place */
  constructor(map, rise) {
    this.map = map;
    this.rise = rise;
    this.x = map.width / 2;
    this.y = map.height / 2;
    this.settled = false;
    /** How far is seen around the target, and how far beyond that something may be drawn, in metres; null where everything is seen.
     * @type {{reach: number, margin: number} | null} */
    this.sight = null;
    /** Whether as much of the map as possible is shown. */
    this.overview = false;
    this.ratio = 1;
    this.width = 1;
    this.height = 1;
    /** Device pixels per metre. */
    this.scale = 1;
    this.left = 0;
    this.top = 0;
    /** What is covered at the upper and lower edge, in CSS pixels. */
    this.covered = { top: 0, bottom: 0 };
    /** Panels over the picture, in CSS pixels. @type {readonly import('./clear-view.js').Box[]} */
    this.panels = [];
    /** How far the picture is moved aside because of them, in CSS pixels. */
    this.aside = { x: 0, y: 0 };
  }

  /**
   * Lets the map's edge come away from the screen's, so that nobody has to hide under buttons.
   * @param {number} top CSS pixels @param {number} bottom
   */
  keepFree(top, bottom) {
    this.covered.top = top;
    this.covered.bottom = bottom;
  }

  /** @param {number} width CSS pixels @param {number} height @param {number} ratio device pixels per CSS pixel */
  resize(width, height, ratio) {
    this.ratio = ratio;
    this.width = Math.max(1, Math.round(width * ratio));
    this.height = Math.max(1, Math.round(height * ratio));
    const { top, bottom } = this.covered;
    const whole = Math.min(width / this.map.width, (height - top - bottom) / (this.map.height + this.rise));
    const near = this.sight ? fill(this.sight, width, height) : Math.max(SMALLEST, Math.sqrt(width * height) / SPAN);
    const perMetre = Math.min(LARGEST, this.overview ? Math.max(TINIEST, whole) : near);
    this.scale = this.overview ? Math.floor(perMetre * ratio) : Math.round(perMetre * ratio);
  }

  /**
   * @param {number} x metres @param {number} y
   * @param {number} seconds since the last call
   * @param {number} shake metres
   */
  follow(x, y, seconds, shake) {
    const far = Math.hypot(x - this.x, y - this.y) > 12;
    const share = this.settled && !far ? 1 - Math.exp(-seconds * 7) : 1;
    const fresh = !this.settled;
    this.settled = true;
    this.x += (x - this.x) * share;
    this.y += (y - this.y) * share;
    const jitter = () => (Math.random() - 0.5) * 2 * shake * this.scale;
    this.left = Math.round(corner(this.x, this.width / this.scale, this.map.width, 0, [0, 0]) * this.scale + jitter());
    const margins = [this.covered.top, this.covered.bottom].map((pixels) => (pixels * this.ratio) / this.scale);
    this.top = Math.round(corner(this.y, this.height / this.scale, this.map.height, this.rise, margins) * this.scale + jitter());
    this.stepAside(x, y, fresh ? 1 : 1 - Math.exp(-seconds * 9));
  }

  /** Moves the picture so that the target is not under a panel. @param {number} x metres @param {number} y @param {number} share of the way */
  stepAside(x, y, share) {
    const across = (/** @type {number} */ metres) => (metres * this.scale - this.left) / this.ratio;
    const down = (/** @type {number} */ metres) => (metres * this.scale - this.top) / this.ratio;
    const box = { left: across(x - BODY.side), right: across(x + BODY.side), top: down(y - BODY.above), bottom: down(y + BODY.below) };
    const screen = { width: this.width / this.ratio, height: this.height / this.ratio };
    const wanted = this.overview ? { x: 0, y: 0 } : wayOut(box, this.panels, screen);
    this.aside.x += (wanted.x - this.aside.x) * share;
    this.aside.y += (wanted.y - this.aside.y) * share;
    this.left -= Math.round(this.aside.x * this.ratio);
    this.top -= Math.round(this.aside.y * this.ratio);
  }

  /** @param {number} x CSS pixels @param {number} y @returns {{x: number, y: number}} metres */
  toMap(x, y) {
    return { x: (x * this.ratio + this.left) / this.scale, y: (y * this.ratio + this.top) / this.scale };
  }

  /** Makes the context draw in metres. @param {CanvasRenderingContext2D} ctx */
  apply(ctx) {
    ctx.setTransform(this.scale, 0, 0, this.scale, -this.left, -this.top);
  }

  /** @param {number} x metres @param {number} y @param {number} margin */
  sees(x, y, margin) {
    const left = this.left / this.scale - margin;
    const top = this.top / this.scale - margin;
    return x > left && y > top && x < left + this.width / this.scale + 2 * margin && y < top + this.height / this.scale + 2 * margin;
  }
}

/**
 * The scale at which what is seen fills the screen: along its longer side, and nothing is drawn in its corners that is not there.
 * @param {{reach: number, margin: number}} sight metres @param {number} width CSS pixels @param {number} height
 */
function fill({ reach, margin }, width, height) {
  return Math.max(LEAST, Math.max(width, height) / (2 * reach), Math.hypot(width, height) / (2 * (reach + margin)));
}

/**
 * Where the screen starts so that it stays on the picture, which lies `before` metres off the map.
 * @param {number} centre @param {number} shown @param {number} whole @param {number} before
 * @param {number[]} margins that may be seen besides the picture, before and after it
 * @returns {number}
 */
function corner(centre, shown, whole, before, [more = 0, beyond = 0]) {
  if (shown >= whole + more + beyond) return (whole - shown + beyond - more) / 2 - before;
  return Math.min(whole - shown + beyond, Math.max(-more, centre - shown / 2 + before)) - before;
}
