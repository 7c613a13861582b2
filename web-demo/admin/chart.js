// A tile: a figure, what it is about, and a small chart of its last two minutes. The chart's scale
// starts at zero, so a flat line is a steady one.

import { build, write } from './dom.js';

const POINTS = 120;
/** A chart that just began is not squeezed into a corner. */
const FEWEST = 30;
const WIDTH = 120;
const HEIGHT = 42;
const SVG = 'http://www.w3.org/2000/svg';

export class Tile {
  /** @param {string} title */
  constructor(title) {
    this.figure = build('span');
    this.unit = build('small');
    this.detail = build('p', 'detail');
    this.svg = document.createElementNS(SVG, 'svg');
    this.svg.setAttribute('class', 'chart');
    this.svg.setAttribute('viewBox', `0 0 ${WIDTH} ${HEIGHT}`);
    this.svg.setAttribute('preserveAspectRatio', 'none');
    this.svg.setAttribute('aria-hidden', 'true');
    this.area = path('area');
    this.stroke = path('stroke');
    this.svg.append(this.area, this.stroke);
    this.element = build('article', 'card tile', build('h2', '', title), build('p', 'value', this.figure, this.unit), this.detail, this.svg);
    /** @type {number[]} */
    this.values = [];
  }

  /** @param {number} value @param {{ figure: string, unit?: string, detail?: string, alarm?: boolean }} shown */
  add(value, { figure, unit = '', detail = '', alarm = false }) {
    this.values.push(value);
    if (this.values.length > POINTS) this.values.shift();
    write(this.figure, figure);
    write(this.unit, unit);
    write(this.detail, detail);
    this.element.toggleAttribute('data-alarm', alarm);
    this.draw();
  }

  draw() {
    const most = Math.max(...this.values, 1e-9) * 1.15;
    const span = Math.max(this.values.length, FEWEST);
    const left = span - this.values.length;
    const step = WIDTH / (span - 1);
    const points = this.values.map((value, at) => `${((left + at) * step).toFixed(1)},${(HEIGHT - 1 - (value / most) * (HEIGHT - 4)).toFixed(1)}`);
    const line = `M${points.join('L')}`;
    this.stroke.setAttribute('d', line);
    this.area.setAttribute('d', `${line}L${WIDTH},${HEIGHT}L${(left * step).toFixed(1)},${HEIGHT}Z`);
  }
}

/** @param {string} name */
function path(name) {
  const made = document.createElementNS(SVG, 'path');
  made.setAttribute('class', name);
  return made;
}
