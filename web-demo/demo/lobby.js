// The lobby: name, live list of rooms, new room, error text. It says what the player chose and
// never joins by itself; the list comes from the server as events, so it is always current and
// says when it is not.

import { Board } from './board.js';
import { byId, make } from './dom.js';
import { RoomsFeed } from './rooms-feed.js';
import { MOST_ROOMS } from './rooms-stream.js';
import { remember, remembered } from './settings.js';

/** @typedef {import('./rooms-stream.js').Listing} Listing */
/** @typedef {{item: HTMLElement, join: HTMLElement, watch: HTMLElement, title: HTMLElement, meta: HTMLElement, count: HTMLElement}} Row */
/** @typedef {{how: 'any' | 'new', game: string, map: string} | {how: 'room', id: string} | {how: 'watch', id: string}} Choice */

/** The games of the demo server, and the maps that each can be opened on. @type {Record<string, {title: string, maps: string[]}>} */
const GAMES = {
  arena: { title: 'Arena', maps: ['courtyard', 'field', 'big'] },
  plaza: { title: 'Plaza', maps: ['plaza'] },
};
/** Of a list that is not live. */
const AWAY = 'server away';
const NAME_KEY = 'name';
const LONGEST_NAME = 24;
const FIRST = ['Frosty', 'Swift', 'Mellow', 'Brave', 'Tiny', 'Sunny', 'Clever', 'Cosy'];
const SECOND = ['Fox', 'Otter', 'Heron', 'Badger', 'Lynx', 'Marten', 'Hare', 'Owl'];

export class Lobby {
  /** @param {(choice: Choice) => void} onChoice @param {URLSearchParams} query */
  constructor(onChoice, query) {
    this.onChoice = onChoice;
    this.game = query.get('game') ?? 'arena';
    this.map = query.get('map') ?? '';
    this.nameField = byId('name', HTMLInputElement);
    this.rooms = byId('rooms', HTMLElement);
    this.empty = byId('no-rooms', HTMLElement);
    this.feedState = byId('feed', HTMLElement);
    this.away = byId('away', HTMLElement);
    this.errorText = byId('error', HTMLElement);
    /** By room id. @type {Map<string, Row>} */
    this.rows = new Map();
    this.feed = new RoomsFeed(({ state, text, rooms }) => {
      this.setFeed(state, text === 'reconnecting' ? AWAY : text);
      if (rooms) this.list(rooms);
    });
    this.board = new Board();
    const pick = (/** @type {string[]} */ words) => words[Math.floor(Math.random() * words.length)] ?? '';
    this.nameField.placeholder = `${pick(FIRST)} ${pick(SECOND)}`;
    this.nameField.value = cut(query.get('name') ?? remembered(NAME_KEY, ''));
    this.connectForms();
  }

  connectForms() {
    byId('join', HTMLFormElement).addEventListener('submit', (event) => {
      event.preventDefault();
      this.onChoice({ how: 'any', game: this.game, map: this.map });
    });
    const game = byId('new-game', HTMLSelectElement);
    const map = byId('new-map', HTMLSelectElement);
    for (const [name, { title }] of Object.entries(GAMES)) game.append(new Option(title, name));
    const listMaps = () => {
      map.replaceChildren(...(GAMES[game.value]?.maps ?? []).map((name) => new Option(name.charAt(0).toUpperCase() + name.slice(1), name)));
    };
    game.addEventListener('change', listMaps);
    if (GAMES[this.game]) game.value = this.game;
    listMaps();
    byId('new-room', HTMLFormElement).addEventListener('submit', (event) => {
      event.preventDefault();
      this.onChoice({ how: 'new', game: game.value, map: map.value });
    });
  }

  /** The player's name; a given one is remembered. @returns {string} */
  name() {
    const name = cut(this.nameField.value.trim());
    if (name) remember(NAME_KEY, name);
    return name || this.nameField.placeholder;
  }

  /** @param {boolean} busy */
  setBusy(busy) {
    for (const id of ['play', 'create']) byId(id, HTMLButtonElement).disabled = busy;
    byId('play', HTMLButtonElement).textContent = busy ? 'Joining…' : 'Play';
  }

  /** @param {string} text empty for none */
  setError(text) {
    this.errorText.textContent = text;
    this.errorText.hidden = text === '';
  }

  open() {
    this.setBusy(false);
    this.feed.open();
    this.board.open();
    fetch(`api/rooms?limit=${MOST_ROOMS}`).then((answer) => answer.json()).then((rooms) => {
      if (this.feed.isOpen && this.feedState.dataset.state !== 'live') this.list(rooms);
    }).catch(() => this.setFeed('connecting', AWAY));
    // On a phone the focus would open the keyboard.
    if (window.matchMedia('(hover: hover)').matches) this.nameField.focus({ preventScroll: true });
  }

  close() {
    this.feed.close();
    this.board.close();
  }

  /** @param {'connecting' | 'live'} state @param {string} text */
  setFeed(state, text) {
    this.feedState.dataset.state = state;
    this.feedState.textContent = text;
    // What was listed may be gone: nobody should try to enter it.
    const away = state !== 'live' && this.rows.size > 0;
    this.rooms.toggleAttribute('data-stale', away);
    this.rooms.inert = away;
    this.away.hidden = state === 'live' || text !== AWAY;
  }

  /** Rows stay the same elements while their room lives, so that a click or the focus survives an update. @param {unknown} listings */
  list(listings) {
    if (!Array.isArray(listings)) return;
    const gone = new Set(this.rows.keys());
    for (const listing of /** @type {Listing[]} */ (listings)) {
      gone.delete(listing.id);
      let row = this.rows.get(listing.id);
      if (!row) {
        row = this.addRow(listing.id);
        this.rows.set(listing.id, row);
      }
      fill(row, listing);
    }
    for (const id of gone) {
      this.rows.get(id)?.item.remove();
      this.rows.delete(id);
    }
    this.empty.hidden = this.rows.size > 0;
  }

  /** @param {string} id @returns {Row} */
  addRow(id) {
    const item = document.createElement('li');
    const about = make('div', 'about', '');
    const title = make('strong', '', '');
    const meta = make('span', 'meta', '');
    about.append(title, meta);
    const count = make('span', 'count', '');
    const actions = make('div', 'actions', '');
    const button = (/** @type {'room' | 'watch'} */ how, /** @type {string} */ className, /** @type {string} */ text) => {
      const made = make('button', className, text);
      made.setAttribute('type', 'button');
      made.dataset[how] = id;
      made.addEventListener('click', () => this.onChoice({ how, id }));
      actions.append(made);
      return made;
    };
    const watch = button('watch', 'watch', 'Watch');
    const join = button('room', 'join', 'Join');
    item.append(about, count, actions);
    this.rooms.append(item);
    return { item, join, watch, title, meta, count };
  }
}

/**
 * How to ask for a map. The first one of a game is what its rooms have when nobody asks, and only rooms that were asked
 * for in the same way are the same to the server: who presses Play belongs with those who opened that map by name.
 * @param {string} game @param {string} map @returns {Record<string, string>}
 */
export function optionsFor(game, map) {
  return map && map !== GAMES[game]?.maps[0] ? { map } : {};
}

/** Characters as people count them, as the server does. @param {string} name @returns {string} */
function cut(name) {
  const letters = typeof Intl.Segmenter === 'function' ? Array.from(new Intl.Segmenter().segment(name), ({ segment }) => segment) : Array.from(name);
  return letters.slice(0, LONGEST_NAME).join('');
}

/** @param {Row} row @param {Listing} listing */
function fill({ item, join, watch, title, meta, count }, listing) {
  const full = listing.capacity > 0 && listing.players >= listing.capacity;
  const map = listing.properties?.map ?? listing.game;
  item.toggleAttribute('data-full', full);
  join.hidden = listing.locked;
  join.toggleAttribute('disabled', full);
  join.textContent = full ? 'Full' : 'Join';
  title.textContent = map;
  join.setAttribute('aria-label', `${full ? 'Full:' : 'Join'} ${map}, ${listing.players} of ${listing.capacity} players`);
  watch.setAttribute('aria-label', `Watch ${map}`);
  meta.textContent = `${listing.game} · ${listing.rate} Hz · ${listing.locked ? 'locked' : full ? 'full' : listing.id}`;
  count.replaceChildren(String(listing.players), make('small', '', ` / ${listing.capacity}`));
}
