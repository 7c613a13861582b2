// Small graphs of the last half minute: round trip, bytes per tick, how late frames are, and what a picture
// costs this page. Worst cases are kept between two points, so that a single stumble shows. Elements are
// made once; the colours are the style sheet's.

import { make } from './dom.js';

/** @typedef {import('./types.js').Room} Room */

/** Points; they come four times a second. */
const KEPT = 120;
const HEIGHT = 30;
const SVG = 'http://www.w3.org/2000/svg';

export class Graphs {
  /** @param {HTMLElement} list */
  constructor(list) {
    list.replaceChildren();
    this.ping = new Sparkline(list, 'ping', 20);
    this.bytes = new Sparkline(list, 'per tick', 16);
    this.late = new Sparkline(list, 'lateness', 20);
    this.work = new Sparkline(list, 'frame time', 4);
    this.tick = 0;
    this.frameBytes = 0;
    this.worstLate = 0;
    this.worstWork = 0;
  }

  /** After every picture. @param {Room} room @param {number} work milliseconds that the page took for it */
  frame(room, work) {
    // A frame of this tick is on its way; one more would be late.
    this.worstLate = Math.max(this.worstLate, ((room.stats.serverTickLag - 1) * 1000) / room.rate);
    this.worstWork = Math.max(this.worstWork, work);
  }

  /** A point for each. @param {Room} room */
  update(room) {
    const { ping, tick, frameBytes } = room.stats;
    const ticks = tick - this.tick;
    // After a reconnect ticks and bytes start anew.
    if (this.tick > 0 && ticks > 0 && ticks < 1000) this.bytes.add((frameBytes - this.frameBytes) / ticks, (value) => `${value.toFixed(0)} B`);
    this.tick = tick;
    this.frameBytes = frameBytes;
    const ms = (/** @type {number} */ value) => `${value.toFixed(value < 10 ? 1 : 0)} ms`;
    this.ping.add(ping, ms);
    this.late.add(this.worstLate, ms);
    this.work.add(this.worstWork, ms);
    this.worstLate = this.worstWork = 0;
  }
}

class Sparkline {
  /** @param {HTMLElement} list @param {string} name @param {number} least the top of the scale, unless more is needed */
  constructor(list, name, least) {
    this.least = least;
    /** @type {number[]} */
    this.values = [];
    const row = make('li', '', '');
    row.dataset.graph = name;
    this.value = make('span', 'value', '');
    this.area = document.createElementNS(SVG, 'path');
    this.area.setAttribute('class', 'area');
    this.line = document.createElementNS(SVG, 'path');
    this.line.setAttribute('class', 'line');
    const picture = document.createElementNS(SVG, 'svg');
    picture.setAttribute('viewBox', `0 0 ${KEPT - 1} ${HEIGHT}`);
    picture.setAttribute('preserveAspectRatio', 'none');
    picture.setAttribute('aria-hidden', 'true');
    picture.append(this.area, this.line);
    row.append(make('span', 'name', name), this.value, picture);
    list.append(row);
  }

  /** @param {number} value @param {(value: number) => string} spell */
  add(value, spell) {
    this.values.push(value);
    if (this.values.length > KEPT) this.values.shift();
    this.value.textContent = spell(value);
    const top = Math.max(this.least, ...this.values) * 1.05;
    const from = KEPT - this.values.length;
    const points = this.values.map((each, at) => `${from + at} ${(HEIGHT * (1 - each / top)).toFixed(1)}`).join('L');
    this.line.setAttribute('d', `M${points}`);
    this.area.setAttribute('d', `M${from} ${HEIGHT}L${points}L${KEPT - 1} ${HEIGHT}Z`);
  }
}
