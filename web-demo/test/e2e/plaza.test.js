// The plaza, where clients say where they are: the own walker obeys the keys, and the other tab sees exactly the places
// that were reported, in 64ths of a metre.

import assert from 'node:assert/strict';
import test from 'node:test';

import { browser, server } from './support/stage.js';
import { Tab, eventually } from './support/tabs.js';

const PLAZA = { query: '&game=plaza' };

test('the other tab sees exactly the places that were reported', async () => {
  const ada = await Tab.join(browser, server.url, 'Ada', PLAZA);
  const bob = await Tab.join(browser, server.url, 'Bob', PLAZA);
  const { entity } = await ada.room();
  await eventually('Bob sees Ada', () => bob.whereabouts(entity));
  await ada.page.evaluate(() => {
    const { room } = window.tickwire;
    const setInput = room.setInput.bind(room);
    window.reported = [];
    window.corrections = 0;
    room.setInput = (values) => {
      window.reported.push([Math.round(values.x * 64), Math.round(values.y * 64)]);
      setInput(values);
    };
    room.onCorrection(() => { window.corrections += 1; });
  });
  await bob.page.evaluate((id) => {
    window.places = [];
    window.tickwire.room.onChange('walker', (walker) => { if (walker.id === id) window.places.push([walker.raw('x'), walker.raw('y')]); });
  }, entity);

  const start = await ada.whereabouts();
  const { key, dx, dy } = await ada.openWay();
  await ada.hold(key, 700);
  await ada.hold(dx ? 's' : 'd', 500);
  const reported = await ada.page.evaluate(() => window.reported);
  const last = reported.at(-1);
  assert.ok((last[0] - start.raw[0]) * dx + (last[1] - start.raw[1]) * dy > 64, 'walked more than a metre');
  const place = await eventually('Bob sees Ada arrive', () => bob.whereabouts(entity), ({ raw }) => raw.join() === last.join());
  assert.deepEqual([place.x, place.y], [last[0] / 64, last[1] / 64]);
  const said = new Set(reported.map((each) => each.join()));
  const places = await bob.page.evaluate(() => window.places);
  assert.ok(places.length > 8, `${places.length} places on the way`);
  for (const each of places) assert.ok(said.has(each.join()), `${each} was never reported`);
  await eventually('Bob\'s picture arrives there too', () => bob.whereabouts(entity), ({ seen }) => seen.x === place.x && seen.y === place.y);
  assert.equal(await ada.page.evaluate(() => window.corrections), 0);
  await ada.shot('plaza');
  for (const tab of [ada, bob]) await tab.close();
});
