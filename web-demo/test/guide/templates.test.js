// `tickwire new` with each template: the project is tested by cargo, its page is checked, bundled and played in tabs, against this
// work tree. `plain` is also played from Vite's own server, as during development.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { Tab, eventually, launch } from '../e2e/support/tabs.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const TARGET = process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target');
const TICKWIRE = join(TARGET, 'debug/tickwire');
const ENV = { ...process.env, CARGO_TARGET_DIR: TARGET, TICKWIRE };
const run = promisify(execFile);

let folder, browser;
before(async () => {
  await command('cargo', ['build', '--offline', '--workspace', '--bin', 'tickwire'], ROOT);
  folder = await mkdtemp(join(tmpdir(), 'tickwire-new-'));
  browser = await launch();
});
after(async () => {
  await browser?.close();
  if (folder) await rm(folder, { recursive: true, force: true });
});

/** Runs a command to its end; fails with what it said. */
async function command(name, args, cwd) {
  const ended = run(name, args, { cwd, env: ENV, maxBuffer: 1 << 26 });
  return ended.catch(({ stdout, stderr }) => assert.fail(`${name} ${args.join(' ')}:\n${stdout}\n${stderr}`));
}

/** Starts a program that serves; it ends with the test. */
function start(t, name, args, cwd, env = {}) {
  const program = spawn(name, args, { cwd, env: { ...ENV, ...env }, stdio: ['ignore', 'inherit', 'inherit'] });
  t.after(async () => {
    const ended = program.exitCode === null && program.signalCode === null && once(program, 'exit');
    program.kill('SIGTERM');
    await ended;
  });
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** Makes a project and its page, tests both, and serves them. Returns its folder and address. */
async function project(t, name, template, env) {
  await command(TICKWIRE, ['new', name, '--template', template, '--local', ROOT], folder);
  const project = join(folder, name);
  // The versions that were fetched for this work tree: nothing is downloaded by cargo.
  await copyFile(join(ROOT, 'Cargo.lock'), join(project, 'Cargo.lock'));
  await command('cargo', ['test', '--offline'], project);
  await command('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'], join(project, 'web'));
  await command('npm', ['run', 'build'], join(project, 'web'));
  await command('cargo', ['build', '--offline'], project);
  const port = await freePort();
  start(t, join(TARGET, 'debug', name), [`127.0.0.1:${port}`], project, env);
  const url = `http://127.0.0.1:${port}/`;
  await eventually('the game answers', () => fetch(url).then(({ ok }) => ok, () => false));
  return { project, url };
}

/** Where a tab has an entity. */
const place = (tab, id) => tab.page.evaluate((wanted) => {
  const entity = window.room?.state.entities.get(wanted);
  return entity ? { x: entity.x, y: entity.y } : null;
}, id);

const own = (tab) => eventually('a tab has joined', () => tab.page.evaluate(() => window.room?.entity));

/** Two tabs, of which one sees the other move. */
async function seeEachOther(tabs) {
  const [mover, watcher] = tabs;
  const id = await own(mover);
  await own(watcher);
  const before = await eventually('the mover is there for the other tab', () => place(watcher, id));
  await mover.hold('ArrowDown', 500);
  await eventually('the other tab sees it move', () => place(watcher, id), (now) => now.y > before.y + 10);
}

test('plain', async (t) => {
  const { project: made, url } = await project(t, 'coin-rush', 'plain');
  const tabs = [await Tab.open(browser, url), await Tab.open(browser, url)];
  await seeEachOther(tabs);
  for (const tab of tabs) await tab.close();

  const port = await freePort();
  start(t, 'node', ['node_modules/vite/bin/vite.js', '--port', `${port}`, '--strictPort'], join(made, 'web'), { GAME: new URL(url).origin });
  await eventually('Vite answers', () => fetch(`http://localhost:${port}/`).then(({ ok }) => ok, () => false));
  const dev = [await Tab.open(browser, `http://localhost:${port}/`), await Tab.open(browser, `http://localhost:${port}/`)];
  await seeEachOther(dev);
  const ahead = await dev[0].page.evaluate(async () => {
    dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowUp' }));
    await new Promise((resolve) => setTimeout(resolve, 300));
    const { corrections, snapshots } = window.room.stats;
    dispatchEvent(new KeyboardEvent('keyup', { key: 'ArrowUp' }));
    return { corrections, snapshots };
  });
  // An input that a busy machine delays is corrected; a rule that differs is corrected at every frame.
  assert.ok(ahead.snapshots > 10 && ahead.corrections * 4 < ahead.snapshots, JSON.stringify(ahead));
  for (const tab of dev) await tab.close();
});

test('mounted: a login, and nobody plays twice', async (t) => {
  const { url } = await project(t, 'club-house', 'mounted', { SECRET: 'the secret of this test, which has enough bytes' });
  const logIn = async (name) => {
    const tab = await Tab.open(browser, url);
    await tab.page.fill('#name', name);
    await tab.page.click('button');
    return tab;
  };
  const tabs = [await logIn('Ada'), await logIn('Bo')];
  await seeEachOther(tabs);
  const again = await logIn('Ada');
  await eventually('the page shows the words of the game', () => again.page.textContent('#says'), (text) => text === 'Ada is playing already');
  for (const tab of [...tabs, again]) await tab.close();
});

test('teams: only the own team gets its traps', async (t) => {
  const { url } = await project(t, 'trap-field', 'teams');
  const tabs = [await Tab.open(browser, url), await Tab.open(browser, url)];
  await seeEachOther(tabs);
  await tabs[0].page.keyboard.press(' ');
  const traps = (tab) => tab.page.evaluate(() => [...window.room.state.entities.values()].filter(({ kind }) => kind === 'trap').length);
  await eventually('the own team sees the trap', () => traps(tabs[0]), (count) => count === 1);
  assert.equal(await traps(tabs[1]), 0);
  for (const tab of tabs) await tab.close();
});
