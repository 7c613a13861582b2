// Prediction in a real browser: over twenty seconds of random running and dashing no hash differs, and the own avatar
// ends where the server says, both next door and at the end of a long cable. Each correction is measured; few are
// forgiven, and only for inputs that a busy machine may make or deliver late.

import assert from 'node:assert/strict';
import test from 'node:test';

import { random } from '../support/random.js';
import { longCable } from './support/delay.js';
import { browser, server } from './support/stage.js';
import { Tab, eventually, sleep } from './support/tabs.js';

const SECONDS = 20;
/** Half the round trip of the long cable. */
const CABLE_MS = 60;
/** An input that a busy machine delivers late is a tick of running, or of dashing, off for a moment. */
const LATE = { near: 2, far: 12 };
const KEYS = ['w', 'a', 's', 'd'];

/** A client tick that comes so much later than the one before, in milliseconds: the page stood still meanwhile. */
const STUMBLE_MS = 75;

/** Measures every correction from now on: how many quanta the predicted place was off. Also counts how often the page stood still. */
function measure(tab) {
  return tab.page.evaluate(async (stumble) => {
    const { Prediction } = await import('/client/prediction.js');
    const { reconcile, step } = Prediction.prototype;
    window.off = [];
    window.reconciled = 0;
    window.stumbles = 0;
    let last = performance.now();
    Prediction.prototype.step = function timed(...args) {
      if (performance.now() - last > stumble) window.stumbles += 1;
      last = performance.now();
      return step.apply(this, args);
    };
    Prediction.prototype.reconcile = function measured(...args) {
      const { x, y } = this.current ?? {};
      const wrong = reconcile.apply(this, args);
      window.reconciled += 1;
      if (wrong) window.off.push(Math.hypot(this.current.x - x, this.current.y - y));
      return wrong;
    };
  }, STUMBLE_MS);
}

/** Presses and releases keys at random times, as a hectic player does. */
async function runAround(tab, next, until) {
  const held = new Set();
  while (performance.now() < until) {
    const key = KEYS[Math.floor(next() * KEYS.length)];
    if (held.delete(key)) await tab.page.keyboard.up(key);
    else if (held.add(key)) await tab.page.keyboard.down(key);
    if (next() < 0.15) await tab.page.keyboard.press('Shift');
    await sleep(30 + next() * 250);
  }
  for (const key of held) await tab.page.keyboard.up(key);
}

/** Waits until the avatar stands, as drawn, exactly where the server has it. */
function settles(tab) {
  return eventually('the drawn place is the server\'s', () => tab.whereabouts(), ({ x, y, seen }) => x === seen.x && y === seen.y);
}

test(`${SECONDS} s of running and dashing are predicted`, async (t) => {
  const cable = await longCable(server.port, CABLE_MS);
  t.after(() => cable.close());
  const near = await Tab.join(browser, server.url, 'Near');
  const far = await Tab.join(browser, cable.url, 'Far');
  // Inputs find their rhythm at first.
  await sleep(2000);
  const seed = Math.floor(Math.random() * 2 ** 31);
  t.diagnostic(`seed ${seed}`);
  await Promise.all([near, far].map(measure));
  const until = performance.now() + SECONDS * 1000;
  await Promise.all([runAround(near, random(seed), until), runAround(far, random(seed + 1), until)]);
  for (const [tab, name] of [[near, 'near'], [far, 'far']]) {
    await settles(tab);
    const { stats } = await tab.room();
    const { off, reconciled, stumbles } = await tab.page.evaluate(() => ({ off: window.off, reconciled: window.reconciled, stumbles: window.stumbles }));
    const worst = Math.max(0, ...off);
    t.diagnostic(`${name}: ping ${stats.ping} ms, ${off.length} corrections, the worst by ${worst.toFixed(1)} quanta, ${stats.desyncs} desyncs, ${stumbles} stumbles`);
    assert.equal(stats.desyncs, 0);
    assert.ok(reconciled > SECONDS * 15, `compared with ${reconciled} frames`);
    assert.ok(off.filter((quanta) => quanta > 1).length <= LATE[name] + stumbles, `${name} was corrected by ${off.map((quanta) => quanta.toFixed(1))} quanta`);
  }
  for (const tab of [near, far]) await tab.close();
});
