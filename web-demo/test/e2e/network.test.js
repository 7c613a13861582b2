// A device that changes its network: the old connection goes silent and the browser knows it. The page asks at once, and plays on
// within a second; a connection that lives is left alone.

import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';

import { Cable } from './support/cable.js';
import { GameServer } from './support/server.js';
import { Tab, eventually, launch, sleep } from './support/tabs.js';

const OUTAGE = /^WebSocket connection to .* failed|net::ERR_/;
/** Less than a second, and slack for a machine that does other things. Without asking, a page waits for ten seconds. */
const BACK_WITHIN_MS = 2500;

let server, browser, cable;
before(async () => {
  server = await GameServer.start();
  browser = await launch();
  cable = await Cable.to(server.port);
});
after(async () => {
  await browser?.close();
  cable?.close();
  await server?.stop();
});

/** Notes in the page what becomes of the connection, and how long after the newest sign of a change it was resumed. */
function watch(tab) {
  return tab.page.evaluate(() => {
    const { room } = window.tickwire;
    window.told = [];
    for (const sign of ['online', 'offline']) window.addEventListener(sign, () => { window.signAt = performance.now(); }, true);
    room.onConnection((state) => window.told.push(state));
    room.onResume(() => {
      window.told.push('resumed');
      window.backAfter = Math.round(performance.now() - window.signAt);
    });
  });
}

const told = (tab) => tab.page.evaluate(() => window.told);
const isBack = (/** @type {string[]} */ all) => all.includes('resumed');

test('a page whose connection went silent is back soon after the browser hears of a change', async () => {
  for (const sign of ['online', 'offline']) {
    const tab = await Tab.join(browser, cable.url, 'Ada', { allowed: [OUTAGE] });
    const before = await tab.room();
    // The seat of a young connection is held, too, but the first delay is short for a good one only.
    await sleep(5500);
    await watch(tab);
    cable.strand();
    await tab.page.evaluate((type) => window.dispatchEvent(new Event(type)), sign);
    await eventually('the page is back', () => told(tab), isBack);
    const ms = await tab.page.evaluate(() => window.backAfter);
    assert.ok(ms < BACK_WITHIN_MS, `back ${ms} ms after ${sign}`);
    assert.deepEqual(await told(tab), ['reconnecting', 'online', 'resumed']);
    const { id, seat, entity } = await tab.room();
    assert.deepEqual([id, seat, entity], [before.id, before.seat, before.entity]);
    await tab.close();
  }
});

test('a browser that is offline for a while is back soon after it is online', async () => {
  const tab = await Tab.join(browser, cable.url, 'Ada', { allowed: [OUTAGE] });
  await watch(tab);
  await tab.page.context().setOffline(true);
  cable.strand();
  await eventually('the page notices', () => told(tab), (all) => all.includes('reconnecting'));
  await sleep(8000);
  assert.ok(!isBack(await told(tab)));
  await tab.page.context().setOffline(false);
  await eventually('the page is back', () => told(tab), isBack);
  const ms = await tab.page.evaluate(() => window.backAfter);
  assert.ok(ms < BACK_WITHIN_MS, `back ${ms} ms after the browser`);
  await tab.close();
});

test('a connection that lives is left alone', async () => {
  const tab = await Tab.join(browser, cable.url, 'Ada');
  await watch(tab);
  for (const sign of ['offline', 'online', 'pageshow', 'visibilitychange']) {
    await tab.page.evaluate((type) => window.dispatchEvent(new Event(type)), sign);
    await sleep(700);
  }
  assert.deepEqual(await told(tab), []);
  await tab.close();
});
