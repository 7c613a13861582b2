// The pages of `examples/pages`, with the packed client, checked strictly and bundled by Vite, in Chromium against the games of the
// examples. What a page draws is read from its pixels: the own dot is crimson, and that of another player is steelblue.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import { promisify } from 'node:util';

import { Client } from '../../client/index.js';
import { Tab, eventually, launch } from '../e2e/support/tabs.js';
import { ROOT, build } from './support/app.js';

const TARGET = process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target');
const VIEWPORT = { width: 660, height: 660 };
/** A bundle of a megabyte starts slowly where two processors do all the work. */
const PATIENCE_MS = 60_000;
const COLOURS = { own: [220, 20, 60], other: [70, 130, 180] };
const run = promisify(execFile);

let folder, browser, painter;
before(async () => {
  const games = run('cargo', ['build', '--offline', '--workspace', '--example', 'smallest', '--example', 'tag'], { cwd: ROOT });
  folder = await build('pages', ['build']);
  await games;
  // Software that draws WebGL: there may be no graphics card.
  browser = await launch({}, ['--enable-unsafe-swiftshader', '--use-angle=swiftshader', '--ignore-gpu-blocklist']);
  painter = await browser.newPage();
});
after(async () => {
  await browser?.close();
  if (folder) await rm(folder, { recursive: true, force: true });
});

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** Serves a game with the pages until the test ends; returns its address. */
async function serve(t, example) {
  const port = await freePort();
  const game = spawn(join(TARGET, 'debug/examples', example), [`127.0.0.1:${port}`, join(folder, 'dist')], { stdio: ['ignore', 'ignore', 'inherit'] });
  t.after(async () => {
    const ended = game.exitCode === null && game.signalCode === null && once(game, 'exit');
    game.kill('SIGTERM');
    await ended;
  });
  const url = `http://127.0.0.1:${port}`;
  await eventually('the game answers', () => fetch(`${url}/tag/`).then(({ ok }) => ok, () => false));
  return url;
}

/** Where the pixels of a colour are on a page, on average, and how many there are. */
async function drawn(tab, colour) {
  const png = (await tab.page.screenshot({ clip: { x: 0, y: 0, width: 640, height: 640 } })).toString('base64');
  return painter.evaluate(async ([bytes, [red, green, blue]]) => {
    const picture = await createImageBitmap(await (await fetch(`data:image/png;base64,${bytes}`)).blob());
    const pen = new OffscreenCanvas(picture.width, picture.height).getContext('2d');
    pen.drawImage(picture, 0, 0);
    const { data } = pen.getImageData(0, 0, picture.width, picture.height);
    let [count, x, y] = [0, 0, 0];
    for (let at = 0; at < data.length; at += 4) {
      if (Math.abs(data[at] - red) + Math.abs(data[at + 1] - green) + Math.abs(data[at + 2] - blue) > 12) continue;
      count += 1;
      x += (at / 4) % picture.width;
      y += Math.floor(at / 4 / picture.width);
    }
    return { count, x: x / count, y: y / count };
  }, [png, colour]);
}

/** Another player, who is not in a browser. */
async function mover(url) {
  const room = await new Client(`${url.replace('http', 'ws')}/play`).joinOrCreate('dots', { name: 'Mover' });
  const joined = [];
  room.onPlayers((_, change) => { if (change?.type === 'joined') joined.push(change.player.name); });
  // Away from where everybody starts.
  room.setInput({ y: -1 });
  await eventually('the mover is elsewhere', async () => room.state.entities.get(room.entity)?.y, (y) => y < -20, PATIENCE_MS);
  room.setInput({ y: 0 });
  return { room, joined };
}

for (const [page, name] of [['pixi', 'Pixi'], ['phaser', 'Phaser'], ['three', 'three'], ['react', 'React'], ['vue', 'Vue']]) {
  test(`${page}: what moves on the server moves on the page, and the page joins once`, async (t) => {
    const url = await serve(t, 'smallest');
    const { room, joined } = await mover(url);
    const tab = await Tab.open(browser, `${url}/${page}/`, { viewport: VIEWPORT });
    const dot = (colour, satisfies) => eventually(`a dot of ${colour} is drawn`, () => drawn(tab, COLOURS[colour]), satisfies, PATIENCE_MS);
    const before = await dot('other', ({ count }) => count > 150);
    assert.ok(Math.abs(before.x - 320) < 8 && before.y < 240, JSON.stringify(before));
    room.setInput({ x: 1 });
    const moved = await dot('other', ({ x }) => x > 380);
    assert.ok(Math.abs(moved.y - before.y) < 8, 'only to the right');
    room.setInput({ x: 0 });
    const start = await dot('own', ({ count }) => count > 150);
    await tab.page.keyboard.down('ArrowDown');
    await dot('own', ({ y }) => y > start.y + 40);
    await tab.page.keyboard.up('ArrowDown');
    assert.deepEqual([joined, room.players.size], [[name], 2]);
    await room.leave();
    await dot('other', ({ count }) => count === 0);
    await tab.close();
  });
}

test('tag: two tabs, of which one sees the other run, its traps and its line, and not its command', async (t) => {
  const url = await serve(t, 'tag');
  const tabs = [await Tab.open(browser, `${url}/tag/`, { viewport: VIEWPORT }), await Tab.open(browser, `${url}/tag/`, { viewport: VIEWPORT })];
  const seen = (tab, id) => tab.page.evaluate((wanted) => {
    const { x, y, team } = window.room?.state.entities.get(wanted) ?? {};
    return { x, y, team };
  }, id);
  const ids = [];
  for (const tab of tabs) ids.push(await eventually('a tab has joined', () => tab.page.evaluate(() => window.room?.entity), Boolean, PATIENCE_MS));
  const start = await eventually('the first is there for the second', () => seen(tabs[1], ids[0]), ({ team }) => team === 'red', PATIENCE_MS);
  await tabs[0].page.focus('#field');
  await tabs[0].page.keyboard.down('ArrowDown');
  await eventually('the second tab sees it run', () => seen(tabs[1], ids[0]), ({ y }) => y > start.y + 40, PATIENCE_MS);
  await tabs[0].page.keyboard.up('ArrowDown');
  const { corrections, snapshots } = await tabs[0].page.evaluate(() => window.room.stats);
  // An input that a busy machine delays is corrected; a rule that differs is corrected at every frame.
  assert.ok(snapshots > 5 && corrections * 4 < snapshots, `${corrections} corrections in ${snapshots} frames`);

  const traps = (tab) => tab.page.evaluate(() => [...window.room.state.entities.values()].filter(({ kind }) => kind === 'trap').length);
  await tabs[0].page.keyboard.press(' ');
  await eventually('the own team sees the trap', () => traps(tabs[0]), (count) => count === 1, PATIENCE_MS);
  assert.equal(await traps(tabs[1]), 0);

  const says = () => tabs[1].page.textContent('#says');
  await tabs[0].page.fill('#line', 'hello');
  await tabs[0].page.press('#line', 'Enter');
  await eventually('the other reads the line', says, (text) => text === 'somebody: hello', PATIENCE_MS);
  await tabs[1].page.fill('#line', '/swap');
  await tabs[1].page.press('#line', 'Enter');
  await eventually('a command changes sides', () => seen(tabs[0], ids[1]), ({ team }) => team === 'red', PATIENCE_MS);
  await eventually('it sees what its new team sees', () => traps(tabs[1]), (count) => count === 1, PATIENCE_MS);
  assert.equal(await says(), 'somebody: hello', 'nobody reads the command');
  assert.match(await tabs[0].page.textContent('#time'), /^Red hunts, \d+ s left$/);
  for (const tab of tabs) await tab.close();
});
