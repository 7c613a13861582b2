// Events that arrived before the page had a handler for them. Each waits for the first handler of its kind; what one hears,
// it hears in the order of arrival. Handlers are told in a microtask after their registration, so that those registered
// together hear everything in order, and one that is taken back at once (a page that mounts twice) hears nothing.
//
// Bounded by channel, so that a flood of what nobody listens to costs no event of another channel. What does not fit is
// counted, and told as a gap to the page when it begins to listen there: a page that never does is not told of losses.

/**
 * @typedef {import('./events-wire.js').EventBody} EventBody
 * @typedef {import('./room-events.js').RoomListeners} RoomListeners
 * @typedef {Exclude<EventBody, { type: 'reply' }> | { type: 'gap', lost: number } | { type: 'reconnect' }
 *   | { type: 'correction', correction: import('./messages.js').Correction }} News what a page can hear, beside what stays true
 * @typedef {'message' | 'players' | 'chat' | 'property' | 'ended' | 'gap' | 'reconnect' | 'correction'} Channel
 * @typedef {{ news: News, tick: number }} Entry
 * @typedef {number | Channel | '*'} LostKey a kind of message, `*` for the kinds that have no count of their own, or a channel
 * @typedef {{ waiting: Entry[], lost: [LostKey, number][] }} StoredBacklog what outlives the page
 */

/** Per channel: as many bytes as a server keeps for a client that is away ... */
const MAX_BYTES = 64 * 1024;
/** ... and five times the chat lines that a newcomer is told. */
const MAX_EVENTS = 256;
/** What an event costs beside its texts and bytes, about. */
const EVENT_COST = 64;
/** Kinds of messages whose losses are counted apart: more than a game has. */
const MAX_COUNTS = 64;
/** Of these only the newest is of use. */
const NEWEST = new Set(['reconnect', 'correction']);

export class Backlog {
  /** How many events waited and were told in the end. */
  told = 0;

  /** Oldest first. @type {Entry[]} */ #waiting = [];
  /** What waits, by channel. @type {Map<Channel, { events: number, bytes: number }>} */ #held = new Map();
  /** What did not fit. @type {Map<LostKey, number>} */ #lost = new Map();
  /** Something that waits may have a handler. */
  #due = false;
  #scheduled = false;
  #closed = false;
  /** @type {RoomListeners} */ #listeners;
  /** @type {(news: News, tick: number) => void} */ #tell;

  /**
   * @param {RoomListeners} listeners
   * @param {(news: News, tick: number) => void} tell calls the handlers
   */
  constructor(listeners, tell) {
    this.#listeners = listeners;
    this.#tell = tell;
    listeners.added = () => this.#schedule();
  }

  get size() {
    return this.#waiting.length;
  }

  /** Tells the handlers, or keeps it for the first one. @param {News} news @param {number} tick */
  offer(news, tick) {
    this.drain();
    if (this.#closed) return;
    if (this.#heard(keyOf(news))) this.#tell(news, tick);
    else this.keep(news, tick);
  }

  /** Keeps it until `drain`, at least. @param {News} news @param {number} tick */
  keep(news, tick) {
    if (this.#closed) return;
    const last = this.#waiting.at(-1)?.news;
    if (news.type === 'gap' && last?.type === 'gap') last.lost += news.lost;
    else this.#append({ news, tick });
    this.#due ||= this.#heard(keyOf(news));
  }

  /** Tells what has a handler by now. */
  drain() {
    if (!this.#due) return;
    this.#due = false;
    this.#admitLosses();
    for (let at = 0; at < this.#waiting.length;) {
      if (!this.#heard(keyOf(this.#waiting[at].news))) {
        at += 1;
        continue;
      }
      const { news, tick } = this.#take(at);
      this.told += 1;
      this.#tell(news, tick);
    }
  }

  /** Forgets everything: the seat is another one. */
  clear() {
    this.#waiting.length = 0;
    this.#held.clear();
    this.#lost.clear();
  }

  /** The page wants nothing any more. */
  close() {
    this.#closed = true;
    this.clear();
  }

  /** For the next page: only what a seat's events are, since a new page knows of no connection before its own. @returns {StoredBacklog} */
  stored() {
    const waiting = this.#waiting.filter(({ news }) => !NEWEST.has(news.type));
    return { waiting, lost: [...this.#lost] };
  }

  /** @param {StoredBacklog} stored of the page before */
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
      this.drain();
      this.#listeners.catchUp();
    });
  }

  /** @param {LostKey} key */
  #heard(key) {
    if (typeof key === 'number' || key === '*') return this.#listeners.message.hears(key);
    return key !== 'message' && this.#listeners[key].heard;
  }

  /** @param {Entry} entry */
  #append(entry) {
    const channel = channelOf(entry.news);
    const held = this.#held.get(channel) ?? { events: 0, bytes: 0 };
    this.#held.set(channel, held);
    this.#waiting.push(entry);
    held.events += 1;
    held.bytes += weight(entry.news);
    while (held.events > (NEWEST.has(channel) ? 1 : MAX_EVENTS) || held.bytes > MAX_BYTES) this.#lose(channel);
  }

  /** The oldest of a channel does not fit. @param {Channel} channel */
  #lose(channel) {
    const of = (/** @type {Entry} */ { news }) => channelOf(news) === channel;
    const { news } = this.#take(this.#waiting.findIndex(of));
    if (NEWEST.has(channel)) return;
    if (news.type === 'gap') {
      const next = this.#waiting.find(of)?.news;
      if (next?.type === 'gap') next.lost += news.lost;
      return;
    }
    const own = keyOf(news);
    const key = typeof own !== 'number' || this.#lost.has(own) || this.#lost.size < MAX_COUNTS ? own : '*';
    this.#lost.set(key, (this.#lost.get(key) ?? 0) + 1);
  }

  /** Losses where somebody listens now become a gap, before all that waits. */
  #admitLosses() {
    let lost = 0;
    for (const [key, count] of this.#lost) {
      if (!this.#heard(key)) continue;
      this.#lost.delete(key);
      lost += count;
    }
    if (lost === 0) return;
    const rest = this.#waiting;
    this.#waiting = [];
    this.#held.clear();
    this.keep({ type: 'gap', lost }, 0);
    for (const { news, tick } of rest) this.keep(news, tick);
    this.#due = false;
  }

  /** @param {number} at */
  #take(at) {
    const [entry] = this.#waiting.splice(at, 1);
    const held = this.#held.get(channelOf(entry.news));
    if (held) {
      held.events -= 1;
      held.bytes -= weight(entry.news);
    }
    return entry;
  }
}

/** @param {News} news @returns {Channel} */
function channelOf({ type }) {
  if (type === 'game') return 'message';
  return type === 'joined' || type === 'left' || type === 'away' || type === 'back' ? 'players' : type;
}

/** @param {News} news @returns {LostKey} */
function keyOf(news) {
  return news.type === 'game' ? news.kind : channelOf(news);
}

/** Bytes, about. @param {News} news */
function weight(news) {
  switch (news.type) {
    case 'game': return EVENT_COST + news.body.length;
    case 'ended': return EVENT_COST + news.result.length;
    case 'chat': return EVENT_COST + 2 * (news.name.length + news.text.length);
    case 'property': return EVENT_COST + 2 * (news.key.length + news.value.length);
    case 'joined': return EVENT_COST + 2 * news.player.name.length;
    default: return EVENT_COST;
  }
}
