// A room that components share: who joins, how often, and when it is left. With rooms of the client, in virtual time.

import assert from 'node:assert/strict';
import test from 'node:test';

import { SharedRoom } from '../client/shared-room.js';
import { join } from './support/join.js';
import { avatar } from './support/server.js';

/** Lets promises settle. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** A shared room; its timers are those of `t`. */
async function shared(t) {
  const joined = await join();
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const signals = [];
  const made = new SharedRoom(async ({ signal }) => {
    signals.push(signal);
    return joined.room;
  });
  return { ...joined, signals, made, later: (ms) => t.mock.timers.tick(ms) };
}

test('components that come and go at once join once', async (t) => {
  const { made, room, signals, later } = await shared(t);
  let calls = 0;
  const first = made.subscribe(() => { calls += 1; });
  first();
  const second = made.subscribe(() => { calls += 1; });
  later(1000);
  await settled();
  assert.deepEqual([signals.length, signals[0].aborted, made.room(), room.connection, calls], [1, false, room, 'online', 1]);
  const third = made.subscribe(() => {});
  second();
  later(1000);
  assert.equal(room.connection, 'online', 'somebody is still there');
  third();
  later(99);
  assert.equal(room.connection, 'online');
  later(1);
  assert.deepEqual([room.connection, made.room()], ['closed', null]);
});

test('subscribers hear of frames, of the connection, and of nothing when they have gone', async (t) => {
  const { made, server, time, room } = await shared(t);
  let calls = 0;
  const stop = made.subscribe(() => { calls += 1; });
  await settled();
  const frames = [made.frame()];
  server.frame({ zones: [[0, [avatar(1, 64)]]] });
  await time.advance(50);
  frames.push(made.frame());
  server.peer.close(1006);
  await time.advance(10);
  frames.push(made.frame());
  assert.ok(frames[0] < frames[1] && frames[1] < frames[2] && calls === frames[2], `${frames} and ${calls} calls`);
  assert.equal(made.room(), room, 'it comes back by itself');
  stop();
  server.peer.close(1006);
  await time.advance(10);
  assert.equal(calls, frames[2]);
});

test('a room that comes when nobody wants it any more is left, and a failure is told', async (t) => {
  const { made, room, later, signals } = await shared(t);
  made.subscribe(() => {})();
  later(100);
  await settled();
  assert.deepEqual([signals[0].aborted, room.connection, made.room()], [true, 'closed', null]);

  const failure = new Error('full');
  let tries = 0;
  const failing = new SharedRoom(async () => { tries += 1; throw failure; });
  let told = 0;
  const stop = failing.subscribe(() => { told += 1; });
  await settled();
  assert.deepEqual([failing.error(), told, tries], [failure, 1, 1]);
  stop();
  later(100);
  failing.subscribe(() => {});
  await settled();
  assert.deepEqual([tries, failing.error()], [2, failure]);
});
