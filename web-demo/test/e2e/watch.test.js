// Looking on: as a film, some seconds late and without a seat; and as a spectator without delay, who sees both players and what they say,
// is no player, follows whom they like, and may join in.

import assert from 'node:assert/strict';
import test from 'node:test';

import { browser, server } from './support/stage.js';
import { Tab, eventually, sleep } from './support/tabs.js';

/** Waits until the game is on screen, seen from outside. */
function looksOn(tab) {
  return eventually('the game is on screen without an own entity', () => tab.page.evaluate(() => {
    const room = window.tickwire?.room;
    return document.body.dataset.screen === 'game' && room?.role === 'spectator' && room.entity === 0 && room.state.tick > 0;
  }));
}

const watched = (tab) => tab.page.locator('#watched').textContent();
/** Where the middle of the picture is, in metres. */
const middle = (tab) => tab.page.evaluate(() => {
  const { x, y } = window.tickwire.play.scene.camera;
  return { x, y };
});

test('a spectator sees both players, and neither sees the spectator', async () => {
  const ada = await Tab.join(browser, server.url, 'Ada');
  const bob = await Tab.join(browser, server.url, 'Bob');
  const [adas, bobs] = await Promise.all([ada.room(), bob.room()]);
  await eventually('Ada sees Bob', () => ada.scoreboard(), (names) => names.length === 2);
  const tab = await Tab.open(browser, `${server.url}/?name=Olga&live=1`);
  await tab.page.click(`#rooms .watch[data-watch="${adas.id}"]`);
  await looksOn(tab);
  await eventually('both avatars are there', async () => [await tab.whereabouts(adas.entity), await tab.whereabouts(bobs.entity)].every(Boolean),
    Boolean);
  assert.deepEqual((await tab.scoreboard()).sort(), ['Ada', 'Bob']);
  assert.equal(new URL(tab.page.url()).searchParams.get('watch'), adas.id);
  assert.ok(await tab.page.locator('#watching').isVisible());
  assert.equal(await watched(tab), 'everybody');
  await tab.shot('watch-overview');

  await tab.page.keyboard.press('ArrowRight');
  assert.equal(await watched(tab), 'Ada');
  const { key, dx, dy } = await ada.openWay();
  const start = await ada.whereabouts();
  await ada.hold(key, 500);
  await eventually('the spectator sees her run', () => tab.whereabouts(adas.entity), ({ seen }) => (seen.x - start.x) * dx + (seen.y - start.y) * dy > 1.5);
  await eventually('and the camera follows', async () => [await middle(tab), await ada.whereabouts()],
    ([at, { x, y }]) => Math.hypot(at.x - x, at.y - y) < 0.5);
  await tab.shot('watch-ada');
  await tab.page.click('#watch-next');
  assert.equal(await watched(tab), 'Bob');
  await tab.page.mouse.click(30, 300);
  assert.equal(await watched(tab), 'everybody');

  await ada.page.evaluate(() => { window.tickwire.room.chat('are we alone?'); });
  await eventually('the spectator reads along', () => tab.page.locator('#chat-log .words').allTextContents(), (lines) => lines.includes('are we alone?'));
  await tab.page.click('#chat-open');
  assert.ok(await tab.page.locator('#chat-form').isHidden(), 'who looks on has no say');
  for (const pressed of ['w', ' ', 'Shift']) await tab.page.keyboard.press(pressed);
  await sleep(300);
  for (const each of [ada, bob]) assert.deepEqual((await each.room()).players.map(({ name }) => name).sort(), ['Ada', 'Bob']);
  const room = await tab.room();
  assert.deepEqual([room.entity, room.stats.desyncs, room.kinds.filter((kind) => kind === 'avatar').length], [0, 0, 2]);

  await tab.page.reload();
  await looksOn(tab);
  await eventually('a reload looks on again', () => tab.whereabouts(adas.entity));
  await bob.close();
  await eventually('who leaves is gone', () => tab.scoreboard(), (names) => names.join() === 'Ada');
  await tab.page.click('#watch-join');
  await tab.inRoom();
  assert.equal((await tab.room()).id, adas.id);
  assert.ok(await tab.page.locator('#watching').isHidden());
  await eventually('joining in makes a player', () => ada.scoreboard(), (names) => names.includes('Olga'));
  for (const each of [tab, ada]) await each.close();
});

test('a link to look on at a room that is not there says so', async () => {
  // Browsers complain about every address that is not there.
  const tab = await Tab.open(browser, `${server.url}/?watch=nowhere`, { allowed: [/404/] });
  await eventually('the lobby says so', () => tab.page.locator('#error').isVisible());
  assert.equal(await tab.page.locator('#error').textContent(), 'This room does not exist any more.');
  await tab.close();
});
