// The live list of rooms as the lobby keeps it: first the list, then what becomes of it.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';

import { RoomsStream } from '../demo/rooms-stream.js';

/** @type {any} */
let source;

class Source {
  static CLOSED = 2;
  readyState = 1;
  /** @param {string} url */
  constructor(url) {
    this.url = url;
    source = this;
  }

  close() {
    this.readyState = Source.CLOSED;
  }
}

const before = globalThis.EventSource;
beforeEach(() => {
  globalThis.EventSource = /** @type {any} */ (Source);
});
afterEach(() => {
  globalThis.EventSource = before;
});

/** @param {string} id @param {number} players */
const room = (id, players) => ({ id, game: 'arena', players, capacity: 9, locked: false, rate: 20 });

test('a list is replaced, and changes are made to it', () => {
  /** @type {import('../demo/rooms-stream.js').Feed | undefined} */
  let feed;
  const stream = new RoomsStream('/events', (told) => { feed = told; });
  stream.open();
  const hear = (/** @type {unknown} */ event) => source.onmessage({ data: JSON.stringify(event) });
  const known = () => feed?.rooms?.map(({ id, players }) => `${id}${players}`).join(' ');
  hear({ rooms: [room('a', 1), room('b', 2)], more: false });
  assert.deepEqual([known(), feed?.text], ['a1 b2', 'live']);
  hear({ added: [room('c', 0)], changed: [room('a', 2)], more: true });
  assert.deepEqual([known(), feed?.text], ['a2 b2 c0', 'live, 3 of the rooms']);
  hear({ removed: ['b', 'x'], more: false });
  assert.deepEqual([known(), feed?.text], ['a2 c0', 'live']);
  hear({ rooms: [room('d', 1)], more: false });
  assert.equal(known(), 'd1', 'after a reconnect nothing of before is left');
  stream.close();
  assert.equal(stream.feed.rooms, null);
});
