// One recording on the page: the picture, the playback and its keys, and the address. What is told beside it is panels.js.

import { find, write } from './dom.js';
import { GenericStage } from './generic.js';
import { Panels } from './panels.js';
import { Track, markPicture } from './track.js';

/** @typedef {import('../client/film.js').Film} Film */
/** @typedef {GenericStage | import('./arena-stage.js').ArenaStage} Stage */

/** Milliseconds from one update of what stands beside the picture to the next, while the film plays. */
const BESIDE_EVERY = 200;
const SPEEDS = [0.25, 0.5, 1, 2, 4, 8, 16];

export class Viewer {
  /** @param {Film} film @param {import('./notes.js').Notes} notes @param {Stage} stage @param {Track} track */
  constructor(film, notes, stage, track) {
    this.film = film;
    this.notes = notes;
    this.stage = stage;
    this.track = track;
    this.stopping = new AbortController();
    this.canvas = find('canvas', HTMLCanvasElement);
    this.slider = find('seek', HTMLInputElement);
    this.button = find('play', HTMLButtonElement);
    this.speed = find('speed', HTMLSelectElement);
    /** @type {number | null} */
    this.followed = null;
    this.panels = new Panels(film, notes, {
      seek: (place) => this.seek(place),
      follow: (seat) => this.follow(seat),
      eyes: (seat) => this.see(seat),
    });
    this.dirty = true;
    this.last = 0;
    this.besideAt = 0;
    this.wasPlaying = false;
    this.request = 0;
    this.unsubscribe = film.onSeek(() => stage.cut());
    stage.nameOf = (entity) => {
      for (const { seat, entity: own } of film.players.values()) if (own === entity) return notes.nameOf(seat, film.place);
      return '';
    };
    const marks = this.panels.listed;
    track.show(film, marks, notes.compared);
    this.#legend(new Set(marks.map(({ sort }) => sort)));
    this.#connect();
    film.speed = Number(this.speed.value);
  }

  start() {
    const loop = (/** @type {number} */ now) => {
      this.request = requestAnimationFrame(loop);
      this.frame(now);
    };
    this.request = requestAnimationFrame(loop);
  }

  stop() {
    cancelAnimationFrame(this.request);
    this.stopping.abort();
    this.unsubscribe();
    this.panels.stop();
    this.stage.stop();
  }

  /** @param {number} now milliseconds */
  frame(now) {
    const { film } = this;
    const seconds = Math.min(0.25, (now - this.last) / 1000);
    this.last = now;
    if (!film.playing && !this.dirty && !this.wasPlaying) return;
    const views = film.view(now);
    const follow = this.followed === null ? null : film.players.get(this.followed)?.entity ?? null;
    this.stage.draw(views, { now, seconds: film.playing ? Math.min(0.25, seconds * film.speed) : 0, follow });
    this.track.move(film.moment);
    if (film.playing !== this.wasPlaying || this.dirty || now - this.besideAt > BESIDE_EVERY) this.#showBeside(now);
    this.dirty = false;
    this.wasPlaying = film.playing;
  }

  /** @param {number} now */
  #showBeside(now) {
    const { film } = this;
    this.besideAt = now;
    write(this.button, film.playing ? 'Pause' : 'Play');
    this.slider.value = String(film.place);
    const seconds = (/** @type {number} */ place) => (place / film.rate).toFixed(2);
    write(find('now', HTMLOutputElement), `tick ${film.tick} · ${seconds(film.place)} s`);
    this.slider.setAttribute('aria-valuetext', `tick ${film.tick}, ${seconds(film.place)} of ${seconds(film.length)} s`);
    this.panels.show(this.followed);
    const badge = find('seen', HTMLElement);
    badge.hidden = film.seat === null;
    if (film.seat !== null) write(badge, `What ${this.notes.nameOf(film.seat, film.place)} saw`);
    if (!film.playing) this.#address();
  }

  #address() {
    const fragment = new URLSearchParams(location.hash.slice(1));
    fragment.set('tick', String(this.film.tick));
    const hash = `#${fragment}`;
    if (hash !== location.hash) history.replaceState(history.state, '', hash);
  }

  /** @param {number} place */
  seek(place) {
    const wanted = Math.min(this.film.length, Math.max(0, place));
    this.film.seek((this.film.header.first + wanted) % 2 ** 32);
    this.dirty = true;
  }

  /** @param {number} ticks */
  step(ticks) {
    this.film.pause();
    this.film.step(ticks);
    this.dirty = true;
  }

  toggle() {
    const { film } = this;
    if (film.playing) film.pause();
    else {
      if (film.place === film.length) this.seek(0);
      film.play();
    }
    this.dirty = true;
  }

  /** @param {number} by in the list of speeds */
  changeSpeed(by) {
    const index = Math.min(SPEEDS.length - 1, Math.max(0, SPEEDS.indexOf(this.film.speed) + by));
    this.film.speed = SPEEDS[index];
    this.speed.value = String(this.film.speed);
    this.dirty = true;
  }

  /** @param {number | null} seat */
  follow(seat) {
    this.followed = seat;
    this.dirty = true;
  }

  /** @param {number | null} seat */
  see(seat) {
    this.film.watch(seat);
    if (seat !== null && this.film.players.has(seat)) this.followed = seat;
    this.dirty = true;
  }

  /** Follows the next player, and everybody after the last one. @param {number} by */
  turn(by) {
    const stops = [null, ...[...this.film.players.keys()].sort((a, b) => a - b)];
    this.follow(stops[(Math.max(0, stops.indexOf(this.followed)) + by + stops.length) % stops.length]);
  }

  /** The tick of the address, if it has one that the film shows. */
  readAddress() {
    const tick = new URLSearchParams(location.hash.slice(1)).get('tick');
    if (tick === null || !/^\d+$/.test(tick) || Number(tick) === this.film.tick) return;
    try {
      this.film.seek(Number(tick));
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      write(find('said', HTMLElement), error.message);
    }
    this.dirty = true;
  }

  #connect() {
    const { signal } = this.stopping;
    this.button.addEventListener('click', () => this.toggle(), { signal });
    find('back', HTMLButtonElement).addEventListener('click', () => this.step(-1), { signal });
    find('forth', HTMLButtonElement).addEventListener('click', () => this.step(1), { signal });
    this.speed.addEventListener('change', () => {
      this.film.speed = Number(this.speed.value);
    }, { signal });
    this.slider.addEventListener('input', () => this.seek(Number(this.slider.value)), { signal });
    this.canvas.addEventListener('click', ({ offsetX, offsetY }) => {
      const entity = this.stage.at(offsetX, offsetY);
      const player = [...this.film.players.values()].find((one) => one.entity === entity);
      this.follow(player && player.seat !== this.followed ? player.seat : null);
    }, { signal });
    window.addEventListener('keydown', (event) => this.#key(event), { signal });
    window.addEventListener('hashchange', () => this.readAddress(), { signal });
    window.addEventListener('resize', () => { this.dirty = true; }, { signal });
    new ResizeObserver(() => { this.dirty = true; }).observe(this.canvas);
    window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { this.dirty = true; }, { signal });
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { target } = event;
    // The slider's own keys do the same; lists, buttons and fields have their own.
    if (target instanceof HTMLSelectElement || (target instanceof Element && target.closest('summary, dialog'))) return;
    if (event.key === ' ' && target instanceof HTMLButtonElement) return;
    const act = this.#keys(event.shiftKey ? this.film.rate : 1).get(event.key);
    if (!act) return;
    event.preventDefault();
    act();
  }

  /** @param {number} ticks of a step @returns {Map<string, () => void>} */
  #keys(ticks) {
    return new Map([
      [' ', () => this.toggle()], ['k', () => this.toggle()],
      ['ArrowRight', () => this.step(ticks)], ['ArrowLeft', () => this.step(-ticks)],
      ['Home', () => this.seek(0)], ['End', () => this.seek(this.film.length)],
      ['+', () => this.changeSpeed(1)], ['-', () => this.changeSpeed(-1)],
      ['f', () => this.turn(1)], ['F', () => this.turn(-1)], ['Escape', () => { this.see(null); this.follow(null); }],
    ]);
  }

  /** @param {Set<import('./track.js').Mark['sort']>} sorts */
  #legend(sorts) {
    const words = { players: 'players', game: 'game', commands: 'commands', fault: 'fault' };
    const items = /** @type {const} */ (['players', 'game', 'commands', 'fault']).filter((sort) => sorts.has(sort)).map((sort) => {
      const item = document.createElement('li');
      const text = document.createElement('span');
      text.textContent = words[sort];
      item.append(markPicture(sort), text);
      return item;
    });
    if (this.notes.compared.length > 0) {
      const item = document.createElement('li');
      const text = document.createElement('span');
      text.textContent = `${this.notes.compared.length} ticks compared${this.notes.faults.length > 0 ? '' : ', all equal'}`;
      item.append(text);
      items.push(item);
    }
    find('legend', HTMLUListElement).replaceChildren(...items);
  }
}
