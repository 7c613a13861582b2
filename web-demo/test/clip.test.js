// A clip is what a client saw in the last seconds; it fits into a link, and that of a football match into one QR code.

import assert from 'node:assert/strict';
import test from 'node:test';

import { Film, FilmError } from '../client/index.js';
import { clipFromText as fromText, clipToText as toText } from '../client/index.js';
import { ClipRecorder } from '../client/clip-recorder.js';
import { State } from '../client/state.js';
import { encodeDelta, encodeKeyframe } from './support/encoder.js';
import { dice } from './support/random.js';

/** Bytes in a QR code of the largest version, in its densest form for bytes. */
const QR_CODE = 2953;
const SECONDS = 10;

const coordinate = (name) => ({ name, shape: { type: 'fixed', min: -3520, max: 3520, perUnit: 64 }, motion: 'smooth' });
const FOOTBALL = [{ name: 'player', fields: [coordinate('x'), coordinate('y')] }];

/** Twenty-two players who run about a pitch, at most 8 m/s, and turn as people do. */
function* football(seed, rate) {
  const random = dice(seed);
  const players = Array.from({ length: 22 }, (_, id) => ({ id: id + 1, x: random.next() * 100 - 50, y: random.next() * 60 - 30, vx: 0, vy: 0, to: [0, 0], wait: 0 }));
  for (;;) {
    for (const one of players) {
      if (one.wait-- <= 0) {
        one.wait = rate * (1 + 3 * random.next());
        one.to = random.one(0.3) ? [0, 0] : [10 * random.next() - 5, 10 * random.next() - 5];
      }
      // They speed up by 4 m/s² at most, less and less as they get there, and stay on the pitch.
      const pull = (v, wanted) => v + Math.max(-4, Math.min(4, 1.5 * (wanted - v))) / rate;
      one.vx = pull(one.vx, Math.abs(one.x) > 50 ? -Math.sign(one.x) * 5 : one.to[0]);
      one.vy = pull(one.vy, Math.abs(one.y) > 30 ? -Math.sign(one.y) * 5 : one.to[1]);
      one.x += one.vx / rate;
      one.y += one.vy / rate;
    }
    yield players.map(({ id, x, y }) => ({ kind: 0, id, values: [Math.round(x * 64), Math.round(y * 64)] }));
  }
}

/** A state that receives football, with a recorder. */
class Watcher {
  constructor(seed, rate = 20, ticks = SECONDS * rate) {
    this.rate = rate;
    this.state = new State();
    this.state.reset({ schema: FOOTBALL, rate, tick: 1000, incarnation: 1 });
    this.recorder = new ClipRecorder(ticks);
    this.rows = football(seed, rate);
    this.history = new Map();
    this.tick = 1000;
    this.#arrive(1, [{ zone: 0, lag: 0, hash: null, form: { type: 'keyframe', bytes: encodeKeyframe(FOOTBALL, this.rows.next().value) } }]);
  }

  /** A frame of so many ticks. */
  frame(advance = 1) {
    const { zone } = this.state.zones.entries[0];
    const deltas = [];
    if (advance === 1) deltas.push(encodeDelta(zone, this.rows.next().value));
    else for (let each = 0; each < advance; each++) deltas.push(new Uint8Array(0));
    this.#arrive(advance, [{ zone: 0, lag: 0, hash: null, form: { type: 'chain', deltas } }]);
  }

  /** The zone as a whole, as after a desync. */
  resync() {
    this.#arrive(1, [{ zone: 0, lag: 0, hash: null, form: { type: 'keyframe', bytes: encodeKeyframe(FOOTBALL, this.rows.next().value) } }]);
  }

  #arrive(advance, parts) {
    this.tick += advance;
    const wrong = this.state.apply({ tick: this.tick, advance }, parts);
    assert.deepEqual(wrong, []);
    this.recorder.frame(this.state, advance, parts);
    this.history.set(this.tick, this.state.zones.entries.map(({ id, zone }) => [id, zone.hash()]));
  }

  clip() {
    const players = Array.from({ length: 22 }, (_, seat) => ({ seat, entity: seat + 1 }));
    return this.recorder.clip(this.state, { game: 'football', rate: this.rate, schema: FOOTBALL, properties: [], players });
  }
}

test('the last ten seconds of a football match fit into one QR code, with the address', (t) => {
  for (const seed of [1, 2, 3]) {
    const watcher = new Watcher(seed);
    for (let tick = 0; tick < 470; tick++) watcher.frame();
    const clip = watcher.clip();
    const link = `https://play.example.com/timeline/#clip=${toText(clip)}`;
    t.diagnostic(`${clip.length} bytes, a link of ${link.length}`);
    assert.ok(link.length <= QR_CODE, `${link.length}`);
    const film = Film.read(fromText(toText(clip)));
    assert.deepEqual([film.length, film.header.last, film.players.size], [SECONDS * 20, watcher.tick, 22]);
    for (;;) {
      assert.deepEqual(film.hashes(), watcher.history.get(film.tick), `tick ${film.tick}`);
      if (!film.step()) break;
    }
  }
});

test('frames of several ticks belong to it, and it begins anew after a keyframe', () => {
  const watcher = new Watcher(4);
  for (let tick = 0; tick < 30; tick++) watcher.frame();
  watcher.frame(3);
  for (let tick = 0; tick < 30; tick++) watcher.frame();
  let film = Film.read(watcher.clip());
  assert.equal(film.length, 63);
  film.seek(watcher.tick);
  assert.deepEqual(film.hashes(), watcher.history.get(watcher.tick));
  watcher.resync();
  assert.equal(watcher.clip(), null, 'nothing leads on yet');
  for (let tick = 0; tick < 5; tick++) watcher.frame();
  film = Film.read(watcher.clip());
  assert.equal(film.length, 5);
});

test('a zone that is wrong ends what is kept', () => {
  const watcher = new Watcher(5);
  for (let tick = 0; tick < 30; tick++) watcher.frame();
  const parts = [{ zone: 0, lag: 0, hash: 1, form: { type: 'chain', deltas: [new Uint8Array(0)] } }];
  assert.deepEqual(watcher.state.apply({ tick: watcher.tick + 1, advance: 1 }, parts), [0]);
  watcher.recorder.frame(watcher.state, 1, parts);
  assert.equal(watcher.clip(), null);
});

test('letters that no link has are refused', () => {
  for (let length = 0; length < 70; length++) {
    const bytes = Uint8Array.from({ length }, (_, index) => (index * 37 + length) & 0xff);
    assert.deepEqual(fromText(toText(bytes)), bytes);
  }
  assert.throws(() => fromText('abc+'), FilmError);
});
