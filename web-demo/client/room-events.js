// The callbacks of a room: for each kind of event a method that adds a callback and returns a function that removes it.
// The room emits the events; the backlog keeps those that arrive before there is a callback.

import { MessageCodec } from './game.js';
import { KeyedListeners, Listeners, StickyListeners } from './listeners.js';
import { State } from './state.js';

/**
 * @typedef {import('./game.js').GameTypes} GameTypes
 * @typedef {import('./game.js').AnyGame} AnyGame
 * @typedef {import('./messages.js').Player} Player
 * @typedef {import('./messages.js').Correction} Correction
 * @typedef {import('./room.js').Room<any>} Room
 * @typedef {'online' | 'reconnecting' | 'closed'} ConnectionState
 * @typedef {{ type: 'joined', player: Player } | { type: 'left', seat: number, code: number }
 *   | { type: 'disconnected' | 'reconnected', seat: number }} PlayerChange
 * @typedef {{ from: number, name: string, text: string, private: boolean, tick: number }} ChatLine `from`: a seat, which
 *   another player may have by now; `name` and `text` are untrusted: show them as text only
 */

export class RoomListeners {
  /** Called after the page has added a callback. */
  added = () => {};
  #added = () => this.added();
  /** @type {KeyedListeners<number, [Uint8Array, { kind: number, tick: number }]>} */
  message = new KeyedListeners(this.#added);
  /** @type {Listeners<[Map<number, Player>, PlayerChange | null]>} */ players = new Listeners(this.#added);
  /** @type {Listeners<[ChatLine]>} */ chat = new Listeners(this.#added);
  /** @type {Listeners<[string, string]>} */ property = new Listeners(this.#added);
  /** @type {StickyListeners<[Uint8Array]>} */ ended = new StickyListeners(this.#added);
  /** @type {Listeners<[number]>} */ gap = new Listeners(this.#added);
  /** @type {StickyListeners<[number, string, boolean]>} */ leave = new StickyListeners(this.#added);
  /** @type {Listeners<[Room]>} */ reconnect = new Listeners(this.#added);
  /** @type {Listeners<[Room]>} */ resume = new Listeners();
  /** @type {StickyListeners<[ConnectionState]>} */ connection = new StickyListeners(this.#added);
  /** @type {Listeners<[Correction]>} */ correction = new Listeners(this.#added);
  /** @type {Listeners<[import('./predicted-events.js').PredictedEvent]>} */ predicted = new Listeners();

  /** Calls late callbacks with the values that are still valid. */
  replay() {
    this.ended.replay();
    this.connection.replay();
    this.leave.replay();
  }

  /** Removes the callbacks that hear of anything but the leave. */
  clear() {
    const { message, players, chat, property, ended, gap, reconnect, resume, correction, predicted } = this;
    for (const each of [message, players, chat, property, ended, gap, reconnect, resume, correction, predicted]) each.clear();
  }
}

/**
 * Each event (`onMessage`, `onChat`, `onPlayers`, `onProperty`, `onGap`) is delivered exactly once, to all callbacks for it. An event
 * without a callback waits for the first one, across lost connections and reloads. At most 256 events and 64 KiB wait per channel
 * (messages of all kinds share one); beyond that the oldest are lost, and `onGap` reports how many once a callback is added that
 * would have received them. Waiting events are delivered in order, in a microtask after the callback was added, so that
 * callbacks that are added together all receive them.
 * @template {GameTypes} [G=AnyGame]
 */
export class RoomEvents {
  /** The state of the room as of the newest frame. */
  state = new State();

  /** @protected */
  listeners = new RoomListeners();
  /** @protected */
  codec = new MessageCodec(null);

  /** Called after every later frame; `room.state` has the newest one. @param {(state: State) => void} listener */
  onStateChange(listener) {
    return this.state.updated.add(listener);
  }

  /**
   * An entity was added; called at once for the present ones. A kind, or `*` for all.
   * @template {keyof G['rows'] & string | '*'} K
   * @param {K} kind
   * @param {(entity: import('./game.js').EntityOf<G, K>) => void} listener
   */
  onAdd(kind, listener) {
    return this.state.onAdd(kind, /** @type {any} */ (listener));
  }

  /**
   * A value changed after the callback was added. Entities always have their newest values.
   * @template {keyof G['rows'] & string | '*'} K
   * @param {K} kind
   * @param {(entity: import('./game.js').EntityOf<G, K>) => void} listener
   */
  onChange(kind, listener) {
    return this.state.onChange(kind, /** @type {any} */ (listener));
  }

  /**
   * An entity was removed. Called at once for entities that an `onAdd` callback received and that were removed while there was no
   * `onRemove` callback: for the last 256 of them whose ids have not been added again.
   * @template {keyof G['rows'] & string | '*'} K
   * @param {K} kind
   * @param {(entity: import('./game.js').EntityOf<G, K>) => void} listener
   */
  onRemove(kind, listener) {
    return this.state.onRemove(kind, /** @type {any} */ (listener));
  }

  /**
   * The game sent a message. Callbacks for its kind and for `*` both match it; a message that one of them received is delivered.
   * With the module of the game, kinds have names and bodies are values; numbers and `*` stand for bytes.
   * @template {keyof G['events'] | '*'} K
   * @param {K} kind
   * @param {(body: import('./game.js').EventOf<G, K>, about: { kind: number, tick: number }) => void} listener
   */
  onMessage(kind, listener) {
    return this.listeners.message.add(this.codec.event(kind), this.codec.listener(kind, listener));
  }

  /**
   * A player joined, left, lost their connection (the player is `away`) or reconnected; null: a new connection brought
   * the whole list. `players` is always the current list, also for a change that waited.
   * @param {(players: Map<number, Player>, change: PlayerChange | null) => void} listener
   */
  onPlayers(listener) {
    return this.listeners.players.add(listener);
  }

  /** A player, possibly the own one, sent a chat line. @param {(line: ChatLine) => void} listener */
  onChat(listener) {
    return this.listeners.chat.add(listener);
  }

  /** A property of the room changed; an empty value means that it was removed. @param {(key: string, value: string) => void} listener */
  onProperty(listener) {
    return this.listeners.property.add(listener);
  }

  /** The match is over. Callbacks that are added later are called, too. The bytes are the game's. @param {(result: Uint8Array) => void} listener */
  onEnded(listener) {
    return this.listeners.ended.add(listener);
  }

  /** This many events before the next one were lost for good. @param {(lost: number) => void} listener */
  onGap(listener) {
    return this.listeners.gap.add(listener);
  }

  /**
   * The connection ended. Callbacks that are added while there is no connection are called, too.
   * @param {(code: number, reason: string, willReconnect: boolean) => void} listener
   */
  onLeave(listener) {
    return this.listeners.leave.add(listener);
  }

  /**
   * The client has joined afresh: seat, entity and state are new. Events of the former seat that still waited are dropped. This
   * event waits for the first callback.
   * @param {(room: Room) => void} listener
   */
  onReconnect(listener) {
    return this.listeners.reconnect.add(listener);
  }

  /**
   * The client has its seat again: entity, state, events and held inputs continue. Does not wait for a callback: nothing changed.
   * @param {(room: Room) => void} listener
   */
  onResume(listener) {
    return this.listeners.resume.add(listener);
  }

  /**
   * The connection's state changed. Callbacks that are added while it is not online are called, too.
   * @param {(state: ConnectionState) => void} listener
   */
  onConnection(listener) {
    return this.listeners.connection.add(listener);
  }

  /**
   * The server moved the own entity. Under client authority, reports stop until `setInput` is called again: start from
   * the entity's new position. The newest correction waits for the first callback.
   * @param {(correction: Correction) => void} listener
   */
  onCorrection(listener) {
    return this.listeners.correction.add(listener);
  }

  /**
   * By the page's predictor, the own avatar does something now: what its `step` returned is `event.what`. Show it at once; call
   * `event.confirm()` when the server's entity or message shows it, and take it back when `event.onSettled` says that it was withdrawn: the
   * page changed its mind, the server decided otherwise, or it did not answer within a second.
   * @param {(event: import('./predicted-events.js').PredictedEvent) => void} listener
   */
  onPredicted(listener) {
    return this.listeners.predicted.add(listener);
  }
}
