// The callbacks of a room: what a page can hear about, each with a function that subscribes and returns one that
// unsubscribes. Who emits them is the room.

import { KeyedListeners, Listeners } from './listeners.js';
import { State } from './state.js';

/**
 * @typedef {import('./state.js').AnyEntity} AnyEntity
 * @typedef {import('./messages.js').Player} Player
 * @typedef {import('./messages.js').Correction} Correction
 * @typedef {import('./room.js').Room} Room
 * @typedef {'online' | 'reconnecting' | 'closed'} ConnectionState
 * @typedef {{ type: 'joined', player: Player } | { type: 'left', seat: number, code: number }
 *   | { type: 'away' | 'back', seat: number }} PlayerChange
 * @typedef {{ from: number, name: string, text: string, private: boolean, tick: number }} ChatLine `from`: a seat, which by
 *   now may be another's; `name` and `text` are untrusted: show them as text only
 */

export class RoomListeners {
  /** @type {KeyedListeners<number, [Uint8Array, { kind: number, tick: number }]>} */
  message = new KeyedListeners();
  /** @type {Listeners<[Map<number, Player>, PlayerChange | null]>} */ players = new Listeners();
  /** @type {Listeners<[ChatLine]>} */ chat = new Listeners();
  /** @type {Listeners<[string, string]>} */ property = new Listeners();
  /** @type {Listeners<[Uint8Array]>} */ ended = new Listeners();
  /** @type {Listeners<[number]>} */ gap = new Listeners();
  /** @type {Listeners<[number, string, boolean]>} */ leave = new Listeners();
  /** @type {Listeners<[Room]>} */ reconnect = new Listeners();
  /** @type {Listeners<[Room]>} */ resume = new Listeners();
  /** @type {Listeners<[ConnectionState]>} */ connection = new Listeners();
  /** @type {Listeners<[Correction]>} */ correction = new Listeners();
}

export class RoomEvents {
  /** The world, as of the newest frame. */
  state = new State();

  /** @protected */
  listeners = new RoomListeners();

  /** After every frame. @param {(state: State) => void} listener */
  onStateChange(listener) {
    return this.state.updated.add(listener);
  }

  /**
   * An entity came; called at once for those that are there. A kind, or `*` for all.
   * @param {string} kind
   * @param {(entity: AnyEntity) => void} listener
   */
  onAdd(kind, listener) {
    return this.state.onAdd(kind, listener);
  }

  /** A value changed. @param {string} kind @param {(entity: AnyEntity) => void} listener */
  onChange(kind, listener) {
    return this.state.changed.add(kind, listener);
  }

  /** An entity went. @param {string} kind @param {(entity: AnyEntity) => void} listener */
  onRemove(kind, listener) {
    return this.state.removed.add(kind, listener);
  }

  /**
   * The game says something.
   * @param {number | '*'} kind
   * @param {(body: Uint8Array, about: { kind: number, tick: number }) => void} listener
   */
  onMessage(kind, listener) {
    return this.listeners.message.add(kind, listener);
  }

  /**
   * Someone joined, left, lost their connection (their player is `away`) or came back; null: a new connection brought
   * the whole list.
   * @param {(players: Map<number, Player>, change: PlayerChange | null) => void} listener
   */
  onPlayers(listener) {
    return this.listeners.players.add(listener);
  }

  /** A player says something, the own one too. @param {(line: ChatLine) => void} listener */
  onChat(listener) {
    return this.listeners.chat.add(listener);
  }

  /** A property of the room changed; gone when empty. @param {(key: string, value: string) => void} listener */
  onProperty(listener) {
    return this.listeners.property.add(listener);
  }

  /** The match is over; the bytes are the game's. @param {(result: Uint8Array) => void} listener */
  onEnded(listener) {
    return this.listeners.ended.add(listener);
  }

  /** Events were lost for good. @param {(lost: number) => void} listener */
  onGap(listener) {
    return this.listeners.gap.add(listener);
  }

  /** The connection ended. @param {(code: number, reason: string, willReconnect: boolean) => void} listener */
  onLeave(listener) {
    return this.listeners.leave.add(listener);
  }

  /** Joined again, as someone new: seat, entity and state are new. @param {(room: Room) => void} listener */
  onReconnect(listener) {
    return this.listeners.reconnect.add(listener);
  }

  /** Came back to the same seat: entity, state and what is held go on. @param {(room: Room) => void} listener */
  onResume(listener) {
    return this.listeners.resume.add(listener);
  }

  /** @param {(state: ConnectionState) => void} listener */
  onConnection(listener) {
    return this.listeners.connection.add(listener);
  }

  /**
   * The server moved the own entity. Under the *place* rule, reports stop until `setInput` is called again: start from
   * the entity's new position.
   * @param {(correction: Correction) => void} listener
   */
  onCorrection(listener) {
    return this.listeners.correction.add(listener);
  }
}
