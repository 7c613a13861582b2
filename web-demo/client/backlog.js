// Events that arrived before the page had a handler for them. Each event waits for the first handler that matches it, and
// events are delivered in their order of arrival. Delivery happens in a microtask after a handler was added: handlers that
// are added together then receive everything in order, and a handler that is removed at once (a component that mounts
// twice) consumes nothing.
//
// Each channel has its own bounds, so a flood on a channel without handlers costs no event of another channel. Events
// beyond the bounds are counted and reported as a gap once the page adds a handler that would have received them.

/**
 * @typedef {import('./events-wire.js').EventBody} EventBody
 * @typedef {import('./room-events.js').RoomListeners} RoomListeners
 * @typedef {Exclude<EventBody, { type: 'reply' }> | { type: 'gap', lost: number } | { type: 'reconnect' }
 *   | { type: 'correction', correction: import('./messages.js').Correction }} RoomEvent
 * @typedef {'message' | 'players' | 'chat' | 'property' | 'ended' | 'gap' | 'reconnect' | 'correction'} Channel
 * @typedef {{ event: RoomEvent, tick: number }} Entry
 * @typedef {number | Channel | '*'} LossKey a message kind, `*` for kinds that share a count, or a channel
 * @typedef {{ waiting: Entry[], lost: [LossKey, number][] }} StoredBacklog the part that survives a reload
 */

/** Bytes per channel: as many as the server keeps for a client that is away. */
const MAX_BYTES = 64 * 1024;
/** Events per channel: five times the chat history that a new player receives. */
const MAX_EVENTS = 256;
/** Approximate bytes of an event besides its texts and byte strings. */
const EVENT_COST = 64;
/** Keys whose losses are counted separately; games have fewer message kinds. */
const MAX_LOSS_KEYS = 64;
/** Channels of which only the newest event matters. */
const NEWEST_ONLY = new Set(['reconnect', 'correction']);

export class Backlog {
  /** How many events were delivered after they had waited. */
  delivered = 0;

  /** Oldest first. @type {Entry[]} */ #waiting = [];
  /** What waits, by channel. @type {Map<Channel, { events: number, bytes: number }>} */ #held = new Map();
  /** How many events exceeded the bounds. @type {Map<LossKey, number>} */ #lost = new Map();
  /** Whether a waiting event may have a handler. */
  #due = false;
  #scheduled = false;
  #closed = false;
  /** @type {RoomListeners} */ #listeners;
  /** @type {(event: RoomEvent, tick: number) => void} */ #emit;

  /**
   * @param {RoomListeners} listeners
   * @param {(event: RoomEvent, tick: number) => void} emit calls the handlers
   */
  constructor(listeners, emit) {
    this.#listeners = listeners;
    this.#emit = emit;
    listeners.added = () => this.#schedule();
  }

  /** How many events wait. */
  get size() {
    return this.#waiting.length;
  }

  /** Calls the handlers, or keeps the event for the first one. @param {RoomEvent} event @param {number} tick */
  deliver(event, tick) {
    this.flush();
    if (this.#closed) return;
    if (this.#hasHandler(keyOf(event))) this.#emit(event, tick);
    else this.enqueue(event, tick);
  }

  /** Keeps the event at least until the next `flush`. @param {RoomEvent} event @param {number} tick */
  enqueue(event, tick) {
    if (this.#closed) return;
    const last = this.#waiting.at(-1)?.event;
    if (event.type === 'gap' && last?.type === 'gap') last.lost += event.lost;
    else this.#append({ event, tick });
    this.#due ||= this.#hasHandler(keyOf(event));
  }

  /** Delivers the events that have a handler now. */
  flush() {
    while (this.#due) {
      this.#due = false;
      this.#reportLosses();
      this.#deliverWaiting();
    }
  }

  /** Drops everything: the seat is a different one. */
  clear() {
    this.#waiting.length = 0;
    this.#held.clear();
    this.#lost.clear();
  }

  /** Drops everything, and whatever arrives later: the page has left. */
  close() {
    this.#closed = true;
    this.clear();
  }

  /** What the next page needs: the events of the seat, not those of this page's connections. @returns {StoredBacklog} */
  stored() {
    const waiting = this.#waiting.filter(({ event }) => !NEWEST_ONLY.has(event.type));
    return { waiting, lost: [...this.#lost] };
  }

  /** @param {StoredBacklog} stored by the previous page */
  restore({ waiting, lost }) {
    this.#lost = new Map(lost);
    for (const entry of waiting) this.#append(entry);
  }

  #schedule() {
    this.#due = true;
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.flush();
      this.#listeners.replay();
    });
  }

  /** Delivers until a handler is added, which may match an event that was passed. */
  #deliverWaiting() {
    for (let at = 0; at < this.#waiting.length && !this.#due;) {
      if (!this.#hasHandler(keyOf(this.#waiting[at].event))) {
        at += 1;
        continue;
      }
      const { event, tick } = this.#take(at);
      this.delivered += 1;
      this.#emit(event, tick);
    }
  }

  /** @param {LossKey} key */
  #hasHandler(key) {
    if (typeof key === 'number' || key === '*') return this.#listeners.message.has(key);
    return key !== 'message' && this.#listeners[key].hasListeners;
  }

  /** @param {Entry} entry */
  #append(entry) {
    const channel = channelOf(entry.event);
    const held = this.#held.get(channel) ?? { events: 0, bytes: 0 };
    this.#held.set(channel, held);
    this.#waiting.push(entry);
    held.events += 1;
    held.bytes += weight(entry.event);
    while (held.events > (NEWEST_ONLY.has(channel) ? 1 : MAX_EVENTS) || held.bytes > MAX_BYTES) this.#dropOldest(channel);
  }

  /** @param {Channel} channel that exceeds its bounds */
  #dropOldest(channel) {
    const matches = (/** @type {Entry} */ { event }) => channelOf(event) === channel;
    const { event } = this.#take(this.#waiting.findIndex(matches));
    if (NEWEST_ONLY.has(channel)) return;
    if (event.type === 'gap') {
      const next = this.#waiting.find(matches)?.event;
      if (next?.type === 'gap') next.lost += event.lost;
      return;
    }
    const own = keyOf(event);
    const key = typeof own !== 'number' || this.#lost.has(own) || this.#lost.size < MAX_LOSS_KEYS ? own : '*';
    this.#lost.set(key, (this.#lost.get(key) ?? 0) + 1);
  }

  /** Puts a gap in front of the waiting events for the losses that have a handler now. */
  #reportLosses() {
    let lost = 0;
    for (const [key, count] of this.#lost) {
      if (!this.#hasHandler(key)) continue;
      this.#lost.delete(key);
      lost += count;
    }
    if (lost === 0) return;
    const rest = this.#waiting;
    this.#waiting = [];
    this.#held.clear();
    this.enqueue({ type: 'gap', lost }, 0);
    for (const { event, tick } of rest) this.enqueue(event, tick);
    this.#due = false;
  }

  /** @param {number} at */
  #take(at) {
    const [entry] = this.#waiting.splice(at, 1);
    const held = this.#held.get(channelOf(entry.event));
    if (held) {
      held.events -= 1;
      held.bytes -= weight(entry.event);
    }
    return entry;
  }
}

/** @param {RoomEvent} event @returns {Channel} */
function channelOf({ type }) {
  if (type === 'game') return 'message';
  return type === 'joined' || type === 'left' || type === 'disconnected' || type === 'reconnected' ? 'players' : type;
}

/** @param {RoomEvent} event @returns {LossKey} */
function keyOf(event) {
  return event.type === 'game' ? event.kind : channelOf(event);
}

/** Approximate bytes. @param {RoomEvent} event */
function weight(event) {
  switch (event.type) {
    case 'game': return EVENT_COST + event.body.length;
    case 'ended': return EVENT_COST + event.result.length;
    case 'chat': return EVENT_COST + 2 * (event.name.length + event.text.length);
    case 'property': return EVENT_COST + 2 * (event.key.length + event.value.length);
    case 'joined': return EVENT_COST + 2 * event.player.name.length;
    default: return EVENT_COST;
  }
}
