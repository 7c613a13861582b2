// Rules of the house that no type enforces: the client runs anywhere, under a strict content security policy, and needs
// nothing but itself.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import test from 'node:test';

const folder = new URL('../client/', import.meta.url);
const sources = readdirSync(folder)
  .filter((name) => name.endsWith('.js'))
  .map((name) => [name, readFileSync(new URL(name, folder), 'utf8')]);

test('no DOM, no code from text, no logging', () => {
  for (const [name, text] of sources) {
    const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '');
    const found = code.match(/\b(document|window|navigator|localStorage|eval|Function|console|requestAnimationFrame)\b[.(]/);
    assert.equal(found, null, `${name}: ${found?.[0]}`);
  }
});

test('imports stay within the folder', () => {
  for (const [name, text] of sources) {
    for (const [, from] of text.matchAll(/^(?:import|export)\b[^'";]*\bfrom '([^']+)'/gm)) {
      assert.match(from, /^\.\/[a-z-]+\.js$/, name);
      assert.ok(sources.some(([other]) => `./${other}` === from), `${name}: ${from}`);
    }
  }
  const { dependencies } = JSON.parse(readFileSync(new URL('package.json', folder), 'utf8'));
  assert.equal(dependencies, undefined);
});

test('files have a header and a bounded length', () => {
  for (const [name, text] of sources) {
    assert.ok(text.startsWith('// '), `${name} has no header`);
    assert.ok(text.split('\n').length <= 320, `${name} is too long`);
  }
});

test('the demo works below any path', () => {
  const page = new URL('../', import.meta.url);
  const scripts = readdirSync(new URL('demo/', page)).filter((name) => name.endsWith('.js')).map((name) => `demo/${name}`);
  for (const name of ['index.html', ...scripts]) {
    const found = readFileSync(new URL(name, page), 'utf8').match(/["'`]\/(?:api|assets|client|demo|play)\b|location\.(?:host|origin)\b/);
    assert.equal(found, null, `${name} has an address that is not relative: ${found?.[0]}`);
  }
});
