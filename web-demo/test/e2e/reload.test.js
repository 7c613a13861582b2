// Reloading the demo's page in the middle of a game: the same seat and avatar, in the same colour, without a click; while
// the page is away, others see that it is. A duplicated tab takes the game over, and "Play here" takes it back.

import assert from 'node:assert/strict';
import test from 'node:test';

import { browser, server } from './support/stage.js';
import { Tab, eventually } from './support/tabs.js';

/** Who this tab is. */
function self(tab) {
  return tab.page.evaluate(() => {
    const { room } = window.tickwire;
    return { id: room.id, seat: room.seat, entity: room.entity, colour: room.state.entities.get(room.entity).colour, name: room.players.get(room.seat).name };
  });
}

for (const game of ['arena', 'plaza']) {
  test(`a reload goes straight back into the ${game}, to the same seat and colour`, async () => {
    const host = await Tab.join(browser, server.url, 'Host', { query: `&game=${game}` });
    const { id } = await host.room();
    const tab = await Tab.open(browser, `${server.url}/?room=${id}&name=Ada`);
    await tab.inRoom();
    const before = await self(tab);
    await eventually('the host sees Ada', () => host.scoreboard(), (names) => names.includes('Ada'));

    await tab.page.goto('about:blank');
    const marked = () => host.page.locator('#scores li.gone .who').allTextContents();
    await eventually('the host sees that Ada is away', marked, (names) => names.join() === 'Ada');
    assert.ok(await host.whereabouts(before.entity), 'her avatar stays meanwhile');
    await host.shot(`away-${game}`);
    await tab.page.goBack();
    await tab.inRoom();
    assert.deepEqual(await self(tab), before);
    await eventually('and that she is back', marked, (names) => names.length === 0);

    const start = await tab.whereabouts();
    const { key } = await tab.openWay();
    await tab.hold(key, 500);
    await eventually('the keys steer her', () => tab.whereabouts(), ({ x, y }) => Math.hypot(x - start.x, y - start.y) > 1);
    await tab.page.click('#leave');
    await eventually('who left is gone at once', () => host.scoreboard(), (names) => names.join() === 'Host');
    await tab.page.reload();
    await eventually('and stays in the lobby', () => tab.page.locator('#feed').textContent(), (text) => text === 'live');
    assert.equal(await tab.page.evaluate(() => document.body.dataset.screen), 'lobby');
    for (const each of [tab, host]) await each.close();
  });
}

test('of two tabs with one seat the newer one plays, until the other one wants it back', async () => {
  const tab = await Tab.join(browser, server.url, 'Ada');
  const before = await self(tab);
  const [page] = await Promise.all([
    tab.page.context().waitForEvent('page'),
    tab.page.evaluate(() => { window.open(location.href); }),
  ]);
  const copy = new Tab(page, []);
  await copy.inRoom();
  assert.deepEqual(await self(copy), before);
  const text = tab.page.locator('#status-text');
  await eventually('the first tab is told', () => text.isVisible());
  assert.equal(await text.textContent(), 'You are playing in another window.');
  assert.equal(await tab.page.locator('#status-again').textContent(), 'Play here');
  await tab.page.click('#status-again');
  await tab.inRoom();
  assert.deepEqual(await self(tab), before);
  await eventually('the copy is told', () => copy.page.locator('#status-text').isVisible());
  copy.check();
  await tab.close();
});
