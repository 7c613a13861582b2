// A watched room as the page's other modules know rooms: the film of one, some seconds late and without a seat. Says what it waits
// for, and that the room has ended.

import { watch } from '../client/index.js';

/** @typedef {import('./types.js').Room} Room */
/** @typedef {import('../client/index.js').WatchedRoom} WatchedRoom */

/** What the client says when there is no such room. */
const GONE = 4504;
const LOOK_EVERY_MS = 250;
/** Told when the room has ended. */
const OVER = 'the room has ended';
/** A part that is late by less is not worth a word. */
const PATIENCE_MS = 700;

/** @param {string} id of the room @returns {Promise<FilmRoom>} rejects with a WatchError */
export async function watchFilm(id) {
  return new FilmRoom(await watch(new URL(`api/rooms/${encodeURIComponent(id)}/film`, location.href).href));
}

/** @implements {Room} */
export class FilmRoom {
  seat = -1;
  entity = 0;
  /** @type {'spectator'} */ role = 'spectator';
  /** @type {Room['connection']} */ connection = 'online';
  grid = null;
  /** When the picture began to stand still. @type {number | null} */
  #stoodAt = null;
  /** @type {Set<Parameters<Room['onConnection']>[0]>} */ #connections = new Set();
  /** @type {Set<Parameters<Room['onLeave']>[0]>} */ #leaves = new Set();

  /** @param {WatchedRoom} watched */
  constructor(watched) {
    this.watched = watched;
    this.film = watched.film;
    this.timer = setInterval(() => this.#look(performance.now()), LOOK_EVERY_MS);
  }

  get id() { return this.film.id; }
  get game() { return this.film.game; }
  get rate() { return this.film.rate; }
  /** @type {Room['authority']} */
  get authority() { return this.film.game === 'plaza' ? 'client' : 'server'; }
  get properties() { return this.film.properties; }
  get players() { return this.film.players; }
  get state() { return /** @type {Room['state']} */ (/** @type {unknown} */ (this.film.state)); }
  get stats() { return /** @type {Room['stats']} */ (this.film.stats); }

  /** @type {Room['view']} */
  view(now) {
    return /** @type {import('./types.js').View[]} */ (/** @type {unknown} */ (this.film.view(now)));
  }

  /** @type {Room['onAdd']} */
  onAdd(kind, handler) {
    return this.film.onAdd(kind, (entity) => handler(/** @type {any} */ (entity)));
  }

  /** @type {Room['onRemove']} */
  onRemove(kind, handler) {
    return this.film.onRemove(kind, (entity) => handler(/** @type {any} */ (entity)));
  }

  /** @type {Room['onMessage']} */
  onMessage(kind, handler) { return this.film.onMessage(kind, handler); }
  /** @type {Room['onPlayers']} */
  onPlayers(handler) { return this.film.onPlayers(handler); }
  /** @type {Room['onStateChange']} */
  onStateChange(handler) { return this.film.onStateChange(handler); }
  /** The room goes on in another process. @type {Room['onReconnect']} */
  onReconnect(handler) {
    let { incarnation } = this.film.header;
    return this.film.onSeek(() => {
      if (incarnation === this.film.header.incarnation) return;
      ({ incarnation } = this.film.header);
      handler();
    });
  }
  /** @type {Room['onConnection']} */
  onConnection(handler) { return add(this.#connections, handler); }
  /** @type {Room['onLeave']} */
  onLeave(handler) { return add(this.#leaves, handler); }

  // A film has no chat, no own avatar and nothing to steer.
  onChat() { return () => {}; }
  onGap() { return () => {}; }
  onResume() { return () => {}; }
  onCorrection() { return () => {}; }
  onPredicted() { return () => {}; }
  chat() { return Promise.reject(new Error('a film has no chat')); }
  cells() { return []; }
  clip() { return null; }
  keepClip() {}
  setInput() {}
  pressInput() {}
  usePrediction() {}

  leave() {
    clearInterval(this.timer);
    this.watched.close();
    return Promise.resolve();
  }

  /** @param {number} now */
  #look(now) {
    const { status } = this.watched;
    if (status === 'ended') {
      clearInterval(this.timer);
      this.connection = 'closed';
      for (const told of this.#leaves) told(GONE, OVER, false);
      return;
    }
    this.#stoodAt = status === 'live' ? null : this.#stoodAt ?? now;
    const stands = this.#stoodAt !== null && now - this.#stoodAt > PATIENCE_MS;
    const connection = stands ? 'reconnecting' : 'online';
    if (connection === this.connection) return;
    this.connection = connection;
    for (const told of this.#connections) told(connection);
  }
}

/** @template T @param {Set<T>} all @param {T} one */
function add(all, one) {
  all.add(one);
  return () => { all.delete(one); };
}
