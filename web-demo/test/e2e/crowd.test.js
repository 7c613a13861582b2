// A busy room on every kind of screen: a dozen players run, throw and collect, the pages stay in step and complain of
// nothing. Leaves pictures of lobby and game, dark and light, wide and narrow, in test-results.

import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';

import { Crowd } from './support/crowd.js';
import { GameServer } from './support/server.js';
import { Tab, eventually, launch, sleep } from './support/tabs.js';

const PLAYERS = 11;
const SCREENS = {
  wide: { viewport: { width: 1440, height: 900 } },
  narrow: { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 },
};

let server, browser, crowd, others;
before(async () => {
  server = await GameServer.start();
  browser = await launch();
  crowd = new Crowd();
  await crowd.join(server.url, PLAYERS);
  others = new Crowd();
  await others.join(server.url, 3, 'field');
});
after(async () => {
  crowd?.leave();
  others?.leave();
  await browser?.close();
  await server?.stop();
});

for (const [screen, options] of Object.entries(SCREENS)) {
  for (const colorScheme of ['dark', 'light']) {
    test(`a busy room on a ${screen} screen, ${colorScheme}`, async () => {
      const tab = await Tab.open(browser, `${server.url}/?name=Ada`, { ...options, colorScheme });
      await eventually('both rooms are listed', () => tab.page.locator('#rooms li').count(), (count) => count === 2);
      await sleep(300);
      await tab.shot(`crowd-lobby-${screen}-${colorScheme}`);
      await tab.page.click('#play');
      await tab.inRoom();
      await eventually('everybody is there', () => tab.room(), ({ players }) => players.length === PLAYERS + 1);
      await sleep(1500);
      await tab.shot(`crowd-game-${screen}-${colorScheme}`);
      const { stats } = await tab.room();
      assert.equal(stats.desyncs, 0);
      assert.ok(stats.snapshots > 20, `${stats.snapshots} frames`);
      await tab.close();
      await eventually('the seat is free', async () => crowd.rooms[0].players.size, (size) => size === PLAYERS);
    });
  }
}
