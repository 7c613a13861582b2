// The package as others get it: packed, installed elsewhere, then run in Node, checked by TypeScript, and bundled by Vite
// into a page that runs in Chromium. Installs two packages, so it needs the network or npm's cache.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import test, { after, before } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

import { serve } from '../support/sockets.js';
import { coalescing } from '../e2e/support/coalesce.js';
import { eventually, launch } from '../e2e/support/tabs.js';

const run = promisify(execFile);
const WEB = fileURLToPath(new URL('../..', import.meta.url));
const CLIENT = join(WEB, 'client');
const QUIET = ['--no-audit', '--no-fund', '--loglevel=error'];

let folder, packed, server, proxy;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tickwire-package-'));
  await cp(new URL('consumer', import.meta.url), folder, { recursive: true });
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder], { cwd: CLIENT });
  packed = JSON.parse(stdout.slice(stdout.indexOf('[\n')))[0];
  await run('npm', ['ci', ...QUIET], { cwd: folder });
  await run('npm', ['install', '--no-save', ...QUIET, join(folder, packed.filename)], { cwd: folder });
  const { WebSocketServer } = await import(pathToFileURL(join(folder, 'node_modules/ws/wrapper.mjs')).href);
  server = await serve(WebSocketServer);
  proxy = await coalescing(Number(new URL(server.url).port), 100);
});
after(async () => {
  proxy?.close();
  await server?.close();
  if (folder) await rm(folder, { recursive: true });
});

test('it has the modules, their types and a readme, and nothing else', async () => {
  const files = packed.files.map(({ path }) => path);
  const modules = files.filter((path) => /^[a-z-]+\.js$/.test(path));
  const types = files.filter((path) => /^types\/[a-z-]+\.d\.ts$/.test(path));
  assert.ok(modules.includes('index.js') && modules.length > 20);
  assert.deepEqual(types.map((path) => path.slice(6, -5)).sort(), modules.map((path) => path.slice(0, -3)).sort());
  const others = files.filter((path) => !modules.includes(path) && !types.includes(path));
  assert.deepEqual(others.sort(), ['README.md', 'package.json']);
  assert.ok(!(await readdir(CLIENT)).includes('types'), 'nothing generated is left behind');
});

for (const flag of ['--no-experimental-websocket', '--experimental-websocket']) {
  test(`it plays in Node with ${flag}, and hears what was said before it listened`, async () => {
    for (const url of [server.url, `${proxy.url.replace('http', 'ws')}/play`]) {
      const { stdout } = await run('node', [flag, 'play.js', url], { cwd: folder, timeout: 20_000 });
      const { builtIn, lines, x, kind, game } = JSON.parse(stdout);
      assert.equal(builtIn, flag.startsWith('--experimental'));
      assert.deepEqual([lines, kind, game], [['Bo: one', 'Bo: two', 'Bo: three', 'Ada: hello'], 'avatar', 'toy'], url);
      assert.ok(x >= 1, `${x}`);
    }
  });
}

for (const resolution of [[], ['--module', 'NodeNext', '--moduleResolution', 'NodeNext']]) {
  test(`TypeScript knows it, strictly and without the DOM ${resolution[1] ?? ''}`, async () => {
    const tsc = join(WEB, 'node_modules/typescript/bin/tsc');
    const told = run('node', [tsc, '--project', 'tsconfig.json', ...resolution], { cwd: folder });
    await told.catch(({ stdout }) => assert.fail(stdout));
  });
}

test('Vite bundles it into a page that plays in a browser', async () => {
  await run('node', [join(folder, 'node_modules/vite/bin/vite.js'), 'build', 'page', '--base', './', '--logLevel', 'error', '--target', 'es2022'], { cwd: folder });
  const pages = createServer((request, response) => {
    const path = new URL(request.url, 'http://localhost').pathname;
    const file = join(folder, 'page/dist', path === '/' ? 'index.html' : path);
    const type = { '.js': 'text/javascript', '.html': 'text/html' }[extname(file)] ?? 'text/plain';
    response.setHeader('content-type', type);
    createReadStream(file).on('error', () => response.writeHead(404).end()).pipe(response);
  });
  pages.listen(0, '127.0.0.1');
  await once(pages, 'listening');
  const browser = await launch();
  try {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${pages.address().port}/#${encodeURIComponent(server.url)}`);
    await eventually('the page draws its avatar', () => page.title(), (title) => /^avatar at \d/.test(title));
  } finally {
    await browser.close();
    pages.close();
  }
});
