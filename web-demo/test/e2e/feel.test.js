// What the page shows of the network, and a simulated one: figures and ghosts, `?net=` and the choice in the HUD.

import assert from 'node:assert/strict';
import test from 'node:test';

import { Crowd } from './support/crowd.js';
import { browser, server } from './support/stage.js';
import { Tab, eventually, sleep } from './support/tabs.js';

/** The modules that the page has loaded. */
function loaded(tab) {
  return tab.page.evaluate(() => performance.getEntriesByType('resource').map(({ name }) => name.split('/').at(-1)));
}

function ping(tab) {
  return tab.page.evaluate(() => globalThis.tickwire?.room.stats.ping ?? 0);
}

test('a page on the real network does not load the link', async () => {
  const tab = await Tab.join(browser, server.url, 'Ada');
  const names = await loaded(tab);
  assert.ok(names.includes('clock.js'));
  assert.ok(!names.includes('link.js') && !names.includes('link-socket.js'), names.join());
  await tab.close();
});

test('the address and the HUD choose a network, and the seat stays', async () => {
  const tab = await Tab.join(browser, server.url, 'Ada', { query: '&net=spiky' });
  await eventually('the round trip is that of the link', () => ping(tab), (ms) => ms >= 60 && ms < 1000);
  const seat = await tab.page.evaluate(() => globalThis.tickwire.room.entity);
  await tab.page.keyboard.press('h');
  await Promise.all([tab.page.waitForNavigation(), tab.page.selectOption('#net', '')]);
  await tab.inRoom();
  await eventually('the round trip is short again', () => ping(tab), (ms) => ms > 0 && ms < 50);
  assert.equal(await tab.page.evaluate(() => globalThis.tickwire.room.entity), seat);
  assert.ok(!(await loaded(tab)).includes('link.js'));
  await tab.close();
});

test('an unknown network is told, and the game can be played', async () => {
  const tab = await Tab.open(browser, `${server.url}/?net=moon`);
  await eventually('the lobby says what there is', () => tab.page.textContent('body'), (text) => /no link profile "moon": there are lan, wifi, lte, train, spiky/.test(text));
  await tab.close();
});

test('figures and ghosts, on a desktop and a phone', async () => {
  const crowd = new Crowd();
  await crowd.join(server.url, 8);
  const bob = await Tab.join(browser, server.url, 'Bob');
  const { key } = await bob.openWay();
  const ada = await Tab.join(browser, server.url, 'Ada', { query: '&net=wifi' });
  // The others come near, so that there is something to see.
  const { entity } = await ada.room();
  crowd.spared = entity;
  crowd.meeting = await ada.whereabouts();
  await ada.page.keyboard.press('h');
  await ada.page.check('#ghosts');
  await bob.hold(key, 1500);
  const figure = (name) => ada.page.textContent(`#hud dd[data-figure="${name}"]`);
  await sleep(4000);
  assert.match(await figure('age'), /^\d+ ms$/);
  assert.match(await figure('buffer'), /^-?\d+ ms$/);
  assert.match(await figure('last one'), /^\d+ cm$/);
  await ada.shot('feel-desktop');
  await ada.page.setViewportSize({ width: 390, height: 760 });
  await eventually('the controls are there', () => ada.page.isVisible('#net'));
  await ada.shot('feel-phone');
  crowd.leave();
  for (const tab of [ada, bob]) await tab.close();
});
