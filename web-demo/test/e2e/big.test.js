// The big arena: who plays there moves, sees others come, a small map of where everybody is, and, if they like, the cells that the
// server sends. Leaves pictures of it, dark and light, wide and narrow, in test-results.

import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';

import { Crowd } from './support/crowd.js';
import { GameServer } from './support/server.js';
import { Tab, eventually, launch, sleep } from './support/tabs.js';

const PLAYERS = 7;
const SCREENS = {
  wide: { viewport: { width: 1440, height: 900 } },
  narrow: { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 },
};

let server, browser, crowd;
before(async () => {
  server = await GameServer.start();
  browser = await launch();
  crowd = new Crowd();
  await crowd.join(server.url, PLAYERS, 'big');
});
after(async () => {
  crowd?.leave();
  await browser?.close();
  await server?.stop();
});

const join = (options = {}) => Tab.join(browser, server.url, 'Ada', { query: '&map=big', ...options });

/** How many pixels of the small map are of the blocks' colour, how many white as the own avatar, and how many there are. */
function smallMap(tab) {
  return tab.page.evaluate(() => {
    const { width, height } = document.querySelector('#minimap-picture');
    const { data } = document.querySelector('#minimap-picture').getContext('2d').getImageData(0, 0, width, height);
    let [blocks, white] = [0, 0];
    for (let at = 0; at < data.length; at += 4) {
      if (data[at] > data[at + 2] + 30) blocks += 1;
      if (Math.min(data[at], data[at + 1], data[at + 2]) > 240) white += 1;
    }
    return { blocks, white, all: width * height };
  });
}

/** How much brighter a picture is along a cell's border than beside it: the median of many places. */
function borderContrast(tab) {
  return tab.page.evaluate(() => {
    const { room, play: { scene: { camera, canvas } } } = window.tickwire;
    const side = (room.grid.side / 64) * camera.scale;
    const x = Math.ceil((camera.left + 8) / side) * side - camera.left;
    const { data, width, height } = canvas.getContext('2d').getImageData(Math.round(x) - 6, 0, 13, canvas.height);
    const brightness = (column, row) => [0, 1, 2].reduce((sum, part) => sum + data[(row * width + column) * 4 + part], 0);
    const differences = Array.from({ length: height }, (_, row) => Math.max(...[5, 6, 7].map((column) => brightness(column, row))) - brightness(0, row));
    return differences.sort((a, b) => a - b)[height >> 1];
  });
}

test('an avatar runs, others come into sight, the small map shows where all are', async () => {
  const tab = await join({ colorScheme: 'dark' });
  assert.equal(await tab.page.locator('#room-label').textContent(), 'big');
  const start = await tab.whereabouts();
  assert.ok(Math.hypot(start.x - 2000, start.y - 2000) < 100, 'it begins near the middle, where the others are');
  await eventually('others are in sight', () => tab.room(), ({ kinds }) => kinds.filter((kind) => kind === 'avatar').length > 1);
  crowd.meeting = start;
  // A block is 50 m wide, and 400 m are 166 pixels.
  await eventually('blocks and the own avatar are on the small map', () => smallMap(tab),
    ({ blocks, white, all }) => blocks > 150 && blocks < all / 4 && white > 20 && white < 200);
  const counted = () => tab.page.evaluate(() => {
    const blocks = [...window.tickwire.room.state.entities.values()].filter(({ kind }) => kind === 'crowd');
    return blocks.reduce((sum, { count }) => sum + count, 0);
  });
  await eventually('everybody is counted', counted, (count) => count === PLAYERS + 1);

  const { key, dx, dy } = await tab.openWay();
  await tab.page.keyboard.down(key);
  await eventually('the avatar runs', () => tab.whereabouts(), ({ x, y }) => (x - start.x) * dx + (y - start.y) * dy > 6);
  await tab.page.keyboard.up(key);
  const place = await eventually('the camera follows', () => tab.page.evaluate(() => {
    const { room, play } = window.tickwire;
    const own = room.view(performance.now()).find(({ id }) => id === room.entity);
    const { camera, ground } = play.scene;
    const shown = [camera.width / camera.scale, camera.height / camera.scale];
    return { off: Math.hypot(own.x - camera.x, own.y - camera.y), shown, chunks: ground.chunks.size };
  }), ({ off }) => off < 0.5);
  assert.ok(place.shown[0] > 47 && place.shown[0] < 49, `${place.shown} metres are seen, 24 to each side`);
  assert.ok(place.chunks < 60, `${place.chunks} pictures of the ground`);
  const { stats } = await tab.room();
  assert.equal(stats.desyncs, 0);
  assert.ok(stats.cells > 0 && stats.rows > 0, JSON.stringify(stats));
  await tab.close();
});

test('the HUD draws cells and counts them, and both drawings can be switched', async () => {
  const tab = await join({ colorScheme: 'dark', viewport: { width: 1440, height: 900 } });
  const figure = (name) => tab.page.locator(`#figures dd[data-figure="${name}"]`).textContent();
  await tab.page.keyboard.press('h');
  await eventually('cells are counted', () => figure('cells'), (text) => Number(text) > 0);
  assert.match(await figure('waiting'), /^\d+, \d+ ms$/);
  assert.ok(Number(await figure('rows')) > 0);
  const plain = await borderContrast(tab);
  await tab.page.check('#show-cells');
  await eventually('borders are drawn', () => borderContrast(tab), (contrast) => contrast > plain + 60);
  await tab.page.keyboard.press('h');
  await eventually('not without the HUD', () => borderContrast(tab), (contrast) => contrast < plain + 30);
  await tab.page.keyboard.press('h');
  const map = tab.page.locator('#minimap');
  assert.ok(await map.isVisible());
  await tab.page.uncheck('#show-map');
  assert.ok(await map.isHidden());
  await tab.page.reload();
  await tab.inRoom();
  assert.deepEqual([await map.isHidden(), await tab.page.isChecked('#show-map'), await tab.page.isChecked('#show-cells')], [true, false, true]);
  await eventually('borders are drawn again', () => borderContrast(tab), (contrast) => contrast > plain + 60);
  await tab.close();
});

test('the lobby offers to join it and to watch its middle', async () => {
  const tab = await Tab.open(browser, `${server.url}/?name=Olga`);
  const row = tab.page.locator('#rooms li').filter({ hasText: 'big' });
  await eventually('the room is listed', () => row.count(), (count) => count === 1);
  assert.deepEqual([await row.locator('.join').isVisible(), await row.locator('.watch').isVisible()], [true, true]);
  assert.deepEqual(await tab.page.locator('#new-map option').allTextContents(), ['Courtyard', 'Field', 'Big']);
  await row.locator('.watch').click();
  await eventually('the banner says it', () => tab.page.locator('#watched').textContent(), (text) => text === 'the middle of the map');
  await eventually('which is drawn', () => tab.page.evaluate(() => window.tickwire.play.scene.order.length), (count) => count > 0);
  await tab.shot('watch-big');
  assert.deepEqual([await tab.page.locator('#minimap').isVisible(), await tab.page.locator('#watch-next').isVisible()], [false, false]);
  await tab.page.click('#watch-join');
  await tab.inRoom();
  assert.ok(await tab.page.locator('#minimap').isVisible());
  await tab.close();
});

test('other maps have neither small map nor cells', async () => {
  const tab = await Tab.join(browser, server.url, 'Ada');
  assert.deepEqual([await tab.page.locator('#minimap').isVisible(), await tab.page.locator('#surroundings').isVisible()], [false, false]);
  assert.equal(await tab.page.locator('#figures dd[data-figure="cells"]').count(), 0);
  await tab.close();
});

for (const [screen, options] of Object.entries(SCREENS)) {
  for (const colorScheme of ['dark', 'light']) {
    test(`the big arena on a ${screen} screen, ${colorScheme}`, async () => {
      const tab = await join({ ...options, colorScheme });
      const [map, own] = await Promise.all([tab.page.locator('#minimap').boundingBox(), tab.page.locator('#game').boundingBox()]);
      const [x, y] = [own.width / 2, own.height / 2];
      assert.ok(map.x > x + 20 || map.x + map.width < x - 20 || map.y > y + 20 || map.y + map.height < y - 40, 'the small map leaves the avatar alone');
      for (const other of ['#scores', '.bar', '#touch-throw', '#touch-dash', '#stick']) {
        const box = await tab.page.locator(other).boundingBox();
        const apart = !box || map.x >= box.x + box.width || box.x >= map.x + map.width || map.y >= box.y + box.height || box.y >= map.y + map.height;
        assert.ok(apart, `the small map lies over ${other}`);
      }
      await sleep(1200);
      await tab.shot(`big-${screen}-${colorScheme}`);
      await tab.page.evaluate(() => document.querySelector('#stats').getAttribute('aria-pressed') === 'true' || document.querySelector('#stats').click());
      await tab.page.check('#show-cells');
      await sleep(500);
      await tab.shot(`big-${screen}-${colorScheme}-cells`);
      await tab.close();
    });
  }
}
