// The track below the picture: bytes per tick, where events are, what was compared, and where we are. A slider lies over it, which
// takes the pointer and the keys.

/** @typedef {{ place: number, sort: 'players' | 'game' | 'commands' | 'fault' }} Mark */

const HEIGHTS = { players: 0.1, game: 0.28, commands: 0.46, fault: 0.64 };

export class Track {
  /** @param {HTMLCanvasElement} canvas @param {HTMLInputElement} slider */
  constructor(canvas, slider) {
    this.canvas = canvas;
    this.slider = slider;
    this.length = 1;
    /** Bytes of each tick. @type {number[]} */
    this.bytes = [];
    /** @type {readonly Mark[]} */
    this.marks = [];
    /** @type {readonly number[]} */
    this.compared = [];
    this.place = 0;
    /** All but the place, drawn once per size. @type {HTMLCanvasElement | null} */
    this.picture = null;
    new ResizeObserver(() => this.#repaint()).observe(canvas);
    window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#repaint());
  }

  /** @param {import('../client/film.js').Film} film @param {readonly Mark[]} marks @param {readonly number[]} compared */
  show(film, marks, compared) {
    this.length = Math.max(1, film.length);
    this.slider.max = String(film.length);
    this.bytes = Array.from({ length: film.length }, (_, tick) => (
      film.bytesAt((film.header.first + tick + 1) % 2 ** 32).reduce((sum, { bytes }) => sum + bytes, 0)));
    this.marks = marks;
    this.compared = compared;
    this.#repaint();
  }

  /** @param {number} place */
  move(place) {
    this.place = place;
    if (!this.picture) this.picture = this.#paint();
    const { canvas, picture } = this;
    const brush = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
    if (canvas.width !== picture.width || canvas.height !== picture.height) [canvas.width, canvas.height] = [picture.width, picture.height];
    brush.clearRect(0, 0, canvas.width, canvas.height);
    brush.drawImage(picture, 0, 0);
    const ratio = canvas.width / Math.max(1, canvas.clientWidth);
    brush.fillStyle = getComputedStyle(document.body).color;
    const x = (place / this.length) * canvas.width;
    brush.fillRect(Math.min(canvas.width - 2 * ratio, Math.max(0, x - ratio)), 0, 2 * ratio, canvas.height);
    brush.beginPath();
    brush.arc(Math.min(canvas.width - 5 * ratio, Math.max(5 * ratio, x)), canvas.height - 5 * ratio, 5 * ratio, 0, 7);
    brush.fill();
  }

  #repaint() {
    this.picture = null;
    this.move(this.place);
  }

  #paint() {
    const { canvas } = this;
    const ratio = Math.min(2, window.devicePixelRatio || 1);
    const picture = document.createElement('canvas');
    [picture.width, picture.height] = [Math.max(1, Math.round(canvas.clientWidth * ratio)), Math.max(1, Math.round(canvas.clientHeight * ratio))];
    const brush = /** @type {CanvasRenderingContext2D} */ (picture.getContext('2d'));
    const style = getComputedStyle(document.documentElement);
    const colour = (/** @type {string} */ name) => style.getPropertyValue(name);
    brush.fillStyle = colour('--sunken');
    brush.fillRect(0, 0, picture.width, picture.height);
    this.#paintBytes(brush, picture, colour('--line'));
    brush.fillStyle = colour('--good');
    const step = Math.max(1, picture.width / this.length);
    for (const place of this.compared) brush.fillRect((place / this.length) * picture.width, picture.height - 3 * ratio, step + 1, 3 * ratio);
    const colours = { players: colour('--good'), game: colour('--accent'), commands: colour('--warn'), fault: colour('--bad') };
    for (const { place, sort } of this.marks) {
      brush.fillStyle = colours[sort];
      const x = (place / this.length) * picture.width;
      if (sort === 'fault') brush.fillRect(x - ratio, 0, 3 * ratio, picture.height);
      paintMark(brush, sort, x, HEIGHTS[sort] * picture.height + 4 * ratio, 4 * ratio);
    }
    return picture;
  }

  /** @param {CanvasRenderingContext2D} brush @param {HTMLCanvasElement} picture @param {string} colour */
  #paintBytes(brush, picture, colour) {
    const columns = Math.min(picture.width, this.bytes.length);
    const tops = Array.from({ length: columns }, (_, column) => {
      const [from, to] = [column, column + 1].map((at) => Math.floor((at * this.bytes.length) / columns));
      return Math.max(...this.bytes.slice(from, to));
    });
    // A few ticks, such as those in which everybody joins, may take far more than all others.
    const most = Math.max(1, [...tops].sort((a, b) => a - b)[Math.floor(tops.length * 0.98)] ?? 1);
    brush.fillStyle = colour;
    for (const [column, top] of tops.entries()) {
      const height = Math.min(1, top / most) * picture.height * 0.9;
      brush.fillRect((column / columns) * picture.width, picture.height - height, picture.width / columns + 0.5, height);
    }
  }
}

/** The shapes of marks, within -1 to 1: they differ without colour. */
const SHAPES = {
  players: [[-0.8, -0.8], [0.8, -0.8], [0.8, 0.8], [-0.8, 0.8]],
  game: [[0, -1], [1, 0], [0, 1], [-1, 0]],
  commands: [[0, -0.9], [1, 0.8], [-1, 0.8]],
  fault: [[-1, -0.5], [-0.5, -1], [0, -0.5], [0.5, -1], [1, -0.5], [0.5, 0], [1, 0.5], [0.5, 1], [0, 0.5], [-0.5, 1], [-1, 0.5], [-0.5, 0]],
};

/** @param {CanvasRenderingContext2D} brush @param {Mark['sort']} sort @param {number} x @param {number} y @param {number} size */
function paintMark(brush, sort, x, y, size) {
  brush.beginPath();
  for (const [dx, dy] of SHAPES[sort]) brush.lineTo(x + dx * size, y + dy * size);
  brush.fill();
}

/** The same shape for lists. @param {Mark['sort']} sort */
export function markPicture(sort) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', '-1 -1 2 2');
  svg.setAttribute('class', sort);
  svg.setAttribute('aria-hidden', 'true');
  const shape = document.createElementNS('http://www.w3.org/2000/svg', 'polygon');
  shape.setAttribute('points', SHAPES[sort].map((point) => point.join(',')).join(' '));
  svg.append(shape);
  return svg;
}
