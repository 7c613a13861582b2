// The browser client of the day protocol 2 was done, packed and never changed, against the server of today: an older client
// plays on while servers are upgraded. `npm pack` made the file.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import { fileURLToPath } from 'node:url';

import { GameServer } from './support/server.js';
import { Tab, eventually, launch } from './support/tabs.js';

const PACKED = fileURLToPath(new URL('../golden/client-2.tgz', import.meta.url));
/** In the page: what a game does with the client. */
async function play() {
  const { Client } = await import('/golden/index.js');
  const client = new Client(`${location.origin.replace('http', 'ws')}/play`);
  const room = await client.joinOrCreate('arena', { name: 'Golden' });
  const golden = { client, room, chat: [], left: [] };
  room.onChat(({ from, text }) => golden.chat.push([from, text]));
  room.onLeave((code, text, comesBack) => golden.left.push([code, comesBack]));
  window.golden = golden;
}

let folder, server, browser;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'golden-'));
  execFileSync('tar', ['-xzf', PACKED, '-C', folder]);
  server = await GameServer.start();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** A page of the server's own origin with the packed client. */
async function openGolden() {
  const context = await browser.newContext();
  const tab = new Tab(await context.newPage(), []);
  await tab.page.route('**/golden/**', async (route) => {
    const name = new URL(route.request().url()).pathname.slice('/golden/'.length);
    await route.fulfill({ contentType: 'text/javascript', body: await readFile(join(folder, 'package', name), 'utf8') });
  });
  // Any answer of the server will do: the page needs its origin, nothing else.
  await tab.page.goto(`${server.url}/api/rooms`);
  await tab.page.evaluate(play);
  await eventually('the packed client is in a room', () => tab.page.evaluate(() => window.golden.room.state.entities.has(window.golden.room.entity)));
  return tab;
}

function look(tab) {
  return tab.page.evaluate(() => {
    const { room, chat, left } = window.golden;
    const own = room.state.entities.get(room.entity);
    return {
      connection: room.connection, tick: room.state.tick, stats: { ...room.stats }, chat, left,
      seat: room.seat, players: room.players.size, at: own && [own.raw('x'), own.raw('y')],
    };
  });
}

test('a client of the first day of protocol 2 plays on', async () => {
  const golden = await openGolden();
  const today = await Tab.join(browser, server.url, 'Today');
  await eventually('both are in one room', () => look(golden), ({ players }) => players === 2);
  const start = await look(golden);
  for (const heading of [0, Math.PI / 2, Math.PI, -Math.PI / 2]) {
    await golden.page.evaluate((to) => window.golden.room.setInput({ run: true, heading: to }), heading);
    await golden.page.waitForTimeout(700);
  }
  const moved = await look(golden);
  assert.notDeepEqual(moved.at, start.at, 'it moves');
  const seen = await today.whereabouts(await golden.page.evaluate(() => window.golden.room.entity));
  assert.ok(seen, 'the client of today sees it');
  await golden.page.evaluate(() => { window.golden.room.chat('old but well'); });
  await eventually('its own line comes back', () => look(golden), ({ chat }) => chat.some(([, text]) => text === 'old but well'));

  // The upgrade itself: the server goes and another one comes. A room does not outlive its process yet, so the client
  // gets a new one of the same game.
  const { port } = server;
  const passed = await look(golden);
  assert.ok(passed.tick > start.tick + 50, `${passed.tick - start.tick} ticks`);
  assert.equal(passed.stats.desyncs, 0);
  await today.close();
  await server.stop();
  server = await GameServer.start(port);
  const back = await eventually('it comes back and plays on', () => look(golden), ({ connection, stats, left }) => (
    connection === 'online' && left.length === 1 && stats.snapshots > passed.stats.snapshots + 40
  ));
  assert.deepEqual(back.left, [[4001, true]], 'it was told that the server drains');
  assert.ok(back.tick < passed.tick, 'a new room');
  assert.equal(back.stats.desyncs, 0);
  await golden.page.context().close();
});
