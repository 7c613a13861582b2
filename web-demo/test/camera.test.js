// Nothing covers the own avatar: wherever it stands, the picture is moved so far that it lies under no panel, and no farther; and it glides
// there.

import assert from 'node:assert/strict';
import test from 'node:test';

import { Camera } from '../demo/camera.js';
import { wayOut } from '../demo/clear-view.js';
import { random } from './support/random.js';

const box = (left, top, right, bottom) => ({ left, top, right, bottom });
const overlap = (a, b) => a.left < b.right && a.right > b.left && a.top < b.bottom && a.bottom > b.top;

/** Screens with their panels, as the style sheets lay them out. */
const SCREENS = [
  { name: 'desktop, figures shown', width: 960, height: 600, panels: [box(12, 12, 498, 62), box(716, 12, 948, 290), box(12, 70, 352, 560)] },
  { name: 'wide', width: 1440, height: 900, panels: [box(12, 12, 498, 62), box(1196, 12, 1428, 290), box(1260, 720, 1428, 888)] },
  { name: 'phone, figures shown', width: 390, height: 760, panels: [box(8, 8, 382, 62), box(236, 68, 382, 212), box(8, 68, 220, 290), box(290, 640, 378, 728), box(216, 604, 286, 674)] },
  { name: 'phone on its side', width: 760, height: 390, panels: [box(12, 12, 400, 62), box(580, 12, 748, 160)] },
];

test('a box that nothing covers stays where it is, others take the shortest way', () => {
  const screen = { width: 400, height: 300 };
  const panel = box(300, 0, 400, 100);
  assert.deepEqual(wayOut(box(10, 10, 30, 30), [panel], screen), { x: 0, y: 0 });
  assert.deepEqual(wayOut(box(290, 10, 310, 40), [panel], screen), { x: -10, y: 0 });
  assert.deepEqual(wayOut(box(370, 80, 390, 110), [panel], screen), { x: 0, y: 20 });
  // Not out of the screen, and not under the next panel.
  assert.deepEqual(wayOut(box(305, 60, 325, 90), [panel, box(250, 0, 300, 200)], screen), { x: 0, y: 40 });
  assert.deepEqual(wayOut(box(10, 10, 30, 30), [box(0, 0, 400, 300)], screen), { x: 0, y: 0 }, 'where there is no way, nothing moves');
});

for (const { name, width, height, panels } of SCREENS) {
  test(`nothing covers the avatar: ${name}`, () => {
    const seed = Math.floor(Math.random() * 2 ** 31);
    const next = random(seed);
    const map = { width: 48, height: 32 };
    const camera = new Camera(map, 0.55);
    camera.keepFree(66, 0);
    camera.panels = panels;
    camera.resize(width, height, 2);
    for (let place = 0; place < 400; place++) {
      // Also along the walls around the map, and in its corners.
      const along = (size) => [1.4, size - 1.4, 1.4 + next() * (size - 2.8)][Math.floor(next() * 3)];
      const [x, y] = [along(map.width), along(map.height)];
      camera.settled = false;
      camera.follow(x, y, 0.016, 0);
      const at = (metres, corner) => (metres * camera.scale - corner) / camera.ratio;
      const avatar = box(at(x - 0.4, camera.left), at(y - 1.3, camera.top), at(x + 0.4, camera.left), at(y + 0.3, camera.top));
      for (const panel of panels) assert.ok(!overlap(avatar, panel), `seed ${seed}: at ${x}, ${y} it is under ${JSON.stringify(panel)}`);
      assert.ok(avatar.left > -1 && avatar.right < width + 1 && avatar.bottom < height + 1, `seed ${seed}: at ${x}, ${y} it is off the screen`);
    }
  });

  test(`the picture glides: ${name}`, () => {
    const camera = new Camera({ width: 48, height: 32 }, 0.55);
    camera.keepFree(66, 0);
    camera.panels = panels;
    camera.resize(width, height, 1);
    const [x, y] = [(step) => 24 + 23.5 * Math.cos(step / 190), (step) => 16 + 15.5 * Math.sin(step / 130)];
    camera.follow(x(0), y(0), 0.016, 0);
    for (let step = 1; step < 3000; step++) {
      const [left, top] = [camera.left, camera.top];
      camera.follow(x(step), y(step), 1 / 60, 0);
      // An avatar that runs here moves 6 pixels in a picture.
      const jump = Math.hypot(camera.left - left, camera.top - top);
      assert.ok(jump < 80, `step ${step}: the picture moves by ${jump} pixels`);
    }
  });
}
