// On a phone: the page fits upright and on its side, the touch controls are there, fingers steer, throw and dash, and the
// page neither zooms, scrolls nor selects text under them.

import assert from 'node:assert/strict';
import test from 'node:test';

import { browser, server } from './support/stage.js';
import { Tab, eventually, sleep } from './support/tabs.js';

const SIDEWAYS = { viewport: { width: 844, height: 390 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };
const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };

/** Moves fingers; playwright itself can only tap. */
async function finger(tab) {
  const session = await tab.page.context().newCDPSession(tab.page);
  const send = (type, points) => session.send('Input.dispatchTouchEvent', { type, touchPoints: points });
  return {
    down: (...points) => send('touchStart', points),
    move: (...points) => send('touchMove', points),
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
  await touch.down({ x, y });
  await touch.move({ x: x + dx * 40, y: y + dy * 40 });
  await sleep(600);
  await tab.shot('phone-stick');
  await touch.up();
  const along = (place) => (place.x - start.x) * dx + (place.y - start.y) * dy;
  await eventually('the avatar went where the stick pointed', () => tab.whereabouts(), (place) => along(place) > 1.5);
  await sleep(300);
  const stands = await tab.whereabouts();
  await sleep(300);
  assert.deepEqual((await tab.whereabouts()).raw, stands.raw, 'letting go stops');

  // Back where it came from: a snowball thrown at a wall is gone at once.
  await touch.down({ x, y });
  await touch.move({ x: x - dx * 40, y: y - dy * 40 });
  await eventually('it turns back', () => tab.whereabouts(), (place) => along(place) < along(stands) - 0.6);
  await touch.up();
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

test('the stick comes to the thumb, and a second finger throws meanwhile', async () => {
  const tab = await Tab.join(browser, server.url, 'Ada', SIDEWAYS);
  assert.ok(await fits(tab), 'the game fits on its side');
  const [stick, button] = await Promise.all(['#stick', '#touch-throw'].map((id) => tab.page.locator(id).boundingBox()));
  for (const box of [stick, button]) assert.ok(box.x >= 0 && box.y >= 0 && box.x + box.width <= 844 && box.y + box.height <= 390, JSON.stringify(box));
  await tab.page.evaluate(() => {
    window.balls = 0;
    window.tickwire.room.onAdd('snowball', () => { window.balls += 1; });
  });
  const start = await tab.whereabouts();
  const { dx, dy } = await tab.openWay();
  const touch = await finger(tab);
  const thumb = { x: 250, y: 240, id: 1 };
  const bent = { x: thumb.x + dx * 40, y: thumb.y + dy * 40, id: 1 };
  await touch.down(thumb);
  await touch.move(bent);
  const moved = await tab.page.locator('#stick').boundingBox();
  assert.ok(Math.hypot(moved.x + moved.width / 2 - thumb.x, moved.y + moved.height / 2 - thumb.y) < 2, 'it is centred under the thumb');
  await touch.down(bent, { x: button.x + 40, y: button.y + 40, id: 2 });
  await eventually('a snowball flies', () => tab.page.evaluate(() => window.balls));
  await eventually('while the avatar runs', () => tab.whereabouts(), ({ x, y }) => (x - start.x) * dx + (y - start.y) * dy > 1);
  await touch.up();
  await eventually('it stands', () => tab.page.evaluate(() => window.tickwire.play.wishes.way()), (way) => way === null);
  assert.equal(Math.round((await tab.page.locator('#stick').boundingBox()).x), Math.round(stick.x), 'the stick is back in its place');
  await tab.close();
});

test('hasty fingers do not zoom, scroll or select', async () => {
  const tab = await Tab.join(browser, server.url, 'Ada', PHONE);
  const touch = await finger(tab);
  for (const [x, y] of [[100, 300], [300, 700], [200, 100], [40, 60]]) {
    for (let tap = 0; tap < 3; tap += 1) {
      await touch.down({ x, y });
      await touch.up();
    }
  }
  await touch.down({ x: 150, y: 400, id: 1 }, { x: 200, y: 450, id: 2 });
  for (let step = 1; step < 8; step += 1) await touch.move({ x: 150 - step * 12, y: 400 - step * 12, id: 1 }, { x: 200 + step * 12, y: 450 + step * 12, id: 2 });
  await touch.up();
  await sleep(400);
  const state = await tab.page.evaluate(() => ({
    scale: window.visualViewport.scale, left: window.visualViewport.pageLeft, top: window.visualViewport.pageTop,
    scroll: window.scrollY, selected: String(window.getSelection()),
  }));
  assert.deepEqual(state, { scale: 1, left: 0, top: 0, scroll: 0, selected: '' });
  await tab.close();
});
