// Draws the demo's games with the demo's own drawing, for which a film looks like a room. Loaded only for these games: other
// servers do not have it.

import { isSolid, parseMap } from '../demo/arena.js';
import { Scene } from '../demo/scene.js';

/** With more players than this, names would hide the players; the one who is followed always has one. */
const NAMED = 24;
/** Metres: a wider map does not fit on the screen. */
const WIDE = 400;
/** Metres around an avatar in which a click means its player. */
const NEAR = 1.2;

export class ArenaStage {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {import('../client/film.js').Film} film
   * @returns {Promise<ArenaStage>}
   */
  static async load(canvas, film) {
    const map = film.properties.map;
    const answer = map ? await fetch(`../assets/maps/${encodeURIComponent(map)}.txt`) : null;
    if (map && !answer?.ok) throw new Error(`the map ${map} is missing`);
    const tiles = answer ? parseMap(await answer.text()) : null;
    const ground = tiles
      ? { width: tiles.width, height: tiles.height, solid: (/** @type {number} */ x, /** @type {number} */ y) => isSolid(tiles, x, y), tiles }
      : { width: 112, height: 72, solid: () => false };
    return new ArenaStage(canvas, film, ground);
  }

  /** @param {HTMLCanvasElement} canvas @param {import('../client/film.js').Film} film @param {import('../demo/types.js').Ground} ground */
  constructor(canvas, film, ground) {
    const room = /** @type {import('../demo/types.js').Room} */ (/** @type {unknown} */ (film));
    this.film = film;
    this.ground = ground;
    this.scene = new Scene(canvas, room, ground, true, () => {});
    /** @type {import('../demo/types.js').View[]} */
    this.views = [];
    /** @type {(entity: number) => string} */
    this.nameOf = () => '';
    /** @type {number | null} */
    this.followed = null;
  }

  stop() {
    this.scene.stop();
  }

  /** What is seen jumps: nothing of before goes on. */
  cut() {
    this.scene.effects.waiting.length = 0;
    this.scene.actors.actors.clear();
    this.scene.camera.settled = false;
  }

  /** @param {readonly import('../client/room.js').AnyView[]} views @param {{ now: number, seconds: number, follow: number | null }} frame */
  draw(views, { now, seconds, follow }) {
    const { scene, film, ground } = this;
    this.views = /** @type {import('../demo/types.js').View[]} */ (/** @type {unknown} */ (views));
    const own = this.views.find(({ id }) => id === follow) ?? null;
    scene.camera.overview = own === null;
    if (follow !== this.followed) scene.camera.settled = false;
    this.followed = follow;
    const named = own !== null || film.players.size <= NAMED;
    scene.setPlayers(new Map([...film.players].map(([seat, player]) => [seat, { ...player, name: named ? this.nameOf(player.entity) : '' }])));
    scene.draw(this.views, { now, seconds, own: own ?? centreOf(this.views, ground), aim: null });
  }

  /** The entity at a place of the screen. @param {number} x CSS pixels @param {number} y */
  at(x, y) {
    const place = this.scene.camera.toMap(x, y);
    const far = (/** @type {import('../demo/types.js').View} */ view) => Math.hypot(view.x - place.x, view.y - 0.4 - place.y);
    const [nearest] = this.views.filter(({ kind }) => kind === 'avatar' || kind === 'walker').sort((a, b) => far(a) - far(b));
    return nearest && far(nearest) < NEAR ? nearest.id : null;
  }
}

/**
 * Where to look when nobody is followed: at the map's middle, or on a map that does not fit at that of all avatars.
 * @param {import('../demo/types.js').View[]} views @param {import('../demo/types.js').Ground} ground
 */
function centreOf(views, { width, height }) {
  const avatars = views.filter(({ kind }) => kind === 'avatar' || kind === 'walker');
  if (Math.max(width, height) <= WIDE || avatars.length === 0) return { x: width / 2, y: height / 2 };
  const middle = (/** @type {number[]} */ places) => (Math.min(...places) + Math.max(...places)) / 2;
  return { x: middle(avatars.map(({ x }) => x)), y: middle(avatars.map(({ y }) => y)) };
}
