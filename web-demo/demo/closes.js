// Why a session ended, in the player's words. The codes are the
// table of PROTOCOL.md; an unknown one shows the server's own
// text.

import { CLOSES } from '../client/index.js';

/** The seat is played from another window. */
export const REPLACED = 4511;
const LEFT = 1000;

/** @type {Record<number, string>} */
const WORDS = {
  [LEFT]: 'You left the room.',
  1001: 'The server is going away for a moment. Try again soon.',
  1002: 'The server sent something that this page cannot read. Reload it and try again.',
  1006: 'The server cannot be reached. Check your connection and try again.',
  1011: 'Something went wrong in this room and it had to close.',
  1012: 'The server is restarting. Try again soon.',
  1013: 'The server is full at the moment. Try again in a minute.',
  4001: 'The server is restarting. Try again in a moment.',
  4003: 'The server did not hear from you for too long.',
  4008: 'Your connection was too slow to keep up.',
  4009: 'Too many messages were sent from here.',
  4500: 'The server did not understand this page. Reload it and try again.',
  4501: 'You are not allowed in: the ticket was refused.',
  4502: 'Your ticket has run out. Reload the page to get a new one.',
  4503: 'You are not allowed in from this page.',
  4504: 'This room does not exist any more.',
  4505: 'This room is full. Pick another one or open your own.',
  4506: 'This page is older than the server. Reload it to play.',
  4507: 'You were removed from the room.',
  4508: 'You were removed: too many impossible moves.',
  [REPLACED]: 'You are playing in another window.',
  4510: 'You did nothing for too long.',
  4512: 'The room was closed.',
  4513: 'This room is locked.',
  4514: 'The match is over.',
  4515: 'This room was lost when its server failed.',
};

/** For endings that the player need not do anything about. @type {Record<number, string>} */
const WAITS = {
  1001: 'The server is going away for a moment',
  1011: 'This room had to close',
  1012: 'The server is restarting',
  1013: 'The server is full at the moment',
  4010: 'The server cannot save this room at the moment',
  4011: 'The server has lost touch with the others',
  4012: 'The room is at another server',
  4001: 'The server is restarting',
  4008: 'The connection was too slow to keep up',
};

/** Endings for which a reason may be given, and what to say before it. @type {Record<number, string>} */
const BEFORE_REASON = {
  4503: 'You are not allowed in.',
  4504: 'This room could not be opened.',
  4507: 'You were removed from the room.',
  4512: 'The room was closed.',
};

/** What the client library says of a page that was shown again too late. */
const SEAT_GONE = 'the seat is gone';

/** @param {number} code @param {string} text what the server said @returns {string} */
export function explain(code, text) {
  if (text === SEAT_GONE) return 'You were away for too long: your seat is gone.';
  const before = BEFORE_REASON[code];
  if (before && text && text !== CLOSES.get(code)?.[1]) return `${before} The reason: ${text}`;
  return WORDS[code] ?? (text ? `The server said: ${text}` : `The connection ended (${code}).`);
}

/** Why the page is waiting to come back, and that it is. @param {number} code @returns {string} */
export function explainWait(code) {
  return `${WAITS[code] ?? 'Connection lost'}. Reconnecting`;
}

/** What a refused join says. @param {unknown} error @returns {string} */
export function explainError(error) {
  if (typeof error !== 'object' || error === null) return 'Joining failed. Try again.';
  const { code, text, message } = /** @type {{code?: unknown, text?: unknown, message?: unknown}} */ (error);
  const said = typeof text === 'string' ? text : String(message ?? '');
  return typeof code === 'number' ? explain(code, said) : `Joining failed: ${said || 'unknown reason'}.`;
}
