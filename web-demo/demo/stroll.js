// Wishes to inputs for games in which the client reports its own position: walks at once, locally,
// along walls, and returns to the server's place after a correction. The server has the last word
// on every step.

/** Metres per second, well below what the server allows: a late report must not look faster. */
const PACE = 5.6;
const RADIUS = 0.35;
/** The longest step of one frame, in seconds: a tab that slept does not leap. */
const STEP = 0.1;

export class Stroll {
  /**
   * @param {import('./types.js').Room} room
   * @param {import('./input.js').Wishes} wishes
   * @param {import('./types.js').Ground} ground
   */
  constructor(room, wishes, ground) {
    this.room = room;
    this.wishes = wishes;
    this.ground = ground;
    /** @type {{x: number, y: number} | null} */
    this.place = null;
    this.heading = Math.PI / 2;
  }

  /** After a correction or a reconnect. */
  settle() {
    const entity = this.room.state.entities.get(this.room.entity);
    this.place = entity ? { x: entity.x, y: entity.y } : null;
  }

  /** @param {number} seconds since the last frame */
  step(seconds) {
    if (!this.place) this.settle();
    const way = this.wishes.way();
    if (!this.place || way === null) return;
    this.heading = way;
    const reach = PACE * Math.min(STEP, seconds);
    const x = this.place.x + Math.cos(way) * reach;
    const y = this.place.y + Math.sin(way) * reach;
    if (this.free(x, this.place.y)) this.place.x = x;
    if (this.free(this.place.x, y)) this.place.y = y;
    this.room.setInput({ x: this.place.x, y: this.place.y });
  }

  /** @param {number} x @param {number} y @returns {boolean} */
  free(x, y) {
    const { width, height } = this.ground;
    if (x < RADIUS || y < RADIUS || x > width - RADIUS || y > height - RADIUS) return false;
    for (const cornerX of [x - RADIUS, x + RADIUS]) {
      for (const cornerY of [y - RADIUS, y + RADIUS]) {
        if (this.ground.solid(Math.floor(cornerX), Math.floor(cornerY))) return false;
      }
    }
    return true;
  }

  /** Puts the own walker where it walks locally. @param {import('./types.js').View[]} views @returns {import('./types.js').View[]} */
  show(views) {
    const { place } = this;
    if (!place) return views;
    return views.map((view) => (view.id === this.room.entity
      ? { id: view.id, kind: view.kind, x: place.x, y: place.y, heading: this.heading, colour: view.colour ?? 0 }
      : view));
  }
}
