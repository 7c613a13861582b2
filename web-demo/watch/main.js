// A room that is watched within any other page: its film, without a seat, a session or a cookie. Nothing is fetched while nobody sees
// the frame.

import { WatchError, watch } from '../client/watch.js';
import { Dots } from './dots.js';

/** @typedef {import('../client/watch.js').WatchedRoom} WatchedRoom */
/** @typedef {Dots | import('../timeline/arena-stage.js').ArenaStage} Stage */

/** The games that the demo can draw, and whose rooms it can join. */
const DEMO = ['arena', 'plaza'];
/** Milliseconds from one look for a room that is not there to the next: at first, and at most. */
const LOOK_AGAIN = 5000;
const LOOK_RARELY = 60_000;
const ABOUT_EVERY = 250;
/** On the small picture of a phone, nobody finds out by chance that a tap follows. */
const HINT = 8000;
/** A part that is late by less is not worth a word. */
const PATIENCE = 700;

const id = decodeURIComponent(location.pathname.split('/').pop() ?? '');
const said = find('status', HTMLElement);
const about = find('about', HTMLElement);
const join = find('join', HTMLAnchorElement);
const touched = matchMedia('(pointer: coarse)');

/** One stretch of watching, from when the frame is seen to when it is not. */
class Watching {
  /** @type {WatchedRoom | null} */ watched = null;
  /** @type {Stage | null} */ stage = null;
  stopped = false;
  /** The seat that is followed; null for everybody. @type {number | null} */
  followed = null;
  last = 0;
  aboutAt = 0;
  movedAt = 0;
  hintUntil = 0;

  constructor() {
    void this.open();
  }

  async open() {
    let wait = LOOK_AGAIN;
    while (!this.stopped) {
      try {
        const watched = await watch(new URL(`../api/rooms/${encodeURIComponent(id)}/film`, location.href).href);
        if (this.stopped) return watched.close();
        wait = LOOK_AGAIN;
        await this.show(watched);
      } catch (error) {
        if (this.stopped) return;
        if (!(error instanceof WatchError)) say('The server does not answer. Trying again');
        else if (!this.stage) say('This room is not open. Waiting for it');
      }
      await new Promise((resolve) => setTimeout(resolve, wait));
      wait = Math.min(LOOK_RARELY, wait * 2);
    }
  }

  /** Resolves when the room has ended. @param {WatchedRoom} watched */
  async show(watched) {
    const { film } = watched;
    const stage = await stageFor(film);
    this.stage?.stop();
    this.stage = stage;
    this.watched = watched;
    this.hintUntil = performance.now() + HINT;
    film.onSeek(() => stage.cut());
    write(find('title', HTMLElement), film.properties.map ?? film.game);
    find('line', HTMLElement).hidden = false;
    join.hidden = !DEMO.includes(film.game);
    join.href = `../?room=${encodeURIComponent(film.id)}`;
    await new Promise((resolve) => this.run(() => resolve(null)));
  }

  /** @param {() => void} over called when the room has ended, and all of it was shown */
  run(over) {
    const loop = (/** @type {number} */ now) => {
      if (this.stopped || !this.watched) return;
      this.frame(now);
      if (this.watched.status !== 'ended') requestAnimationFrame(loop);
      else over();
    };
    requestAnimationFrame(loop);
  }

  /** @param {number} now milliseconds */
  frame(now) {
    if (!this.watched || !this.stage) return;
    const { film, status } = this.watched;
    const seconds = Math.min(0.25, (now - this.last) / 1000);
    this.last = now;
    if (this.followed !== null && !film.players.has(this.followed)) this.followed = null;
    const follow = this.followed === null ? null : film.players.get(this.followed)?.entity ?? null;
    this.stage.draw(film.view(now), { now, seconds, follow });
    if (status === 'live') this.movedAt = now;
    if (now - this.aboutAt < ABOUT_EVERY) return;
    this.aboutAt = now;
    const players = `${film.players.size} ${film.players.size === 1 ? 'player' : 'players'}`;
    const who = this.followed === null ? players : `Player ${this.followed}`;
    const hinted = touched.matches && this.followed === null && film.players.size > 0 && now < this.hintUntil;
    const more = hinted ? 'tap to follow' : `${Math.round(this.watched.age / 1000)} s ago`;
    write(about, status === 'live' ? `${who} · ${more}` : who);
    if (status === 'ended') say('The room has ended');
    else if (now - this.movedAt < PATIENCE) say('');
    else say(status === 'unreachable' ? 'The server does not answer. Trying again' : 'Waiting for the room to go on');
  }

  /** Follows the player there, else the next one; everybody after the last. @param {number | null} entity */
  follow(entity) {
    const players = [...this.watched?.film.players.values() ?? []];
    const player = players.find((one) => one.entity === entity);
    const stops = [null, ...players.map(({ seat }) => seat).sort((a, b) => a - b)];
    const next = stops[(stops.indexOf(this.followed) + 1) % stops.length] ?? null;
    this.followed = player && player.seat !== this.followed ? player.seat : next;
  }

  stop() {
    this.stopped = true;
    this.watched?.close();
    this.stage?.stop();
  }
}

/** @param {import('../client/film.js').Film} film @returns {Promise<Stage>} */
async function stageFor(film) {
  if (DEMO.includes(film.game)) {
    try {
      const { ArenaStage } = await import('../timeline/arena-stage.js');
      return await ArenaStage.load(freshCanvas(), film);
    } catch {
      // Servers without the demo's pages have no drawing and no maps for it.
    }
  }
  return new Dots(freshCanvas(), film);
}

/** A canvas keeps the kind of context that it had first. */
function freshCanvas() {
  const old = find('canvas', HTMLCanvasElement);
  const canvas = /** @type {HTMLCanvasElement} */ (old.cloneNode());
  canvas.addEventListener('click', ({ offsetX, offsetY }) => watching?.follow(watching.stage?.at(offsetX, offsetY) ?? null));
  canvas.addEventListener('keydown', (event) => {
    if (!['ArrowRight', 'ArrowDown', 'Enter', ' '].includes(event.key)) return;
    event.preventDefault();
    watching?.follow(null);
  });
  old.replaceWith(canvas);
  return canvas;
}

/** @template {HTMLElement} T @param {string} name @param {new () => T} type @returns {T} */
function find(name, type) {
  const element = document.getElementById(name);
  if (!(element instanceof type)) throw new Error(`the page has no #${name}`);
  return element;
}

/** @param {HTMLElement} element @param {string} text */
function write(element, text) {
  // Writing the same text again would have it read out again.
  if (element.textContent !== text) element.textContent = text;
}

/** @param {string} text */
function say(text) {
  write(said, text);
}

/** @type {Watching | null} */
let watching = null;
let inSight = false;

function look() {
  const seen = inSight && !document.hidden;
  if (seen === (watching !== null)) return;
  watching?.stop();
  watching = seen ? new Watching() : null;
}

new IntersectionObserver((entries) => {
  inSight = entries.at(-1)?.isIntersecting ?? false;
  look();
}).observe(document.body);
document.addEventListener('visibilitychange', look);
