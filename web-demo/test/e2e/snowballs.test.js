// Throwing and dashing with mouse and keys: the snowball flies in the other tab where it was aimed, hits, and tells;
// a dash outruns a run.

import assert from 'node:assert/strict';
import test from 'node:test';

import { longCable } from './support/delay.js';
import { browser, server } from './support/stage.js';
import { Tab, eventually, sleep } from './support/tabs.js';

const SHIELD_MS = 3000;

/** Aims the mouse, from the own avatar, `by` metres away. */
async function aim(tab, [dx, dy]) {
  const point = await tab.page.evaluate(([byX, byY]) => {
    const { room, play } = window.tickwire;
    const { camera } = play.scene;
    const own = room.view(performance.now()).find(({ id }) => id === room.entity);
    return [((own.x + byX) * camera.scale - camera.left) / camera.ratio, ((own.y + byY) * camera.scale - camera.top) / camera.ratio];
  }, [dx, dy - 0.2]);
  await tab.page.mouse.move(...point);
}

/** Keeps what happens to snowballs and hits in this tab. */
function watch(tab) {
  return tab.page.evaluate(() => {
    const { room } = window.tickwire;
    const seen = { balls: {}, hits: [] };
    window.seen = seen;
    room.onAdd('snowball', ({ id, x, y, colour }) => { seen.balls[id] = [[x, y, colour]]; });
    room.onChange('snowball', ({ id, x, y, colour }) => { seen.balls[id]?.push([x, y, colour]); });
    room.onMessage(0, (body) => { seen.hits.push(JSON.parse(new TextDecoder().decode(body))); });
  });
}

const seen = (tab) => tab.page.evaluate(() => window.seen);

test('a snowball flies where the mouse points, in the other tab too', async () => {
  const ada = await Tab.join(browser, server.url, 'Ada');
  const bob = await Tab.join(browser, server.url, 'Bob');
  await Promise.all([watch(ada), watch(bob)]);
  const way = await ada.openWay();
  await aim(ada, [way.dx * 4, way.dy * 4]);
  await ada.page.mouse.down();
  await ada.page.mouse.up();
  const balls = await eventually('Bob sees a snowball fly', () => seen(bob), ({ balls }) => Object.values(balls).some((ball) => ball.length > 2));
  const [ball] = Object.values(balls.balls);
  const from = await ada.whereabouts();
  const heading = Math.atan2(ball.at(-1)[1] - ball[0][1], ball.at(-1)[0] - ball[0][0]);
  const off = Math.abs(Math.atan2(Math.sin(heading - Math.atan2(way.dy, way.dx)), Math.cos(heading - Math.atan2(way.dy, way.dx))));
  assert.ok(off < 0.12, `flies ${off} radians off the aim`);
  // It has flown through what the thrower was shown already: 300 ms at most, at 14 m/s.
  const start = Math.hypot(ball[0][0] - from.x, ball[0][1] - from.y);
  assert.ok(start < 5.5, `starts ${start} m from the thrower`);
  await ada.shot('snowball');
  for (const tab of [ada, bob]) await tab.close();
});

test('at the end of a long cable the own snowball is shown at once, and the server\'s takes its place', async (t) => {
  const cable = await longCable(server.port, 150);
  t.after(() => cable.close());
  const ada = await Tab.join(browser, cable.url, 'Ada');
  await sleep(2000);
  const way = await ada.openWay();
  await aim(ada, [way.dx * 4, way.dy * 4]);
  await ada.page.evaluate(() => {
    const { room, play } = window.tickwire;
    const seen = { told: [], settled: [], shown: [], added: null };
    window.seen = seen;
    room.onPredicted((event) => {
      seen.told.push(performance.now());
      event.onSettled(({ status }) => seen.settled.push([status, performance.now()]));
    });
    room.onAdd('snowball', () => { seen.added ??= performance.now(); });
    const look = () => {
      const balls = play.scene.order.filter(({ kind }) => kind === 'snowball').map(({ id, x, y }) => [id, x, y]);
      if (balls.length > 0) seen.shown.push([performance.now(), balls]);
      requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  });
  const pressed = await ada.page.evaluate(() => {
    window.addEventListener('pointerdown', () => { window.pressed = performance.now(); }, { capture: true, once: true });
    return 0;
  });
  assert.equal(pressed, 0);
  await ada.page.mouse.down();
  await ada.page.mouse.up();
  const seen = await eventually('the server has it, too', () => ada.page.evaluate(() => window.seen), ({ settled }) => settled.length > 0);
  const at = await ada.page.evaluate(() => window.pressed);
  const [first] = seen.shown;
  t.diagnostic(`shown after ${(first[0] - at).toFixed(0)} ms, the server's came after ${(seen.added - at).toFixed(0)} ms`);
  assert.equal(seen.told.length, 1);
  assert.equal(seen.settled[0][0], 'confirmed');
  assert.ok(first[0] < seen.added, 'it flies before the server has it');
  assert.ok(seen.added - at >= 300, 'which is a round trip later');
  await eventually('it ends', () => ada.page.evaluate(() => window.tickwire.play.throws.flights.length), (count) => count === 0);
  const { shown } = await ada.page.evaluate(() => window.seen);
  assert.ok(shown.every(([, balls]) => balls.length === 1), 'there is one, and not two');
  await ada.close();
});

test('a hit is told to both, scored, and staggers the victim', async () => {
  const ada = await Tab.join(browser, server.url, 'Ada');
  const bob = await Tab.join(browser, server.url, 'Bob');
  await Promise.all([watch(ada), watch(bob)]);
  const [adas, bobs] = await Promise.all([ada.room(), bob.room()]);
  await walkTo(ada, bobs.entity);
  await sleep(SHIELD_MS);
  let thrown = 0;
  await eventually('Bob is hit', async () => {
    const [own, target] = [await ada.whereabouts(), await ada.whereabouts(bobs.entity)];
    await aim(ada, [target.x - own.x, target.y - own.y]);
    await ada.page.mouse.down();
    await ada.page.mouse.up();
    thrown += 1;
    await sleep(750);
    return (await seen(bob)).hits;
  }, (hits) => hits.length > 0, 15_000);
  const [hit] = (await seen(bob)).hits;
  assert.deepEqual(hit, [adas.seat, bobs.seat]);
  assert.deepEqual((await seen(ada)).hits[0], hit);
  assert.ok(thrown < 8, `${thrown} throws for a hit`);
  const points = await ada.page.evaluate(() => window.tickwire.room.state.entities.get(window.tickwire.room.entity).score);
  assert.ok(points >= 2, `${points} points`);
  for (const tab of [ada, bob]) await tab.close();
});

test('a dash goes farther than a run in the same time', async () => {
  const tab = await Tab.join(browser, server.url, 'Ada');
  const gone = async (keys) => {
    const way = await tab.openWay();
    const start = await tab.whereabouts();
    await tab.page.keyboard.down(way.key);
    for (const key of keys) await tab.page.keyboard.press(key);
    await sleep(250);
    await tab.page.keyboard.up(way.key);
    await sleep(250);
    const { x, y } = await tab.whereabouts();
    return Math.hypot(x - start.x, y - start.y);
  };
  const run = await gone([]);
  const dash = await gone(['Shift']);
  assert.ok(run > 0.8 && run < 3, `ran ${run} m`);
  assert.ok(dash > run + 1.2, `dashed ${dash} m, ran ${run} m`);
  await tab.close();
});

/** Runs to within two metres and in sight of an entity, around walls, by real keys. */
async function walkTo(tab, entity) {
  const held = new Set();
  let [last, stuck] = ['', 0];
  await eventually('the way is walked', async () => {
    const step = await tab.page.evaluate(nextStep, entity);
    stuck = JSON.stringify(step) === last ? stuck + 1 : 0;
    last = JSON.stringify(step);
    if (step && stuck > 3) {
      // Caught at a corner: gaps are a tile wide and steps coarse. A sidestep or two finds the way in.
      const side = ['w', 'a', 's', 'd'][Math.floor(Math.random() * 4)];
      await tab.page.keyboard.down(side);
      await sleep(60 + Math.random() * 240);
      await tab.page.keyboard.up(side);
      held.delete(side);
    }
    const keys = new Set(step ? [step.dx > 0.2 && 'd', step.dx < -0.2 && 'a', step.dy > 0.2 && 's', step.dy < -0.2 && 'w'].filter(Boolean) : []);
    for (const key of held) if (!keys.has(key)) await tab.page.keyboard.up(key);
    for (const key of keys) if (!held.has(key)) await tab.page.keyboard.down(key);
    held.clear();
    for (const key of keys) held.add(key);
    return step;
  }, (step) => step === null, 30_000);
}

/** In the page: where to go next towards an entity, breadth first over the tiles; null when it is near. */
async function nextStep(entity) {
  const { parseMap } = await import('/demo/arena.js');
  const { room } = window.tickwire;
  window.map ??= parseMap(await (await fetch(`/assets/maps/${room.properties.map}.txt`)).text());
  const { map } = window;
  const own = room.view(performance.now()).find(({ id }) => id === room.entity);
  const target = room.state.entities.get(entity);
  if (Math.hypot(target.x - own.x, target.y - own.y) < 1.6) return null;
  const tile = ({ x, y }) => Math.floor(y) * map.width + Math.floor(x);
  const towards = new Map([[tile(target), tile(target)]]);
  for (const at of towards.keys()) {
    for (const next of [at - 1, at + 1, at - map.width, at + map.width]) {
      if (map.solid[next] === 0 && !towards.has(next)) towards.set(next, at);
    }
  }
  const next = towards.get(tile(own));
  return { dx: (next % map.width) + 0.5 - own.x, dy: Math.floor(next / map.width) + 0.5 - own.y };
}
