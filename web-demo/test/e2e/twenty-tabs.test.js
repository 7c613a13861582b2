// Twenty tabs of one browser: a browser opens six connections to a server, so tabs with a stream each would keep the seventh from
// loading. All share one stream, whichever of them are closed.

import assert from 'node:assert/strict';
import test from 'node:test';

import { Client } from '../../client/index.js';
import { browser, server } from './support/stage.js';
import { Tab, eventually } from './support/tabs.js';

const TABS = 20;
const PATIENCE_MS = 60_000;

/** What a tab shows of the list: whether it is live, and the rooms. */
function shown(tab) {
  return tab.page.evaluate(() => ({
    feed: document.getElementById('feed').textContent,
    rooms: [...document.querySelectorAll('#rooms .join')].map(({ dataset }) => dataset.room),
  }));
}


test('twenty tabs load and show the same list, also when the first ones are closed', async () => {
  const client = new Client(`${server.url.replace('http', 'ws')}/play`);
  const first = await client.create('arena', { name: 'Host' });
  const tabs = [await Tab.open(browser, server.url)];
  const context = tabs[0].page.context();
  // What a page draws in the background is not what is tested here.
  await context.addInitScript(() => { window.requestAnimationFrame = () => 0; });
  for (let count = 1; count < TABS; count++) {
    const tab = new Tab(await context.newPage(), []);
    await tab.page.goto(server.url, { timeout: PATIENCE_MS });
    tabs.push(tab);
  }
  const showAll = async (rest, rooms) => {
    for (const tab of rest) {
      const same = ({ feed, rooms: listed }) => feed === 'live' && listed.sort().join() === rooms.map(({ id }) => id).sort().join();
      await eventually('the tab shows the rooms', () => shown(tab), same, PATIENCE_MS);
    }
  };
  await showAll(tabs, [first]);
  for (const tab of tabs.slice(0, 8)) await tab.page.close();
  const second = await client.create('arena', { name: 'Host' });
  await showAll(tabs.slice(8), [first, second]);
  for (const tab of tabs) tab.check();
  await first.leave();
  await second.leave();
  await context.close();
});
