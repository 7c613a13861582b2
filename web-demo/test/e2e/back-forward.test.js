// The back and forward buttons: Chromium keeps the page in memory and shows it again. The others see at once that the player is
// away; a player who is soon back has the seat, and one who is late is told that it is gone.

import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';

import { Client } from '../../client/index.js';
import { GameServer } from './support/server.js';
import { Tab, eventually, launch, sleep } from './support/tabs.js';

/** What Chromium says when it breaks a connection itself, and about a room that has just closed. */
const ALLOWED = [/status of 404/];
/** Longer than the server holds the seat of a page that went away: ten seconds. */
const TOO_LATE_MS = 12_000;
/** The server hears of it at once. Without, a page that answers nothing is noticed after six seconds. */
const AWAY_WITHIN_MS = 4000;

let server, browser, host;
before(async () => {
  server = await GameServer.start();
  // Playwright switches the cache off.
  browser = await launch({ ignoreDefaultArgs: ['--disable-back-forward-cache'] });
  host = await new Client(`${server.url.replace('http', 'ws')}/play`).create('arena', { name: 'Host' });
});
after(async () => {
  await host?.leave();
  await browser?.close();
  await server?.stop();
});

/** A page in the host's room, which notes what it is told. */
async function enter() {
  const tab = await Tab.open(browser, `${server.url}/?room=${host.id}&name=Ada`, { allowed: ALLOWED });
  await tab.inRoom();
  const before = await tab.room();
  await tab.page.evaluate(() => {
    const { room } = window.tickwire;
    window.told = [];
    window.addEventListener('pageshow', ({ persisted }) => window.told.push(`shown ${persisted}`));
    room.onResume(() => window.told.push('resumed'));
    room.onReconnect(() => window.told.push('reconnected'));
    room.onLeave((code, _text, back) => window.told.push(`leave ${code} ${back}`));
  });
  return { tab, before };
}

/** Nothing while the browser is between two pages. */
const told = (tab) => tab.page.evaluate(() => window.told ?? []).catch(() => []);
const isAway = (seat) => async () => host.players.get(seat)?.away ?? null;

/** Goes to another page and is seen to be away. */
async function goAway(tab, seat) {
  const from = performance.now();
  await tab.page.goto(`${server.url}/demo/icons.svg`);
  await eventually('the others see that the player is away', isAway(seat), (away) => away === true);
  const ms = performance.now() - from;
  assert.ok(ms < AWAY_WITHIN_MS, `seen after ${Math.round(ms)} ms`);
}

test('a player who goes back is in the seat again', async () => {
  const { tab, before } = await enter();
  for (let round = 1; round <= 2; round++) {
    await goAway(tab, before.seat);
    await sleep(1000);
    await tab.page.evaluate(() => history.back()).catch(() => {});
    await eventually('the seat is back', () => told(tab), (all) => all.filter((line) => line === 'resumed').length === round);
    await eventually('the others see it', isAway(before.seat), (away) => away === false);
  }
  assert.deepEqual((await told(tab)).filter((line) => line !== 'leave 1001 true'), ['shown true', 'resumed', 'shown true', 'resumed']);
  const { id, seat, entity } = await tab.room();
  assert.deepEqual([id, seat, entity], [before.id, before.seat, before.entity]);
  await tab.close();
});

test('a player who goes back too late is told so, and is in no other room', async () => {
  const { tab, before } = await enter();
  await goAway(tab, before.seat);
  await eventually('the seat is free', isAway(before.seat), (away) => away === null, TOO_LATE_MS);
  await tab.page.evaluate(() => history.back()).catch(() => {});
  await eventually('the page is told', () => told(tab), (all) => all.includes('leave 4504 false'));
  assert.deepEqual(await told(tab), ['leave 1001 true', 'shown true', 'leave 4504 false']);
  const { id, connection } = await tab.room();
  assert.deepEqual([id, connection, (await server.rooms()).length], [before.id, 'closed', 1]);
  assert.match(await tab.page.locator('#status-text').textContent(), /away for too long/);
  await tab.close();
});
