// The board of results: the list and the event stream give one list, newest first, whatever is lost between them; and what a result says
// is text.

import assert from 'node:assert/strict';
import test from 'node:test';

import { meta, resultText } from '../demo/board.js';
import { MatchesStream, SHOWN } from '../demo/matches-stream.js';

const match = (id, more = {}) => ({ id, room: 'abc', game: 'arena', incarnation: 1, began: 1_000_000, ended: 1_600_000, players: 4, result: null, film: null, ...more });

class FakeSource extends EventTarget {
  static CLOSED = 2;
  /** @type {FakeSource[]} */ static all = [];
  readyState = 0;
  constructor(url) {
    super();
    this.url = url;
    FakeSource.all.push(this);
  }

  tell(one) {
    this.dispatchEvent(new MessageEvent('match', { data: JSON.stringify(one) }));
  }

  /** The stream ended; browsers connect again unless it was refused. */
  fail(refused) {
    this.readyState = refused ? FakeSource.CLOSED : 0;
    this.onerror();
  }

  close() {
    this.readyState = FakeSource.CLOSED;
  }
}

function stage(t) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  FakeSource.all = [];
  const server = { matches: [], status: 200, asked: 0 };
  t.mock.method(globalThis, 'fetch', async (url) => {
    server.asked += 1;
    assert.equal(url, `api/matches?limit=${SHOWN}`);
    if (server.status === 0) throw new TypeError('fetch failed');
    return { ok: server.status === 200, status: server.status, json: async () => ({ matches: server.matches.slice(0, SHOWN), next: null }) };
  });
  const before = globalThis.EventSource;
  globalThis.EventSource = FakeSource;
  t.after(() => (globalThis.EventSource = before));
  const told = [];
  const stream = new MatchesStream('api/matches', (feed) => told.push(feed));
  const settle = async () => {
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  };
  const ids = () => stream.feed.matches.map(({ id }) => id);
  return { server, stream, told, settle, ids, newest: () => FakeSource.all.at(-1) };
}

test('the list and the stream are one list, newest first', async (t) => {
  const { server, stream, settle, ids, newest } = stage(t);
  server.matches = [match(3), match(2), match(1)];
  stream.open();
  assert.equal(newest().url, 'api/matches/events');
  // A match that ends between the stream and the list comes twice.
  newest().onopen();
  newest().tell(match(4));
  server.matches = [match(4), ...server.matches];
  await settle();
  assert.deepEqual([stream.feed.state, ids()], ['live', [4, 3, 2, 1]]);
  for (let id = 5; id < 15; id++) newest().tell(match(id));
  assert.deepEqual(ids(), [14, 13, 12, 11, 10, 9], 'the board is bounded');
});

test('what ended while the server was away is there afterwards', async (t) => {
  const { server, stream, settle, ids, newest } = stage(t);
  server.matches = [match(1)];
  stream.open();
  newest().onopen();
  await settle();
  newest().fail(false);
  assert.equal(stream.feed.state, 'connecting');
  assert.deepEqual(ids(), [1], 'what is known stays');
  server.matches = [match(900), match(1)];
  newest().onopen();
  await settle();
  assert.deepEqual([stream.feed.state, ids()], ['live', [900, 1]]);
});

test('a server without results is asked rarely, one that is away often', async (t) => {
  const { server, stream, settle, newest } = stage(t);
  server.status = 404;
  stream.open();
  newest().fail(true);
  await settle();
  assert.equal(stream.feed.state, 'absent');
  t.mock.timers.tick(59_000);
  assert.equal(FakeSource.all.length, 1);
  t.mock.timers.tick(1000);
  assert.equal(FakeSource.all.length, 2);
  server.status = 0;
  newest().fail(true);
  await settle();
  assert.equal(stream.feed.state, 'connecting');
  t.mock.timers.tick(3000);
  assert.equal(FakeSource.all.length, 3);
  stream.close();
  const { asked } = server;
  t.mock.timers.tick(600_000);
  assert.deepEqual([FakeSource.all.length, server.asked], [3, asked], 'a closed board asks for nothing');
});

test('a result is told as text, whatever the game made of it', () => {
  for (const [result, text] of [
    [null, 'no result'], [{}, 'no result'], ['red', 'red'], [7, '7'], [false, 'false'],
    [{ winner: 'red', score: 12 }, 'winner: red · score: 12'],
    [{ order: ['a', 'b'], by: { team: 1 } }, 'order: a, b · by: {"team":1}'],
    [[1, 2, 3, 4, 5, 6], '1, 2, 3, 4'],
    [{ winner: '<b>x</b>' }, 'winner: <b>x</b>'],
  ]) assert.equal(resultText(result), text);
  assert.equal(Array.from(resultText('👩'.repeat(500))).length, 60);
});

test('a match tells how long it took and when it ended', () => {
  const told = (began, ended, now, players = 4) => meta(match(1, { began, ended, players }), now);
  assert.equal(told(0, 42_000, 50_000, 1), '1 player · 42 s · just now');
  assert.equal(told(0, 600_000, 900_000), '4 players · 10 min · 5 min ago');
  assert.equal(told(0, 3_900_000, 3_900_000 + 3 * 3_600_000), '4 players · 1 h 5 min · 3 h ago');
  assert.equal(told(0, 1000, 3 * 86_400_000 + 1000), '4 players · 1 s · 3 days ago');
  assert.equal(told(5000, 1000, 0), '4 players · 0 s · just now', 'clocks differ');
});
