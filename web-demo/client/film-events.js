// The callbacks of a film: the same as those of a room, for what a film has. film.js emits the events.

import { KeyedListeners, Listeners } from './listeners.js';
import { State } from './state.js';

/**
 * @typedef {import('./state.js').AnyEntity} AnyEntity
 * @typedef {import('./events-wire.js').Player} Player
 * @typedef {import('./room-events.js').PlayerChange} PlayerChange
 */

class FilmListeners {
  /** @type {KeyedListeners<number, [Uint8Array, { kind: number, tick: number }]>} */
  message = new KeyedListeners();
  /** @type {Listeners<[Map<number, Player>, PlayerChange | null]>} */ players = new Listeners();
  /** @type {Listeners<[]>} */ seek = new Listeners();
}

export class FilmEvents {
  /** The entities of the tick that is shown. */
  state = new State();

  /** @protected */
  listeners = new FilmListeners();

  /** Called after every tick that is shown. @param {(state: State) => void} listener */
  onStateChange(listener) {
    return this.state.updated.add(listener);
  }

  /** An entity was added; called at once for the present ones. A kind, or `*` for all. @param {string} kind @param {(entity: AnyEntity) => void} listener */
  onAdd(kind, listener) {
    return this.state.onAdd(kind, listener);
  }

  /** A value changed. @param {string} kind @param {(entity: AnyEntity) => void} listener */
  onChange(kind, listener) {
    return this.state.changed.add(kind, listener);
  }

  /** An entity was removed. @param {string} kind @param {(entity: AnyEntity) => void} listener */
  onRemove(kind, listener) {
    return this.state.onRemove(kind, listener);
  }

  /** The game sent a message to everybody. @param {number | '*'} kind @param {(body: Uint8Array, about: { kind: number, tick: number }) => void} listener */
  onMessage(kind, listener) {
    return this.listeners.message.add(kind, listener);
  }

  /** A player joined, left, was disconnected or came back; null after a seek. @param {(players: Map<number, Player>, change: PlayerChange | null) => void} listener */
  onPlayers(listener) {
    return this.listeners.players.add(listener);
  }

  /** Another tick than the next one is shown. @param {() => void} listener */
  onSeek(listener) {
    return this.listeners.seek.add(listener);
  }
}
