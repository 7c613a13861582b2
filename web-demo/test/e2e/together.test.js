// Two players in two tabs: they meet without a click, see each other's name, steps and departure, and the own avatar
// answers at once although the server is far away.

import assert from 'node:assert/strict';
import test from 'node:test';

import { longCable } from './support/delay.js';
import { browser, server } from './support/stage.js';
import { Tab, eventually, sleep } from './support/tabs.js';

test('two tabs meet, see each other move and leave', async () => {
  const ada = await Tab.join(browser, server.url, 'Ada');
  const bob = await Tab.join(browser, server.url, 'Bob');
  const [adas, bobs] = await Promise.all([ada.room(), bob.room()]);
  assert.equal(adas.id, bobs.id);
  for (const [tab, other] of [[ada, bobs.entity], [bob, adas.entity]]) {
    await eventually('both names are on the scoreboard', () => tab.scoreboard(), (names) => names.includes('Ada') && names.includes('Bob'));
    await eventually('the other avatar is there', () => tab.whereabouts(other));
  }

  const before = await bob.whereabouts(adas.entity);
  const { key, dx, dy } = await ada.openWay();
  await ada.hold(key, 500);
  await eventually('Bob is sent Ada\'s steps', () => bob.whereabouts(adas.entity), ({ x, y }) => (x - before.x) * dx + (y - before.y) * dy > 1.5);
  const drawn = ({ seen }) => (seen.x - before.seen.x) * dx + (seen.y - before.seen.y) * dy > 1.5;
  await eventually('Bob\'s picture shows them', () => bob.whereabouts(adas.entity), drawn);
  await eventually('both agree where Ada stands', async () => [(await ada.whereabouts()).seen, (await bob.whereabouts(adas.entity)).seen],
    ([own, others]) => Math.hypot(own.x - others.x, own.y - others.y) < 1e-9);
  await Promise.all([ada.shot('together-ada'), bob.shot('together-bob')]);

  await ada.close();
  await eventually('Ada is gone from the room', () => bob.room(), ({ players }) => players.every(({ name }) => name !== 'Ada'));
  await eventually('and from the state', () => bob.whereabouts(adas.entity), (place) => place === null);
  await eventually('and from the scoreboard', () => bob.scoreboard(), (names) => names.join() === 'Bob');
  await bob.close();
});

test('the own avatar moves at once, long before the server\'s answer', async (t) => {
  const cable = await longCable(server.port, 100);
  t.after(() => cable.close());
  const tab = await Tab.join(browser, cable.url, 'Far');
  await sleep(1500);
  const { key } = await tab.openWay();
  await tab.page.evaluate(() => {
    const { room } = window.tickwire;
    const state = room.state.entities.get(room.entity);
    const from = { x: state.x, y: state.y };
    const times = { pressed: 0, predicted: 0, told: 0 };
    window.times = times;
    const far = ({ x, y }) => Math.hypot(x - from.x, y - from.y) > 0.05;
    window.addEventListener('keydown', () => { times.pressed ||= performance.now(); });
    const look = () => {
      const now = performance.now();
      const view = room.view(now).find(({ id }) => id === room.entity);
      if (view && far(view)) times.predicted ||= now;
      if (far(state)) times.told ||= now;
      if (!times.told) requestAnimationFrame(look);
    };
    look();
  });
  await tab.hold(key, 700);
  const { pressed, predicted, told } = await eventually('the server tells of it', () => tab.page.evaluate(() => window.times), (times) => times.told > 0);
  const { ping } = (await tab.room()).stats;
  assert.ok(ping >= 195 && ping < 400, `a ping of ${ping} ms`);
  assert.ok(predicted - pressed < 150, `moved after ${predicted - pressed} ms`);
  assert.ok(told - pressed > 195, `told after ${told - pressed} ms`);
  await tab.close();
});
