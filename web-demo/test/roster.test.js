// The list of players across gaps: of the membership that waits too long the server sends what is true in the end, without what
// came before it.

import assert from 'node:assert/strict';
import test from 'node:test';

import { join } from './support/join.js';

const joined = (seat, name, away = false) => ({ joined: { seat, entity: seat + 1, name, away } });

test('after a gap the list is what the last events of each seat say', async () => {
  const { time, server, room } = await join();
  const changes = [];
  room.onPlayers((players, change) => changes.push([players.size, change?.type ?? null]));
  server.frame({ events: { first: 1, lost: 0, items: [joined(1, 'Bob'), joined(2, 'Eve')] } });
  await time.advance(100);
  // Bob left and Carol has his seat; Eve was disconnected and back; somebody came to seat 3 and left again.
  const last = [joined(1, 'Carol'), { reconnected: 2 }, { left: [3, 1000] }, joined(4, 'Dan', true)];
  server.frame({ events: { first: 40, lost: 37, items: last } });
  await time.advance(100);
  const list = [...room.players.values()].map(({ seat, name, away }) => [seat, name, away]).sort();
  assert.deepEqual(list, [[0, 'Ada', false], [1, 'Carol', false], [2, 'Eve', false], [4, 'Dan', true]]);
  assert.deepEqual(changes.slice(-4), [[3, 'joined'], [3, 'reconnected'], [3, 'left'], [4, 'joined']]);
});

test('the list of a newcomer is current, whatever number its events start with', async () => {
  const { time, server, room } = await join({ welcome: { events: 0xfffffffd } });
  server.frame({ events: { first: 0xfffffffe, lost: 0, items: [joined(1, 'Bob'), joined(2, 'Eve'), joined(3, 'Dan'), { left: [2, 1000] }] } });
  await time.advance(100);
  assert.deepEqual([...room.players.values()].map(({ name }) => name), ['Ada', 'Bob', 'Dan']);
});
