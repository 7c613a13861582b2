// The room's time and the playout of others, in virtual time; and the golden vectors of both, which the Rust client reads, too.
// UPDATE_GOLDEN=1 writes them.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import test from 'node:test';

import { RoomClock } from '../client/clock.js';
import { random } from './support/random.js';

const GOLDEN = new URL('../../tests/golden/clock.json', import.meta.url);

/** Plays frames that come in order with these delays, and draws 60 pictures per second. */
function play(clock, { frames = 400, every = 1, delay, looks = () => true, look, from = 1 }) {
  let inOrder = 0;
  const queue = [];
  for (let tick = from; tick < from + frames; tick += typeof every === 'function' ? every(tick) : every) {
    inOrder = Math.max(inOrder, tick * 50 + delay(tick));
    queue.push([inOrder, tick]);
  }
  let newest = from - 1;
  for (let now = queue[0][0]; now < (from + frames) * 50; now += 16) {
    for (; queue.length > 0 && queue[0][0] <= now; queue.shift()) clock.arrived((newest = queue[0][1]), queue[0][0]);
    if (looks(now)) look?.(clock.show(now), now, newest);
  }
}

/** Watches that time runs by at most a tenth faster or slower, and how often there was no newer frame. */
function watch(since = 4000) {
  const seen = { last: -Infinity, at: 0, starved: 0, pictures: 0 };
  seen.look = (shown, now, newest) => {
    if (seen.last > -Infinity) {
      const pace = ((shown - seen.last) * 50) / (now - seen.at);
      assert.ok(pace > 0.899 && pace < 1.101, `time runs at ${pace} at ${now}`);
    }
    [seen.last, seen.at] = [shown, now];
    if (now < since) return;
    seen.pictures += 1;
    if (shown > newest) seen.starved += 1;
  };
  return seen;
}

test('playback runs evenly behind uneven arrivals, and a newer frame is nearly always there', () => {
  const next = random(3);
  const clock = new RoomClock(50);
  const seen = watch();
  play(clock, { frames: 1200, delay: () => 30 + next() * 60, look: seen.look });
  assert.ok(seen.starved < seen.pictures / 100, `${seen.starved} of ${seen.pictures} pictures`);
  assert.ok(clock.delay > 50 && clock.delay < 130, `a delay of ${clock.delay} ms`);
});

test('a steady connection is shown a tick late', () => {
  const clock = new RoomClock(50);
  play(clock, { frames: 400, delay: () => 7 });
  for (let now = 20_100; now < 27_000; now += 16) clock.show(now);
  assert.ok(clock.delay > 51 && clock.delay < 57, `${clock.delay}`);
});

test('the delay grows at once, and shrinks slowly after clean seconds', () => {
  const clock = new RoomClock(50);
  const targets = new Map();
  play(clock, { frames: 1400, delay: (tick) => (tick > 400 && tick < 420 ? 150 : 5), look: (_shown, now) => targets.set(Math.floor(now / 1000), clock.target) });
  assert.ok(targets.get(19) < 60, `${targets.get(19)}`);
  assert.ok(targets.get(21) > 190, `${targets.get(21)}`);
  assert.ok(targets.get(39) > 190, 'bad frames are remembered for 20 seconds');
  assert.ok(targets.get(69) < 60, `${targets.get(69)}`);
  for (let second = 40; second < 69; second++) assert.ok(targets.get(second) - targets.get(second + 1) < 11, `at ${second} s`);
});

test('playback follows fewer frames and more of them without a jump', () => {
  const clock = new RoomClock(50);
  const seen = watch(16_000);
  play(clock, { frames: 2400, every: (tick) => (tick > 200 && tick < 700 ? 4 : 1), delay: () => 20, look: seen.look });
  assert.ok(seen.starved === 0, `${seen.starved} pictures without a newer frame`);
  assert.ok(clock.delay < 60, `${clock.delay} ms`);
});

test('an outage is no reason for a delay, and is not made up for', () => {
  const clock = new RoomClock(50);
  const seen = watch();
  play(clock, { frames: 800, delay: (tick) => (tick >= 300 && tick < 316 ? (316 - tick) * 50 : 5), look: seen.look });
  assert.ok(clock.target < 60, `${clock.target}`);
});

test('a client that was stopped takes nothing for late, and shows the present at once', () => {
  const clock = new RoomClock(50);
  play(clock, { frames: 200, delay: () => 5 });
  const now = 200 * 50 + 5000;
  clock.awake(now);
  for (let tick = 201; tick <= 300; tick++) clock.arrived(tick, now);
  const shown = clock.show(now);
  assert.ok(Math.abs((300 - shown) * 50 - clock.target) < 100, `tick ${shown}`);
  assert.ok(clock.target <= 100, `${clock.target}`);
});

test('a client that stumbles every second does not take that for the network', () => {
  const clock = new RoomClock(50);
  for (let tick = 1, now = 0; tick <= 600; tick++) {
    // In the last 300 ms of each second it does nothing.
    const due = tick * 50 + 5;
    const phase = due % 1000;
    now = Math.max(now, phase > 700 ? due - phase + 1000 : due);
    if (phase > 700 || tick % 20 === 0) clock.awake(now);
    clock.arrived(tick, now);
    clock.show(now);
  }
  assert.ok(clock.target < 62, `${clock.target}`);
});

test('a page that was hidden shows the present at once', () => {
  const clock = new RoomClock(50);
  play(clock, { frames: 12_400, delay: () => 5, looks: (now) => now < 10_000 || now > 610_000, look: (shown, now, newest) => assert.ok(newest - shown < 2.1, `${shown} at ${now}`) });
});

test('a server whose time has moved is followed within 200 ms', () => {
  const clock = new RoomClock(50);
  play(clock, { frames: 200, delay: () => 5 });
  for (let tick = 200; tick < 204; tick++) {
    const now = tick * 50 + 4005;
    for (let at = now; at < now + 50; at += 10) clock.show(at);
    clock.arrived(tick, now);
  }
  const now = 203 * 50 + 4005;
  assert.equal(clock.newest(now), 203);
  assert.equal(203 - clock.show(now), clock.target / 50);
});

test('playback that began before the first frame does not lead it', () => {
  const clock = new RoomClock(50);
  clock.show(200);
  clock.arrived(1, 220);
  clock.show(230);
  assert.equal(clock.delay, 100);
});

test("the server's time is that of a frame half a round trip ago, and never steps", () => {
  const next = random(9);
  const clock = new RoomClock(50);
  const error = (now) => clock.server(now) - (now - 1000);
  let last = null;
  for (let tick = 1, at = 0; tick < 2000; tick++) {
    // The path becomes 60 ms longer in both directions.
    const path = tick < 800 ? 40 : 100;
    at = Math.max(at, 1000 + tick * 50 + path + next() * 30);
    clock.arrived(tick, at);
    if (tick % 20 === 0) clock.answered(2 * path + next() * 30, at);
    if (last) assert.ok(Math.abs(clock.server(at) - last.server - (at - last.at)) <= 0.1 * (at - last.at) + 1e-6, `a step at ${at}`);
    last = { at, server: clock.server(at) };
    if (tick === 700) assert.ok(Math.abs(error(at)) < 8, `${error(at)}`);
  }
  assert.ok(Math.abs(error(last.at)) < 8, `${error(last.at)}`);
  assert.ok(clock.rtt() >= 200 && clock.rtt() < 215);
  assert.ok(clock.lateness > 25 && clock.lateness < 32);
});

/** One case of the vectors: what happens to a clock, and what it says after each picture. */
function recorded(name, { period, interval = period, seed, frames, delay, every = 1, stop = null, ping = null }) {
  const next = random(seed);
  const clock = new RoomClock(period, interval);
  const steps = [];
  const round = (value) => Math.round(value * 1000) / 1000;
  let inOrder = 0;
  let drawn = 0;
  for (let tick = 1; tick <= frames; tick += every) {
    inOrder = round(Math.max(inOrder, tick * period + delay(tick, next)));
    if (stop && tick > stop.from && tick <= stop.to) inOrder = round(stop.to * period + 20);
    for (; drawn + 40 < inOrder; drawn += 40) {
      if (stop && drawn > stop.from * period && drawn < stop.to * period) continue;
      const shown = clock.show(drawn);
      steps.push({ draw: drawn, ...(shown > -Infinity && { shown, server: clock.server(drawn), delay: clock.delay }) });
    }
    clock.arrived(tick, inOrder);
    steps.push({ frame: inOrder, tick });
    if (ping && tick % 20 === 0) {
      const trip = round(ping(tick, next));
      clock.answered(trip, inOrder);
      steps.push({ pong: inOrder, trip });
    }
  }
  return { name, period, interval, steps, rtt: clock.rtt(), jitter: clock.lateness, target: clock.target };
}

test('the vectors are what the clock says', () => {
  const cases = [
    recorded('steady', { period: 50, seed: 1, frames: 160, delay: () => 30, ping: () => 60 }),
    recorded('jitter', { period: 50, seed: 2, frames: 500, delay: (_tick, next) => 40 + next() * 60, ping: (_tick, next) => 80 + next() * 60 }),
    recorded('fewer frames', { period: 50, interval: 100, every: 2, seed: 3, frames: 300, delay: (_tick, next) => 20 + next() * 10 }),
    recorded('a stall and a longer path', { period: 16.667, seed: 4, frames: 700, delay: (tick, next) => (tick > 300 ? 90 : 30) + (tick > 150 && tick < 160 ? 140 : 0) + next() * 4, ping: (tick) => (tick > 300 ? 180 : 60) }),
    recorded('a stop', { period: 50, seed: 5, frames: 260, delay: () => 10, stop: { from: 100, to: 200 } }),
    recorded('the server pauses', { period: 50, seed: 6, frames: 200, delay: (tick) => (tick > 100 ? 3010 : 10) }),
  ];
  const text = `[\n${cases.map((each) => JSON.stringify(each)).join(',\n')}\n]\n`;
  if (process.env.UPDATE_GOLDEN) writeFileSync(GOLDEN, text);
  assert.ok(readFileSync(GOLDEN, 'utf8') === text, 'clock.json: the clock says something else than the vectors');
});
