// The blocks of TypeScript in the guide compile as they are shown, strictly, against the client of this work tree.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const WEB = fileURLToPath(new URL('..', import.meta.url));
const GUIDE = join(WEB, '../src/guide');

/** The blocks by the name of a file: page and number. */
async function blocks() {
  const found = new Map();
  for (const page of (await readdir(GUIDE)).filter((name) => name.endsWith('.md')).sort()) {
    const text = await readFile(join(GUIDE, page), 'utf8');
    [...text.matchAll(/^```ts\n(.*?)^```$/gms)].forEach(([, block], at) => found.set(`${page.slice(0, -3)}-${at + 1}.ts`, block));
  }
  return found;
}

test('the TypeScript of the guide compiles', async (t) => {
  const shown = await blocks();
  assert.ok(shown.size >= 5, `${shown.size} blocks`);
  const folder = await mkdtemp(join(WEB, 'test/guide-pages-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  for (const [name, text] of shown) await writeFile(join(folder, name), text);
  const compilerOptions = {
    strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, allowJs: true, noEmit: true, target: 'ES2022',
    module: 'ES2022', moduleResolution: 'Bundler', lib: ['ES2022', 'DOM', 'DOM.Iterable'], types: [],
    paths: { 'tickwire-client': ['../../client/index.js'], 'tickwire-client/*': ['../../client/*'] },
  };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: [...shown.keys()] }));
  const told = promisify(execFile)('node', [join(WEB, 'node_modules/typescript/bin/tsc'), '--project', folder]);
  await told.catch(({ stdout }) => assert.fail(stdout));
});
