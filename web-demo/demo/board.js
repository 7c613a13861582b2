// The board of results in the lobby: the matches that have ended, newest first, by itself. What a result says is the game's; the board
// shows its fields as text.

import { byId, make } from './dom.js';
import { MatchesStream } from './matches-stream.js';
import { RoomsFeed } from './rooms-feed.js';

/** @typedef {import('./matches-stream.js').Match} Match */

/** Ages are told in minutes, so seconds do not matter. */
const AGES_EVERY_MS = 10_000;
/** Fields of a result that are told, and characters of each. */
const FIELDS = 4;
const LONGEST = 60;
const NONE = 'no result';

export class Board {
  constructor() {
    this.section = byId('board', HTMLElement);
    this.list = byId('matches', HTMLElement);
    this.empty = byId('no-matches', HTMLElement);
    this.feedState = byId('board-feed', HTMLElement);
    /** @type {Map<number, { item: HTMLElement, age: HTMLElement, match: Match }>} */
    this.rows = new Map();
    /** The first list is not news. */
    this.began = false;
    this.timer = 0;
    this.feed = new RoomsFeed((/** @type {any} */ feed) => this.show(feed), { Stream: MatchesStream, url: 'api/matches', worker: 'matches-worker.js' });
  }

  open() {
    this.began = false;
    this.feed.open();
    clearInterval(this.timer);
    this.timer = window.setInterval(() => this.age(), AGES_EVERY_MS);
  }

  close() {
    clearInterval(this.timer);
    this.feed.close();
  }

  /** @param {import('./matches-stream.js').BoardFeed} feed */
  show({ state, matches }) {
    this.section.hidden = state === 'absent' || (state === 'connecting' && !this.began);
    this.feedState.dataset.state = state;
    this.feedState.textContent = state === 'live' ? 'live' : 'reconnecting';
    const gone = new Set(this.rows.keys());
    for (const match of [...matches].reverse()) {
      if (!gone.delete(match.id)) this.list.prepend(this.add(match));
    }
    for (const id of gone) {
      this.rows.get(id)?.item.remove();
      this.rows.delete(id);
    }
    if (state === 'live') this.began = true;
    this.empty.hidden = this.rows.size > 0;
    this.age();
  }

  /** @param {Match} match */
  add(match) {
    const item = document.createElement('li');
    item.dataset.match = String(match.id);
    item.toggleAttribute('data-news', this.began);
    const about = make('div', 'about', '');
    const age = make('span', 'meta', '');
    const head = make('p', 'head', '');
    head.append(make('strong', '', match.game), ' ', age);
    const text = resultText(match.result);
    about.append(head);
    // Many games and rooms end without one.
    if (text !== NONE) about.append(make('p', 'result', text));
    item.append(about);
    if (match.film) {
      const watch = document.createElement('a');
      watch.className = 'replay';
      watch.href = `timeline/?match=${match.id}`;
      watch.textContent = 'Replay';
      watch.setAttribute('aria-label', `Replay of ${match.game}, ${match.room}`);
      item.append(watch);
    }
    this.rows.set(match.id, { item, age, match });
    return item;
  }

  age() {
    for (const { age, match } of this.rows.values()) {
      const text = meta(match, Date.now());
      if (age.textContent !== text) age.textContent = text;
    }
  }
}

/** @param {Match} match @param {number} now milliseconds since 1970 @returns {string} */
export function meta({ players, began, ended }, now) {
  const who = `${players} ${players === 1 ? 'player' : 'players'}`;
  return [who, lasted(ended - began), ago(now - ended)].join(' · ');
}

/** @param {number} ms @returns {string} */
function lasted(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** @param {number} ms @returns {string} */
function ago(ms) {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 1) return 'just now';
  if (minutes < 60) return `${minutes} min ago`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ago` : `${Math.floor(hours / 24)} days ago`;
}

/** What a result says, as one line. @param {unknown} result any JSON @returns {string} */
export function resultText(result) {
  if (result === null || result === undefined) return NONE;
  if (typeof result !== 'object') return cut(String(result));
  if (Array.isArray(result)) return result.slice(0, FIELDS).map(plain).join(', ');
  const fields = Object.entries(result).slice(0, FIELDS);
  return fields.map(([name, value]) => `${cut(name)}: ${plain(value)}`).join(' · ') || NONE;
}

/** @param {unknown} value @returns {string} */
function plain(value) {
  if (Array.isArray(value)) return cut(value.map((one) => (typeof one === 'object' ? JSON.stringify(one) : String(one))).join(', '));
  return cut(typeof value === 'object' ? JSON.stringify(value) : String(value));
}

/** @param {string} text @returns {string} */
function cut(text) {
  const letters = Array.from(text);
  return letters.length > LONGEST ? `${letters.slice(0, LONGEST - 1).join('')}…` : text;
}
