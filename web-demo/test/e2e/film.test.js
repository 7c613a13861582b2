// A room watched by its film, over real sockets: what is shown is what a player had, and it goes on by itself until the room ends.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Client, WatchError, watch } from '../../client/index.js';
import { GameServer } from './support/server.js';
import { eventually } from './support/tabs.js';

/** @type {GameServer} */
let server;
before(async () => (server = await GameServer.start()));
after(() => server?.stop());

/** Rows of avatars by id, as text. */
const avatars = (rows) => JSON.stringify(rows.filter(({ kind }) => kind === 'avatar').map(({ id, values }) => [id, values.x, values.y, values.score]));

/** A player who runs in circles, and remembers what it had at each tick. */
async function join(name) {
  const client = new Client(`${server.url.replace('http', 'ws')}/play`);
  const room = await client.joinOrCreate('arena', { player: { name } });
  const had = new Map();
  room.onStateChange((state) => {
    const rows = [...state.entities.values()].filter(({ kind }) => kind === 'avatar').sort((a, b) => a.id - b.id);
    had.set(state.tick, JSON.stringify(rows.map((avatar) => [avatar.id, avatar.x * 64, avatar.y * 64, avatar.score])));
  });
  const timer = setInterval(() => room.setInput({ heading: (Date.now() / 20) & 255, run: true, dash: false, throw: false }), 100);
  return { room, had, leave: () => (clearInterval(timer), room.leave()) };
}

test('a film shows what players had, tick by tick, and ends with the room', async () => {
  const players = [await join('Ada'), await join('Bob')];
  const { room, had } = players[0];
  const watched = await watch(`${server.url}/api/rooms/${room.id}/film`);
  const { film } = watched;
  const shown = new Map();
  film.onStateChange(() => shown.set(film.tick, avatars(film.rows())));
  let ended = false;
  watched.onEnd(() => (ended = true));
  const picture = setInterval(() => film.view(performance.now()), 16);
  await eventually('the film has gone on for some seconds', () => shown.size, (size) => size > 80, 30_000);
  const ticks = [...shown.keys()];
  assert.ok(ticks.every((tick, at) => at === 0 || tick === ticks[at - 1] + 1), 'no tick is missing, and none comes twice');
  const both = ticks.filter((tick) => had.has(tick));
  assert.ok(both.length > 40, `${both.length} of ${ticks.length}`);
  for (const tick of both) assert.equal(shown.get(tick), had.get(tick), `tick ${tick}`);
  assert.ok(new Set(shown.values()).size > 40, 'somebody runs');
  assert.ok((room.state.tick - film.tick) / film.rate < 5, `${room.state.tick - film.tick} ticks behind`);
  for (const player of players) await player.leave();
  await eventually('the film ends', () => ended, (is) => is, 60_000);
  clearInterval(picture);
});

test('who watches what is not there is told', async () => {
  await assert.rejects(watch(`${server.url}/api/rooms/nowhere/film`), (error) => error instanceof WatchError && /no such room/.test(error.message));
  await assert.rejects(watch(`${server.url.replace(/\d+$/, '1')}/api/rooms/x/film`));
});
