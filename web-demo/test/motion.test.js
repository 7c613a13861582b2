// What is drawn: interpolation of others, the playout clock, and the prediction of the own avatar against a fake server
// that plays by the rules of a toy game, in virtual time.

import assert from 'node:assert/strict';
import test from 'node:test';

import { History, PlayoutClock } from '../client/interpolation.js';
import { KindPlan } from '../client/schema.js';
import { join } from './support/join.js';
import { random } from './support/random.js';
import { WELCOME, avatar } from './support/server.js';

const plan = new KindPlan(WELCOME.schema[0], 0);

test('a sample lies between its neighbours, angles turn the short way, the rest does not move', () => {
  const history = new History(plan, 8);
  const at = (tick) => {
    const out = new Float64Array(5);
    history.sample(tick, out);
    return [...out];
  };
  history.push(10, Int32Array.of(0, 0, 250, 0, 1));
  assert.deepEqual(at(3), [0, 0, 250, 0, 1]);
  history.push(12, Int32Array.of(100, -50, 6, 1, 0));
  assert.deepEqual(at(11), [50, -25, 0, 0, 1]);
  assert.deepEqual(at(11.5), [75, -37.5, 3, 0, 1]);
  assert.deepEqual(at(12), [100, -50, 6, 1, 0]);
  assert.deepEqual(at(99), [100, -50, 6, 1, 0]);
  assert.deepEqual(at(1), [0, 0, 250, 0, 1]);
  for (let tick = 13; tick < 30; tick++) history.push(tick, Int32Array.of(tick, 0, 0, 0, 0));
  assert.equal(at(25.5)[0], 25.5);
  assert.equal(at(3)[0], 22);
});

test('a sample of a tick that is known replaces it, and a cut stays one', () => {
  const history = new History(plan, 4);
  const at = (tick) => {
    const out = new Float64Array(5);
    history.sample(tick, out);
    return out[0];
  };
  history.push(10, Int32Array.of(0, 0, 0, 0, 1));
  history.push(12, Int32Array.of(100, 0, 0, 0, 1), true);
  for (let again = 0; again < 4; again++) history.push(12, Int32Array.of(200, 0, 0, 0, 1));
  assert.deepEqual([history.newest, at(10), at(11.9), at(12)], [12, 0, 0, 200]);
  history.push(14, Int32Array.of(300, 0, 0, 0, 1));
  assert.deepEqual([at(11.9), at(13)], [0, 250]);
});

test('playback runs evenly behind uneven arrivals and never backwards', () => {
  const next = random(3);
  const clock = new PlayoutClock(50);
  let last = -Infinity;
  let starved = 0;
  let queue = [];
  let inOrder = 0;
  for (let tick = 1; tick < 400; tick++) {
    inOrder = Math.max(inOrder, tick * 50 + 30 + next() * 60);
    queue.push([inOrder, tick]);
  }
  let newest = 0;
  for (let now = 60; now < 19_000; now += 16) {
    for (; queue.length > 0 && queue[0][0] <= now; queue.shift()) clock.arrived((newest = queue[0][1]), queue[0][0]);
    const shown = clock.tick(now);
    assert.ok(shown >= last, 'playback went back');
    if (now > 4000 && last > -Infinity) assert.ok(Math.abs((shown - last) * 50 - 16) <= 2, 'playback jumped');
    if (now > 4000 && shown > newest) starved++;
    last = shown;
  }
  assert.ok(starved < 10, `${starved} of 940 pictures had no newer frame`);
  assert.ok(clock.delay > 100 && clock.delay < 250, `a delay of ${clock.delay} ms`);
});

test('a steady connection is shown two ticks late', () => {
  const clock = new PlayoutClock(50);
  for (let tick = 1; tick < 100; tick++) {
    clock.arrived(tick, 7000 + tick * 50);
    clock.tick(7000 + tick * 50);
  }
  assert.ok(Math.abs(clock.delay - 100) < 1, `${clock.delay}`);
  clock.tick(7000 + 99 * 50 + 60_000);
  assert.ok(Math.abs(clock.delay - 100) < 1, 'after a pause it is back at once');
});

test('playback that began before the first frame does not lead it', () => {
  const clock = new PlayoutClock(50);
  clock.tick(200);
  clock.arrived(1, 220);
  clock.tick(230);
  assert.equal(clock.delay, 100);
});

test('a view shows others between frames and reuses its objects', async () => {
  const { time, server, room } = await join();
  for (let tick = 0; tick < 20; tick++) {
    server.frame({ zones: [[0, [avatar(1, 0), avatar(2, tick * 64)]]] });
    await time.advance(50);
    room.view();
  }
  const views = room.view();
  const other = views.find(({ id }) => id === 2);
  const before = other.x;
  await time.advance(25);
  assert.equal(room.view(), views);
  assert.ok(Math.abs(other.x - before - 0.5) < 0.01, `${before} to ${other.x}`);
  assert.deepEqual([other.kind, other.mood, other.alive, other.entity.id], ['avatar', 'calm', true, 2]);
  server.frame({ zones: [[0, [avatar(1, 0)]]] });
  await time.advance(20);
  assert.deepEqual(room.view().map(({ id }) => id), [1]);
});

const predictor = {
  read: (entity) => ({ x: entity.raw('x'), y: entity.raw('y') }),
  step: (state, input) => {
    state.x = Math.min(2000, state.x + input[0]);
    if (input[2]) state.y += 1000;
  },
  copy: (from, to) => Object.assign(to, from),
};

/** A server's rules for inputs: one per tick in order, else the last one again; repetitions are settled by equal inputs. */
class Inbox {
  constructor() {
    Object.assign(this, { queue: [], told: '0,0,0', last: '0,0,0', consumed: 0, superseded: 0, repeats: 0, spare: Infinity, window: 8 });
  }

  offer({ held, runs }) {
    const values = runs.flatMap(({ count, values: run }) => Array(count).fill(run.join()));
    this.queue.push(...Array(held).fill(this.told), ...values);
    this.told = values.at(-1) ?? this.told;
    for (; this.repeats > 0 && this.queue[0] === this.last; this.repeats--) this.#drop(1);
    this.#supersede(Math.max(0, this.queue.length - 3));
  }

  take() {
    if (this.queue.length > 0) {
      this.last = this.queue[0];
      this.#drop(1);
    } else if (this.consumed > 0) this.repeats += 1;
    this.spare = Math.min(this.spare, this.queue.length);
    if (--this.window === 0) {
      this.#supersede(this.spare);
      [this.spare, this.window] = [Infinity, 8];
    }
    return this.last.split(',').map(Number);
  }

  #supersede(count) {
    this.superseded += count;
    this.#drop(count);
  }

  #drop(count) {
    this.queue.splice(0, count);
    this.consumed += count;
  }
}

/** A server that plays the toy game with one avatar, whose inputs may be late. */
function toyGame(server, { push = () => 0, late = () => 0 } = {}) {
  const state = { x: 0, y: 0 };
  const inbox = new Inbox();
  let told = { consumed: 0, superseded: 0 };
  let last = 0;
  const welcome = server.accept;
  server.accept = (peer, message) => {
    welcome(peer, message);
    if (message.type !== 'inputs') return;
    last = Math.max(last, server.time.ms + late());
    server.time.setTimeout(() => inbox.offer(message), last - server.time.ms);
  };
  return {
    state,
    tick(number) {
      predictor.step(state, inbox.take());
      state.x += push(number);
      const { consumed, superseded } = inbox;
      const note = superseded > told.superseded ? { superseded: superseded - told.superseded } : null;
      server.frame({ consumed: consumed - told.consumed, note, zones: [[0, [avatar(1, state.x, state.y), avatar(2, 0)]]] });
      told = { consumed, superseded };
    },
  };
}

async function play({ latency, ticks, script, push, late, perTick }) {
  const joined = await join({ latency });
  const { time, server, room } = joined;
  const game = toyGame(server, { push, late });
  room.usePrediction(predictor);
  const drawn = [];
  for (let tick = 0; tick < ticks; tick++) {
    script?.(room, tick);
    game.tick(tick);
    for (let part = 0; part < 5; part++) {
      await time.advance(10);
      const own = room.view().find(({ id }) => id === 1);
      if (own) drawn.push({ at: time.ms, x: own.values[0], y: own.values[1] });
    }
    perTick?.(joined, game, tick);
  }
  return { ...joined, game, drawn };
}

test('an honest prediction is never corrected, whatever the latency', async () => {
  for (const latency of [5, 60, 150]) {
    const script = (room, tick) => {
      if (tick === 10) room.setInput({ dx: 20 });
      if (tick === 22) room.setInput({ dx: -7 });
      if (tick === 40) room.pressInput({ dash: true });
      if (tick === 60) room.setInput({ dx: 0 });
    };
    const { room, game, drawn } = await play({ latency, ticks: 100, script });
    assert.equal(drawn.at(-1).x, game.state.x, `latency ${latency}`);
    assert.equal(drawn.at(-1).y, 1000);
    const started = drawn.find(({ x }) => x > 0).at;
    assert.ok(started - (1000 + 3 * latency + 500) <= 110, `the avatar starts ${started} at latency ${latency}`);
    for (let index = 1; index < drawn.length; index++) {
      assert.ok(Math.abs(drawn[index].x - drawn[index - 1].x) <= 14, `a jump at latency ${latency}, ${drawn[index].at}`);
    }
    assert.equal(room.stats.corrections, 0, `latency ${latency}`);
  }
});

test('late inputs cost few corrections, and none that stays', async () => {
  for (const latency of [20, 80, 150]) {
    const next = random(latency);
    const late = () => (next() < 0.1 ? next() * 90 : next() * 10);
    const script = (room, tick) => tick % 5 === 0 && room.setInput({ dx: tick > 370 ? 0 : (tick % 3) * 8 - 8 });
    const { room, game, drawn } = await play({ latency, ticks: 400, script, late });
    assert.ok(room.stats.corrections < 20, `${room.stats.corrections} corrections in 400 ticks at latency ${latency}`);
    assert.equal(drawn.at(-1).x, game.state.x);
    const steps = drawn.map(({ x }, index) => Math.abs(x - (drawn[index - 1]?.x ?? x)));
    assert.ok(Math.max(...steps) < 10, `the largest step is ${Math.max(...steps)}`);
  }
});

test('a misprediction fades instead of jumping', async () => {
  const { room, game, drawn } = await play({ latency: 30, ticks: 60, push: (tick) => (tick === 30 ? 300 : 0) });
  assert.equal(room.stats.corrections, 1);
  const steps = drawn.map(({ x }, index) => x - (drawn[index - 1]?.x ?? x));
  assert.ok(Math.max(...steps) < 50, `the largest step is ${Math.max(...steps)}`);
  assert.equal(drawn.at(-1).x, game.state.x);
  const moving = drawn.filter(({ x }) => x > 0 && x < 300);
  assert.ok(moving.length >= 8 && moving.length <= 11, `${moving.length} pictures`);
});

test('an announced correction snaps', async () => {
  const { time, server, room } = await join();
  room.usePrediction(predictor);
  server.frame({ zones: [[0, [avatar(1, 0)]]] });
  await time.advance(50);
  server.frame({ note: { correction: { epoch: 1, reason: 0 } }, zones: [[0, [avatar(1, 1280)]]] });
  await time.advance(11);
  assert.equal(room.view()[0].x, 20);
});

test('prediction ends with the entity and begins with a new one', async () => {
  const { time, server, room } = await join();
  room.usePrediction(predictor);
  room.setInput({ dx: 64 });
  server.frame({ zones: [[0, [avatar(1, 0)]]] });
  await time.advance(200);
  assert.ok(room.view()[0].x > 1);
  server.frame({ consumed: 3, zones: [[0, []]] });
  await time.advance(50);
  assert.equal(room.view().length, 0);
  server.frame({ consumed: 1, zones: [[0, [avatar(1, -640)]]] });
  await time.advance(50);
  assert.ok(room.view()[0].x < -5);
});
