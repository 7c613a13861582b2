// A film shows what the server had at every tick, however one gets there; and it looks like a room to the page's code.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import test from 'node:test';

import { Film, FilmError } from '../client/index.js';
import { FilmPresence } from '../client/film-presence.js';
import { sha256 } from '../client/digest.js';
import { dice } from './support/random.js';
import { goldenHashes, goldenRecording } from './support/film.js';

/** Seconds from keyframe to keyframe. */
const KEYFRAMES = 2;


test('at every tick the film is what the server had', () => {
  const film = Film.read(goldenRecording());
  const wanted = goldenHashes();
  assert.equal(film.length, wanted.size);
  for (let place = 1; place <= film.length; place++) {
    assert.ok(film.step());
    assert.deepEqual(film.hashes(), wanted.get(film.tick), `tick ${film.tick}`);
  }
  assert.equal(film.step(), false);
  assert.equal(film.tick, film.header.last);
});

test('a seek to any tick shows it, and decodes no more than leads there from a keyframe', () => {
  const film = Film.read(goldenRecording());
  const wanted = goldenHashes();
  const random = dice(7);
  for (let seek = 0; seek < 300; seek++) {
    const tick = film.header.first + 1 + random.below(film.length);
    const before = film.decoded;
    film.seek(tick);
    assert.deepEqual(film.hashes(), wanted.get(tick), `tick ${tick}`);
    const zones = new Set(film.rows().map(({ zone }) => zone)).size + 1;
    assert.ok(film.decoded - before <= (KEYFRAMES * film.rate + 1) * zones, `${film.decoded - before} payloads for tick ${tick}`);
  }
  assert.throws(() => film.seek(film.header.last + 1), /tick \d+ is not in the film: it has 0 to 700/);
});

test('entities, views, players and messages are those of a room', () => {
  const film = Film.read(goldenRecording());
  film.seek(film.header.last);
  const avatars = new Map();
  film.onAdd('avatar', (entity) => avatars.set(entity.id, entity));
  film.onRemove('avatar', (entity) => avatars.delete(entity.id));
  film.seek(film.header.first + 100);
  assert.equal(avatars.size, film.players.size);
  for (const { entity } of film.players.values()) assert.equal(avatars.get(entity)?.kind, 'avatar');
  const rows = new Map(film.rows().filter(({ kind }) => kind === 'avatar').map((row) => [row.id, row.values]));
  for (const view of film.view(0)) {
    if (view.kind === 'avatar') assert.deepEqual([view.x * 64, view.y * 64], [rows.get(view.id).x, rows.get(view.id).y]);
  }
  const said = [];
  film.onMessage('*', (body, { kind, tick }) => said.push({ kind, tick, body: [...body] }));
  film.seek(film.header.first);
  assert.deepEqual(said, [], 'a seek tells nothing again');
  while (film.step());
  const game = film.events.filter(({ event }) => event.type === 'game');
  assert.ok(game.length > 0, 'snowballs hit somebody');
  assert.deepEqual(said, game.map(({ tick, event: { kind, body } }) => ({ kind, tick, body: [...body] })));
  assert.equal(film.properties.map !== undefined, true, 'the map is known');
});

test('views pass between ticks, at any speed, and stop at the end', () => {
  const film = Film.read(goldenRecording());
  film.seek(film.header.first + 51);
  const later = new Map([...film.state.entities].map(([id, { x }]) => [id, x]));
  film.seek(film.header.first + 50);
  const avatar = [...film.state.entities.values()].find(({ id, kind, x }) => kind === 'avatar' && later.get(id) !== x);
  const at = (now) => film.view(now).find(({ id }) => id === avatar.id).x;
  film.play(0.5);
  const start = at(1000);
  const from = avatar.x;
  assert.equal(start, from);
  // A tenth of a second at half speed is a whole tick.
  at(1100);
  const to = avatar.x;
  assert.equal(film.place, 51);
  film.seek(film.header.first + 50);
  film.play();
  at(2000);
  assert.ok(Math.abs(at(2050) - (from + to) / 2) < 1e-9, 'half a tick lies between');
  film.play(16);
  at(3000);
  for (let now = 3016; film.playing; now += 16) at(now);
  assert.equal(film.place, film.length);
  assert.throws(() => film.play(0), /speed is 0/);
});

test('who is there is the same after a seek and after playing there', () => {
  const [played, sought] = [Film.read(goldenRecording()), Film.read(goldenRecording())];
  for (let place = 0; place < 100; place++) {
    sought.seek(played.tick);
    assert.deepEqual([...sought.seats], [...played.seats], `tick ${played.tick}`);
    assert.deepEqual([...sought.players], [...played.players]);
    assert.deepEqual(sought.properties, played.properties);
    played.step();
  }
  assert.equal(played.players.size, 6);
});

test('players come, lose their connection, return and leave; properties are set and removed', () => {
  const presence = new FilmPresence();
  presence.open({ seats: [{ seat: 3, entity: 9, away: false, zones: [0] }], properties: [['map', 'yard']] });
  const player = () => presence.players.get(3);
  const event = (event) => presence.apply({ type: 'event', event });
  event({ type: 'disconnected', seat: 3 });
  assert.deepEqual(player(), { seat: 3, entity: 9, name: '', away: true });
  event({ type: 'disconnected', seat: 4 });
  event({ type: 'reconnected', seat: 3 });
  assert.equal(player().away, false);
  presence.apply({ type: 'seat', seat: { seat: 4096, entity: 0, away: false, zones: [1] } });
  assert.deepEqual([[...presence.seats.keys()], [...presence.players.keys()]], [[3, 4096], [3]], 'spectators are no players');
  event({ type: 'property', key: 'map', value: '' });
  event({ type: 'property', key: 'score', value: '1' });
  assert.deepEqual(presence.properties, { score: '1' });
  presence.apply({ type: 'freed', seat: 3 });
  assert.equal(player(), undefined);
});

test('a seat sees its own zones only', () => {
  const film = Film.read(goldenRecording());
  film.seek(film.header.first + 200);
  const all = film.state.entities.size;
  const [seat] = film.players.keys();
  film.watch(seat);
  const zones = new Set(film.seats.get(seat).zones);
  const seen = new Set(film.rows().filter(({ zone }) => zones.has(zone)).map(({ id }) => id));
  assert.deepEqual([...film.state.entities.keys()].sort(), [...seen].sort());
  film.watch(9);
  assert.equal(film.state.entities.size, 0, 'nobody has the seat');
  film.watch(null);
  assert.equal(film.state.entities.size, all);
});

test('what a field costs adds up to the bytes of the deltas', () => {
  const film = Film.read(goldenRecording());
  const [from, to] = [film.header.first + 20, film.header.first + 320];
  let bytes = 0;
  for (let tick = from + 1; tick <= to; tick++) for (const each of film.bytesAt(tick)) bytes += each.bytes;
  const costs = film.costs(from, to);
  const sum = costs.reduce((all, cost) => all + cost.bytes, 0);
  // Each payload ends with a whole byte.
  assert.ok(Math.abs(sum - bytes) < 0.05 * bytes + 300, `${sum} and ${bytes}`);
  assert.ok(costs.find(({ kind, field }) => kind === 'avatar' && field === 'heading').bytes > 0);
});

test('what is no film is an error that names the byte', () => {
  for (const [bytes, offset] of [[[], 0], [[1], 1], [[116, 105], 0], [[2, 0, 0], 0]]) {
    assert.throws(() => Film.read(Uint8Array.from(bytes)), (error) => error instanceof FilmError && error.offset === offset, String(bytes));
  }
  const file = goldenRecording();
  assert.throws(() => Film.read(file.subarray(0, 5000)), /the file is cut off, at byte \d+ of the film/);
  const changed = file.slice();
  changed[3000] ^= 4;
  assert.throws(() => Film.read(changed), /a block is damaged, at byte \d+ of the film/);
});

test('the checksum is SHA-256', () => {
  for (let length = 0; length < 200; length++) {
    const bytes = new Uint8Array(randomBytes(length));
    assert.deepEqual(sha256(bytes), new Uint8Array(createHash('sha256').update(bytes).digest()));
  }
});
