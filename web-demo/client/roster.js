// The players and properties of the room: from the welcome, kept up to date by events. Events that the
// welcome includes already are not applied twice.

import { PROPERTIES } from './limits.js';
import { DecodeError } from './reader.js';

/**
 * @typedef {import('./events-wire.js').Player} Player
 * @typedef {import('./events-wire.js').EventBody} EventBody
 */

export class Roster {
  constructor() {
    /** By seat. @type {Map<number, Player>} */
    this.players = new Map();
    /** @type {Record<string, string>} */
    this.properties = {};
    /** The newest event that is included, modulo 2^32. */
    this.listed = 0;
  }

  /** @param {import('./messages.js').Welcome} welcome */
  begin({ players, properties, continuity, events, listed }) {
    this.players.clear();
    for (const player of players) this.players.set(player.seat, player);
    this.properties = Object.fromEntries(properties);
    // Events that come to a newcomer are all later than its lists.
    this.listed = continuity === 'fresh' ? events : listed;
  }

  /**
   * @param {number} number of the event
   * @param {EventBody} body
   */
  apply(number, body) {
    if (((number - this.listed) | 0) <= 0) return;
    this.listed = number;
    if (body.type === 'joined') this.players.set(body.player.seat, body.player);
    else if (body.type === 'left') this.players.delete(body.seat);
    else if (body.type === 'disconnected' || body.type === 'reconnected') this.#setAway(body.seat, body.type === 'disconnected');
    else if (body.type === 'property' && body.value === '') delete this.properties[body.key];
    else if (body.type === 'property') this.#setProperty(body.key, body.value);
  }

  /** @param {string} key @param {string} value */
  #setProperty(key, value) {
    if (!Object.hasOwn(this.properties, key) && Object.keys(this.properties).length >= PROPERTIES) {
      throw new DecodeError('too many properties');
    }
    Object.defineProperty(this.properties, key, { value, writable: true, enumerable: true, configurable: true });
  }

  /** @param {number} seat @param {boolean} away */
  #setAway(seat, away) {
    const player = this.players.get(seat);
    if (player) this.players.set(seat, { ...player, away });
  }
}
