// A room watched by its film over a fetch that the test answers: what the page is told while parts come, while they do not, and at the
// end.

import assert from 'node:assert/strict';
import test from 'node:test';

import { WatchError, watch } from '../client/index.js';
import { Film } from '../client/film.js';
import { goldenRecording } from './support/film.js';

const ADDRESS = 'https://play.example/api/rooms/abc/film';
const DELAY = 2000;
const bytes = goldenRecording();
const { incarnation, first, last } = Film.read(bytes).header;

/** A server whose answers the test gives, by path below the film. */
class Server {
  /** @type {Map<string, () => any>} */ answers = new Map();
  /** @type {string[]} */ asked = [];
  /** @type {Set<string>} */ addresses = new Set();

  /** @type {string | undefined} */ token;

  fetch = async (address, { signal, headers }) => {
    const path = address.replace(/^.*\/film/, '');
    this.asked.push(path);
    this.addresses.add(address.slice(0, address.length - path.length));
    this.token = headers?.authorization;
    signal.throwIfAborted();
    const answer = this.answers.get(path)?.() ?? { status: 404 };
    return { ok: answer.status === 200, json: async () => answer.body, arrayBuffer: async () => answer.body.buffer, ...answer };
  };

  index(next, segments = [first]) {
    this.answers.set('', () => ({ status: 200, body: { incarnation, segments, next, delay: DELAY } }));
  }
}

/** Lets pending promises and all timers of so many milliseconds pass. */
async function pass(timers, ms) {
  for (let passed = 0; passed <= ms; passed += 50) {
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    timers.tick(50);
  }
}

async function watching(t) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const server = new Server();
  let now = 1000;
  server.index(last);
  server.answers.set(`/${incarnation}/${first}`, () => ({ status: 200, body: bytes }));
  const watched = await watch(ADDRESS, { fetch: server.fetch, now: () => now });
  t.after(() => watched.close());
  return { server, watched, at: (moment) => (now = moment) };
}

test('the age of what is shown is the delay, what is left to show, and what is late', async (t) => {
  const { watched, at } = await watching(t);
  const { film } = watched;
  const length = (film.length * 1000) / film.rate;
  assert.equal(watched.age, DELAY + length);
  assert.equal(watched.status, 'live');
  film.view(1000);
  film.view(2000);
  at(2000);
  const shown = (film.moment * 1000) / film.rate;
  assert.ok(shown > 900, `${shown} ms were shown`);
  assert.equal(watched.age, DELAY + length - shown + 1000);
});

test('a film that is shown to its end waits for the room, says when the server does not answer, and goes on', async (t) => {
  const { watched, server } = await watching(t);
  const { film } = watched;
  film.seek(last);
  await pass(t.mock.timers, 1000);
  assert.equal(watched.status, 'waiting', 'the server answers, but the part is not there');
  server.answers.set('', () => ({ status: 502 }));
  await pass(t.mock.timers, 2000);
  assert.equal(watched.status, 'unreachable');
  server.index(last);
  await pass(t.mock.timers, 5000);
  assert.equal(watched.status, 'waiting');
  assert.equal(watched.ended, false);
});

test('a room that has ended is asked for once more: its server may be restarting', async (t) => {
  const { watched, server } = await watching(t);
  let endings = 0;
  watched.onEnd(() => (endings += 1));
  server.index(null);
  await pass(t.mock.timers, 2000);
  assert.deepEqual([watched.ended, watched.status], [false, 'live']);
  // It was restarting: nobody answers, and then the room goes on.
  server.answers.set('', () => { throw new TypeError('fetch failed'); });
  await pass(t.mock.timers, 4000);
  server.index(last);
  await pass(t.mock.timers, 30_000);
  assert.equal(watched.ended, false);
  server.answers.set('', () => ({ status: 404 }));
  await pass(t.mock.timers, 12_000);
  assert.deepEqual([watched.ended, endings], [true, 1]);
  assert.equal(watched.status, 'live', 'what is there is still shown');
  watched.film.seek(last);
  assert.equal(watched.status, 'ended');
  const { length } = server.asked;
  await pass(t.mock.timers, 30_000);
  assert.equal(server.asked.length, length, 'nothing is asked for any more');
});

test('a film that is not there is refused', async () => {
  const server = new Server();
  await assert.rejects(watch(ADDRESS, { fetch: server.fetch }), (error) => error instanceof WatchError && /no such room/.test(error.message));
  server.index(null, []);
  await assert.rejects(watch(ADDRESS, { fetch: server.fetch }), /the room has ended/);
});

test('a token is sent with every request, and where one is missing the page is told', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const server = new Server();
  server.answers.set('', () => ({ status: 401 }));
  await assert.rejects(watch(ADDRESS, { fetch: server.fetch }), (error) => error instanceof WatchError && /takes a token/.test(error.message));
  assert.equal(server.token, undefined);
  server.index(last);
  server.answers.set(`/${incarnation}/${first}`, () => ({ status: 200, body: bytes }));
  const watched = await watch(ADDRESS, { fetch: server.fetch, token: 'abc' });
  t.after(() => watched.close());
  assert.equal(server.token, 'Bearer abc');
});

test('the film of a room that has moved is fetched where it is', async (t) => {
  const { server, watched } = await watching(t);
  const there = 'https://other.example/api/rooms/abc/film';
  const next = `/${incarnation}/${last}`;
  server.answers.set(next, () => {
    server.answers.delete(next);
    return { status: 200, body: bytes, redirected: true, url: `${there}/${incarnation + 1}/${last}` };
  });
  server.index(last);
  await pass(t.mock.timers, 2000);
  assert.deepEqual([...server.addresses], [ADDRESS, there]);
  assert.equal(watched.ended, false);
});
