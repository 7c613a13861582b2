// Predicted events in virtual time: a throw is told when the input is foreseen, once, and ends as confirmed or withdrawn, whatever the
// server decides and whenever it answers.

import assert from 'node:assert/strict';
import test from 'node:test';

import { Prediction } from '../client/prediction.js';
import { random } from './support/random.js';

const SPAN = 50;
const RELOAD = 5;

/** An avatar that stands, and throws every five ticks at most. */
const predictor = {
  read: (entity) => ({ reload: entity.values[0] }),
  copy: (from, to) => { to.reload = from.reload; },
  step: (state, { throws }) => {
    state.reload = Math.max(0, state.reload - 1);
    if (!throws || state.reload > 0) return null;
    state.reload = RELOAD;
    return { what: 'throw' };
  },
};

/** A client and a server over a link of so many ticks each way. */
class World {
  constructor(delay) {
    this.delay = delay;
    this.now = 0;
    this.held = 0;
    this.told = [];
    this.upcoming = Int32Array.of(0);
    this.server = { reload: 0 };
    /** Inputs on their way, and frames on theirs. */
    this.made = [];
    this.applied = 0;
    this.frames = [];
    /** What the server throws, by input. */
    this.thrown = [];
    const inputs = { named: ([throws]) => ({ throws }) };
    this.prediction = new Prediction(predictor, () => ({ ...inputs, upcoming: Int32Array.of(this.held) }), (event) => {
      this.told.push(event);
      event.onSettled(({ status }) => { event.settledAt = this.now; event.settledAs = status; });
    });
    const plan = { fields: [] };
    this.entity = { plan, values: new Float64Array(1) };
    this.prediction.reconcile(this.entity, [], 0, true);
  }

  press() {
    this.held = 1;
    this.prediction.steered(this.now);
  }

  release() {
    this.held = 0;
    this.prediction.steered(this.now);
  }

  /** One tick: the input is made; the server takes the one that arrives, unless it refuses; the frame arrives later. */
  tick({ refuse = false, frame = true } = {}) {
    this.now += SPAN;
    const input = Int32Array.of(this.held);
    this.held = 0;
    this.made.push(input);
    this.prediction.step(input, this.now, SPAN);
    const arriving = this.made[this.made.length - 1 - this.delay];
    if (arriving) {
      this.applied += 1;
      if (refuse) this.server.reload = 100;
      const happened = predictor.step(this.server, { throws: arriving[0] });
      if (happened) this.thrown.push(this.applied);
    }
    this.frames.push({ applied: this.applied, reload: this.server.reload, thrown: [...this.thrown] });
    const seen = this.frames[this.frames.length - 1 - this.delay];
    if (!seen || !frame) {
      this.prediction.events.expire(this.now);
      return;
    }
    this.entity.values[0] = seen.reload;
    const unapplied = this.made.slice(seen.applied);
    this.prediction.reconcile(this.entity, unapplied, this.now, false);
    // The page sees what was thrown after the frame was applied.
    for (const number of seen.thrown) this.told.find((event) => event.input === number)?.confirm();
    this.prediction.events.expire(this.now);
  }
}

test('a throw is told before its input is made, and confirmed by the server\'s', () => {
  const world = new World(3);
  world.tick();
  world.press();
  assert.equal(world.told.length, 1, 'at once');
  assert.deepEqual([world.told[0].what, world.told[0].at, world.told[0].status], [{ what: 'throw' }, SPAN, 'pending']);
  for (let tick = 0; tick < 12; tick++) world.tick();
  assert.equal(world.told.length, 1, 'told once, whatever is replayed');
  assert.equal(world.told[0].status, 'confirmed');
  assert.equal(world.told[0].settledAt, SPAN + 7 * SPAN, 'when the frame arrives that has it');
});

test('a throw that the page takes back before its tick is withdrawn at once', () => {
  const world = new World(3);
  world.press();
  world.release();
  assert.deepEqual([world.told.length, world.told[0].status], [1, 'withdrawn']);
  for (let tick = 0; tick < 10; tick++) world.tick();
  assert.equal(world.told.length, 1);
});

test('the page may change its mind again, and may settle an event before its input is made', () => {
  const world = new World(3);
  world.press();
  world.release();
  world.press();
  assert.deepEqual(world.told.map(({ status }) => status), ['withdrawn', 'pending']);
  assert.ok(world.told[1].confirm());
  assert.equal(world.told[1].confirm(), false);
  world.prediction.events.expire(world.now);
  for (let tick = 0; tick < 10; tick++) world.tick();
  assert.equal(world.told.length, 2);
});

test('while the avatar reloads, nothing is told', () => {
  const world = new World(3);
  world.press();
  world.tick();
  world.press();
  world.tick();
  assert.equal(world.told.length, 1);
});

test('a throw that the server decided otherwise is withdrawn by the first frame that shows it', () => {
  const world = new World(3);
  world.tick();
  world.tick({ refuse: true });
  for (let tick = 0; tick < 3; tick++) world.tick({ refuse: true });
  // Frames have not come yet that show it.
  const before = world.told.length;
  world.press();
  const [event] = world.told.slice(before);
  assert.equal(event?.status, 'pending');
  for (let tick = 0; tick < 4; tick++) world.tick({ refuse: true });
  assert.equal(event.status, 'withdrawn');
  assert.ok(event.settledAt <= 9 * SPAN, `withdrawn at ${event.settledAt}: the replay says so, long before its own frame`);
});

test('a throw that nothing confirms is withdrawn by the frame after its own', () => {
  const world = new World(2);
  world.press();
  const [event] = world.told;
  // The page sees neither entity nor message: the snowball hit a wall at once.
  event.confirm = () => false;
  for (let tick = 0; tick < 5; tick++) world.tick();
  assert.equal(event.status, 'pending', 'the frame that has its input has just come');
  world.tick();
  assert.equal(event.status, 'withdrawn');
});

test('without frames, a throw is withdrawn after a second', () => {
  const world = new World(2);
  world.press();
  for (let tick = 0; tick < 20; tick++) world.tick({ frame: false });
  assert.equal(world.told[0].status, 'pending');
  world.tick({ frame: false });
  assert.deepEqual([world.told[0].status, world.told[0].settledAt], ['withdrawn', 21 * SPAN]);
});

test('when prediction ends, everything pending is withdrawn', () => {
  const world = new World(2);
  world.press();
  world.prediction.stop();
  assert.equal(world.told[0].status, 'withdrawn');
});

test('every event is settled once, and rightly, over any run of play', () => {
  for (let round = 0; round < 200; round++) {
    const seed = Math.floor(Math.random() * 2 ** 31);
    const next = random(seed);
    const world = new World(Math.floor(next() * 6));
    for (let tick = 0; tick < 200; tick++) {
      if (next() < 0.3) world.press();
      if (next() < 0.05) world.release();
      if (next() < 0.03) world.server.reload = RELOAD;
      world.tick({ refuse: next() < 0.01 });
    }
    for (let tick = 0; tick < 30; tick++) world.tick();
    for (const event of world.told) {
      assert.notEqual(event.status, 'pending', `seed ${seed}`);
      assert.equal(event.settledAs, event.status, `seed ${seed}`);
      if (event.status === 'confirmed') assert.ok(world.thrown.includes(event.input), `seed ${seed}: input ${event.input} threw nothing`);
      if (!world.thrown.includes(event.input)) assert.equal(event.status, 'withdrawn', `seed ${seed}: input ${event.input}`);
    }
  }
});
