// What the player wants: keyboard, mouse and touch become a direction, a run flag and presses.
// Knows neither room nor rules; steer.js and stroll.js turn it into inputs. Losing focus lets go
// of everything.

import { Stick } from './touch.js';

/** @type {Record<string, [number, number]>} */
const WAYS = {
  KeyW: [0, -1], ArrowUp: [0, -1], KeyS: [0, 1], ArrowDown: [0, 1],
  KeyA: [-1, 0], ArrowLeft: [-1, 0], KeyD: [1, 0], ArrowRight: [1, 0],
};

export class Wishes {
  /** @param {HTMLCanvasElement} canvas @param {HTMLElement} touch the layer with stick and buttons */
  constructor(canvas, touch) {
    /** @type {Set<string>} */
    this.keys = new Set();
    /** Direction of the run, or null. @type {number | null} */
    this.direction = null;
    /** Pointer in CSS pixels, once the mouse was used. @type {{x: number, y: number} | null} */
    this.mouse = null;
    this.throwHeld = false;
    /** Presses since they were last taken. */
    this.throws = 0;
    this.dashes = 0;
    /** Whether the newest throw, and the newest dash, goes where the mouse points. */
    this.throwAimed = false;
    this.dashAimed = false;
    this.stopping = new AbortController();
    this.listen(canvas, touch);
    this.stick = new Stick(touch, this.stopping.signal, {
      press: (what) => this.press(what, false),
      release: () => { this.throwHeld = false; },
    });
  }

  stop() {
    this.stopping.abort();
  }

  /** @param {HTMLCanvasElement} canvas @param {HTMLElement} touch */
  listen(canvas, touch) {
    const { signal } = this.stopping;
    window.addEventListener('keydown', (event) => this.keyDown(event), { signal });
    window.addEventListener('keyup', (event) => this.keyUp(event), { signal });
    window.addEventListener('blur', () => this.letGo(), { signal });
    document.addEventListener('visibilitychange', () => { if (document.hidden) this.letGo(); }, { signal });
    canvas.addEventListener('contextmenu', (event) => event.preventDefault(), { signal });
    touch.addEventListener('contextmenu', (event) => event.preventDefault(), { signal });
    canvas.addEventListener('pointermove', (event) => this.point(event), { signal });
    canvas.addEventListener('pointerdown', (event) => {
      if (event.pointerType !== 'mouse') return;
      canvas.focus();
      this.point(event);
      if (event.button === 0) this.press('throw', true);
      else if (event.button === 2) this.press('dash', true);
    }, { signal });
    window.addEventListener('pointerup', (event) => {
      if (event.pointerType === 'mouse' && event.button === 0) this.throwHeld = false;
    }, { signal });
  }

  /** @param {PointerEvent} event */
  point(event) {
    if (event.pointerType === 'mouse') this.mouse = { x: event.offsetX, y: event.offsetY };
  }

  /** @param {'throw' | 'dash'} what @param {boolean} aimed */
  press(what, aimed) {
    if (what === 'dash') {
      this.dashes += 1;
      this.dashAimed = aimed;
    } else {
      this.throws += 1;
      this.throwAimed = aimed;
      this.throwHeld = true;
    }
  }

  /** @param {KeyboardEvent} event */
  keyDown(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || isControl(event)) return;
    if (WAYS[event.code]) this.keys.add(event.code);
    else if (event.code === 'Space') {
      if (!event.repeat) this.press('throw', this.mouse !== null);
    } else if (event.code === 'ShiftLeft' || event.code === 'ShiftRight') {
      if (!event.repeat) this.press('dash', false);
    } else return;
    event.preventDefault();
    this.steer();
  }

  /** @param {KeyboardEvent} event */
  keyUp(event) {
    this.keys.delete(event.code);
    if (event.code === 'Space') this.throwHeld = false;
    this.steer();
  }

  letGo() {
    this.keys.clear();
    this.throwHeld = false;
    this.throws = 0;
    this.dashes = 0;
    this.stick.letGo();
    this.steer();
  }

  steer() {
    let x = 0;
    let y = 0;
    for (const key of this.keys) {
      const way = WAYS[key];
      if (way) {
        x += way[0];
        y += way[1];
      }
    }
    this.direction = Math.sign(x) || Math.sign(y) ? Math.atan2(Math.sign(y), Math.sign(x)) : null;
  }

  /** The direction of the run now, from the stick or the keys. @returns {number | null} */
  way() {
    return this.stick.direction ?? this.direction;
  }
}

/** Whether the key belongs to a control of the page. @param {KeyboardEvent} event @returns {boolean} */
function isControl(event) {
  const { target } = event;
  if (!(target instanceof Element)) return false;
  if (target.closest('input, select, textarea, dialog')) return true;
  return event.code === 'Space' && target.closest('button') !== null;
}
