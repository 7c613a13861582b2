// The app of `examples/nitro`, checked and built for Node, beside a real server: what its page shows in Chromium of a room that players
// enter and leave, while each of the two servers is started again.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import test, { after, before } from 'node:test';

import { Client } from '../../client/index.js';
import { BINARY, GameServer } from '../e2e/support/server.js';
import { Tab, eventually, launch } from '../e2e/support/tabs.js';
import { build } from './support/app.js';

const ADMIN = 'a token of thirty-two characters';
/** A name that would be markup. */
const NAME = '<b>Ada</b>';
const PATIENCE_MS = 20_000;
const LOST = 'The game server does not answer. Below is the room as it was.';
const UNCONNECTED = 'This page is not connected. Trying again.';

let folder, browser;
before(async () => {
  folder = await build('nitro', ['check', 'build']);
  browser = await launch();
});
after(async () => {
  await browser?.close();
  if (folder) await rm(folder, { recursive: true, force: true });
});

const startGame = (port) => GameServer.start(port, { TICKWIRE_ADMIN_TOKEN: ADMIN }, ['--pages', 'none']);

/** Starts the app; `stop` ends it as an upgrade does. */
async function startApp(t, game, port = 0) {
  const variables = { HOST: '127.0.0.1', PORT: String(port), NITRO_TICKWIRE_URL: `${game.replace('http', 'ws')}/play` };
  const app = spawn(process.execPath, ['.output/server/index.mjs'], {
    cwd: folder, env: { ...process.env, ...variables }, stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(app, 'exit');
  t.after(() => app.kill('SIGKILL'));
  for await (const line of createInterface({ input: app.stdout })) {
    const [, url] = /Listening on (\S+)/.exec(line) ?? [];
    if (!url) continue;
    const stop = async () => {
      app.kill('SIGTERM');
      assert.deepEqual(await ended, [0, null], 'the app ends by itself');
    };
    return { url, port: Number(new URL(url).port), stop };
  }
  return assert.fail('the app ended without an address');
}

const htmlOf = async (url) => (await fetch(url)).text();

/** Lets bots play in the room, whose points `page` then shows. */
async function botsScore(t, game, room, page) {
  const bots = spawn(BINARY, ['bots', '--url', `${game.url.replace('http', 'ws')}/play`, '--players', '9'], { stdio: 'ignore' });
  const ended = once(bots, 'exit');
  t.after(() => bots.kill('SIGKILL'));
  const shown = await eventually('the page shows points', page, (lines) => lines.length === 10 && !lines[0].endsWith(': 0'), PATIENCE_MS);
  const points = new Map([...room.players.values()].map(({ name, entity }) => [name, room.state.entities.get(entity).score]));
  const read = shown.map((line) => line.split(': ')).map(([name, score]) => [name, Number(score)]);
  for (const [name, score] of read) assert.ok(score <= points.get(name), `${name} has ${points.get(name)} points, and not ${score}`);
  assert.deepEqual(read, read.toSorted(([, a], [, b]) => b - a), 'the best is first');
  bots.kill('SIGTERM');
  await ended;
}

test('the page shows who plays, by itself, and is right again after each server was started again', async (t) => {
  let game = await startGame(0);
  t.after(() => game.kill());
  const app = await startApp(t, game.url);
  const client = new Client(`${game.url.replace('http', 'ws')}/play`);
  // A room that nobody leaves would go on reconnecting after a failure.
  const entered = async (joining) => {
    const room = await joining;
    t.after(() => room.leave());
    return room;
  };
  const ada = await entered(client.joinOrCreate('arena', { name: NAME }));

  const escaped = '<li>&#60;b&#62;Ada&#60;/b&#62;: ';
  const html = await eventually('the first HTML has the room', () => htmlOf(app.url), (text) => text.includes(escaped));
  assert.match(html, /<p>1 player in the room<\/p>/);
  const tab = await Tab.open(browser, app.url, { allowed: [/WebSocket connection to '\S+' failed/] });
  const players = () => tab.page.locator('li').allTextContents();
  const names = async () => (await players()).map((text) => text.replace(/: \d+$/, '')).sort();
  const says = (selector) => () => tab.page.locator(selector).textContent();
  const shows = (what, wanted) => eventually(what, names, (seen) => seen.join() === wanted.join(), PATIENCE_MS);
  assert.deepEqual(await names(), [NAME]);

  const bob = await entered(client.joinById(ada.id, { name: 'Bob' }));
  await shows('Bob joins', [NAME, 'Bob']);
  await bob.leave();
  await shows('Bob leaves', [NAME]);
  await botsScore(t, game, ada, players);
  await shows('the bots leave', [NAME]);

  await game.kill();
  await eventually('the page says that the room is lost', says('main [role=status]'), (text) => text === LOST, PATIENCE_MS);
  assert.deepEqual(await names(), [NAME], 'and shows it as it was');
  game = await startGame(game.port);
  await eventually('the page is right again', says('main [role=status]'), (text) => text === '', PATIENCE_MS);
  await shows('Ada is back', [NAME]);
  const eve = await entered(client.joinById(ada.id, { name: 'Eve' }));
  await shows('it goes on by itself', [NAME, 'Eve']);
  await eve.leave();

  const closed = await fetch(`${game.url}/admin/api/rooms/${ada.id}/close`, {
    method: 'POST', body: '{}', headers: { authorization: `Bearer ${ADMIN}`, 'content-type': 'application/json' },
  });
  assert.equal(closed.status, 204);
  const over = /<p>Last match: \d+ players, \d+ s<\/p>/;
  await eventually('the page shows the match that has ended', () => tab.page.locator('main').innerHTML(), (text) => over.test(text), PATIENCE_MS);
  const next = await entered(client.joinOrCreate('arena', { name: 'Zoe' }));
  await shows('and the next room', ['Zoe']);

  await app.stop();
  await eventually('the page says that it is not connected', says('#own'), (text) => text === UNCONNECTED);
  await next.leave();
  const upgraded = await startApp(t, game.url, app.port);
  await eventually('the page is connected again', says('#own'), (text) => text === '', PATIENCE_MS);
  await shows('and right', []);
  await eventually('the app knows the last match', () => htmlOf(upgraded.url), (text) => over.test(text));
  await upgraded.stop();
  await tab.page.context().close();
  tab.check();
});
