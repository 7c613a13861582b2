// A newcomer with the guide: makes the files that its page on the first game shows, exactly as it shows them, builds the
// project in an empty folder, starts it as told, and plays in two tabs. The one thing that differs is where the crate
// comes from: this work tree, as a patch of the registry.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

import { Tab, eventually, launch } from '../e2e/support/tabs.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const PAGE = join(ROOT, 'src/guide/first_game.rs');
const TARGET = process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target');

/** The page as rustdoc puts it together. */
async function shown() {
  const source = await readFile(PAGE, 'utf8');
  const parts = source.matchAll(/^#!\[doc = (?:include_str!\("(?<file>.*)"\)|"(?<line>.*)")\]$/gm);
  const texts = [...parts].map(({ groups }) => (groups.file ? readFile(join(dirname(PAGE), groups.file), 'utf8') : groups.line));
  return (await Promise.all(texts)).join('\n');
}

/** The files it shows: the code blocks below a line that is a path and a colon. */
async function files() {
  const blocks = (await shown()).matchAll(/^`(?<path>[\w./]+)`:\n+```\w+(?:,\w+)*\n(?<text>.*?)\n```$/gms);
  return new Map([...blocks].map(({ groups }) => [groups.path, groups.text]));
}

/** @param {string} folder @param {string[]} args */
function cargo(folder, ...args) {
  const patch = `patch.crates-io.tickwire.path=${JSON.stringify(ROOT)}`;
  const env = { ...process.env, CARGO_TARGET_DIR: TARGET };
  return spawn('cargo', ['--offline', '--config', patch, ...args], { cwd: folder, env, stdio: ['ignore', 'inherit', 'inherit'] });
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** Where a tab has an entity, in units; null when it is not there. */
const place = (tab, id) => tab.page.evaluate((wanted) => {
  const entity = window.room?.state.entities.get(wanted);
  return entity ? { x: entity.x, y: entity.y } : null;
}, id);

test('the first game of the guide runs as shown, in two tabs', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'tickwire-newcomer-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const written = await files();
  assert.deepEqual([...written.keys()], ['Cargo.toml', 'src/dots.rs', 'src/main.rs', 'web/index.html', 'web/game.js']);
  for (const [path, text] of written) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  // The versions that were fetched for this work tree: nothing is downloaded.
  await copyFile(join(ROOT, 'Cargo.lock'), join(folder, 'Cargo.lock'));
  const [code] = await once(cargo(folder, 'build'), 'exit');
  assert.equal(code, 0, 'cargo build');

  const port = await freePort();
  const game = spawn(join(TARGET, 'debug/dots'), [`127.0.0.1:${port}`], { cwd: folder, stdio: 'inherit' });
  const ended = once(game, 'exit');
  t.after(() => game.kill('SIGKILL'));
  const url = `http://127.0.0.1:${port}/`;
  await eventually('the game answers', () => fetch(url).then(({ ok }) => ok, () => false));

  const browser = await launch();
  t.after(() => browser.close());
  // The page has no icon, and browsers ask for one.
  const open = () => Tab.open(browser, url, { allowed: [/Failed to load resource: .* 404/] });
  const tabs = [await open(), await open()];
  const own = [];
  for (const tab of tabs) own.push(await eventually('a tab has joined', () => tab.page.evaluate(() => window.room?.entity)));
  assert.notEqual(own[0], own[1]);
  for (const [mover, watcher, key, axis] of [[0, 1, 'ArrowRight', 'x'], [1, 0, 'ArrowDown', 'y']]) {
    await eventually('one dot is there for the other', () => place(tabs[watcher], own[mover]));
    await tabs[mover].hold(key, 700);
    await eventually(`the other tab sees ${axis} grow`, () => place(tabs[watcher], own[mover]), (dot) => dot[axis] > 2);
  }
  const painted = await tabs[0].page.evaluate(() => {
    const { data } = document.querySelector('#board').getContext('2d').getImageData(0, 0, 640, 640);
    const pixels = Array.from({ length: data.length / 4 }, (_, at) => data.subarray(at * 4, at * 4 + 4).join());
    return [...new Set(pixels)];
  });
  for (const dot of ['220,20,60,255', '70,130,180,255']) assert.ok(painted.includes(dot), `a dot of the colour ${dot} is drawn`);
  await tabs[0].shot('newcomer');
  for (const tab of tabs) await tab.close();
  game.kill('SIGTERM');
  assert.deepEqual(await ended, [0, null], 'it ends well when told to');
});
