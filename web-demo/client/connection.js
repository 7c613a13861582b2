// The connection to a room, which outlives sockets: the current session and its timer, reconnecting with the claim to the
// seat, the data stored for a reload, the token's renewal, and the end. room.js has the interface for the page.

import { AWAY, CLOSES, GOING_AWAY, LEFT, LOST, PROTOCOL, REPLACED, TOKEN_EXPIRED, invitesBack, meaning } from './close.js';
import { BROKEN_CONNECTIONS } from './limits.js';
import { addressOf } from './connect.js';
import { abandon } from './pending-leaves.js';
import { listenToPage } from './page-events.js';
import { Rejoin } from './rejoin.js';
import { Session } from './session.js';
import { TokenRenewal } from './token.js';

/**
 * @typedef {import('./connect.js').Environment} Environment
 * @typedef {import('./connect.js').Request} Request
 * @typedef {import('./connect.js').Socket} Socket
 * @typedef {import('./messages.js').Welcome} Welcome
 * @typedef {{
 *   entered(welcome: Welcome): boolean,
 *   online(welcome: Welcome): void,
 *   frame: import('./session.js').Owner['frame'],
 *   input: import('./session.js').Owner['input'],
 *   shownBehind: import('./session.js').Owner['shownBehind'],
 *   awake: import('./session.js').Owner['awake'],
 *   answered: import('./session.js').Owner['answered'],
 *   known(): number | null,
 *   left(code: number, text: string, comesBack: boolean): void,
 * }} ConnectionOwner `entered` takes over the welcome's data and returns whether inputs held before are still valid;
 *   `online`: the connection works, after an earlier one was lost; `known`: the tick of the state that the client has
 * @typedef {{ meter: import('./meter.js').Meter, outbox: import('./outbox.js').Outbox,
 *   news: import('./event-stream.js').EventStream }} Shared
 */

export class Connection {
  /** @type {Session | null} */
  session = null;

  /** Resolves when the server has freed the seat, after the end. */
  left = Promise.resolve();

  /** @type {any} */ #timer = null;
  /** The session before, for the inputs that it held. @type {Session | null} */ #last = null;
  /** @type {Welcome} */ #welcome;
  /** The token of the next claim. @type {Uint8Array | null} */ #token;
  /** An unusable connection that is not closed yet: closing it would also end the connection. @type {Socket | null} */ #useless = null;
  /** The socket whose welcome is being taken over. @type {Socket | null} */ #entering = null;
  #renewed = false;
  /** Connections in a row that ended because of a message that cannot be read. */
  #broken = 0;
  /** At the last save: how many events waited for a handler, and how many had been delivered after waiting. */
  #saved = { waiting: 0, delivered: 0 };
  /** Whether the page is in the browser's back-forward cache, where it does not run. */ #isAside = false;
  /** Whether the connection has ended for good, which may happen within any callback of the page. */ #ended = false;
  /** @type {Environment} */ #env;
  /** @type {Request} */ #request;
  /** @type {ConnectionOwner} */ #owner;
  /** @type {Shared} */ #shared;
  /** @type {Rejoin} */ #rejoin;
  /** @type {TokenRenewal} */ #renewal;
  /** Stops listening to the page. */ #deafen = () => {};

  /**
   * @param {Environment} env
   * @param {Request} request
   * @param {ConnectionOwner} owner
   * @param {Shared} shared
   * @param {Welcome} welcome the first
   * @param {Uint8Array | null} claimed the token that the hello presented
   */
  constructor(env, request, owner, shared, welcome, claimed) {
    this.#env = env;
    this.#request = request;
    this.#owner = owner;
    this.#shared = shared;
    this.#welcome = welcome;
    this.#token = claimed;
    this.#renewal = new TokenRenewal(env, request.token, (token) => this.session?.refresh(token));
    this.#rejoin = new Rejoin(
      env,
      request,
      () => shared.news.roster.players.size,
      () => this.#claim(),
      (socket, next) => {
        this.enter(socket, next);
        if (!this.#ended) owner.online(next);
      },
      ({ code, text }) => this.end(code, text),
    );
    this.#deafen = listenToPage(env.page, env.network, {
      hidden: (event) => this.#pageHidden(event),
      shown: () => this.#check(),
      // Phones end hidden pages without notice. Saving when the page is shown again does no harm.
      seen: () => this.save(),
      changed: () => this.#check(),
    });
  }

  /** @param {Socket} socket @param {Welcome} welcome */
  enter(socket, welcome) {
    const { outbox, news } = this.#shared;
    if (welcome.continuity !== 'fresh' && this.#token && welcome.resume) this.#env.seats.renewed(this.#token, welcome.resume);
    // The commands first: those that the game has seen were delivered, whatever the events say.
    outbox.begin(welcome);
    news.begin(welcome);
    this.#entering = socket;
    const sameInputs = this.#owner.entered(welcome);
    this.#entering = null;
    // A callback may have left.
    if (this.#ended) return;
    this.#welcome = welcome;
    this.#token = welcome.resume;
    this.#rejoin.address = addressOf(socket);
    const company = { ...this.#shared, owner: this.#sessionOwner() };
    const session = new Session(socket, welcome, this.#plays, company, this.#env.now());
    // The page set held inputs before or after the connection was lost; the seat is the same, so they are still valid.
    if (sameInputs && this.#last) session.resumeFrom(this.#last);
    this.session = session;
    this.#last = null;
    this.#abandonUseless();
    socket.onmessage = ({ data }) => {
      session.receive(data, this.#env.now());
      this.pump();
    };
    socket.onclose = ({ code, reason }) => this.#closed(meaning(code), reason);
    socket.onerror = () => {};
    this.#renewal.arm(welcome.expires);
    this.save();
    this.pump();
  }

  /** Pumps the session, and schedules the next call. */
  pump() {
    this.#env.clearTimeout(this.#timer);
    const { session } = this;
    if (!session) return;
    const now = this.#env.now();
    // Delivered events must not be delivered again after a reload, even if the page ends without notice.
    if (this.#saved.waiting > 0 && this.#saved.delivered !== this.#shared.news.backlog.delivered) this.save();
    const next = session.pump(now);
    // The pump may have ended the session.
    if (this.session === session) this.#timer = this.#env.setTimeout(() => this.pump(), Math.max(1, Math.ceil(next - now)));
  }

  /** @param {import('./inputs.js').InputValues} values */
  setInput(values) {
    // Spectators have no inputs; a page need not check.
    if (!this.#plays) return;
    if (!this.session) this.#last?.setInput(values, this.#env.now());
    else if (this.session.setInput(values, this.#env.now())) this.pump();
  }

  /** @param {import('./inputs.js').InputValues} values */
  pressInput(values) {
    if (this.#plays) this.session?.inputs.press(values);
  }

  /** Stores the data with which a reloaded page can claim this seat. */
  save() {
    // The stored seat of this room may be a player's.
    if (!this.#plays) return;
    const [room, resume] = [this.#welcome.room, this.#token];
    if (!resume) {
      this.#env.seats.remove(room);
      return;
    }
    const { token, join, ...request } = this.#request;
    const { outbox, news } = this.#shared;
    this.#saved = { waiting: news.backlog.size, delivered: news.backlog.delivered };
    this.#env.seats.write({
      room, resume, incarnation: news.incarnation, events: news.newest, backlog: news.backlog.stored(), firstCommand: outbox.kept[0]?.seq ?? 0, commands: outbox.kept.map(({ body }) => body),
      // A ticket is used up, and it is secret.
      request: { ...request, join: join.type === 'reserved' ? { type: 'byId', room } : join },
    });
  }

  /**
   * Ends the connection for good.
   * @param {number} code
   * @param {string} text
   * @param {boolean} [releases] whether to free a seat that is held while there is no connection
   */
  end(code, text, releases = false) {
    this.#ended = true;
    const { leaves } = this.#env;
    const closing = [this.#rejoin.stop()];
    const release = releases ? this.#rejoin.release(this.#welcome.room) : null;
    const given = release && !this.session && !this.#entering;
    if (this.session) closing.push(leaves.close(this.session.socket, LEFT, release));
    else if (this.#entering) closing.push(leaves.leave(this.#entering, release));
    else if (release) closing.push(leaves.track(release));
    // The session may still have the seat.
    if (this.#useless && !given) closing.push(leaves.close(this.#useless, 4500));
    if (given) this.#abandonUseless();
    this.#useless = null;
    this.left = Promise.all(closing).then(() => {});
    this.#drop();
    this.#last = null;
    this.#deafen();
    // A replaced page may claim the seat again, when its player wants to.
    if (code === REPLACED) this.#env.seats.replaced(this.#shared.news);
    // The server holds the seat for a client with a new token.
    else if (code === TOKEN_EXPIRED && this.#plays && this.#token && this.#env.seats.remembers) {
      this.save();
      // The room that claims the stored seat delivers what waits.
      this.#shared.news.backlog.clear();
    } else if (this.#plays) this.#env.seats.remove(this.#welcome.room);
    this.#shared.outbox.close(text);
    this.#owner.left(code, text, false);
  }

  /** Whether the client is a player: spectators have no inputs, and no seat that could be held. */
  get #plays() {
    return this.#request.role === 'player';
  }

  /** @returns {import('./session.js').Owner} */
  #sessionOwner() {
    return {
      ...this.#owner,
      prepare: (message) => this.#rejoin.ahead.prepare(message),
      refreshed: (seconds) => {
        this.#renewed = false;
        this.#renewal.arm(seconds);
      },
      lost: (isBroken) => {
        this.#broken = isBroken && !this.#rejoin.good ? this.#broken + 1 : Number(isBroken);
        if (this.#broken >= BROKEN_CONNECTIONS) {
          this.end(PROTOCOL, 'the server sends messages that cannot be read');
          return;
        }
        this.#abandonUseless();
        this.#useless = this.session?.socket ?? null;
        if (this.#useless) this.#useless.onmessage = this.#useless.onclose = null;
        this.#closed(LOST, '');
      },
    };
  }

  /** @returns {import('./messages.js').Resume | null} */
  #claim() {
    const { incarnation, newest } = this.#shared.news;
    return this.#token && { token: this.#token, incarnation, tick: this.#owner.known(), events: newest };
  }

  /** @param {number} code @param {string} reason */
  #closed(code, reason) {
    const text = reason || (CLOSES.get(code)?.[1] ?? `closed with code ${code}`);
    if (!invitesBack(code) && !this.#renews(code)) {
      this.end(code, text);
      return;
    }
    const { comeBack = null, redirect = null } = this.session?.told ?? {};
    this.#drop();
    this.#rejoin.start(this.#welcome, comeBack, redirect);
    this.#owner.left(code, text, true);
  }

  /**
   * Whether to reconnect with a new token; not twice without a good connection in between.
   * @param {number} code
   */
  #renews(code) {
    if (code !== TOKEN_EXPIRED || typeof this.#request.token !== 'function') return false;
    if (this.#renewed && !this.#rejoin.good) return false;
    this.#renewed = true;
    return true;
  }

  /** @param {{ persisted?: boolean }} event `persisted`: the page may be shown again as it is */
  #pageHidden({ persisted = false }) {
    const claimable = this.#plays && this.#env.seats.remembers;
    if (claimable) this.save();
    if (persisted) this.#setAside();
    // No page could claim this seat again, so it need not be held.
    else if (!claimable) this.end(LEFT, 'left the room');
  }

  /** Ends the connection until the page is shown again: the page would not answer, and browsers break its connection anyway. */
  #setAside() {
    this.#isAside = true;
    this.#rejoin.stop();
    const { session } = this;
    for (const socket of [session?.socket, this.#useless]) if (socket) abandon(socket, AWAY);
    this.#useless = null;
    this.#drop();
    if (session) this.#owner.left(GOING_AWAY, 'the page was put aside', true);
  }

  /** The page is shown again, or the network may be another one: finds out whether the connection still works, or reconnects sooner. */
  #check() {
    const { session } = this;
    if (this.#isAside) {
      this.#isAside = false;
      // A later page of the same tab may have had the seat meanwhile.
      const stored = this.#plays ? this.#env.seats.read() : null;
      if (stored?.room === this.#welcome.room) this.#token = stored.resume;
      this.#rejoin.claimNow(this.#welcome.room);
      return;
    }
    if (!session) {
      this.#rejoin.hasten();
      return;
    }
    session.heartbeat.check(this.#env.now());
    this.pump();
  }

  #abandonUseless() {
    if (this.#useless) abandon(this.#useless, 4500);
    this.#useless = null;
  }

  #drop() {
    this.#env.clearTimeout(this.#timer);
    this.#renewal.stop();
    if (this.session) this.#last = this.session;
    this.session = null;
  }
}
