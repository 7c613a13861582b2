// A newcomer with the README: from an empty folder to two tabs that see each other move, by what its section on the own game says, and nothing
// else. Prints how many seconds that took without anything downloaded or compiled, and once more with both. Nothing is shared with this work
// tree: the repository is cloned, and cargo has a folder of its own. Takes minutes; `make newcomer` runs it. Needs the network and port 8080.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { Tab, eventually, launch } from '../e2e/support/tabs.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const URL_OF_GAME = 'http://localhost:8080/';
const PATIENCE_MS = 3_600_000;
/** Clock ticks per second in /proc; the same on every Linux that we know. */
const TICKS = 100;
const run = promisify(execFile);

/** What the README says to type, and the files that it shows. */
async function said() {
  const readme = await readFile(join(ROOT, 'README.md'), 'utf8');
  const section = readme.slice(readme.indexOf('## Your own game'), readme.indexOf('## Why Tickwire'));
  const [command] = section.match(/^cargo new .*$/m);
  const [, before, instead] = command.match(/^(.* && )cargo add tickwire +# until it is on crates\.io: (cargo add --path \.\.\/tickwire)$/);
  const [, rust] = section.match(/^`src\/main\.rs`:\n\n```rust,no_run\n(.*?)^```$/ms);
  const [, html, script] = section.match(/^`web\/index\.html` is `(.*?)`, and `web\/game\.js`:\n\n```js\n(.*?)^```$/ms);
  assert.match(section, /^`cargo run` serves the game at http:\/\/localhost:8080\./m);
  return { command: before + instead, files: { 'src/main.rs': rust, 'web/index.html': html, 'web/game.js': script } };
}

/** Types all of it in a folder, and plays. Returns seconds of the clock, and of processors for cargo. */
async function hour({ command, files }, folder, env, browser) {
  const start = performance.now();
  await run('bash', ['-c', command], { cwd: folder, env });
  const project = join(folder, 'dots');
  await mkdir(join(project, 'web'));
  for (const [path, text] of Object.entries(files)) await writeFile(join(project, path), text);
  const game = spawn('cargo', ['run'], { cwd: project, env, stdio: ['ignore', 'inherit', 'inherit'] });
  const ended = once(game, 'exit');
  try {
    const answers = () => game.exitCode ?? fetch(URL_OF_GAME).then(({ ok }) => ok, () => false);
    assert.equal(await eventually('the game answers', answers, (answer) => answer !== false, PATIENCE_MS), true, 'cargo run');
    const [, rest] = (await readFile(`/proc/${game.pid}/stat`, 'utf8')).split(') ');
    const processors = rest.split(' ').slice(13, 15).map(Number).reduce((sum, part) => sum + part) / TICKS;
    // The page has no icon, and browsers ask for one.
    const allowed = [/Failed to load resource: .* 404/];
    const tabs = [await Tab.open(browser, URL_OF_GAME, { allowed }), await Tab.open(browser, URL_OF_GAME, { allowed })];
    const places = async (tab) => [...(await tab.page.textContent('body')).matchAll(/dot \d+: (\d+)/g)].map(([, x]) => Number(x));
    for (const tab of tabs) await eventually('a tab shows two dots', () => places(tab), ({ length }) => length === 2);
    for (const [mover, watcher, key, has] of [[0, 1, 'ArrowRight', (x) => x > 550], [1, 0, 'ArrowLeft', (x) => x < 450]]) {
      await tabs[mover].page.keyboard.down(key);
      await eventually('one tab sees the other move', () => places(tabs[watcher]), (all) => all.some(has));
      await tabs[mover].page.keyboard.up(key);
    }
    const seconds = (performance.now() - start) / 1000;
    for (const tab of tabs) await tab.close();
    return { seconds, processors };
  } finally {
    game.kill('SIGTERM');
    await ended;
  }
}

const taken = await fetch(URL_OF_GAME).then(() => true, () => false);
assert.ok(!taken, 'something serves on port 8080 already, where the README has its game');
const folder = await mkdtemp(join(tmpdir(), 'tickwire-hour-'));
const browser = await launch();
try {
  const home = join(folder, 'cargo');
  await mkdir(home);
  // How this machine reaches a registry and links is no cache.
  await copyFile(join(process.env.CARGO_HOME ?? join(homedir(), '.cargo'), 'config.toml'), join(home, 'config.toml')).catch(() => {});
  const { CARGO_TARGET_DIR: _, ...env } = { ...process.env, CARGO_HOME: home };
  const readme = await said();
  await run('git', ['clone', '--quiet', '--depth', '1', `file://${ROOT}`, 'tickwire'], { cwd: folder });
  for (const [which, more] of [['cold', {}], ['warm', { CARGO_TARGET_DIR: join(folder, 'cold/target') }]]) {
    const { seconds, processors } = await hour(readme, folder, { ...env, ...more }, browser);
    console.log(`${which}: ${seconds.toFixed(0)} s; cargo and its compilers took ${processors.toFixed(0)} s of processor time`);
    await rename(join(folder, 'dots'), join(folder, which));
  }
} finally {
  await browser.close();
  await rm(folder, { recursive: true, force: true });
}
