// Why a film cannot be watched.

import { DecodeError } from './reader.js';

/** Bytes that are no film, or a damaged one. */
export class FilmError extends DecodeError {
  /** @param {string} what @param {number} offset the byte of the file at which it was noticed */
  constructor(what, offset) {
    super(`${what}, at byte ${offset} of the film`);
    this.name = 'FilmError';
    this.what = what;
    this.offset = offset;
  }
}
