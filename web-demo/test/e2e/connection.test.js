// What a player sees when the server goes: killed, it comes back and the page plays on by itself; drained, the page says
// so in words.

import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';

import { GameServer } from './support/server.js';
import { Tab, eventually, launch } from './support/tabs.js';

/** What the browser itself says about a server that is not there. */
const OUTAGE = /^WebSocket connection to .* failed|net::ERR_/;
/** The figures may ask about a room that has just closed. */
const GONE = /status of 404/;

let server, browser;
before(async () => {
  server = await GameServer.start();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** The banner's text, or null when none is shown. */
function banner(tab) {
  return tab.page.evaluate(() => {
    const status = document.getElementById('status');
    return status.hidden ? null : document.getElementById('status-text').textContent;
  });
}

/** Counts the endings that the page is told of. */
async function watchEndings(tab) {
  await tab.page.evaluate(() => {
    window.endings = [];
    window.tickwire.room.onLeave((code, reason, back) => window.endings.push([code, reason, back]));
  });
}

test('a killed server is waited for, and the game goes on by itself', async () => {
  const tab = await Tab.join(browser, server.url, 'Ada', { allowed: [OUTAGE] });
  await watchEndings(tab);
  const old = await tab.room();
  await server.kill();
  await eventually('the page says that it reconnects', () => banner(tab), (text) => /lost.*reconnecting/i.test(text ?? ''));
  assert.deepEqual((await tab.page.evaluate(() => window.endings)).map(([code, , back]) => [code, back]), [[1006, true]]);
  await tab.shot('connection-lost');
  server = await GameServer.start(server.port);
  await tab.inRoom(20_000);
  assert.equal(await banner(tab), null);
  const room = await tab.room();
  assert.equal(room.id, old.id, 'the arena can be made again');
  assert.deepEqual(room.players.map(({ name }) => name), ['Ada']);
  const start = await tab.whereabouts();
  const { key } = await tab.openWay();
  await tab.hold(key, 500);
  await eventually('the keys steer the new avatar', () => tab.whereabouts(), ({ x, y }) => Math.hypot(x - start.x, y - start.y) > 1);
  assert.equal(new URL(tab.page.url()).searchParams.get('room'), room.id, 'the address names the room');
  await tab.close();
});

test('a drained server is told from a lost one', async () => {
  const tab = await Tab.join(browser, server.url, 'Ada', { allowed: [OUTAGE, GONE] });
  await watchEndings(tab);
  await server.stop();
  const text = await eventually('the page says why', () => banner(tab));
  assert.deepEqual(await tab.page.evaluate(() => window.endings), [[4001, 'the server is draining, come back', true]]);
  assert.match(text, /restarting.*reconnecting/i);
  await tab.shot('connection-drained');
  server = await GameServer.start(server.port);
  await tab.inRoom(20_000);
  assert.equal(await banner(tab), null);
  await tab.close();
});

test('a connection that is lost while the map is fetched is waited for as any other', async () => {
  const tab = await Tab.open(browser, server.url, { allowed: [OUTAGE, GONE] });
  const map = await (await fetch(`${server.url}/assets/maps/courtyard.txt`)).text();
  let arrive = () => {};
  const arrived = new Promise((resolve) => { arrive = resolve; });
  await tab.page.route('**/assets/maps/*', async (route) => {
    await arrived;
    await route.fulfill({ body: map, contentType: 'text/plain' });
  });
  await tab.page.click('#play');
  await eventually('the player has a seat', () => server.rooms(), ([room]) => room?.players === 1);
  await server.kill();
  arrive();
  await eventually('the page says that it reconnects', () => banner(tab), (text) => /lost.*reconnecting/i.test(text ?? ''));
  server = await GameServer.start(server.port);
  await tab.inRoom(20_000);
  assert.equal(await banner(tab), null);
  await tab.close();
});
