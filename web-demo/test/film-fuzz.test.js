// Films from anywhere: whatever the bytes are, a film is read or refused with a FilmError that names a byte, within bounds.
//
// `TICKWIRE_SEED=7` repeats one seed, `TICKWIRE_FILM_SEEDS` sets how many are run (400), `TICKWIRE_FIRST_SEED` where to start (0).

import assert from 'node:assert/strict';
import test from 'node:test';

import { Film, FilmError } from '../client/index.js';
import { CELLS_PER_SEEK, FILM_TICKS, ROWS } from '../client/limits.js';
import { encodeKeyframe } from '../client/payload-writer.js';
import { planSchema } from '../client/schema.js';
import { MessageWriter } from '../client/writer.js';
import { Zone } from '../client/zone.js';
import { blocksOf, fileOf, goldenRecording } from './support/film.js';
import { dice } from './support/random.js';

const one = process.env.TICKWIRE_SEED;
const first = Number(one ?? process.env.TICKWIRE_FIRST_SEED ?? 0);
const seeds = one === undefined ? Number(process.env.TICKWIRE_FILM_SEEDS ?? 400) : 1;

/** Reads and watches; returns the error, if there is one. */
function watched(bytes, random) {
  try {
    const film = Film.read(bytes);
    for (let seek = 0; seek < 3; seek++) {
      film.seek((film.header.first + random.below(film.length + 1)) % 2 ** 32);
      film.step();
      film.view(seek);
      film.rows();
    }
    film.watch(random.below(8));
    return null;
  } catch (error) {
    assert.ok(error instanceof FilmError, error.stack);
    assert.ok(Number.isInteger(error.offset) && error.offset >= 0 && error.offset <= bytes.length, error.message);
    return error;
  }
}

/** Damages some bytes: flips bits, sets them to extremes, cuts, doubles or swaps a piece. */
function damaged(bytes, random) {
  const copy = bytes.slice();
  for (let hits = 1 + random.below(3); hits > 0; hits--) {
    const at = random.below(copy.length);
    copy[at] = random.pick([0, 0xff, 0x7f, 0x80, 251, 253, copy[at] ^ (1 << random.below(8))]);
  }
  const [from, length] = [random.below(copy.length), random.below(64)];
  if (random.one(0.2)) return Uint8Array.from([...copy.subarray(0, from), ...copy.subarray(from + length)]);
  if (random.one(0.1)) return Uint8Array.from([...copy.subarray(0, from), ...copy.subarray(from, from + length), ...copy.subarray(from)]);
  return copy;
}

test('a damaged recording with right checksums is watched or refused', () => {
  const blocks = blocksOf(goldenRecording());
  const seen = { watched: 0, refused: 0 };
  for (let seed = first; seed < first + seeds; seed++) {
    const random = dice(seed);
    const target = random.one(0.3) ? 0 : 1;
    const changed = blocks.map((block, index) => (index === target ? { ...block, content: damaged(block.content, random) } : block));
    if (random.one(0.1)) changed.splice(random.below(changed.length), 1);
    if (random.one(0.1)) changed.push(changed[random.below(changed.length)]);
    const error = watched(fileOf(changed), random);
    seen[error ? 'refused' : 'watched'] += 1;
  }
  if (seeds >= 400) for (const [what, count] of Object.entries(seen)) assert.ok(count > 20, `${what}: ${count}`);
});

test('cut files, noise and nothing are refused', () => {
  const file = goldenRecording();
  const random = dice(first);
  for (let round = 0; round < 200; round++) {
    assert.ok(watched(file.subarray(0, random.below(file.length)), random), 'a cut file');
    const noise = Uint8Array.from({ length: random.below(200) }, () => random.below(256));
    if (random.one(0.5) && noise.length > 0) noise[0] = 1;
    watched(noise, random);
  }
});

/** A clip of a kind with a counter, of which the deltas are these. */
function clipOf(ticks, keyframe, deltas) {
  const writer = new MessageWriter();
  writer.u8(1);
  writer.text('g');
  writer.unsigned(20);
  writer.unsigned(0);
  writer.unsigned(1);
  writer.text('k');
  writer.unsigned(0);
  writer.unsigned(0);
  writer.unsigned(0);
  writer.unsigned(1);
  writer.unsigned(0);
  writer.slice(keyframe);
  writer.unsigned(ticks);
  writer.raw(deltas);
  return writer.finish();
}

test('few bytes cannot cause much work or memory', () => {
  const nothing = new Uint8Array(0);
  assert.throws(() => Film.read(clipOf(2 ** 31, nothing, new Uint8Array(9))), /too few keyframes/);
  assert.throws(() => Film.read(clipOf(10, nothing, new Uint8Array(9))), /deltas are missing/);
  // Without deltas, a tick still advances all rows.
  const plans = planSchema([{ name: 'k', fields: [] }]);
  const zone = new Zone(plans);
  zone.tables[0].reserve(ROWS);
  zone.tables[0].count = ROWS;
  for (let row = 0; row < ROWS; row++) zone.tables[0].ids[row] = row;
  const film = Film.read(clipOf(FILM_TICKS, encodeKeyframe(plans, zone.tables), new Uint8Array(FILM_TICKS)));
  film.seek(CELLS_PER_SEEK / ROWS - 2);
  assert.throws(() => film.seek(film.header.last), /too much work, at byte \d+ of the film/);
});
