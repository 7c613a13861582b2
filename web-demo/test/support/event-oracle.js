// What the handlers of one room must hear: an oracle beside the client. It is told what the client took from its socket and
// each call of a handler, and knows which handlers there are.
//
// The rule is that of client/README.md, "Late callbacks": "each event waits for the first callback that matches it and is
// delivered once, in order, to all callbacks that match it by then". What is excepted, each with its sentence there:
//
// * `left`: "`leave()` drops what waits and ends what is being delivered".
// * `anew`: "the loss of the seat (`onReconnect`) drops what waits, too".
// * `handOver`: "after 4502 with a `storage` to the room that claims the seat".
// * `snapshot`: "after a crash ... the next page may receive again what the previous one received", or a gap of it.
// * `#bound`: "at most 256 events and 64 KiB wait ... Beyond that the oldest are lost, and `onGap` reports how many".
// * `#pass`: of `onReconnect` and `onCorrection` "the newest one waits for the first callback".
// * `held`: "a gap that a resumption reveals is reported with the next frame or event".

/** What the client counts towards its bounds: the bytes of a body, and so many for each event. */
const MAX_EVENTS = 256;
const MAX_BYTES = 64 * 1024;
const EVENT_COST = 64;

/** A handler of the page. */
export class Handler {
  /** @param {string} channel @param {number | string} key a message kind, an entity kind or `*` */
  constructor(channel, key) {
    Object.assign(this, { channel, key, registered: true, heard: [], due: 0, mine: new Set(), last: null });
  }

  matches(channel, key) {
    return this.registered && this.channel === channel && (this.key === '*' || this.key === key);
  }
}

export class EventOracle {
  handlers = [];
  /** Arrived and not heard, oldest first. */
  waiting = [];
  /** Of the message that the client takes now; those before the last one heard have been passed. */
  incoming = [];
  /** The entry that is being delivered, with the handlers that have to hear it. */
  #current = null;
  /** Messages beyond the bounds, by kind; those of them that a callback now "would have received". */
  overflow = new Map();
  reportable = 0;
  newest = 0;
  /** The end of the match that was told. */
  ended = null;
  left = false;
  /** How many messages the client took. */
  message = 0;
  /** What `room.connection` says; null before the page has the room. */
  connection = () => null;

  /** When the newest events were heard, by number. */
  #heard = new Map();

  /** @param {string} name @param world which has a time, counts and takes failures */
  constructor(name, world) {
    this.name = name;
    this.world = world;
    this.seen = world.seen;
    this.fail = (text) => world.fail(`${name}: ${text}`);
  }

  /** In milliseconds, NaN when it was not heard. */
  heardAt(number, text) {
    return this.#heard.get(`${number} ${text}`) ?? NaN;
  }

  /** What the page stored for the next one. Of what exceeded the bounds, `backlog.lost` is what is still to be reported. */
  snapshot({ events, backlog }) {
    this.#pass(this.incoming.findLastIndex(({ number }) => number <= events) + 1);
    const waiting = this.waiting.filter(({ channel }) => channel !== 'reconnect' && channel !== 'correction');
    const overflow = new Map(backlog.lost);
    const sum = (counts) => [...counts.values()].reduce((total, count) => total + count, 0);
    const reportable = this.reportable + sum(this.overflow) - sum(overflow);
    return { name: this.name, newest: events, waiting: waiting.map((entry) => ({ ...entry, held: false })), overflow, reportable };
  }

  restore({ newest, waiting, overflow, reportable }) {
    Object.assign(this, { newest, waiting, overflow, reportable });
  }

  has(channel, key) {
    return this.handlers.some((handler) => handler.matches(channel, key));
  }

  /** The seat is another one. */
  anew(number) {
    this.#close();
    this.handOver();
    this.incoming = [];
    this.ended = null;
    this.newest = number;
  }

  /** What waits is no business of this room any more. */
  handOver() {
    this.waiting = [];
    this.overflow.clear();
    this.reportable = 0;
  }

  /** Events up to `number` will never come. `held`: the gap is delivered with the next frame or event, after `onResume`. */
  lost(number, held) {
    const lost = number - this.newest;
    if (lost < 0) this.fail(`event ${this.newest} was taken, and ${number} is the newest`);
    if (lost <= 0) return;
    this.seen.gaps += 1;
    this.newest = number;
    (held ? this.waiting : this.incoming).push({ channel: 'gap', text: 'gap', number, lost, held });
  }

  /** The client is about to take an event. */
  arrives({ channel, key = null, text, number, tick, bytes = 0 }) {
    this.incoming.push({ channel, key, text, number, tick, bytes: bytes + EVENT_COST });
  }

  /** A handler is called. */
  hears(handler, text, { tick, lost } = {}) {
    if (!handler.registered) this.fail(`${handler.channel} hears "${text}" after it was removed`);
    if (this.left) return this.fail(`${handler.channel} hears "${text}" after leave()`);
    if (this.#current?.text === text && !this.#current.heard.has(handler)) {
      this.#current.heard.add(handler);
      return void (handler.channel === 'ended' && handler.heard.push(text));
    }
    this.#close();
    this.#reportable();
    if (handler.channel === 'gap') return this.#hearsGap(handler, lost);
    // "Every callback is called while it is true: the match is over."
    if (this.ended === text && handler.channel === 'ended' && !handler.heard.includes(text)) return handler.heard.push(text);
    const entry = this.#take(handler, text);
    if (!entry) return undefined;
    if (entry.channel === 'ended') this.ended = text;
    if (tick !== undefined && tick !== entry.tick) this.fail(`"${text}" of tick ${entry.tick} is heard as of ${tick}`);
    if (this.has('gap') && this.reportable > 0) this.fail(`"${text}" is heard before ${this.reportable} lost ones`);
    return this.#begin(entry, handler);
  }

  /** "Delivered once, in order, to all callbacks that match it by then." */
  #begin(entry, handler) {
    const all = this.handlers.filter((each) => each.matches(entry.channel, entry.key));
    this.#current = { text: entry.text, all, heard: new Set([handler]) };
    this.#heard.set(`${entry.number} ${entry.text}`, this.world.time.now());
    if (entry.channel === 'ended') handler.heard.push(entry.text);
  }

  #close() {
    if (!this.#current) return;
    const { text, all, heard } = this.#current;
    this.#current = null;
    if (this.left) return;
    for (const handler of all) if (handler.registered && !heard.has(handler)) this.fail(`${handler.channel} ${handler.key} does not hear "${text}"`);
  }

  /** Takes an entry from the list; none before it may have a handler. */
  #take(handler, text) {
    const is = (entry) => entry.text === text && handler.matches(entry.channel, entry.key);
    const at = this.waiting.findIndex(is);
    if (at < 0) {
      const index = this.incoming.findIndex(is);
      if (index < 0) {
        this.fail(`${handler.channel} ${handler.key} hears "${text}", which is not due: heard before, lost, or never sent`);
        return null;
      }
      this.seen.heard += 1;
      this.#pass(index);
      this.#inOrder(this.waiting, text);
      return this.incoming.shift();
    }
    this.seen.late += 1;
    this.#inOrder(this.waiting.slice(0, at), text);
    return this.waiting.splice(at, 1)[0];
  }

  #inOrder(before, text) {
    const skipped = before.find(({ channel, key }) => this.has(channel, key));
    if (skipped) this.fail(`"${text}" is heard before "${skipped.text}" (${skipped.number})`);
  }

  /** "What the server could not keep is said by `onGap`", once and where it is missing; adjacent gaps may be one. */
  #hearsGap(handler, lost) {
    const gaps = [...this.waiting, ...this.incoming].filter(({ channel }) => channel === 'gap');
    let sum = 0;
    for (let count = 0; count <= gaps.length; sum += gaps[count++]?.lost ?? 0) {
      const front = lost === sum + this.reportable && this.reportable > 0;
      if (!front && (lost !== sum || count === 0)) continue;
      if (front) this.reportable = 0;
      else if (this.reportable > 0) this.fail(`a gap of ${lost} is heard before one of ${this.reportable}`);
      for (let left = count; left > 0; left--) this.#take(handler, 'gap');
      return this.#begin({ channel: 'gap', text: 'gap', key: null }, handler);
    }
    return this.fail(`a gap of ${lost} is heard; ${gaps.map((gap) => gap.lost)} and ${this.reportable} beyond the bounds are due`);
  }

  /** "`onGap` reports how many once a callback is added that would have received them." */
  #reportable() {
    for (const [kind, count] of this.overflow) {
      if (!this.has('message', kind)) continue;
      this.reportable += count;
      this.overflow.delete(kind);
    }
  }

  /** The client has gone past the first so many entries of its message: those without a handler wait. */
  #pass(count) {
    for (const entry of this.incoming.splice(0, count)) {
      // Callbacks that were added after it was passed hear it in a microtask. A gap waits in its place for the flush before the
      // next event.
      const missed = this.handlers.some((handler) => handler.matches(entry.channel, entry.key) && handler.born < this.message);
      if (missed && !this.left && entry.channel !== 'gap') this.fail(`"${entry.text}" has a handler and is not delivered at once`);
      if (entry.channel === 'reconnect' || entry.channel === 'correction') this.waiting = this.waiting.filter(({ channel }) => channel !== entry.channel);
      this.waiting.push(entry);
      if (entry.channel === 'message') this.#bound();
    }
  }

  /** Drops what exceeds the bounds. */
  #bound() {
    const all = this.waiting.filter(({ channel }) => channel === 'message');
    let bytes = all.reduce((sum, entry) => sum + entry.bytes, 0);
    for (let events = all.length; events > MAX_EVENTS || bytes > MAX_BYTES; events--) {
      const oldest = all.shift();
      bytes -= oldest.bytes;
      this.waiting.splice(this.waiting.indexOf(oldest), 1);
      this.seen.beyondBounds += 1;
      this.overflow.set(oldest.key, (this.overflow.get(oldest.key) ?? 0) + 1);
    }
  }

  /** The client has taken the message. */
  taken() {
    this.#close();
    this.#pass(this.incoming.length);
    for (const handler of this.handlers) if (handler.born === this.message) handler.due = Math.max(0, handler.due);
  }

  /** A frame or events come: what a welcome left to be delivered with them is due. */
  frame() {
    for (const entry of this.waiting) entry.held = false;
  }

  /** The client is about to take a message. */
  begins() {
    this.message += 1;
  }

  /** Calls that have no entry: each handler of the channel is called once, before the message is done. */
  expect(channel) {
    for (const handler of this.handlers) if (handler.matches(channel, null)) handler.due += 1;
  }

  hearsNow(handler) {
    if (this.left) this.fail(`${handler.channel} hears something after leave()`);
    handler.due -= 1;
    // One that was added by another handler meanwhile may be called or not.
    if (handler.due < (handler.born === this.message ? -1 : 0)) this.fail(`${handler.channel} is called without a reason`);
  }

  /** "Every callback is called while it is true: ... the connection is lost or closed." Also after `leave()`. */
  hearsConnection(handler, state) {
    if (!handler.registered) this.fail(`${handler.channel} hears ${state} after it was removed`);
    if (handler.last === state && !(handler.channel === 'leave' && state === 'reconnecting')) this.fail(`${handler.channel} hears ${state} twice`);
    handler.last = state;
  }

  #checkConnection() {
    const state = this.connection();
    for (const handler of this.handlers) {
      const { channel, registered, last } = handler;
      if (!registered || (channel !== 'connection' && channel !== 'leave')) continue;
      const right = state === 'online' ? channel === 'leave' || last === null || last === 'online' : last === state;
      if (!right) this.fail(`${channel} heard ${last}, the connection is ${state}`);
    }
  }

  /** Nothing runs: whatever has a handler has been heard. */
  check() {
    this.#close();
    this.#checkConnection();
    if (this.left) return;
    this.#reportable();
    const due = this.waiting.find(({ channel, key, held }) => !held && this.has(channel, key));
    if (due) this.fail(`"${due.text}" (${due.number}) waits although it has a handler`);
    if (this.reportable > 0 && this.has('gap')) this.fail(`${this.reportable} are lost and onGap is silent`);
    for (const handler of this.handlers) {
      if (!handler.registered) continue;
      if (handler.due > 0) this.fail(`${handler.channel} was not called`);
      if (handler.channel === 'ended' && this.ended && !handler.heard.includes(this.ended)) this.fail('a late onEnded was not called');
    }
  }
}
