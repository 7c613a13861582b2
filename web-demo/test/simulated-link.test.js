// The simulated link: the same arrivals as the crate's, from the same seeds, and the same profiles.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';

import { PROFILES, links } from '../client/link.js';

const read = (path) => JSON.parse(readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8'));

test('the profiles are those of the crate', () => {
  assert.deepEqual(PROFILES, read('assets/links.json'));
});

test('messages arrive when they do over the crate\'s links', () => {
  for (const { name, ...directions } of read('tests/golden/links.json')) {
    const both = links(PROFILES[name], 0, 7);
    for (const [direction, { arrivals, cut }] of Object.entries(directions)) {
      const link = both[direction];
      const seen = [];
      for (let n = 0; n < 600; n++) {
        const at = link.send(n * 20_000, 40 + (n % 50) * 20);
        if (at !== null) seen.push(at);
      }
      assert.deepEqual(seen, arrivals, `${name}, ${direction}`);
      const next = link.nextCut(0);
      assert.deepEqual(next && [next.start, next.end], cut, name);
    }
  }
});
