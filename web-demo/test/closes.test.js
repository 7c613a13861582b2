// What the demo tells a player whose session has ended: every ending has words of the page's own or the server's, and a
// reason that somebody gave is passed on.

import assert from 'node:assert/strict';
import test from 'node:test';

import { CLOSES } from '../client/index.js';
import { explain } from '../demo/closes.js';

test('what the server always says is no reason', () => {
  for (const [code, [label, text]] of CLOSES) {
    assert.doesNotMatch(explain(code, text), /reason/, label);
    // From 4500 on the player has to do something about it.
    if (code >= 4500) assert.doesNotMatch(explain(code, text), /The server said/, label);
  }
});

test('a reason comes after what happened', () => {
  assert.equal(explain(4503, 'spectators are not let in here'), 'You are not allowed in. The reason: spectators are not let in here');
  assert.equal(explain(4507, 'no shouting'), 'You were removed from the room. The reason: no shouting');
  for (const code of [4504, 4512]) assert.match(explain(code, 'because'), /^[^.]*\. The reason: because$/);
  assert.equal(explain(4513, 'the room is locked'), 'This room is locked.');
});
