// Clips as text, for links: base64url (RFC 4648) without padding.

import { FilmError } from './film-error.js';

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** @param {Uint8Array} bytes */
export function clipToText(bytes) {
  let text = '';
  for (let at = 0; at < bytes.length; at += 3) {
    const three = (bytes[at] << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    const letters = Math.min(4, bytes.length - at + 1);
    for (let letter = 0; letter < letters; letter++) text += LETTERS[(three >> (18 - 6 * letter)) & 63];
  }
  return text;
}

/** @param {string} text @returns {Uint8Array} throws a FilmError when it is none */
export function clipFromText(text) {
  const bytes = new Uint8Array(Math.floor((text.length * 3) / 4));
  for (let at = 0, bits = 0, held = 0, count = 0; at < text.length; at++) {
    const value = LETTERS.indexOf(text[at]);
    if (value < 0) throw new FilmError(`the link has a letter that no clip has: ${JSON.stringify(text[at])}`, Math.floor((at * 3) / 4));
    held = ((held << 6) | value) & 0xffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes[count++] = (held >> bits) & 0xff;
  }
  return bytes;
}
