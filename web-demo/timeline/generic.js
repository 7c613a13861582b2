// Draws any game: a dot where each entity is, for kinds with fields named x and y. Where there are none, the table of entities
// tells all.

const COLOURS = ['#3f7be0', '#d9822b', '#1f9d74', '#a45bd0', '#cf4a5f', '#2b9cb8', '#8a8f2a', '#7a6ad8'];
const MARGIN = 28;
/** CSS pixels around a dot in which a click means it. */
const NEAR = 24;

export class GenericStage {
  /** @param {HTMLCanvasElement} canvas @param {import('../client/film.js').Film} film */
  constructor(canvas, film) {
    this.canvas = canvas;
    this.film = film;
    this.brush = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
    /** Kinds with a position. */
    this.kinds = new Map(film.schema.flatMap(({ name, fields }, index) => (
      ['x', 'y'].every((wanted) => fields.some((field) => field.name === wanted)) ? [[name, COLOURS[index % COLOURS.length]]] : [])));
    this.box = this.#bounds();
    /** @type {{ id: number, x: number, y: number }[]} */
    this.dots = [];
    /** @type {(entity: number) => string} */
    this.nameOf = () => '';
  }

  stop() {}

  cut() {}

  /** @param {readonly import('../client/room.js').AnyView[]} views @param {{ follow: number | null }} frame */
  draw(views, { follow }) {
    const { canvas, brush, box } = this;
    const ratio = Math.min(2, window.devicePixelRatio || 1);
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    const size = [Math.round(width * ratio), Math.round(height * ratio)];
    if (canvas.width !== size[0] || canvas.height !== size[1]) [canvas.width, canvas.height] = size;
    brush.setTransform(ratio, 0, 0, ratio, 0, 0);
    brush.clearRect(0, 0, width, height);
    const style = getComputedStyle(canvas);
    brush.font = `12px ${style.fontFamily}`;
    brush.textAlign = 'center';
    brush.fillStyle = brush.strokeStyle = style.color;
    if (this.kinds.size === 0) {
      brush.fillText('No kind has fields named x and y: see Entities.', width / 2, height / 2);
      return;
    }
    const scale = Math.min((width - 2 * MARGIN) / Math.max(1e-9, box.right - box.left), (height - 2 * MARGIN) / Math.max(1e-9, box.bottom - box.top));
    const left = (width - (box.right - box.left) * scale) / 2 - box.left * scale;
    const top = (height - (box.bottom - box.top) * scale) / 2 - box.top * scale;
    brush.globalAlpha = 0.4;
    brush.strokeRect(box.left * scale + left, box.top * scale + top, (box.right - box.left) * scale, (box.bottom - box.top) * scale);
    brush.globalAlpha = 1;
    this.dots.length = 0;
    for (const view of views) {
      const colour = this.kinds.get(view.kind);
      if (!colour) continue;
      const [x, y] = [view.x * scale + left, view.y * scale + top];
      this.dots.push({ id: view.id, x, y });
      brush.fillStyle = colour;
      brush.beginPath();
      brush.arc(x, y, view.id === follow ? 8 : 5, 0, 2 * Math.PI);
      brush.fill();
      const name = this.nameOf(view.id);
      brush.fillStyle = style.color;
      if (name) brush.fillText(name, x, y - 11);
    }
  }

  /** The entity at a place of the screen. @param {number} x CSS pixels @param {number} y */
  at(x, y) {
    const far = (/** @type {{ x: number, y: number }} */ dot) => Math.hypot(dot.x - x, dot.y - y);
    const [nearest] = [...this.dots].sort((a, b) => far(a) - far(b));
    return nearest && far(nearest) < NEAR ? nearest.id : null;
  }

  /** Where entities are in the film: at some of its ticks. */
  #bounds() {
    const { film } = this;
    const box = { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity };
    const before = film.place;
    for (let part = 0; part <= 8; part++) {
      film.step(Math.floor((film.length * part) / 8) - film.place);
      for (const { kind, values } of film.rows()) {
        if (!this.kinds.has(kind)) continue;
        const fields = film.schema.find(({ name }) => name === kind)?.fields ?? [];
        const unit = (/** @type {string} */ name) => {
          const shape = fields.find((field) => field.name === name)?.shape;
          return values[name] / (shape?.type === 'fixed' ? shape.perUnit : 1);
        };
        const [x, y] = [unit('x'), unit('y')];
        Object.assign(box, { left: Math.min(box.left, x), right: Math.max(box.right, x), top: Math.min(box.top, y), bottom: Math.max(box.bottom, y) });
      }
    }
    film.step(before - film.place);
    return Number.isFinite(box.left) ? box : { left: 0, top: 0, right: 1, bottom: 1 };
  }
}
