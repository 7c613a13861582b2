// The operators' page in a real browser: an operator signs in, sees two players live, looks into their room, kicks one with
// a reason, locks the room; and the player who was kicked sees the reason and does not come back.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { watch } from '../../client/watch.js';
import { GameServer } from './support/server.js';
import { Tab, eventually, launch, sleep } from './support/tabs.js';

const TOKEN = '8c1f0b52a7e94d6fb3d2c5a1907e6f48';
const REASON = 'mind your <b>words</b>';

/** @type {import('playwright-core').Browser} */
let browser;
/** @type {GameServer} */
let server;
let recordings = '';

before(async () => {
  recordings = await mkdtemp(join(tmpdir(), 'tickwire-recordings-'));
  server = await GameServer.start(0, { TICKWIRE_ADMIN_TOKEN: TOKEN, TICKWIRE_RECORDINGS: recordings });
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await server?.stop();
  await rm(recordings, { recursive: true, force: true });
});

const texts = (/** @type {Tab} */ tab, /** @type {string} */ selector) => tab.page.locator(selector).allInnerTexts();

test('an operator watches two players and kicks one, who sees why and stays away', async () => {
  // Pages may ask about the room a last time when it has ended.
  const allowed = [/404/];
  const [ada, bob] = [await Tab.join(browser, server.url, 'Ada', { allowed }), await Tab.join(browser, server.url, 'Bob')];
  const { id } = await ada.room();

  const refused = await Tab.open(browser, `${server.url}/admin`, { allowed: [/401/] });
  await refused.page.fill('#token', 'a guess that is long enough to be one');
  await refused.page.click('#sign-in button');
  await eventually('a wrong token is refused', () => refused.page.locator('#refusal').innerText(), (text) => text.includes('refused'));
  assert.equal(await refused.page.locator('#desk').isVisible(), false);
  await refused.close();

  const desk = await Tab.open(browser, `${server.url}/admin`, { allowed, viewport: { width: 1280, height: 800 } });
  await desk.page.fill('#token', TOKEN);
  await desk.page.click('#sign-in button');
  await eventually('the room is listed with two players', () => texts(desk, '#rooms tbody tr'), (rows) => rows.some((row) => row.includes(id) && row.includes('2/')));
  assert.equal(await desk.page.locator('#feed').innerText(), 'live');
  assert.deepEqual(await desk.page.evaluate(() => [document.cookie, localStorage.length, sessionStorage.length]), ['', 0, 0]);

  await desk.page.click(`#rooms button[title="${id}"]`);
  await eventually('both players are shown', () => texts(desk, '#players tbody td:nth-child(2)'), (names) => names.join() === 'Ada,Bob');
  const ticks = () => desk.page.locator('#rows-note').innerText();
  const first = await ticks();
  await eventually('the room is live', ticks, (note) => note !== first);
  await eventually('entities have values with units', () => texts(desk, '#rows tbody td'), (cells) => cells.some((cell) => /^\d+\.\d\d$/.test(cell)));

  await desk.page.click('[aria-label="Kick Bob"]');
  await desk.page.fill('#reason', REASON);
  await desk.page.click('#ask-go');
  const status = bob.page.locator('#status-text');
  await eventually('Bob sees the reason, as text', () => status.innerText(), (text) => text.includes(REASON));
  await eventually('Ada is alone', () => texts(desk, '#players tbody td:nth-child(2)'), (names) => names.join() === 'Ada');
  // Longer than a client that comes back would wait.
  await sleep(4000);
  assert.match(await status.innerText(), /removed from the room/);
  assert.equal((await server.rooms()).find((/** @type {{ id: string }} */ room) => room.id === id).players, 1);

  await desk.page.click('#record');
  const said = () => desk.page.locator('#said').innerText();
  await eventually('the room is recorded', said, (text) => text.startsWith('Recorded in'));
  const file = (await said()).replace('Recorded in ', '');
  assert.ok((await readFile(join(recordings, file))).subarray(0, 7).equals(Buffer.from('tickrec')), file);

  await desk.page.click('#lock');
  await eventually('the list says that the room is locked', () => texts(desk, '#rooms tbody tr'), (rows) => rows.some((row) => row.includes('locked')));
  const listed = async () => (await server.rooms()).find((/** @type {{ id: string }} */ room) => room.id === id);
  await eventually('so does the list for everybody', listed, ({ locked }) => locked);
  const visitor = await Tab.open(browser, server.url);
  const line = visitor.page.locator(`#rooms li:has(button[data-watch="${id}"])`);
  await eventually('the lobby shows it as locked', () => line.innerText(), (text) => text.includes('locked'));
  const offered = () => line.locator('.join').isVisible();
  assert.equal(await offered(), false);
  await visitor.shot('lobby-locked');
  await desk.page.click('#lock');
  await eventually('the lobby offers it again', offered);
  await eventually('it is open again', () => texts(desk, '#lock'), ([text]) => text === 'Lock');

  await visitor.page.click('#create');
  await visitor.inRoom();
  const other = await visitor.room();
  await eventually('another room is listed', () => texts(desk, '#rooms tbody tr'), (rows) => rows.some((row) => row.includes(other.id)));
  await desk.page.click('#close');
  // Whatever is looked at by the time of the answer, it is about the room that was asked about.
  await desk.page.evaluate((room) => document.querySelector(`#rooms button[title="${room}"]`).click(), other.id);
  await desk.page.fill('#reason', 'closing time');
  await desk.page.click('#ask-go');
  await eventually('Ada sees why the room closed', () => ada.page.locator('#status-text').innerText(), (text) => text.includes('closing time'));
  assert.equal((await visitor.room()).connection, 'online');
  await visitor.close();
  await eventually('the room is gone', () => desk.page.locator('#no-room').innerText(), (text) => text.includes('has ended'), 40_000);

  await desk.page.click('#sign-out');
  assert.equal(await desk.page.locator('#token').inputValue(), '');
  await Promise.all([ada, bob, desk].map((tab) => tab.close()));
});

test('an operator sees to whom the game feels bad, and why', async () => {
  const far = await Tab.join(browser, server.url, 'Far', { query: '&net=train' });
  const near = await Tab.join(browser, server.url, 'Near');
  // Somebody must move, or there is nothing to see.
  const { key } = await near.openWay();
  const { id } = await far.room();
  const desk = await Tab.open(browser, `${server.url}/admin`, { viewport: { width: 1280, height: 800 } });
  await desk.page.fill('#token', TOKEN);
  await desk.page.click('#sign-in button');
  await desk.page.click(`#rooms button[title="${id}"]`);
  const players = async () => {
    await near.hold(key, 300);
    return texts(desk, '#players tbody tr');
  };
  await eventually('who plays on a train has a bad link', players, (rows) => rows.some((row) => /Far.*their link.*ms without a frame/s.test(row)), 90_000);
  await desk.shot('admin-feel');
  await Promise.all([far, near, desk].map((tab) => tab.close()));
});

test('an operator sees who watches which room, and how that goes, also on a phone', async (t) => {
  const ada = await Tab.join(browser, server.url, 'Ada');
  const { id } = await ada.room();
  const film = `${server.url}/api/rooms/${id}/film`;
  const stopped = new AbortController();
  t.after(() => stopped.abort());
  for (let viewer = 0; viewer < 3; viewer++) {
    const { body } = await fetch(`${film}/events`, { signal: stopped.signal });
    body.pipeTo(new WritableStream()).catch(() => {});
  }
  const watched = await watch(film);
  t.after(() => watched.close());
  for (const options of [{ viewport: { width: 1280, height: 800 } }, { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true }]) {
    const desk = await Tab.open(browser, `${server.url}/admin`, options);
    await desk.page.fill('#token', TOKEN);
    await desk.page.click('#sign-in button');
    await eventually('the list has the viewers', () => texts(desk, '#rooms tbody tr'), (rows) => rows.some((row) => row.includes(id) && /\t4\t/.test(row)));
    await eventually('both outlets tell viewers, lag and losses', () => texts(desk, '#outlets tbody tr'), (rows) => (
      /^Films by events\t3\t\d+(\.\d)? ms\t\d+\t0$/.test(rows[0]) && /^Films by segments\t1\t\d+(\.\d)? ms\t\d+\t0$/.test(rows[1])
    ));
    await desk.page.click(`#rooms button[title="${id}"]`);
    const note = '0 spectators, 4 viewers of the film (3 by events, 1 by segments)';
    await eventually('the room tells them apart', () => desk.page.locator('#room-note').innerText(), (text) => text.endsWith(note));
    assert.ok(await desk.page.locator('#outlets').evaluate((table) => table.scrollWidth <= table.parentElement.clientWidth), 'no figure is cut off');
    await desk.shot(`admin-viewers-${options.viewport.width}`);
    await desk.close();
  }
  await ada.close();
});

test('an operator can work on a phone', async () => {
  const ada = await Tab.join(browser, server.url, 'Ada', { viewport: { width: 390, height: 844 } });
  const desk = await Tab.open(browser, `${server.url}/admin`, { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true });
  await desk.page.fill('#token', TOKEN);
  await desk.page.tap('#sign-in button');
  await desk.page.tap('#rooms tbody button');
  await eventually('the player is shown', () => texts(desk, '#players tbody td:nth-child(2)'), (names) => names.join() === 'Ada');
  const overflow = await desk.page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  assert.equal(overflow, 0, 'nothing sticks out at the side');
  await Promise.all([ada, desk].map((tab) => tab.close()));
});

test('eight tabs of an operator share one stream, also when the first ones are closed', async () => {
  const context = await browser.newContext({ viewport: { width: 900, height: 600 } });
  const live = async (/** @type {Tab[]} */ desks) => {
    for (const desk of desks) await eventually('the tab is live', () => desk.page.locator('#feed').innerText(), (text) => text === 'live');
  };
  /** @type {Tab[]} */
  const desks = [];
  for (let count = 0; count < 8; count++) {
    const desk = new Tab(await context.newPage(), []);
    await desk.page.goto(`${server.url}/admin`);
    await desk.page.fill('#token', TOKEN);
    await desk.page.click('#sign-in button');
    await live([desk]);
    desks.push(desk);
  }
  const ada = await Tab.join(browser, server.url, 'Ada');
  const { id } = await ada.room();
  for (const desk of desks.splice(0, 4)) await desk.page.close();
  for (const desk of desks) {
    await eventually('the room is listed', () => texts(desk, '#rooms tbody tr'), (rows) => rows.some((row) => row.includes(id)));
    desk.check();
  }
  // A wrong token gets nothing of the others' stream.
  const stranger = new Tab(await context.newPage(), [/401/]);
  await stranger.page.goto(`${server.url}/admin`);
  await stranger.page.fill('#token', 'a guess that is long enough to be one');
  await stranger.page.click('#sign-in button');
  await eventually('it is refused', () => stranger.page.locator('#refusal').innerText(), (text) => text.includes('refused'));
  await desks[0].page.click('#sign-out');
  assert.equal(await desks[0].page.locator('#desk').isVisible(), false);
  await live(desks.slice(1));
  await ada.close();
  await context.close();
});
