// Recorded movement, watched in a browser: bots walk recorded paths through the plaza, and every place at which the page
// sees a walker is a place of its path, to half a quantum and in order. The recording is generated; another one (CSV with
// the columns frame,entity,x_m,y_m at 20 Hz) can be named by RECORDING, with SKIP for an entity that cannot walk, a ball.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { after, before } from 'node:test';

import { BINARY, GameServer } from './support/server.js';
import { Tab, launch } from './support/tabs.js';

const WALKERS = 12;
const FRAMES = 200;
const PER_METRE = 64;

let server, browser, folder;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tickwire-'));
  server = await GameServer.start();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.stop();
  if (folder) await rm(folder, { recursive: true });
});

/** People who stroll in loops of their own and jitter like tracked players do. */
function generateRecording() {
  const lines = ['frame,entity,x_m,y_m'];
  for (let frame = 0; frame < FRAMES; frame += 1) {
    for (let walker = 0; walker < WALKERS; walker += 1) {
      const phase = walker * 1.7 + (frame / 20) * (0.3 + 0.05 * walker);
      const jitter = (0.05 * ((frame * 7919 + walker * 104729) % 17)) / 17;
      const x = 20 + 6 * walker + 4 * Math.cos(phase) + jitter;
      const y = 30 + (walker % 4) * 7 + 4 * Math.sin(1.3 * phase) - jitter;
      lines.push(`${frame},${walker + 1},${x.toFixed(4)},${y.toFixed(4)}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

/** The paths by entity, as lists of places in metres. @param {string} text @param {string | undefined} skip */
function readPaths(text, skip) {
  const paths = new Map();
  for (const line of text.trim().split('\n').slice(1)) {
    const [, entity, x, y] = line.split(',');
    if (entity === skip) continue;
    if (!paths.has(entity)) paths.set(entity, []);
    paths.get(entity).push([Number(x) * PER_METRE, Number(y) * PER_METRE]);
  }
  return [...paths.values()];
}

const isAt = ([x, y], [rawX, rawY]) => Math.abs(x - rawX) <= 0.5001 && Math.abs(y - rawY) <= 0.5001;

/** How many places of `path` were seen; null when something was seen that is not on the path, in this order. */
function follow(path, seen) {
  let at = 0;
  for (const place of seen) {
    const found = path.findIndex((each, index) => index >= at && isAt(each, place));
    if (found < 0) return null;
    at = found;
  }
  return new Set(path.filter((each) => seen.some((place) => isAt(each, place))).map(String)).size / new Set(path.map(String)).size;
}

test('the page sees recorded people exactly where they walked', async () => {
  const { RECORDING, SKIP } = process.env;
  const text = RECORDING ? await readFile(RECORDING, 'utf8') : generateRecording();
  const file = join(folder, 'recording.csv');
  await writeFile(file, text);
  const paths = readPaths(text, SKIP);
  const watcher = await Tab.join(browser, server.url, 'Watcher', { query: '&game=plaza' });
  await watcher.page.evaluate(() => {
    window.seen = {};
    const note = (walker) => (window.seen[walker.id] ??= []).push([walker.raw('x'), walker.raw('y')]);
    window.tickwire.room.onAdd('walker', note);
    window.tickwire.room.onChange('walker', note);
  });
  const skip = SKIP ? ['--skip-entity', SKIP] : [];
  const url = `ws://127.0.0.1:${server.port}/play`;
  const bots = spawn(BINARY, ['bots', '--url', url, '--game', 'plaza', '--behaviour', 'follow', '--verify', 'all', ...skip, file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  bots.stdout.setEncoding('utf8');
  let report = '';
  bots.stdout.on('data', (chunk) => { report += chunk; });
  setTimeout(() => watcher.shot('follow').catch(() => {}), 6000);
  const [code] = await once(bots, 'close');
  // 3: what was sent was right, and the machine too busy to judge times. Times are not the matter here.
  assert.ok(code === 0 || code === 3, report);
  const own = (await watcher.room()).entity;
  const seen = Object.entries(await watcher.page.evaluate(() => window.seen)).filter(([id]) => Number(id) !== own);
  assert.equal(seen.length, paths.length);
  const shares = seen.map(([id, places]) => {
    const share = Math.max(-1, ...paths.map((path) => follow(path, places) ?? -1));
    assert.ok(share >= 0, `walker ${id} was seen off its path`);
    return share;
  });
  const least = Math.min(...shares);
  console.log(`# ${paths.length} paths, of each at least ${(100 * least).toFixed(1)} % of its places were seen`);
  // A busy machine makes bots report twice per tick, and of two reports the newer wins.
  assert.ok(least > 0.25, `only ${least} of a path was seen\n${report}`);
  assert.equal((await watcher.room()).stats.desyncs, 0);
  await watcher.close();
});
