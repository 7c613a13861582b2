// The map of a room: a dot where each entity is, a colour per kind, names of players beside theirs.
// The view fits what is there, with a margin, and grows at once but shrinks slowly, so that it does
// not breathe.

import { position } from './values.js';

/** @typedef {import('./api.js').Inside} Inside */
/** @typedef {{ left: number, top: number, right: number, bottom: number }} Box */

export const COLOURS = ['#3f7be0', '#d9822b', '#1f9d74', '#a45bd0', '#cf4a5f', '#2b9cb8', '#8a8f2a', '#7a6ad8'];
const MARGIN = 0.06;
const SHRINK = 0.15;

export class RoomMap {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    /** @type {Box | null} */
    this.box = null;
    /** The entity to point out. */
    this.marked = -1;
    /** @type {Inside | null} */
    this.inside = null;
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  reset() {
    this.box = null;
    this.inside = null;
  }

  /** @param {Inside} inside */
  show(inside) {
    this.inside = inside;
    this.draw();
  }

  /** @param {number} id */
  mark(id) {
    this.marked = id;
    this.draw();
  }

  draw() {
    const { canvas, inside } = this;
    const scale = window.devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    if (width === 0) return;
    [canvas.width, canvas.height] = [Math.round(width * scale), Math.round(height * scale)];
    const brush = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
    const style = getComputedStyle(canvas);
    const dots = inside ? this.dots(inside) : [];
    if (!inside || dots.length === 0) {
      brush.scale(scale, scale);
      brush.fillStyle = style.color;
      brush.font = `13px ${style.fontFamily}`;
      brush.textAlign = 'center';
      brush.fillText('nothing with x and y', width / 2, height / 2);
      return;
    }
    const box = this.fit(dots);
    const zoom = Math.min(width / (box.right - box.left), height / (box.bottom - box.top));
    const x = (/** @type {number} */ at) => width / 2 + (at - (box.left + box.right) / 2) * zoom;
    const y = (/** @type {number} */ at) => height / 2 + (at - (box.top + box.bottom) / 2) * zoom;
    brush.scale(scale, scale);
    brush.font = `12px ${style.fontFamily}`;
    const names = new Map(inside.players.map(({ entity, name }) => [entity, name]));
    for (const dot of dots) {
      const name = names.get(dot.id);
      const radius = name === undefined ? 3 : 5;
      brush.fillStyle = COLOURS[dot.kind % COLOURS.length] ?? 'currentColor';
      brush.beginPath();
      brush.arc(x(dot.x), y(dot.y), radius, 0, 2 * Math.PI);
      brush.fill();
      if (dot.id === this.marked) {
        brush.strokeStyle = style.color;
        brush.lineWidth = 2;
        brush.beginPath();
        brush.arc(x(dot.x), y(dot.y), radius + 4, 0, 2 * Math.PI);
        brush.stroke();
      }
      if (name === undefined) continue;
      const right = x(dot.x) + 9 + brush.measureText(name).width > width;
      brush.fillStyle = style.color;
      brush.textAlign = right ? 'right' : 'left';
      brush.fillText(name, x(dot.x) + (right ? -9 : 9), y(dot.y) + 4);
    }
  }

  /** @param {Inside} inside */
  dots({ kinds, rows }) {
    const places = kinds.map(({ fields }) => position(fields));
    return rows.flatMap(({ kind, id, values }) => {
      const place = places[kind];
      return place ? [{ kind, id, x: values[place.x] ?? 0, y: values[place.y] ?? 0 }] : [];
    });
  }

  /** @param {{ x: number, y: number }[]} dots @returns {Box} */
  fit(dots) {
    const [xs, ys] = [dots.map(({ x }) => x), dots.map(({ y }) => y)];
    const least = { left: Math.min(...xs), right: Math.max(...xs), top: Math.min(...ys), bottom: Math.max(...ys) };
    const margin = Math.max(least.right - least.left, least.bottom - least.top, 64) * MARGIN;
    const wanted = { left: least.left - margin, right: least.right + margin, top: least.top - margin, bottom: least.bottom + margin };
    const old = this.box ?? wanted;
    const ease = (/** @type {number} */ from, /** @type {number} */ to, /** @type {boolean} */ grows) => (grows ? to : from + (to - from) * SHRINK);
    this.box = {
      left: ease(old.left, wanted.left, wanted.left < old.left),
      right: ease(old.right, wanted.right, wanted.right > old.right),
      top: ease(old.top, wanted.top, wanted.top < old.top),
      bottom: ease(old.bottom, wanted.bottom, wanted.bottom > old.bottom),
    };
    return this.box;
  }
}
