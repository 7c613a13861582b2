// What is drawn: interpolation of others and the prediction of the own avatar against a fake server
// that plays by the rules of a toy game, in virtual time.

import assert from 'node:assert/strict';
import test from 'node:test';

import { History } from '../client/history.js';
import { KindPlan } from '../client/schema.js';
import { join } from './support/join.js';
import { random } from './support/random.js';
import { WELCOME, avatar } from './support/server.js';

const plan = new KindPlan(WELCOME.schema[0], 0);

test('a sample lies between its neighbours, angles turn the short way, the rest does not move', () => {
  const history = new History(plan, 8, 50);
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
  const history = new History(plan, 4, 50);
  const at = (tick) => {
    const out = new Float64Array(5);
    history.sample(tick, out);
    return out[0];
  };
  history.push(10, Int32Array.of(0, 0, 0, 0, 1));
  history.push(12, Int32Array.of(100, 0, 0, 0, 1), 0, true);
  for (let again = 0; again < 4; again++) history.push(12, Int32Array.of(200, 0, 0, 0, 1));
  assert.deepEqual([history.newest, at(10), at(11.9), at(12)], [12, 0, 0, 200]);
  history.push(14, Int32Array.of(300, 0, 0, 0, 1));
  assert.deepEqual([at(11.9), at(13)], [0, 250]);
});

const bending = new KindPlan({
  name: 'bird', fields: [{ name: 'x', shape: { type: 'int', min: -100_000, max: 100_000 }, motion: 'smooth' }],
}, 0);

/** A history of a moving point, and what it shows. */
function moving(kind, width) {
  const history = new History(kind, 16, 50);
  const out = new Float64Array(width);
  return {
    push: (tick, x, speed = 0, cut = false) => history.push(tick, Int32Array.from([x, ...Array(width - 1).fill(0), speed]), 0, cut),
    at(tick) {
      history.sample(tick, out);
      return out[0];
    },
  };
}

test('without a newer row an entity goes on by its motion for a quarter of a second', () => {
  const { push, at } = moving(plan, 5);
  push(10, 100, 0);
  push(11, 120, 20);
  assert.deepEqual([at(11.5), at(12), at(14.25), at(16), at(99)], [130, 140, 185, 220, 220]);
  assert.equal(at(12.5), 150, 'an earlier moment is as it was');
});

test('the error of that fades, never backwards while the entity moves on, and not at all over a cut', () => {
  const ahead = moving(plan, 5);
  ahead.push(10, 0, 0);
  ahead.push(11, 20, 20);
  let last = ahead.at(14);
  assert.equal(last, 80);
  for (let tick = 12; tick <= 14; tick++) ahead.push(tick, 20 + (tick - 11) * 8, 8);
  assert.equal(ahead.at(14), 80, 'what was drawn stays');
  for (let tick = 14.25, newest = 14; tick < 70; tick += 0.25) {
    while (newest < tick + 1) ahead.push(++newest, 20 + (newest - 11) * 8, 8);
    const x = ahead.at(tick);
    assert.ok(x > last && x - last < 8, `${last} to ${x}`);
    last = x;
  }
  assert.equal(last, 20 + (69.75 - 11) * 8, 'nothing is left of it');
  const cut = moving(plan, 5);
  cut.push(10, 0, 20);
  assert.equal(cut.at(12), 40);
  cut.push(13, 5000, 0, true);
  assert.equal(cut.at(12), 40);
  assert.equal(cut.at(13), 5000);
});

test('after a second without a row nothing fades', () => {
  const { push, at } = moving(plan, 5);
  push(10, 0, 20);
  assert.equal(at(40), 100);
  push(40, 9000);
  assert.equal(at(40), 9000);
});

test('smooth fields are drawn as curves, closer to the truth than straight lines and never beyond two samples', () => {
  const truth = (tick) => 5000 * Math.sin(tick / 8);
  const { push, at } = moving(bending, 1);
  let curve = 0;
  let line = 0;
  for (let tick = 0; tick < 400; tick += 4) {
    push(tick, Math.round(truth(tick)));
    if (tick < 12) continue;
    for (let part = 0.5; part < 4; part += 0.5) {
      const [from, to] = [Math.round(truth(tick - 4)), Math.round(truth(tick))];
      const shown = at(tick - 4 + part);
      assert.ok(shown >= Math.min(from, to) - 1e-9 && shown <= Math.max(from, to) + 1e-9, `${shown} is not between ${from} and ${to}`);
      curve += Math.abs(shown - truth(tick - 4 + part));
      line += Math.abs(from + ((to - from) * part) / 4 - truth(tick - 4 + part));
    }
  }
  assert.ok(curve < line / 2, `${curve} against ${line}`);
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
  step: (state, { dx, dash }) => {
    state.x = Math.min(2000, state.x + dx);
    if (dash) state.y += 1000;
  },
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
      const [dx, , dash] = inbox.take();
      predictor.step(state, { dx, dash });
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
  assert.ok(moving.length >= 12 && moving.length <= 16, `${moving.length} pictures`);
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
