// Without a mouse: the list of keys opens and closes by keys, keeps them from the game, and every button is reached by
// Tab and has a name.

import assert from 'node:assert/strict';
import test from 'node:test';

import { browser, server } from './support/stage.js';
import { Tab, eventually, sleep } from './support/tabs.js';

/** What has the focus: its id, and its name for those who do not see it. */
function focused(tab) {
  return tab.page.evaluate(() => {
    const { activeElement: at } = document;
    return { id: at.id || at.dataset.switch, name: at.getAttribute('aria-label') ?? at.textContent.trim() };
  });
}

test('the help takes the keys while it is open', async () => {
  const tab = await Tab.join(browser, server.url, 'Ada');
  const { key } = await tab.openWay();
  const start = await tab.whereabouts();
  await tab.page.keyboard.down(key);
  await tab.page.keyboard.press('?');
  const help = tab.page.locator('#help');
  await eventually('? opens it', () => help.isVisible());
  await tab.shot('help');
  await sleep(400);
  const stopped = await tab.whereabouts();
  await tab.page.keyboard.up(key);
  await tab.hold(key, 400);
  assert.deepEqual((await tab.whereabouts()).raw, stopped.raw, 'nobody runs on behind it');
  await tab.page.keyboard.press('Escape');
  await eventually('Escape closes it', () => help.isHidden());
  assert.equal((await focused(tab)).id, 'game');
  await tab.page.keyboard.press('?');
  await eventually('? opens it again', () => help.isVisible());
  await tab.page.keyboard.press('?');
  await eventually('? closes it', () => help.isHidden());
  await tab.hold(key, 500);
  await eventually('the keys are the game\'s again', () => tab.whereabouts(), ({ x, y }) => Math.hypot(x - start.x, y - start.y) > 1);
  await tab.close();
});

test('Tab reaches every button in order, and Escape the game', async () => {
  const tab = await Tab.join(browser, server.url, 'Ada');
  const seen = [];
  for (let step = 0; step < 7; step += 1) {
    await tab.page.keyboard.press('Tab');
    seen.push(await focused(tab));
  }
  assert.deepEqual(seen.map(({ id }) => id), ['leave', 'invite-open', 'chat-open', 'stats', 'sound', 'theme', 'help-open']);
  for (const { id, name } of seen) assert.ok(name.length > 2, `${id} is called ${JSON.stringify(name)}`);
  const outline = await tab.page.evaluate(() => getComputedStyle(document.activeElement).outlineWidth);
  assert.equal(outline, '3px', 'the focus is seen');
  await tab.page.keyboard.press('Space');
  await eventually('Space presses a button that has the focus', () => tab.page.locator('#help').isVisible());
  await tab.page.keyboard.press('Escape');
  await tab.page.keyboard.press('Tab');
  await tab.page.keyboard.press('Escape');
  await eventually('Escape returns to the game', () => focused(tab), ({ id }) => id === 'game');
  await tab.close();
});
