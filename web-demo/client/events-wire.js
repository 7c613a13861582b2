// The layout of events within frame and delivery messages, numbered per recipient.
//
// Byte strings are views into the message. event-stream.js handles the events.

import { EVENTS_PER_MESSAGE } from './limits.js';
import { DecodeError } from './reader.js';

/**
 * @typedef {import('./reader.js').MessageReader} MessageReader
 * @typedef {{ seat: number, entity: number, name: string, away: boolean }} Player `away`: the connection is gone, the
 *   seat is held
 * @typedef {{ type: 'joined', player: Player }
 *   | { type: 'left', seat: number, code: number }
 *   | { type: 'game', kind: number, body: Uint8Array }
 *   | { type: 'disconnected', seat: number }
 *   | { type: 'reconnected', seat: number }
 *   | { type: 'chat', from: number, name: string, text: string, private: boolean }
 *   | { type: 'reply', command: number, done: boolean, body: Uint8Array }
 *   | { type: 'property', key: string, value: string }
 *   | { type: 'ended', result: Uint8Array }} EventBody
 * @typedef {{ age: number, body: EventBody }} EventItem
 * @typedef {{ first: number, lost: number, items: EventItem[] }} EventBatch
 */

/**
 * @template T
 * @param {MessageReader} reader
 * @param {readonly ((reader: MessageReader) => T)[]} readers
 * @returns {T}
 */
export function variant(reader, readers) {
  const number = reader.u32();
  if (number >= readers.length) throw new DecodeError('an unknown variant');
  return readers[number](reader);
}

/** @param {MessageReader} reader @returns {Player} */
export function readPlayer(reader) {
  return { seat: reader.u16(), entity: reader.u32(), name: reader.text(), away: reader.bool() };
}

/** @param {MessageReader} reader @returns {EventBatch} */
export function readEvents(reader) {
  const first = reader.u32();
  const lost = reader.u32();
  const items = reader.list(() => ({ age: reader.u32(), body: readEventBody(reader) }));
  if (items.length > EVENTS_PER_MESSAGE) throw new DecodeError('too many events');
  return { first, lost, items };
}

/** @param {MessageReader} reader @returns {EventBody} */
export function readEventBody(reader) {
  return variant(reader, BODIES);
}

/** @type {((reader: MessageReader) => EventBody)[]} */
const BODIES = [
  (reader) => ({ type: 'joined', player: readPlayer(reader) }),
  (reader) => ({ type: 'left', seat: reader.u16(), code: reader.u16() }),
  (reader) => ({ type: 'game', kind: reader.u16(), body: reader.slice() }),
  (reader) => ({ type: 'disconnected', seat: reader.u16() }),
  (reader) => ({ type: 'reconnected', seat: reader.u16() }),
  (reader) => ({ type: 'chat', from: reader.u16(), name: reader.text(), text: reader.text(), private: reader.bool() }),
  (reader) => ({ type: 'reply', command: reader.u32(), done: reader.bool(), body: reader.slice() }),
  (reader) => ({ type: 'property', key: reader.text(), value: reader.text() }),
  (reader) => ({ type: 'ended', result: reader.slice() }),
];
