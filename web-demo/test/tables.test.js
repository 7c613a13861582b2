// The tables that the client has as code against the data files that PROTOCOL.md names.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';

import { cosine } from '../client/direction.js';
import { BLOCK, FIELDS, KIND } from '../client/odds.js';

const asset = (name) => JSON.parse(readFileSync(new URL(`../../assets/${name}.json`, import.meta.url), 'utf8'));

test('the odds are those of assets/odds.json', () => {
  const { kind, fields } = asset('odds');
  assert.deepEqual([...KIND], kind);
  assert.deepEqual(FIELDS.map((odds) => [...odds]), fields);
  for (const odds of [KIND, ...FIELDS]) assert.equal(odds.length, BLOCK);
});

test('the cosine is that of assets/cosine.json', () => {
  const table = asset('cosine');
  assert.equal(table.length, 257);
  for (let part = 0; part < 65536; part++) {
    const [index, rest] = [part >> 8, part & 255];
    assert.equal(cosine(part), (table[index] * (256 - rest) + table[index + 1] * rest) >> 8);
  }
});
