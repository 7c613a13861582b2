// The callbacks of a room: what a page can hear about, each with a function that subscribes and returns one that
// unsubscribes. Who emits them is the room; what arrives before there is a callback is kept in backlog.js.

import { KeyedListeners, Listeners, StandingListeners } from './listeners.js';
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
  /** Called when the page has added a callback. */
  added = () => {};
  #added = () => this.added();
  /** @type {KeyedListeners<number, [Uint8Array, { kind: number, tick: number }]>} */
  message = new KeyedListeners(this.#added);
  /** @type {Listeners<[Map<number, Player>, PlayerChange | null]>} */ players = new Listeners(this.#added);
  /** @type {Listeners<[ChatLine]>} */ chat = new Listeners(this.#added);
  /** @type {Listeners<[string, string]>} */ property = new Listeners(this.#added);
  /** @type {StandingListeners<[Uint8Array]>} */ ended = new StandingListeners(this.#added);
  /** @type {Listeners<[number]>} */ gap = new Listeners(this.#added);
  /** @type {StandingListeners<[number, string, boolean]>} */ leave = new StandingListeners(this.#added);
  /** @type {Listeners<[Room]>} */ reconnect = new Listeners(this.#added);
  /** @type {Listeners<[Room]>} */ resume = new Listeners();
  /** @type {StandingListeners<[ConnectionState]>} */ connection = new StandingListeners(this.#added);
  /** @type {Listeners<[Correction]>} */ correction = new Listeners(this.#added);

  /** Tells those who came late what is still true. */
  catchUp() {
    this.ended.catchUp();
    this.connection.catchUp();
    this.leave.catchUp();
  }
}

/**
 * Events (`onMessage`, `onChat`, `onPlayers`, `onProperty`, `onGap`) are told exactly once, to all callbacks that
 * there are. One for which there is none waits for the first: of each sort (messages of all kinds are one) up to 256 events and 64
 * KiB wait, also over lost connections and reloads. Older ones are lost: `onGap` says how many, as soon as there is a callback
 * that would have heard them. Waiting events are told in order, in a microtask after the callback was registered, so
 * that callbacks registered together miss nothing of each other.
 */
export class RoomEvents {
  /** The world, as of the newest frame. */
  state = new State();

  /** @protected */
  listeners = new RoomListeners();

  /** After every frame that is still to come; `room.state` has the others. @param {(state: State) => void} listener */
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

  /**
   * A value changed from now on: an entity always has its newest values.
   * @param {string} kind
   * @param {(entity: AnyEntity) => void} listener
   */
  onChange(kind, listener) {
    return this.state.changed.add(kind, listener);
  }

  /**
   * An entity went; called at once for those that `onAdd` told of and that went since, before anybody listened: for the last 256
   * whose id has not come again.
   * @param {string} kind
   * @param {(entity: AnyEntity) => void} listener
   */
  onRemove(kind, listener) {
    return this.state.onRemove(kind, listener);
  }

  /**
   * The game says something. A message of a kind that has a callback does not wait for one of `*`, nor the other way round.
   * @param {number | '*'} kind
   * @param {(body: Uint8Array, about: { kind: number, tick: number }) => void} listener
   */
  onMessage(kind, listener) {
    return this.listeners.message.add(kind, listener);
  }

  /**
   * Someone joined, left, lost their connection (their player is `away`) or came back; null: a new connection brought
   * the whole list. The players are those of now, also for a change that had to wait.
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

  /** The match is over; told also to who asks later. The bytes are the game's. @param {(result: Uint8Array) => void} listener */
  onEnded(listener) {
    return this.listeners.ended.add(listener);
  }

  /** So many events were lost for good, before the next one that is told. @param {(lost: number) => void} listener */
  onGap(listener) {
    return this.listeners.gap.add(listener);
  }

  /**
   * The connection ended; told also to who asks later, while there is none.
   * @param {(code: number, reason: string, willReconnect: boolean) => void} listener
   */
  onLeave(listener) {
    return this.listeners.leave.add(listener);
  }

  /**
   * Joined again, as someone new: seat, entity and state are new, and so are events: what of the former seat still waited for a
   * callback is void. Waits for the first callback.
   * @param {(room: Room) => void} listener
   */
  onReconnect(listener) {
    return this.listeners.reconnect.add(listener);
  }

  /**
   * Came back to the same seat: entity, state, events and what is held go on. Who asks later is not told: nothing changed.
   * @param {(room: Room) => void} listener
   */
  onResume(listener) {
    return this.listeners.resume.add(listener);
  }

  /** The connection's state changed; told also to who asks later, unless it is online. @param {(state: ConnectionState) => void} listener */
  onConnection(listener) {
    return this.listeners.connection.add(listener);
  }

  /**
   * The server moved the own entity. Under the *place* rule, reports stop until `setInput` is called again: start from
   * the entity's new position. The newest correction waits for the first callback.
   * @param {(correction: Correction) => void} listener
   */
  onCorrection(listener) {
    return this.listeners.correction.add(listener);
  }
}
