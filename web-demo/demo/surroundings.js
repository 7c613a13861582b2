// What the page has only on maps that nobody sees as a whole: the small map, the drawing of cells, and their switches in the HUD, which
// are remembered. Elsewhere all of it stays hidden.

import { drawCells } from './cells.js';
import { byId } from './dom.js';
import { Minimap } from './minimap.js';
import { remember, remembered } from './settings.js';

/** @typedef {import('./types.js').Room} Room */

export class Surroundings {
  /**
   * @param {Room} room
   * @param {{width: number, height: number}} map metres
   * @param {AbortSignal} signal
   * @param {() => void} done gives the keys back to the game
   */
  constructor(room, map, signal, done) {
    this.room = room;
    /** Who watches is nowhere on the map. */
    this.there = Boolean(room.grid) && room.role === 'player';
    this.panel = byId('minimap', HTMLElement);
    this.minimap = new Minimap(byId('minimap-picture', HTMLCanvasElement), byId('minimap-span', HTMLElement), room, map);
    this.showsMap = byId('show-map', HTMLInputElement);
    this.showsCells = byId('show-cells', HTMLInputElement);
    byId('surroundings', HTMLElement).hidden = !this.there;
    for (const [box, key, fallback] of /** @type {const} */ ([[this.showsMap, 'minimap', 'on'], [this.showsCells, 'cells', 'off']])) {
      box.checked = remembered(key, fallback) === 'on';
      box.addEventListener('change', () => {
        remember(key, box.checked ? 'on' : 'off');
        this.update();
        done();
      }, { signal });
    }
    this.update();
  }

  stop() {
    this.panel.hidden = true;
  }

  update() {
    this.panel.hidden = !this.showsMap.checked || !this.there;
  }

  /**
   * Draws the small map. Returns what to draw over the arena.
   * @param {number} now milliseconds
   * @param {import('./types.js').View | null} own
   * @param {import('./camera.js').Camera} camera
   * @param {boolean} hud whether the HUD is shown; without it there are no cells
   * @returns {((ctx: CanvasRenderingContext2D) => void) | null}
   */
  step(now, own, camera, hud) {
    const cells = hud && this.showsCells.checked && this.there;
    if (!this.panel.hidden) this.minimap.draw(now, own, camera, cells);
    return cells ? (ctx) => drawCells(ctx, camera, this.room, own) : null;
  }
}
