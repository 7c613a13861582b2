// On a phone: the page fits, the touch controls are there, and fingers steer, throw and dash.

import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';

import { GameServer } from './support/server.js';
import { Tab, eventually, launch, sleep } from './support/tabs.js';

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };

let server, browser;
before(async () => {
  server = await GameServer.start();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** Moves one finger; playwright itself can only tap. */
async function finger(tab) {
  const session = await tab.page.context().newCDPSession(tab.page);
  const send = (type, points) => session.send('Input.dispatchTouchEvent', { type, touchPoints: points });
  return {
    down: (x, y) => send('touchStart', [{ x, y }]),
    move: (x, y) => send('touchMove', [{ x, y }]),
    up: () => send('touchEnd', []),
  };
}

/** Whether nothing is wider than the screen. */
function fits(tab) {
  return tab.page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth);
}

test('the stick moves the avatar, the buttons throw and dash', async () => {
  const tab = await Tab.open(browser, `${server.url}/?name=Ada`, PHONE);
  assert.ok(await fits(tab), 'the lobby fits');
  await tab.shot('phone-lobby');
  await tab.page.tap('#play');
  await tab.inRoom();
  assert.ok(await fits(tab), 'the game fits');
  const stick = await tab.page.locator('#stick').boundingBox();
  assert.ok(stick, 'the stick is shown without a mouse');
  const [x, y] = [stick.x + stick.width / 2, stick.y + stick.height / 2];
  const touch = await finger(tab);
  const start = await tab.whereabouts();
  const { dx, dy } = await tab.openWay();
  await touch.down(x, y);
  await touch.move(x + dx * 40, y + dy * 40);
  await sleep(600);
  await tab.shot('phone-stick');
  await touch.up();
  const along = (place) => (place.x - start.x) * dx + (place.y - start.y) * dy;
  await eventually('the avatar went where the stick pointed', () => tab.whereabouts(), (place) => along(place) > 1.5);
  await sleep(300);
  const stands = await tab.whereabouts();
  await sleep(300);
  assert.deepEqual((await tab.whereabouts()).raw, stands.raw, 'letting go stops');

  await tab.page.evaluate(() => {
    window.balls = 0;
    window.dashes = 0;
    const { room } = window.tickwire;
    room.onAdd('snowball', () => { window.balls += 1; });
    room.onChange('avatar', ({ mood }) => { if (mood === 'dash') window.dashes += 1; });
  });
  await tab.page.tap('#touch-throw');
  await eventually('a snowball flies', () => tab.page.evaluate(() => window.balls));
  await tab.page.tap('#touch-dash');
  await eventually('the avatar dashes', () => tab.page.evaluate(() => window.dashes));
  await tab.close();
});
