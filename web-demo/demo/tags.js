// Name tags as small pictures, drawn once per name, colour and scale: the mark
// of the player's colour and the name. Names come from other players: they only
// ever become text on a canvas, cut to a bounded width.

import { mark } from './marks.js';
import { coat } from './palette.js';

const WIDEST = 128;
/** The side of the mark, in CSS pixels. */
const MARK = 11;
/** Players come and go; beyond this many pictures all are drawn anew. */
const KEPT = 400;
const FONT = '-apple-system, "Segoe UI", Roboto, "Liberation Sans", system-ui, sans-serif';

export class Tags {
  constructor() {
    /** @type {Map<string, HTMLCanvasElement>} */
    this.pictures = new Map();
  }

  /**
   * @param {string} name
   * @param {number | undefined} colour
   * @param {boolean} own
   * @param {number} ratio device pixels per CSS pixel
   * @returns {HTMLCanvasElement}
   */
  picture(name, colour, own, ratio) {
    const key = `${own ? 1 : 0} ${colour} ${ratio} ${name}`;
    let picture = this.pictures.get(key);
    if (!picture) {
      if (this.pictures.size >= KEPT) this.pictures.clear();
      picture = paint(name, colour, own, ratio);
      this.pictures.set(key, picture);
    }
    return picture;
  }
}

/** @param {string} name @param {number | undefined} colour @param {boolean} own @param {number} ratio @returns {HTMLCanvasElement} */
function paint(name, colour, own, ratio) {
  const canvas = document.createElement('canvas');
  const ctx = canvas.getContext('2d');
  if (!ctx) return canvas;
  const font = `${own ? 700 : 600} ${12.5 * ratio}px ${FONT}`;
  ctx.font = font;
  const text = shorten(ctx, name, WIDEST * ratio);
  canvas.width = Math.ceil(ctx.measureText(text).width + (MARK + 20) * ratio);
  canvas.height = Math.ceil(20 * ratio);
  ctx.font = font;
  ctx.textBaseline = 'middle';
  ctx.fillStyle = own ? 'rgb(255 200 98 / .94)' : 'rgb(12 18 34 / .7)';
  ctx.beginPath();
  ctx.roundRect(0, 0, canvas.width, canvas.height, canvas.height / 2);
  ctx.fill();
  ctx.fillStyle = own ? '#2b1d00' : '#eef3fd';
  ctx.fillText(text, (MARK + 12) * ratio, canvas.height / 2 + ratio * 0.5);
  const size = (MARK * ratio) / 24;
  ctx.setTransform(size, 0, 0, size, 7 * ratio, (canvas.height - MARK * ratio) / 2);
  const shape = new Path2D(mark(colour));
  ctx.lineWidth = 4;
  ctx.lineJoin = 'round';
  ctx.strokeStyle = '#0b1020';
  ctx.stroke(shape);
  ctx.fillStyle = coat(colour).fill;
  ctx.fill(shape);
  return canvas;
}

/** @param {CanvasRenderingContext2D} ctx @param {string} name @param {number} widest @returns {string} */
function shorten(ctx, name, widest) {
  if (ctx.measureText(name).width <= widest) return name;
  const letters = Array.from(name);
  while (letters.length > 1 && ctx.measureText(`${letters.join('')}…`).width > widest) letters.pop();
  return `${letters.join('')}…`;
}
