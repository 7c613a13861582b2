// What the demo draws where players see only what is around them: how clear things are at the edge of sight, and how much is on the
// screen.

import assert from 'node:assert/strict';
import test from 'node:test';

import { Camera } from '../demo/camera.js';
import { Sight } from '../demo/sight.js';

/** As the big arena's: 24 m of sight, 6 m beyond. */
const GRID = { first: 8192, origin: [0, 0], side: 1072, columns: 239, rows: 239, sight: 1536, margin: 384 };
const OWN = { x: 2000, y: 2000 };
const BIG = { width: 4000, height: 4000 };

/** One picture after the other, of who stands how many metres away at which moment. */
function clarities(sight, pictures) {
  return pictures.map(([far, now]) => {
    sight.begin();
    const clarity = far === null ? null : sight.clarity({ id: 1, x: OWN.x + far, y: OWN.y }, OWN, now);
    sight.end();
    return clarity;
  });
}

test('who comes into sight is clear by then, and unseen at first', () => {
  const walk = Array.from({ length: 200 }, (_, step) => [32 - step * 0.05, 1000 + step * 8]);
  const seen = clarities(new Sight(GRID), walk);
  assert.equal(seen[0], 0);
  for (let step = 1; step < walk.length; step += 1) {
    assert.ok(seen[step] >= seen[step - 1] && seen[step] - seen[step - 1] < 0.02, `a jump at ${walk[step][0]} m`);
    assert.ok(walk[step][0] > 24 || seen[step] === 1);
  }
});

test('who appears near is there at once, who appears far away fades in', () => {
  assert.deepEqual(clarities(new Sight(GRID), [[5, 1000]]), [1]);
  assert.deepEqual(clarities(new Sight(GRID), [[20, 1000], [20, 1075], [20, 1150], [20, 1300]]), [0, 0.5, 1, 1]);
  assert.deepEqual(clarities(new Sight(GRID), [[20, 1000], [null, 1200], [20, 1400]]), [0, null, 0], 'and does so again');
});

test('what is in sight fills the screen, and nothing beyond the margin is on it', () => {
  for (const [width, height, ratio] of [[1440, 900, 1], [390, 844, 2], [844, 390, 3], [1000, 1000, 1], [2560, 1440, 2], [320, 568, 2]]) {
    const camera = new Camera(BIG, 0.55);
    camera.sight = new Sight(GRID);
    camera.resize(width, height, ratio);
    camera.follow(OWN.x, OWN.y, 0, 0);
    const metres = [camera.width / camera.scale, camera.height / camera.scale];
    assert.ok(Math.max(...metres) > 35 && Math.max(...metres) <= 48.8, `${width} x ${height}: ${metres}`);
    assert.ok(Math.hypot(...metres) / 2 < 30.6, `${width} x ${height}: ${metres}`);
    const { x, y } = camera.toMap(width / 2, height / 2);
    assert.ok(Math.hypot(x - OWN.x, y - OWN.y) < 0.1);
  }
  const camera = new Camera({ width: 48, height: 32 }, 0.55);
  camera.resize(1440, 900, 1);
  assert.equal(camera.scale, 58, 'other maps look as before');
});
