// The way into rooms: a client knows a server's URL and its surroundings (socket, clock, chance, timers, all
// replaceable), and joins.

import { connect } from './connection.js';
import { Room } from './room.js';

/**
 * @typedef {{
 *   WebSocket?: new (url: string, protocols: string[]) => any,
 *   now?: () => number,
 *   random?: () => number,
 *   setTimeout?: (call: () => void, ms: number) => any,
 *   clearTimeout?: (timer: any) => void,
 * }} ClientOptions `now` counts milliseconds on any steady clock
 *
 * @typedef {{ name?: string, player?: Record<string, string>, options?: Record<string, string>, rate?: number }}
 *   JoinOptions `player` goes to the game with the player, `options` choose or make the room, `rate` is how many frames
 *   per second are wanted: at most so many come, each with all that happened since; without it one per tick
 */

/** Characters of a player's name; the server cuts there too. */
const NAME_CHARS = 24;

export class Client {
  /**
   * @param {string} url of the play endpoint, such as `wss://example.org/play`
   * @param {ClientOptions} [options]
   */
  constructor(url, options = {}) {
    /** @type {import('./connection.js').Environment} */
    this.env = {
      url,
      WebSocket: options.WebSocket ?? globalThis.WebSocket,
      now: options.now ?? (() => performance.now()),
      random: options.random ?? Math.random,
      setTimeout: options.setTimeout ?? ((call, ms) => setTimeout(call, ms)),
      clearTimeout: options.clearTimeout ?? ((timer) => clearTimeout(timer)),
    };
  }

  /**
   * Joins any room of this game with these options and a free seat, or a new one.
   * @param {string} game
   * @param {JoinOptions} [options]
   */
  joinOrCreate(game, options = {}) {
    return this.#join({ type: 'joinOrCreate', game, options: pairs(options.options) }, options);
  }

  /**
   * Joins a new room.
   * @param {string} game
   * @param {JoinOptions} [options]
   */
  create(game, options = {}) {
    return this.#join({ type: 'create', game, options: pairs(options.options) }, options);
  }

  /**
   * Joins this room.
   * @param {string} room its id
   * @param {JoinOptions} [options]
   */
  joinById(room, options = {}) {
    return this.#join({ type: 'byId', room }, options);
  }

  /**
   * @param {import('./messages.js').Join} join
   * @param {JoinOptions} options
   * @returns {Promise<Room>} rejects with a LeaveError when refused
   */
  #join(join, { name = '', player, rate = 0 }) {
    if (!Number.isInteger(rate) || rate < 0 || rate > 0xffff) return Promise.reject(new RangeError(`rate ${rate}`));
    const request = { join, name: [...name].slice(0, NAME_CHARS).join(''), player: pairs(player), rate };
    return new Promise((resolve, reject) => {
      connect(this.env, request, (socket, welcome) => resolve(new Room(this.env, request, socket, welcome)), reject);
    });
  }
}

/**
 * @param {Record<string, string>} [record]
 * @returns {[string, string][]}
 */
function pairs(record = {}) {
  return Object.entries(record).map(([key, value]) => [key, String(value)]);
}
