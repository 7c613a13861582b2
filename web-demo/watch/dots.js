// Draws any game: a dot for each entity of a kind that has fields named x and y. The picture grows to where they have been.

const COLOURS = ['#3f7be0', '#d9822b', '#1f9d74', '#a45bd0', '#cf4a5f', '#2b9cb8', '#8a8f2a', '#7a6ad8'];
/** CSS pixels around the dots, and around one in which a click means it. */
const MARGIN = 24;
const NEAR = 24;

export class Dots {
  /** @param {HTMLCanvasElement} canvas @param {import('../client/film.js').Film} film */
  constructor(canvas, film) {
    this.canvas = canvas;
    this.film = film;
    this.brush = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
    this.box = { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity };
    /** @type {{ id: number, x: number, y: number }[]} */
    this.dots = [];
  }

  cut() {}

  stop() {}

  /** @param {readonly import('../client/room.js').AnyView[]} views @param {{ follow: number | null }} frame */
  draw(views, { follow }) {
    const { canvas, brush, box } = this;
    const ratio = Math.min(2, window.devicePixelRatio || 1);
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    brush.setTransform(ratio, 0, 0, ratio, 0, 0);
    const placed = views.filter(({ x, y }) => typeof x === 'number' && typeof y === 'number');
    for (const { x, y } of placed) {
      Object.assign(box, { left: Math.min(box.left, x), right: Math.max(box.right, x), top: Math.min(box.top, y), bottom: Math.max(box.bottom, y) });
    }
    const scale = Math.min((width - 2 * MARGIN) / Math.max(1e-9, box.right - box.left), (height - 2 * MARGIN) / Math.max(1e-9, box.bottom - box.top));
    const left = (width - (box.left + box.right) * scale) / 2;
    const top = (height - (box.top + box.bottom) * scale) / 2;
    const kinds = this.film.schema.map(({ name }) => name);
    this.dots = placed.map(({ id, kind, x, y }) => {
      const dot = { id, x: x * scale + left, y: y * scale + top };
      brush.fillStyle = COLOURS[Math.max(0, kinds.indexOf(kind)) % COLOURS.length];
      brush.beginPath();
      brush.arc(dot.x, dot.y, id === follow ? 8 : 5, 0, 2 * Math.PI);
      brush.fill();
      return dot;
    });
  }

  /** The entity at a place of the screen. @param {number} x CSS pixels @param {number} y */
  at(x, y) {
    const far = (/** @type {{ x: number, y: number }} */ dot) => Math.hypot(dot.x - x, dot.y - y);
    const [nearest] = [...this.dots].sort((a, b) => far(a) - far(b));
    return nearest && far(nearest) < NEAR ? nearest.id : null;
  }
}
