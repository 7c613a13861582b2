// The entry to rooms: a client has a server's URL and an environment (socket, clock, randomness, timers, storage, all
// replaceable), and joins rooms.

import { abortable } from './abort.js';
import { LeaveError, MATCH_OVER, ROOM_UNAVAILABLE, TOKEN_EXPIRED, invitesBack } from './close.js';
import { connect } from './connect.js';
import { PendingLeaves } from './pending-leaves.js';
import { bindMembers, markRaw } from './proxies.js';
import { checkToken, gameJoin, joinRequest, roomJoin, ticketJoin } from './requests.js';
import { Room } from './room.js';
import { SeatStore } from './seat-store.js';

/**
 * @typedef {import('./page-events.js').PageEvents} PageEvents
 * @typedef {import('./game.js').GameTypes} GameTypes
 * @typedef {import('./game.js').AnyGame} AnyGame
 */

/**
 * @template {GameTypes} [G=AnyGame]
 * @typedef {{
 *   game?: import('./game.js').GameModule<G>,
 *   WebSocket?: new (url: string, protocols: string[]) => any,
 *   now?: () => number,
 *   random?: () => number,
 *   setTimeout?: (call: () => void, ms: number) => any,
 *   clearTimeout?: (timer: any) => void,
 *   token?: import('./token.js').TokenSource,
 *   storage?: import('./seat-store.js').SeatStorage,
 *   page?: PageEvents,
 *   network?: PageEvents,
 *   openChannel?: (name: string) => import('./seat-store.js').SeatChannel,
 * }} ClientOptions `game`: the generated module of the game, which gives messages names and values; `now`: milliseconds of any monotonic clock; `token`: the join token, or a function that is called for every
 *   connection and before a token expires; `storage`: keeps the seat across a reload of the page, such as `sessionStorage`;
 *   `openChannel`: opens a channel to the other pages in that case (by default a BroadcastChannel); `page`: emits `pagehide`, `pageshow`,
 *   `visibilitychange`, `online` and `offline` (by default the window): without a storage, a page that is closed leaves its room;
 *   `network`: emits `change` (by default `navigator.connection`, where there is one)
 */

/** @typedef {Record<string, string | number | boolean>} OptionValues */

/**
 * @template {GameTypes} [G=AnyGame]
 * @typedef {{ name?: string, player?: G['player'], options?: OptionValues, rate?: number,
 *   token?: import('./token.js').TokenSource, signal?: import('./abort.js').JoinSignal }} JoinOptions `player`: passed to the
 *   game with the player; `options`: select or create the room; each at most 16, and as texts of at most 64 bytes; `rate`: the most frames per second, each with all changes
 *   since the last one (by default one frame per tick); `signal`: of an AbortController, cancels the join while its promise is
 *   pending: the promise rejects with the signal's reason (by default an `AbortError`), and no seat stays taken
 */

/**
 * A join first waits until the seats that this client is leaving are free, for two seconds at most, so a page may leave and join
 * again at once. Clients do not share this knowledge: use one per server and page.
 * @template {GameTypes} [G=AnyGame]
 */
export class Client {
  /** @type {import('./connect.js').Environment} */ #env;
  /** @type {import('./token.js').TokenSource | null} */ #token;

  /**
   * @param {string} url of the play endpoint, such as `wss://example.org/play`
   * @param {ClientOptions<G>} [options]
   */
  constructor(url, options = {}) {
    const { navigator } = /** @type {any} */ (globalThis);
    const { page = /** @type {any} */ (globalThis), network = navigator?.connection } = options;
    this.#token = options.token ?? null;
    const timers = {
      setTimeout: options.setTimeout ?? ((call, ms) => setTimeout(call, ms)),
      clearTimeout: options.clearTimeout ?? ((timer) => clearTimeout(timer)),
    };
    this.#env = {
      url,
      game: options.game ?? null,
      WebSocket: options.WebSocket ?? globalThis.WebSocket,
      now: options.now ?? (() => performance.now()),
      random: options.random ?? Math.random,
      ...timers,
      leaves: new PendingLeaves(timers),
      seats: new SeatStore(options.storage ?? null, url, options.openChannel ?? broadcast()),
      page: emits(page) ? page : null,
      network: emits(network) ? network : null,
    };
    bindMembers(this);
  }

  /**
   * Joins any room of this game with these options and a free seat, or a new one.
   * @param {string} game
   * @param {JoinOptions<G>} [options]
   */
  joinOrCreate(game, options = {}) {
    return this.#join(() => gameJoin('joinOrCreate', game, options.options), options);
  }

  /**
   * Joins a new room.
   * @param {string} game
   * @param {JoinOptions<G>} [options]
   */
  create(game, options = {}) {
    return this.#join(() => gameJoin('create', game, options.options), options);
  }

  /**
   * Joins this room.
   * @param {string} room its id
   * @param {JoinOptions<G>} [options]
   */
  joinById(room, options = {}) {
    return this.#join(() => roomJoin(room), options);
  }

  /**
   * Takes a reserved seat.
   * @param {string} ticket from the reservation; good for one join
   * @param {JoinOptions<G>} [options]
   */
  joinReserved(ticket, options = {}) {
    return this.#join(() => ticketJoin(ticket), options);
  }

  /**
   * Joins as a spectator: without an entity and inputs, and not in the list of players.
   * @param {string | { game: string }} where a room's id, or any room of a game
   * @param {JoinOptions<G>} [options]
   */
  spectate(where, options = {}) {
    const join = () => (typeof where === 'string' ? roomJoin(where) : gameJoin('joinOrCreate', where.game, options.options));
    return this.#join(join, options, 'spectator');
  }

  /**
   * Claims the seat that is in the storage, as after a reload. If two pages claim one seat, the later one gets it.
   * @param {Pick<JoinOptions, 'token' | 'signal'>} [options] a cancelled claim leaves the seat as it was, and the page may
   *   claim it again
   * @returns {Promise<Room<G> | null>} null when no seat is stored or the seat is gone; rejects when the server cannot be
   *   reached, when it refuses, or with the signal's reason
   */
  resume({ token = this.#token ?? undefined, signal } = {}) {
    const { seats } = this.#env;
    return abortable(signal, (resolve, reject) => {
      const stored = seats.read();
      if (!stored) {
        resolve(null);
        return () => {};
      }
      if (typeof token === 'string') checkToken(token);
      const request = { ...stored.request, token: token ?? null };
      const claim = { token: stored.resume, incarnation: stored.incarnation, tick: null, events: stored.events };
      const back = { ...request, join: /** @type {const} */ ({ type: 'return', room: stored.room }) };
      return connect(this.#env, back, claim, (socket, welcome) => {
        const room = /** @type {Room<G>} */ (new Room(this.#env, request, socket, welcome, stored));
        resolve(room, () => room.leave());
      }, (error) => {
        const code = error instanceof LeaveError ? error.code : null;
        // With another join token, the claim may still succeed.
        if (code !== null && !invitesBack(code) && code !== TOKEN_EXPIRED) seats.remove(stored.room);
        if (code !== null && (ROOM_UNAVAILABLE.has(code) || code === MATCH_OVER)) resolve(null);
        else reject(error);
      });
    });
  }

  /**
   * @param {() => import('./messages.js').Join} join
   * @param {JoinOptions<G>} options
   * @param {'player' | 'spectator'} [role]
   * @returns {Promise<Room<G>>} rejects with a LeaveError when refused, with a RangeError or TypeError for a value that cannot be sent,
   *   with the error of the token's function, or with the signal's reason
   */
  #join(join, options, role = 'player') {
    /** @type {import('./connect.js').Request} */
    let request;
    try {
      request = joinRequest(join(), options, options.token ?? this.#token, role);
    } catch (error) {
      return Promise.reject(error);
    }
    return abortable(options.signal, (resolve, reject) => connect(this.#env, request, null, (socket, welcome) => {
      const room = /** @type {Room<G>} */ (new Room(this.#env, request, socket, welcome));
      resolve(room, () => room.leave());
    }, reject));
  }
}

markRaw(Client);

/** Outside of pages there are no such objects, or they emit nothing. @param {any} source */
function emits(source) {
  return typeof source?.addEventListener === 'function';
}

/** Old browsers have no such channel. @returns {((name: string) => any) | null} */
function broadcast() {
  return typeof BroadcastChannel === 'function' ? (name) => new BroadcastChannel(name) : null;
}
