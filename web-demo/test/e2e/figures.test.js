// The network figures over the game: all are there, and their numbers are those of a room at 20 ticks per second on
// the same machine.

import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';

import { GameServer } from './support/server.js';
import { Tab, eventually, launch, sleep } from './support/tabs.js';

let server, browser;
before(async () => {
  server = await GameServer.start();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** The figures as they read. */
function figures(tab) {
  return tab.page.locator('#hud dd').evaluateAll((cells) => Object.fromEntries(cells.map((cell) => [cell.dataset.figure, cell.textContent])));
}

/** `1.5 KiB/s` or `300 B/s` in bytes. */
function bytes(text) {
  const [, number, kibi] = /^([\d.]+) (Ki)?B\/s$/.exec(text);
  return Number(number) * (kibi ? 1024 : 1);
}

test('the figures are there and plausible', async () => {
  const ada = await Tab.join(browser, server.url, 'Ada');
  const bob = await Tab.join(browser, server.url, 'Bob');
  const { key } = await bob.openWay();
  await bob.hold(key, 2500);
  const first = await figures(ada);
  await sleep(2000);
  const second = await figures(ada);
  const ping = /^(\d+) ms$/.exec(second.ping);
  assert.ok(ping && Number(ping[1]) < 100, second.ping);
  const ticks = Number(second.tick) - Number(first.tick);
  assert.ok(ticks >= 30 && ticks <= 55, `${ticks} ticks in two seconds at 20 Hz`);
  assert.equal(second.rate, '20 Hz');
  assert.match(second['held frames'], /^\d+$/);
  assert.ok(bytes(second.down) > 10 && bytes(second.down) < 4096, second.down);
  assert.ok(bytes(second.up) > 5 && bytes(second.up) < 2048, second.up);
  const share = /^(\d+\.\d\d) B$/.exec(second['per player, tick']);
  assert.ok(share && Number(share[1]) > 0.1 && Number(share[1]) < 60, second['per player, tick']);
  assert.equal(second.desyncs, '0');
  const costs = ada.page.locator('#costs');
  await eventually('the page says where the bytes go', () => costs.locator('li').count(), (count) => count > 0);
  assert.match((await costs.locator('li').first().textContent()) ?? '', /^[a-z ]+\d+\.\d\d bit$/);
  assert.match(second.delay, /^\d+ ms$/);
  await ada.page.keyboard.press('h');
  await eventually('H hides them', () => ada.page.locator('#hud').isHidden());
  await ada.page.keyboard.press('h');
  await eventually('H shows them', () => ada.page.locator('#hud').isVisible());
  for (const tab of [ada, bob]) await tab.close();
});
