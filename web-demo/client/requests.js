// What a page passes to joins and commands, checked against the server's limits before it is sent: the server closes the connection
// for anything beyond them, and cannot say which value it was.

import { byteLength, countCharacters, cutText } from './characters.js';
import { BODY, CHAT_BYTES, CHAT_CHARS, CHAT_RECIPIENTS, NAME_BYTES, NAME_CHARS, OPTIONS, TEXT, TOKEN } from './limits.js';

/**
 * @typedef {import('./messages.js').Join} Join
 * @typedef {import('./messages.js').Pairs} Pairs
 * @typedef {import('./client.js').JoinOptions<any>} JoinOptions
 * @typedef {import('./client.js').OptionValues} OptionValues
 */

/**
 * @param {Join} join
 * @param {JoinOptions} options
 * @param {import('./token.js').TokenSource | null} token
 * @param {'player' | 'spectator'} role
 * @returns {import('./connect.js').Request}
 */
export function joinRequest(join, { name = '', player, rate = 0 }, token, role) {
  if (!Number.isInteger(rate) || rate < 0 || rate > 0xffff) throw new RangeError(`rate ${rate}: 0 to 65535 frames per second`);
  // Longer names are cut, here as on the server.
  const short = cutText(text('the name', name), NAME_CHARS, NAME_BYTES);
  if (typeof token === 'string') checkToken(token);
  return { join, role, name: short, player: pairs('player option', player), rate, token };
}

/**
 * @param {'joinOrCreate' | 'create'} type
 * @param {string} game
 * @param {OptionValues} [options]
 * @returns {Join}
 */
export function gameJoin(type, game, options) {
  return { type, game: bounded('the game', game, TEXT), options: pairs('option', options) };
}

/** @param {string} room @returns {Join} */
export function roomJoin(room) {
  return { type: 'byId', room: bounded('the room', room, TEXT) };
}

/** @param {string} ticket @returns {Join} */
export function ticketJoin(ticket) {
  return { type: 'reserved', ticket: bounded('the ticket', ticket, TEXT) };
}

/** @param {string} token */
export function checkToken(token) {
  bounded('the token', token, TOKEN);
}

/**
 * @param {'game' | 'call'} type
 * @param {{ kind: number, body: Uint8Array }} message
 * @returns {import('./messages.js').CommandBody}
 */
export function gameCommand(type, { kind, body }) {
  if (!Number.isInteger(kind) || kind < 0 || kind > 0xffff) throw new RangeError(`message kind ${kind}: kinds are 0 to 65535`);
  if (!ArrayBuffer.isView(body) || body.BYTES_PER_ELEMENT !== 1) throw new TypeError(`a message is a Uint8Array, not ${named(body)}`);
  if (body.length > BODY) throw new RangeError(`a message of ${body.length} bytes: at most ${BODY}`);
  return { type, kind, body };
}

/**
 * @param {string} line
 * @param {number[]} to seats
 * @returns {import('./messages.js').CommandBody}
 */
export function chatCommand(line, to) {
  bounded('a line', line, CHAT_BYTES);
  const chars = countCharacters(line);
  if (chars > CHAT_CHARS) throw new RangeError(`a line of ${chars} characters: at most ${CHAT_CHARS}`);
  if (to.length > CHAT_RECIPIENTS) throw new RangeError(`a line for ${to.length} players: at most ${CHAT_RECIPIENTS}`);
  for (const seat of to) {
    if (!Number.isInteger(seat) || seat < 0 || seat > 0xffff) throw new RangeError(`a line for seat ${seat}: seats are 0 to 65535`);
  }
  return { type: 'chat', to, text: line };
}

/**
 * @param {string} what these options are
 * @param {OptionValues} [record]
 * @returns {Pairs}
 */
function pairs(what, record = {}) {
  if (typeof record !== 'object' || record === null || Array.isArray(record)) throw new TypeError(`${what}s are an object, not ${named(record)}`);
  const entries = Object.entries(record);
  if (entries.length > OPTIONS) throw new RangeError(`${entries.length} ${what}s: at most ${OPTIONS}`);
  return entries.map(([key, value]) => {
    const name = `${what} ${JSON.stringify(key)}`;
    bounded(`the key of ${name}`, key, TEXT);
    const isPlain = typeof value === 'boolean' || Number.isFinite(value);
    return [key, bounded(name, isPlain ? String(value) : value, TEXT)];
  });
}

/** @param {string} what @param {unknown} value @param {number} bytes the most */
function bounded(what, value, bytes) {
  const checked = text(what, value);
  // A character is at least one byte, so a very long text need not be encoded.
  const length = checked.length > bytes * 4 ? checked.length : byteLength(checked);
  if (length > bytes) throw new RangeError(`${what} has ${length} bytes: at most ${bytes}`);
  return checked;
}

/** @param {string} what @param {unknown} value */
function text(what, value) {
  if (typeof value !== 'string') throw new TypeError(`${what} is a text, not ${named(value)}`);
  return value;
}

/** @param {unknown} value */
function named(value) {
  if (value === null || value === undefined || typeof value === 'number') return String(value);
  return Array.isArray(value) ? 'an array' : typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
