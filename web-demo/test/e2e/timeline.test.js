// The timeline in a real browser: a recording is dropped onto it, played, sought, followed and seen with a seat's eyes; the command
// serves one with inputs and names, which is what the server had at every tick; operators open one from their page; and a shared
// clip needs nothing but its link.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { Film } from '../../client/index.js';
import { Crowd } from './support/crowd.js';
import { BINARY, GameServer } from './support/server.js';
import { Tab, eventually, launch } from './support/tabs.js';

const TOKEN = '8c1f0b52a7e94d6fb3d2c5a1907e6f48';
const GOLDEN = fileURLToPath(new URL('../../../crates/cli/tests/golden/arena.tickrec', import.meta.url));
const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };
const DESK = { viewport: { width: 1280, height: 800 } };

/** @type {import('playwright-core').Browser} */
let browser;
/** @type {GameServer} */
let server;
let folder = '';

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tickwire-timeline-'));
  server = await GameServer.start(0, { TICKWIRE_ADMIN_TOKEN: TOKEN, TICKWIRE_RECORDINGS: folder });
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** What the page shows. @param {Tab} tab */
const shown = (tab) => tab.page.evaluate(() => {
  const { film, followed } = window.timeline;
  return {
    tick: film.tick, playing: film.playing, seat: film.seat, followed, hash: location.hash, players: film.players.size,
    now: document.querySelector('#now').textContent, value: document.querySelector('#seek').value,
  };
});

/** Opens the page with the golden recording. @param {object} options */
async function watch(options, hash = '') {
  const tab = await Tab.open(browser, `${server.url}/timeline/${hash}`, options);
  await tab.page.setInputFiles('#file', GOLDEN);
  await eventually('the recording is shown', () => tab.page.evaluate(() => document.body.dataset.screen === 'watch' && Boolean(window.timeline)));
  return tab;
}

test('a recording that is chosen is played, sought and followed, by mouse and keyboard', async () => {
  const tab = await watch(DESK);
  const { page } = tab;
  await page.keyboard.press('End');
  await eventually('the end is shown', () => shown(tab), ({ tick, hash }) => tick === 700 && hash === '#tick=700');
  await page.keyboard.press('Home');
  await page.keyboard.press('Shift+ArrowRight');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowLeft');
  await eventually('a second later is shown', () => shown(tab), ({ tick, now, value }) => tick === 20 && now === 'tick 20 · 1.00 s' && value === '20');
  await page.keyboard.press('Space');
  await eventually('it plays', () => shown(tab), ({ playing, tick }) => playing && tick > 25);
  await page.selectOption('#speed', '16');
  await eventually('it has played to its end', () => shown(tab), ({ playing, tick }) => !playing && tick === 700);
  assert.equal(await page.locator('#play').innerText(), 'Play');

  await page.locator('#players button').nth(2).click();
  const { followed } = await shown(tab);
  await eventually('the player is followed', () => page.evaluate(() => window.timeline.stage.scene.camera.overview), (overview) => overview === false);
  assert.equal(typeof followed, 'number');
  await page.selectOption('#eyes', String(followed));
  await eventually('what the player saw is shown', () => page.locator('#seen').innerText(), (text) => text === `What Player ${followed} saw`);
  await page.keyboard.press('Escape');
  assert.deepEqual((({ seat, followed: none }) => [seat, none])(await shown(tab)), [null, null]);

  await page.selectOption('#which', 'players');
  await page.locator('#events button').first().click();
  await eventually('the event is shown', () => shown(tab), ({ tick }) => tick < 20);
  await page.evaluate(() => { location.hash = '#tick=333'; });
  await eventually('the address leads there', () => shown(tab), ({ tick }) => tick === 333);
  assert.match(await page.locator('#costs').innerText(), /avatar heading/);
  assert.match(await page.locator('#sealed').innerText(), /tickwire replay --open/);
  await page.locator('summary').click();
  await eventually('there is one row per avatar', () => page.locator('#rows tbody tr').count(), (count) => count === 6);
  await tab.shot('timeline-desktop');
  await tab.page.context().close();
  tab.check();
});

test('it fits a phone, and is drawn', async () => {
  for (const colorScheme of ['light', 'dark']) {
    const tab = await watch({ ...PHONE, colorScheme });
    await tab.page.locator('#seek').evaluate((slider) => {
      slider.value = '400';
      slider.dispatchEvent(new Event('input'));
    });
    await eventually('the tick is shown', () => shown(tab), ({ now }) => now.startsWith('tick 400'));
    assert.equal(await tab.page.evaluate(() => document.documentElement.scrollWidth), 390, 'nothing is wider than the screen');
    for (const id of ['play', 'back', 'forth', 'speed', 'now']) {
      const box = await tab.page.locator(`#${id}`).boundingBox();
      assert.ok(box.x >= 0 && box.x + box.width <= 390 && box.height >= (id === 'now' ? 10 : 44), `${id}: ${JSON.stringify(box)}`);
    }
    const colours = await tab.page.evaluate(() => {
      const canvas = document.querySelector('#canvas');
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      return new Set(new Uint32Array(data.buffer)).size;
    });
    assert.ok(colours > 200, `${colours} colours`);
    await tab.shot(`timeline-phone-${colorScheme}`);
    await tab.page.context().close();
    tab.check();
  }
});

test('what is no recording is refused in words, and other games are drawn as dots', async () => {
  const tab = await Tab.open(browser, `${server.url}/timeline/`, DESK);
  await tab.page.setInputFiles('#file', { name: 'a.tickrec', mimeType: 'application/octet-stream', buffer: Buffer.from('tickrec?') });
  await eventually('it says why', () => tab.page.locator('#problem').innerText(), (text) => text === 'a.tickrec: this is no recording and no clip, or one of another version, at byte 0 of the film');
  await tab.page.evaluate(async () => {
    const { GenericStage } = await import('./generic.js');
    window.GenericStage = GenericStage;
  });
  await tab.page.setInputFiles('#file', GOLDEN);
  await eventually('the recording is shown', () => tab.page.evaluate(() => Boolean(window.timeline)));
  const dots = await tab.page.evaluate(() => {
    const { film } = window.timeline;
    film.seek(300);
    const canvas = Object.assign(document.createElement('canvas'), { width: 600, height: 400 });
    document.body.append(canvas);
    const stage = new window.GenericStage(canvas, film);
    stage.draw(film.view(0), { follow: null });
    return [film.tick, stage.dots.length, film.state.entities.size, stage.at(stage.dots[0].x + 3, stage.dots[0].y) !== null];
  });
  assert.equal(dots[0], 300, 'drawing leaves the film where it is');
  assert.equal(dots[1], dots[2]);
  assert.equal(dots[3], true);
  await tab.page.context().close();
  tab.check();
});

test('a panic and a difference are marked where they happened', async () => {
  const context = await browser.newContext(DESK);
  const tab = new Tab(await context.newPage(), []);
  const notes = {
    error: null, hashes: [[100, [[0, 1]]], [101, [[0, 1]]]], inputs: [[1, 0, [64, 1, 0, 0]], [50, 0, [64, 0, 0, 1]]],
    commands: [[60, 0, 'says "<b>hi</b>"']], names: [[1, 0, 'Ada'], [70, 0, 'Bob']],
    difference: [102, 'tick 102, zone 0, avatar 1: x is 1 and 2'], panicked: [650, 'step'],
  };
  await tab.page.route('**/timeline/recording', (route) => route.fulfill({ path: GOLDEN }));
  await tab.page.route('**/timeline/notes', (route) => route.fulfill({ json: notes }));
  await tab.page.goto(`${server.url}/timeline/?open#tick=49`);
  const first = tab.page.locator('#players tbody tr').first();
  await eventually('names and inputs are those of the tick', () => first.innerText(), (text) => /Ada\s+heading 64, run\s/.test(text));
  await tab.page.keyboard.press('ArrowRight');
  await eventually('the input changes', () => first.innerText(), (text) => /Ada\s+heading 64, throw\s/.test(text));
  await tab.page.selectOption('#which', 'commands');
  const events = tab.page.locator('#events button');
  assert.deepEqual((await events.allInnerTexts()).map((text) => text.replaceAll(/\s+/g, ' ').trim()), [
    '3.00 s Ada says "<b>hi</b>"', '5.10 s run again, it differs: tick 102, zone 0, avatar 1: x is 1 and 2', '32.50 s the game panicked in step',
  ]);
  await events.nth(2).click();
  await eventually('the panic is shown', () => shown(tab), ({ hash, tick }) => hash === '#tick=650' && tick === 650);
  assert.match(await first.innerText(), /^Bob/);
  assert.match(await tab.page.locator('#legend').innerText(), /fault\s+2 ticks compared$/);
  await tab.shot('timeline-faults');
  await context.close();
  tab.check();
});

test('a fresh recording of a running server: operators open it, the command serves it, and each tick is what the server had', async (t) => {
  const crowd = new Crowd();
  t.after(() => crowd.leave());
  const id = await crowd.join(server.url, 5);
  const ticks = () => crowd.rooms[0].state.tick;
  await eventually('the room has a past', async () => ticks(), (tick) => tick > 120);
  await crowd.rooms[0].chat('hello there');

  const desk = await Tab.open(browser, `${server.url}/admin`, DESK);
  await desk.page.fill('#token', TOKEN);
  await desk.page.click('#sign-in button');
  await desk.page.click(`#rooms button[title="${id}"]`);
  await desk.page.click('#record');
  const watching = desk.page.context().waitForEvent('page');
  await desk.page.locator('#recordings button').first().click();
  const opened = new Tab(await watching, []);
  await eventually('the recording is shown', () => opened.page.evaluate(() => window.timeline?.film.length > 100));
  assert.match(await opened.page.locator('#about').innerText(), /arena .*an operator asked for it/);
  await opened.page.keyboard.press('End');
  await eventually('players have no names', () => opened.page.locator('#players tbody').innerText(), (text) => text.includes('Player 0'));
  await desk.page.context().close();
  opened.check();

  const [name] = (await readdir(folder)).filter((file) => file.endsWith('.tickrec'));
  const command = spawn(BINARY, ['replay', join(folder, name), '--open'], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const [address] = await createInterface({ input: command.stdout })[Symbol.asyncIterator]().next().then(({ value }) => [value]);
    const notes = await (await fetch(new URL('notes', address))).json();
    const film = Film.read(new Uint8Array(await readFile(join(folder, name))));
    const wanted = new Map(notes.hashes);
    assert.equal(wanted.size, film.length);
    while (film.step()) assert.deepEqual(film.hashes(), wanted.get(film.tick), `tick ${film.tick}`);

    const tab = await Tab.open(browser, address, DESK);
    await eventually('it is shown with names', () => tab.page.evaluate(() => window.timeline?.film.step(200)));
    await tab.page.keyboard.press('End');
    await eventually('names and inputs are listed', () => tab.page.locator('#players tbody').innerText(), (text) => /Nova.*heading \d+/s.test(text));
    await tab.page.selectOption('#which', 'commands');
    await eventually('commands are listed', () => tab.page.locator('#events').innerText(), (text) => text.includes('Nova says "hello there"'));
    await eventually('ticks are compared', () => tab.page.locator('#legend').innerText(), (text) => text.includes(`${film.length} ticks compared, all equal`));
    await tab.shot('timeline-served');
    await tab.page.context().close();
    tab.check();
  } finally {
    command.kill();
  }
});

test('the last ten seconds are shared by a link that needs no server', async () => {
  const ada = await Tab.join(browser, server.url, 'Ada');
  await eventually('some seconds are kept', () => ada.page.evaluate(() => window.tickwire.room.clip()?.length > 100), Boolean, 20_000);
  await ada.page.keyboard.press('KeyC');
  const link = await eventually('the link is there', () => ada.page.locator('#clip-link').inputValue());
  assert.match(link, /\/timeline\/#clip=[\w-]{100,}$/);
  await ada.shot('clip-dialog');
  await ada.page.keyboard.press('Escape');
  await ada.close();

  // Only the page's own files: nothing else is asked for.
  const asked = [];
  const context = await browser.newContext(DESK);
  const tab = new Tab(await context.newPage(), []);
  tab.page.on('request', (request) => asked.push(new URL(request.url()).pathname));
  await tab.page.goto(link);
  await eventually('the clip is shown', () => tab.page.evaluate(() => window.timeline?.film.players.size === 1));
  await tab.page.keyboard.press('End');
  await eventually('the address keeps the clip', () => shown(tab), ({ hash }) => /clip=[\w-]{100,}&tick=\d+$/.test(hash));
  assert.deepEqual(asked.filter((path) => !/^\/(timeline|client|demo|assets)\//.test(path)), []);
  await context.close();
  tab.check();
});

test('the film of a match that has ended is opened by its link', async () => {
  const kept = await mkdtemp(join(tmpdir(), 'tickwire-matches-'));
  const archive = await GameServer.start(0, { TICKWIRE_MATCHES: kept, TICKWIRE_EMPTY_ROOM_FOR: '1' });
  try {
    const crowd = new Crowd();
    const room = await crowd.join(archive.url, 4);
    const [first] = crowd.rooms;
    await eventually('they play for a while', () => first.state.tick, (tick) => tick > 100);
    crowd.leave();
    const list = async () => (await fetch(`${archive.url}/api/matches?room=${room}`)).json();
    const { matches: [match] } = await eventually('the match has ended', list, ({ matches }) => matches.length === 1);
    assert.equal(match.players, 4);
    const film = Film.read(new Uint8Array(await (await fetch(`${archive.url}${match.film}`)).arrayBuffer()));
    assert.ok(film.length > 100, `${film.length} ticks`);

    const tab = await Tab.open(browser, `${archive.url}/timeline/?match=${match.id}`, DESK);
    await eventually('the match is shown', () => tab.page.evaluate(() => window.timeline?.film.length), (length) => length === film.length);
    await tab.page.evaluate(() => window.timeline.film.seek(window.timeline.film.tick + 60));
    await eventually('four play', () => tab.page.evaluate(() => window.timeline.film.players.size), (players) => players === 4);
    await tab.shot('timeline-match');
    await tab.page.goto(`${archive.url}/timeline/?match=7`);
    await eventually('another one is not there', () => tab.page.locator('#problem').innerText(), (text) => text.includes('the film of match 7 is not there'));
    await tab.page.context().close();
  } finally {
    await archive.stop();
    await rm(kept, { recursive: true, force: true });
  }
});
