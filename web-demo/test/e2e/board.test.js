// The board of results: matches appear in the lobby by themselves as they end, in all tabs, also after the server was away; their films
// open in the timeline.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { after, before, test } from 'node:test';

import { Client } from '../../client/index.js';
import { Crowd } from './support/crowd.js';
import { GameServer } from './support/server.js';
import { Tab, eventually, launch, sleep } from './support/tabs.js';

const AWAY = [/Failed to load resource/, /ERR_CONNECTION_REFUSED/];
const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true };
const PLAYED_MS = 4000;

/** @type {import('playwright-core').Browser} */
let browser;
before(async () => (browser = await launch()));
after(() => browser?.close());

const board = (tab) => tab.page.locator('#matches li').evaluateAll((rows) => rows.map((row) => ({
  id: row.dataset.match, game: row.querySelector('strong').textContent, result: row.querySelector('.result')?.textContent ?? null,
  meta: row.querySelector('.meta').textContent, film: row.querySelector('.replay')?.getAttribute('href') ?? null, news: 'news' in row.dataset,
})));

/** One player who comes and goes. */
async function playAlone(url) {
  const room = await new Client(`${url.replace('http', 'ws')}/play`).create('arena', { name: 'Solo' });
  await sleep(500);
  await room.leave();
}

test('matches appear as they end, and their films open', async (t) => {
  const folder = await mkdtemp(`${tmpdir()}/tickwire-board-`);
  const settings = { TICKWIRE_MATCHES: folder, TICKWIRE_EMPTY_ROOM_FOR: '1', TICKWIRE_HOLD_SEATS_FOR: '1' };
  let server = await GameServer.start(0, settings);
  t.after(async () => {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  });
  const tab = await Tab.open(browser, server.url, { allowed: AWAY });
  const phone = await Tab.open(browser, server.url, { allowed: AWAY, ...PHONE });
  for (const each of [tab, phone]) {
    await eventually('the board is live', () => each.page.locator('#board-feed').textContent(), (text) => text === 'live');
    assert.ok(await each.page.locator('#no-matches').isVisible());
  }
  const crowd = new Crowd();
  const room = await crowd.join(server.url, 5);
  await sleep(PLAYED_MS);
  crowd.leave();
  const [match] = await eventually('the match is on the board', () => board(tab), (rows) => rows.length === 1, 30_000);
  assert.equal(match.game, 'arena');
  assert.match(match.meta, /^5 players · \d+ s · just now$/);
  assert.equal(match.film, `timeline/?match=${match.id}`);
  assert.ok(match.news, 'it is marked as news');
  assert.ok(await tab.page.locator('#no-matches').isHidden());
  await eventually('on the phone, too', () => board(phone), (rows) => rows[0]?.id === match.id);

  await tab.page.click('#matches .replay');
  await eventually('the film plays', () => tab.page.evaluate(() => window.timeline?.film.place ?? 0), (place) => place > 10, 20_000);
  const film = await tab.page.evaluate(() => ({ room: window.timeline.film.id, seconds: window.timeline.film.length / window.timeline.film.rate }));
  assert.equal(film.room, room);
  assert.ok(film.seconds > PLAYED_MS / 1000 - 1, `${film.seconds} s of film`);
  await tab.shot('board-replay');
  await tab.page.goBack();
  await eventually('the board is there again', () => board(tab), (rows) => rows[0]?.id === match.id && !rows[0].news);

  await server.kill();
  await eventually('the server is away', () => tab.page.locator('#board-feed').textContent(), (text) => text === 'reconnecting');
  assert.equal((await board(tab)).length, 1, 'what is known stays');
  server = await GameServer.start(server.port, settings);
  await playAlone(server.url);
  for (const each of [tab, phone]) await eventually('the next match', () => board(each), (rows) => rows.length === 2 && rows[1].id === match.id, 40_000);
  assert.match((await board(tab))[0].meta, /^1 player · /);
  for (let more = 0; more < 6; more++) await playAlone(server.url);
  await eventually('the board is bounded', () => board(tab), (rows) => rows.length === 6 && rows.every(({ meta }) => meta.startsWith('1 player')), 40_000);
  await tab.shot('board');
  await phone.page.locator('#board').scrollIntoViewIfNeeded();
  await phone.shot('board-phone');
  for (const each of [tab, phone]) {
    await each.page.context().close();
    each.check();
  }
});

test('results of all kinds fit', async (t) => {
  const server = await GameServer.start();
  t.after(() => server.stop());
  for (const [name, options] of [['wide', {}], ['phone', PHONE]]) {
    const tab = await Tab.open(browser, server.url, options);
    await eventually('its own board is there', () => tab.page.locator('#board-feed').textContent(), (text) => text === 'live');
    await tab.page.evaluate(async () => {
      const { Board } = await import('/demo/board.js');
      const now = Date.now();
      const match = (id, game, minutes, players, result, film = '/x') => ({
        id, room: 'k7m2p9qa', game, players, result, film, began: now - minutes * 60_000 - 1000 * id * 90, ended: now - minutes * 60_000,
      });
      new Board().show({ state: 'live', matches: [
        match(9, 'arena', 0, 12, { winner: 'Kestrel', points: 87 }),
        match(8, 'tag', 4, 6, { team: 'red', rounds: 3, by: [2, 1] }, null),
        match(7, 'arena', 25, 40, { winner: '<b>Ada</b> the unreasonably long-named queen of the frozen northern courtyards', points: 1203 }),
        match(6, 'plaza', 130, 1, null),
      ] });
      // The page's own board has none to show.
      document.getElementById('no-matches').hidden = true;
    });
    const rows = await tab.page.locator('#matches li').evaluateAll((items) => items.map((item) => ({
      wide: item.scrollWidth <= item.clientWidth + 1, bold: item.querySelectorAll('b').length,
    })));
    assert.deepEqual(rows, Array(4).fill({ wide: true, bold: 0 }));
    await tab.page.locator('#board').scrollIntoViewIfNeeded();
    await tab.shot(`board-results-${name}`);
    await tab.page.context().close();
  }
});
