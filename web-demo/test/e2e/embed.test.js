// A room within a page of another site: an iframe that needs no seat, no cookie and some kilobytes; no other page of the server may be
// framed.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';

import { Crowd } from './support/crowd.js';
import { GameServer } from './support/server.js';
import { Tab, eventually, launch } from './support/tabs.js';

/** Bytes that the frame may fetch before the room is on screen, the drawing of the demo's game included. */
const MOST_KILOBYTES = 128;
/** Of them, what any game needs: the page, the client's film and a dot for each entity. */
const MOST_WITHOUT_DRAWING = 92;

/** @type {import('playwright-core').Browser} */
let browser;
/** @type {GameServer} */
let server;
/** Serves the page around the frames, from another origin. @type {import('node:http').Server} */
let site;
/** @type {Map<string, string>} */
const pages = new Map();
before(async () => {
  browser = await launch();
  // The pages as they are in the binary: those from disk are not compressed.
  server = await GameServer.start(0, {}, []);
  site = createServer((request, response) => {
    const page = pages.get(request.url ?? '');
    response.writeHead(page ? 200 : 404, { 'content-type': 'text/html' }).end(page);
  });
  site.listen(0, '127.0.0.1');
  await once(site, 'listening');
});
after(async () => {
  site?.close();
  await browser?.close();
  await server?.stop();
});

/** A page of another site with a frame. */
function around(path, size) {
  const name = `/${pages.size}`;
  pages.set(name, `<!doctype html><link rel="icon" href="data:,"><body style="margin:16px;font:16px sans-serif;background:#fff"><h1>The final, live</h1>
    <iframe id="frame" src="${server.url}${path}" style="border:0;border-radius:12px;${size}" title="The arena"></iframe><p>Text of the site.</p>`);
  return `http://localhost:${site.address().port}${name}`;
}

const frameOf = (tab) => tab.page.frameLocator('#frame');

test('a room is shown within the page of another site', async (t) => {
  const crowd = new Crowd();
  t.after(() => crowd.leave());
  const id = await crowd.join(server.url, 6);
  const tab = await Tab.open(browser, 'about:blank', { viewport: { width: 900, height: 700 } });
  /** What the frame fetched: the address, and the bytes of the answer with its head. @type {Promise<{ url: string, bytes: number }>[]} */
  const fetched = [];
  tab.page.on('requestfinished', (request) => {
    const url = request.url();
    if (url.startsWith(server.url)) fetched.push(request.sizes().then((sizes) => ({ url, bytes: sizes.responseBodySize + sizes.responseHeadersSize })));
  });
  await tab.page.goto(around(`/watch/${id}`, 'width:760px;height:460px'));
  const frame = frameOf(tab);
  await eventually('the room is on screen', () => frame.locator('#about').textContent(), (text) => /^6 players · \d+ s ago$/.test(text), 20_000);
  assert.equal(await frame.locator('#title').textContent(), 'courtyard');
  await eventually('and nothing is said over it', () => frame.locator('#status').textContent(), (text) => text === '');
  const page = (await Promise.all(fetched)).filter(({ url }) => !url.includes('/api/'));
  const kilobytes = (list) => list.reduce((sum, { bytes }) => sum + bytes, 0) / 1000;
  const drawing = page.filter(({ url }) => /\/(demo|timeline|assets)\//.test(url));
  t.diagnostic(`${page.length} files, ${kilobytes(page).toFixed(1)} kB, of them ${kilobytes(drawing).toFixed(1)} kB to draw the arena`);
  assert.ok(page.length > 20, 'they are counted');
  assert.ok(kilobytes(page) < MOST_KILOBYTES, `${kilobytes(page)} kB`);
  assert.ok(kilobytes(page) - kilobytes(drawing) < MOST_WITHOUT_DRAWING, `${kilobytes(page) - kilobytes(drawing)} kB`);
  assert.equal((await server.rooms()).find((room) => room.id === id).players, 6, 'who watches has no seat');
  await tab.shot('embed');
  await frame.locator('#canvas').click({ position: { x: 5, y: 5 } });
  await eventually('a player is followed', () => frame.locator('#about').textContent(), (text) => /^Player \d+ · \d+ s ago$/.test(text));
  await tab.shot('embed-follows');
  assert.equal(await frame.locator('#join').getAttribute('href'), `../?room=${id}`);
  await tab.page.context().close();
  tab.check();

  const phone = await Tab.open(browser, around(`/watch/${id}`, 'width:calc(100vw - 32px);aspect-ratio:4/3'), { viewport: { width: 390, height: 700 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true });
  await eventually('it tells how to follow', () => frameOf(phone).locator('#about').textContent(), (text) => text === '6 players · tap to follow', 20_000);
  await eventually('it is on the phone', () => frameOf(phone).locator('#about').textContent(), (text) => /s ago$/.test(text), 20_000);
  await phone.shot('embed-phone');
  await phone.page.evaluate(() => { document.getElementById('frame').style.width = '220px'; });
  const outside = await frameOf(phone).locator('#join').evaluate((join) => join.getBoundingClientRect().right - innerWidth);
  assert.ok(outside <= 0, `the button is outside of the frame by ${outside} pixels`);
  await phone.page.context().close();
  phone.check();
});

test('a frame waits for a room that is not there, and fetches nothing while nobody sees it', async () => {
  const tab = await Tab.open(browser, around('/watch/notyet', 'width:600px;height:300px'), { allowed: [/404/] });
  await eventually('it says so', () => frameOf(tab).locator('#status').textContent(), (text) => text === 'This room is not open. Waiting for it');
  await tab.shot('embed-waits');
  await tab.page.context().close();
  tab.check();

  const far = await Tab.open(browser, 'about:blank');
  const asked = [];
  far.page.on('request', (request) => { if (request.url().includes('/api/')) asked.push(request.url()); });
  await far.page.goto(around('/watch/far', 'width:300px;height:200px;margin-top:5000px'));
  await eventually('its scripts are there', () => far.page.frames()[1]?.evaluate(() => document.readyState), (state) => state === 'complete');
  await far.page.waitForTimeout(500);
  assert.deepEqual(asked, []);
  far.allowed.push(/404/);
  await far.page.locator('#frame').scrollIntoViewIfNeeded();
  await eventually('now it looks', async () => asked.length, (count) => count > 0);
  await far.page.context().close();
  far.check();
});

test('no other page of the server can be framed', async () => {
  const tab = await Tab.open(browser, around('/', 'width:600px;height:300px'), { allowed: [/frame-ancestors|Refused to frame|Framing/] });
  await eventually('the browser refuses', async () => tab.page.frames()[1]?.url(), (url) => url?.startsWith('chrome-error:'));
  await tab.page.context().close();
  tab.check();
});
