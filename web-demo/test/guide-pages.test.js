// The blocks of TypeScript in the guide and in the client's README compile as they are shown, strictly, against the client of this work
// tree. So do those of JavaScript in the README, as far as types can tell, with what the text around them has introduced.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const WEB = fileURLToPath(new URL('..', import.meta.url));
const GUIDE = join(WEB, '../src/guide');

const README = join(WEB, 'client/README.md');
/** The types of a game that the server wrote, which the README calls by this name. */
const TYPES = join(WEB, '../tests/golden/types');

/** What the README's text has introduced before a block uses it. */
const SURROUNDINGS = `
  import type * as package from 'tickwire-client';
  import type { SharedRoom as Shared } from 'tickwire-client/shared-room.js';
  declare global {
    const client: package.Client;
    const room: package.Room;
    const Client: typeof package.Client;
    const Film: typeof package.Film;
    const watch: typeof package.watch;
    const SharedRoom: typeof Shared;
    const [id, url]: string[];
    const bytes: Uint8Array;
    function draw(views: Iterable<{ id: number, x?: number }>): void;
    function useSyncExternalStore<T>(subscribe: (changed: () => void) => () => void, now: () => T): T;
  }
`;

/** The blocks of a page in a language. @param {string} path @param {string} language */
async function blocksOf(path, language) {
  const text = await readFile(path, 'utf8');
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, 'gms'))].map(([, block]) => block);
}

/** The blocks of the guide by the name of a file: page and number. */
async function blocksOfGuide() {
  const found = new Map();
  for (const page of (await readdir(GUIDE)).filter((name) => name.endsWith('.md')).sort()) {
    (await blocksOf(join(GUIDE, page), 'ts')).forEach((block, at) => found.set(`${page.slice(0, -3)}-${at + 1}.ts`, block));
  }
  return found;
}

/** Compiles files in a new folder. @param {import('node:test').TestContext} t @param {Map<string, string>} shown @param {object} more options */
async function compile(t, shown, more = {}) {
  const folder = await mkdtemp(join(WEB, 'test/guide-pages-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  await cp(TYPES, join(folder, 'game'), { recursive: true });
  for (const [name, text] of shown) await writeFile(join(folder, name), text);
  const compilerOptions = {
    strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, allowJs: true, noEmit: true, target: 'ES2022',
    module: 'ES2022', moduleResolution: 'Bundler', moduleDetection: 'force', lib: ['ES2022', 'DOM', 'DOM.Iterable'], types: [],
    paths: { 'tickwire-client': ['../../client/index.js'], 'tickwire-client/*': ['../../client/*'] }, ...more,
  };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: [...shown.keys()] }));
  const told = promisify(execFile)('node', [join(WEB, 'node_modules/typescript/bin/tsc'), '--project', folder]);
  await told.catch(({ stdout }) => assert.fail(stdout));
}

test('the TypeScript of the guide compiles', async (t) => {
  const shown = await blocksOfGuide();
  assert.ok(shown.size >= 5, `${shown.size} blocks`);
  await compile(t, shown);
});

test('the blocks of the client\'s README compile', async (t) => {
  const typed = await blocksOf(README, 'ts');
  const untyped = await blocksOf(README, 'js');
  assert.ok(typed.length >= 1 && untyped.length >= 7, `${typed.length} and ${untyped.length} blocks`);
  await compile(t, new Map(typed.map((block, at) => [`readme-${at + 1}.ts`, block])));
  const shown = new Map(untyped.map((block, at) => [`readme-${at + 1}.js`, block]));
  shown.set('surroundings.d.ts', SURROUNDINGS);
  await compile(t, shown, { checkJs: true, strict: false, exactOptionalPropertyTypes: false });
});
