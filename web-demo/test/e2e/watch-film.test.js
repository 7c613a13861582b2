// The demo's *watch*: the room as a film, drawn as players see it. It says how late it is and what it waits for, goes on with the room
// after a crash of the server, and says when the room has ended.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { after, before, test } from 'node:test';

import { Crowd } from './support/crowd.js';
import { GameServer } from './support/server.js';
import { Tab, eventually, launch } from './support/tabs.js';

/** The page's own attempts while the server is away. */
const AWAY = [/Failed to load resource/, /ERR_CONNECTION_REFUSED/];
const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true };

/** @type {import('playwright-core').Browser} */
let browser;
before(async () => (browser = await launch()));
after(() => browser?.close());

const status = (tab) => tab.page.locator('#status-text').textContent();
const late = (tab) => tab.page.locator('#watch-late').textContent();
/** What the film shows. */
const shown = (tab) => tab.page.evaluate(() => {
  const { room, play } = window.tickwire;
  return {
    status: room.watched.status, first: room.film.header.first, tick: room.film.tick, incarnation: room.film.header.incarnation,
    avatars: play.scene.order.filter(({ kind }) => kind === 'avatar').length, players: room.players.size,
  };
});

/** Waits until the film is on screen. */
function plays(tab, avatars) {
  return eventually('the film is on screen', () => tab.page.evaluate(() => Boolean(document.body.dataset.screen === 'game' && window.tickwire?.room.watched))
    .then((is) => is && shown(tab)), (now) => now && now.status === 'live' && now.avatars === avatars, 20_000);
}

test('a film follows its room through a crash of the server, and ends with it', async (t) => {
  const data = await mkdtemp(`${tmpdir()}/tickwire-watch-`);
  const settings = { TICKWIRE_DATA: data, TICKWIRE_HOLD_SEATS_FOR: '5', TICKWIRE_EMPTY_ROOM_FOR: '1' };
  let server = await GameServer.start(0, settings);
  const crowd = new Crowd();
  t.after(async () => {
    crowd.leave();
    await server.stop();
    await rm(data, { recursive: true, force: true });
  });
  const id = await crowd.join(server.url, 5);
  const tab = await Tab.open(browser, server.url, { allowed: AWAY });
  const phone = await Tab.open(browser, `${server.url}/?watch=${id}`, { allowed: AWAY, ...PHONE });
  await tab.page.click(`#rooms .watch[data-watch="${id}"]`);
  for (const each of [tab, phone]) await plays(each, 5);
  assert.equal((await server.rooms()).find((room) => room.id === id).players, 5, 'who watches a film has no seat');
  assert.equal(new URL(tab.page.url()).searchParams.get('watch'), id);
  await eventually('it says how late it is', () => late(tab), (text) => /^[1-3] s ago$/.test(text));
  assert.deepEqual((await tab.scoreboard()).length, 5);
  assert.ok(await tab.page.locator('#chat-open').isHidden(), 'a film has no chat');
  await tab.shot('watch-film');
  await phone.shot('watch-film-phone');
  await tab.page.keyboard.press('ArrowRight');
  assert.match(await tab.page.locator('#watched').textContent(), /^Player \d+$/);
  await tab.shot('watch-film-one');

  const before = await shown(tab);
  await server.kill();
  await eventually('it says what it waits for', () => status(tab), (text) => text === 'The server does not answer. Trying again', 20_000);
  assert.ok(await tab.page.locator('#status').isVisible());
  await tab.shot('watch-film-away');
  server = await GameServer.start(server.port, settings);
  const after = await eventually('the room goes on', () => shown(tab), ({ status: now, incarnation }) => now === 'live' && incarnation !== before.incarnation, 40_000);
  assert.ok(after.incarnation > before.incarnation);
  assert.equal(after.first, before.first, 'the film goes on, and does not begin anew');
  await eventually('and the page says nothing more', () => tab.page.locator('#status').isHidden());

  crowd.leave();
  await eventually('the end is told', () => status(tab), (text) => text === 'The room has ended. You have seen all of it.', 90_000);
  await tab.shot('watch-film-ended');
  await tab.page.click('#status-lobby');
  await eventually('the lobby is there', () => tab.page.evaluate(() => document.body.dataset.screen), (screen) => screen === 'lobby');
  for (const each of [tab, phone]) {
    await each.page.context().close();
    each.check();
  }
});

test('a film goes on when its server was restarted in order', async (t) => {
  const data = await mkdtemp(`${tmpdir()}/tickwire-watch-`);
  const settings = { TICKWIRE_DATA: data, TICKWIRE_COME_BACK_WITHIN: '1' };
  let server = await GameServer.start(0, settings);
  const crowd = new Crowd();
  t.after(async () => {
    crowd.leave();
    await server.stop();
    await rm(data, { recursive: true, force: true });
  });
  const id = await crowd.join(server.url, 3);
  const tab = await Tab.open(browser, `${server.url}/?watch=${id}`, { allowed: AWAY });
  await plays(tab, 3);
  const before = await shown(tab);
  await server.stop();
  server = await GameServer.start(server.port, settings);
  await eventually('the room goes on', () => shown(tab), ({ status: now, incarnation, players }) => now === 'live' && incarnation !== before.incarnation && players === 3, 60_000);
  await eventually('nothing more is said', () => tab.page.locator('#status').evaluate((status) => (status.hidden ? '' : status.innerText)), (text) => text === '');
  await tab.page.context().close();
  tab.check();
});
