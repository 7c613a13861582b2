// The network figures and graphs over the game: all are there, their numbers are those of a room at 20 ticks per second on
// the same machine, and whether they are shown is remembered.

import assert from 'node:assert/strict';
import test from 'node:test';

import { browser, server } from './support/stage.js';
import { Tab, eventually, sleep } from './support/tabs.js';

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
  await ada.page.keyboard.press('h');
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
  for (const tab of [ada, bob]) await tab.close();
});

/** The graphs as they read, and how many points each shows. */
function graphs(tab) {
  return tab.page.locator('#graphs li').evaluateAll((rows) => Object.fromEntries(rows.map((row) => [row.dataset.graph, {
    text: row.querySelector('.value').textContent,
    points: row.querySelector('.line').getAttribute('d')?.split('L').length ?? 0,
  }])));
}

test('the graphs grow, H switches them, and that is remembered', async () => {
  const tab = await Tab.join(browser, server.url, 'Ada');
  const hud = tab.page.locator('#hud');
  assert.ok(await hud.isHidden(), 'nobody has asked for them');
  await tab.page.keyboard.press('h');
  assert.ok(await hud.isVisible());
  await eventually('every graph has a line', () => graphs(tab), (all) => Object.values(all).length === 4 && Object.values(all).every(({ points }) => points > 3));
  const first = await graphs(tab);
  assert.match(first.ping.text, /^\d+(\.\d)? ms$/);
  assert.match(first['per tick'].text, /^\d+ B$/);
  assert.match(first['frame time'].text, /^\d+(\.\d)? ms$/);
  await sleep(800);
  const second = await graphs(tab);
  for (const name of Object.keys(first)) assert.ok(second[name].points > first[name].points, `${name} has ${second[name].points} points`);
  await tab.page.keyboard.press('h');
  await eventually('H hides them', () => hud.isHidden());
  assert.equal(await tab.page.getAttribute('#stats', 'aria-pressed'), 'false');
  await tab.page.reload();
  await tab.inRoom();
  assert.ok(await hud.isHidden(), 'they stay hidden');
  await tab.page.click('#stats');
  await eventually('the button shows them', () => hud.isVisible());
  await tab.page.reload();
  await tab.inRoom();
  assert.ok(await hud.isVisible(), 'they stay shown');
  await tab.close();
});
