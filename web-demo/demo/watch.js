// Looking on: whom the camera follows, or that it shows the whole arena, and the banner that says so. Clicks, taps, the
// arrow keys and a button lead from one player to the next. Nothing here reaches the room.

import { byId } from './dom.js';

/** @typedef {import('./types.js').Room} Room */
/** @typedef {import('./types.js').View} View */

/** Metres around an avatar in which a click means its player. */
const NEAR = 1.2;
/** Metres: of a wider map, films show the middle. */
const WIDE = 400;
/** The arena's command for spectators of a map that nobody sees as a whole: with which seat they go along, as JSON. */
const FOLLOW = 0;
const STEPS = new Map([['ArrowRight', 1], ['ArrowDown', 1], ['ArrowLeft', -1], ['ArrowUp', -1]]);

export class Watch {
  /**
   * @param {Room} room
   * @param {import('./camera.js').Camera} camera
   * @param {HTMLCanvasElement} canvas
   * @param {() => void} join wants to play here
   */
  constructor(room, camera, canvas, join) {
    this.room = room;
    this.camera = camera;
    /** The seat that is followed; null for the whole arena. @type {number | null} */
    this.seat = null;
    /** As drawn last. @type {View[]} */
    this.views = [];
    this.banner = byId('watching', HTMLElement);
    this.watched = byId('watched', HTMLElement);
    this.lateness = byId('watch-late', HTMLElement);
    this.stopping = new AbortController();
    const { signal } = this.stopping;
    canvas.addEventListener('click', ({ offsetX, offsetY }) => this.pick(camera.toMap(offsetX, offsetY)), { signal });
    window.addEventListener('keydown', (event) => this.key(event), { signal });
    byId('watch-next', HTMLButtonElement).addEventListener('click', () => this.turn(1), { signal });
    byId('watch-join', HTMLButtonElement).addEventListener('click', join, { signal });
    this.banner.hidden = false;
    /** Whether the server shows what is around the player who is followed. */
    this.goesAlong = Boolean(room.grid) && room.role === 'spectator';
    /** Whether nobody who watches sees all players. */
    this.narrow = !this.goesAlong && camera.map.width > WIDE;
    byId('watch-next', HTMLButtonElement).hidden = this.narrow;
    this.follow(null);
  }

  stop() {
    this.stopping.abort();
    this.banner.hidden = true;
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const step = STEPS.get(event.key);
    const elsewhere = event.target instanceof Element && event.target.closest('input, select, textarea, dialog, #chat');
    if (!step || elsewhere || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.turn(step);
  }

  /** Who stands there, else the next one. @param {{x: number, y: number}} place metres */
  pick({ x, y }) {
    const far = (/** @type {View} */ view) => Math.hypot(view.x - x, view.y - 0.4 - y);
    const [nearest] = this.views.filter(({ kind }) => kind === 'avatar' || kind === 'walker').sort((a, b) => far(a) - far(b));
    const player = nearest && far(nearest) < NEAR ? this.playerOf(nearest.id) : undefined;
    if (player && player.seat !== this.seat) this.follow(player.seat);
    else this.turn(1);
  }

  /** @param {number} entity */
  playerOf(entity) {
    return Array.from(this.room.players.values()).find((player) => player.entity === entity);
  }

  /** From player to player, and to the whole arena after the last one. @param {number} step */
  turn(step) {
    if (this.narrow) return;
    const stops = [null, ...Array.from(this.room.players.keys()).sort((a, b) => a - b)];
    const next = (Math.max(0, stops.indexOf(this.seat)) + step + stops.length) % stops.length;
    this.follow(stops[next] ?? null);
  }

  /** @param {number | null} seat */
  follow(seat) {
    this.seat = seat;
    this.camera.overview = seat === null && !this.room.grid;
    // From afar to near there is no smooth way.
    this.camera.settled = false;
    if (this.goesAlong) this.room.send?.(FOLLOW, new TextEncoder().encode(JSON.stringify(seat)));
    this.update();
  }

  /** Keeps the banner true; who left cannot be followed. */
  update() {
    const player = this.seat === null ? null : this.room.players.get(this.seat);
    if (player === undefined) this.follow(null);
    else {
      const all = this.narrow || this.goesAlong ? 'the middle of the map' : 'everybody';
      const text = player ? player.name || `Player ${player.seat}` : all;
      // Writing the same text again would have it read out again.
      if (this.watched.textContent !== text) this.watched.textContent = text;
    }
    const { watched } = this.room;
    // What the picture waits for when it stands still is told elsewhere.
    this.lateness.hidden = watched?.status !== 'live';
    if (watched?.status === 'live') this.lateness.textContent = `${Math.round(watched.age / 1000)} s ago`;
  }

  /** Where the camera looks. @param {View[]} views @returns {{x: number, y: number}} metres */
  focus(views) {
    this.views = views;
    const { map } = this.camera;
    const entity = this.seat === null ? undefined : this.room.players.get(this.seat)?.entity;
    return views.find(({ id }) => id === entity) ?? { x: map.width / 2, y: map.height / 2 };
  }
}
