// Chat to some players: it is for who had the seats when it was said, never for who got them since, over whatever
// connections and reloads it takes to send it. In virtual time.

import assert from 'node:assert/strict';
import test from 'node:test';

import { Client } from '../client/index.js';
import { join } from './support/join.js';
import { outcome } from './support/log.js';
import { page } from './support/pages.js';
import { encodeFrame } from './support/wire.js';

const BO = { seat: 5, entity: 7, name: 'Bo' };
const CY = { seat: 5, entity: 8, name: 'Cy' };
const DI = { seat: 3, entity: 9, name: 'Di' };
const ADA = { seat: 0, entity: 1, name: 'Ada' };
const NOTHING = new Uint8Array();
const SILENCE = { type: 'chat', to: [], text: '' };
/** Bo leaves, and Cy gets the seat. */
const SWAP = [{ left: [5, 1000] }, { joined: CY }];

async function seated(options = {}) {
  const all = await join({ welcome: { tick: 100, resume: Uint8Array.of(1), players: [ADA, DI, BO] }, options });
  all.server.frame();
  await all.time.advance(60);
  return all;
}

function lose({ server, time }) {
  server.reachable = false;
  server.peer.close(1006);
  return time.advance(15);
}

/** By default Bo's seat became Cy's meanwhile. */
function comeBack({ server, time }, welcome = {}) {
  server.reachable = true;
  const players = [ADA, DI, CY];
  server.welcome = { ...server.welcome, continuity: 'seat', tick: 300, listed: 2, commands: 0, players, ...welcome };
  return time.advance(1000);
}

function commands(server) {
  return server.peer.of('command').map(({ seq, body }) => (body.type === 'chat' ? [seq, body.to, body.text] : [seq, body.kind]));
}

test('a line that could not be sent before its player left is not for who has the seat now', async () => {
  const all = await seated();
  const { time, server, room } = all;
  await lose(all);
  const whispered = outcome(room.chat('our secret', { to: 5 }));
  const both = outcome(room.chat('for both', { to: [3, 5] }));
  room.send(9, NOTHING);
  await comeBack(all);
  assert.deepEqual([room.connection, commands(server)], ['online', []], 'who left is still to be told, and order stays');
  server.frame({ events: { first: 1, items: SWAP } });
  await time.advance(2000);
  assert.deepEqual(commands(server), [[1, [], ''], [2, [3], 'for both'], [3, 9]]);
  assert.deepEqual(server.peer.of('command')[0].body, SILENCE);
  assert.deepEqual([whispered.value, both.value], ['gone', 'pending']);
  server.frame({ note: { commands: 3 } });
  await time.advance(60);
  assert.equal(both.value, 302);
});

test('a line that was lost on its way is not for who has the seat now', async () => {
  for (const told of ['before', 'after']) {
    const all = await seated();
    const { time, server, room } = all;
    const whispered = outcome(room.chat('our secret', { to: [5] }));
    await time.advance(60);
    assert.deepEqual(commands(server), [[1, [5], 'our secret']]);
    if (told === 'before') server.frame({ events: { first: 1, items: SWAP } });
    await time.advance(60);
    await lose(all);
    await comeBack(all, { events: told === 'before' ? 2 : 0 });
    if (told === 'after') server.frame({ events: { first: 1, items: SWAP } });
    await time.advance(60);
    assert.deepEqual([commands(server), whispered.value], [[[1, [], '']], 'gone'], told);
  }
});

test('events that came before the connection was lost hold nothing up, nor do seats that stay', async () => {
  const all = await seated();
  const { time, server, room } = all;
  await lose(all);
  const whispered = outcome(room.chat('still there?', { to: 3 }));
  await comeBack(all, { listed: 0 });
  assert.deepEqual(commands(server), [[1, [3], 'still there?']]);
  server.frame({ events: { first: 1, items: SWAP }, note: { commands: 1 } });
  await time.advance(60);
  assert.equal(whispered.value, 301);
});

test('a line for who has the seat now is sent, however it came to be free', async () => {
  const all = await seated();
  const { time, server, room } = all;
  await lose(all);
  await comeBack(all);
  // The welcome told who is there; what is still to come is older than this line.
  const early = outcome(room.chat('hello Cy', { to: 5 }));
  await time.advance(60);
  assert.deepEqual(commands(server), [[1, [5], 'hello Cy']]);
  server.frame({ events: { first: 1, items: SWAP } });
  await time.advance(60);
  assert.equal(early.value, 'pending');
  const late = outcome(room.chat('how are you?', { to: 5 }));
  await time.advance(60);
  assert.deepEqual(commands(server), [[1, [5], 'hello Cy'], [2, [5], 'how are you?']]);
  server.frame({ events: { first: 3, items: [{ left: [5, 1000] }] } });
  await time.advance(60);
  assert.deepEqual([early.value, late.value], ['gone', 'gone']);
});

test('when events are lost, nobody knows who left', async () => {
  for (const where of ['welcome', 'frame']) {
    const all = await seated();
    const { time, server, room } = all;
    await lose(all);
    const whispered = outcome(room.chat('our secret', { to: [3, 5] }));
    const said = outcome(room.chat('hello all'));
    await comeBack(all, { events: where === 'welcome' ? 2 : 0 });
    if (where === 'frame') server.frame({ events: { first: 3, lost: 2, items: [{ disconnected: 3 }] } });
    await time.advance(2000);
    assert.deepEqual(commands(server), [[1, [], ''], [2, [], 'hello all']], where);
    assert.deepEqual([whispered.value, said.value], ['gone', 'pending'], where);
  }
});

test('what the game has seen was delivered, whoever left in the same frame or meanwhile', async () => {
  const all = await seated();
  const { time, server, room } = all;
  const first = outcome(room.chat('bye', { to: 5 }));
  await time.advance(60);
  server.frame({ note: { commands: 1 }, events: { first: 1, items: [{ left: [5, 1000] }] } });
  await time.advance(60);
  assert.equal(first.value, 102);
  const second = outcome(room.chat('and you', { to: 3 }));
  await time.advance(60);
  await lose(all);
  await comeBack(all, { commands: 2, events: 4, listed: 4 });
  assert.deepEqual([second.value, commands(server)], [300, []]);
});

test('a reload sends no line to who has the seat now', async () => {
  for (const lost of [false, true]) {
    const options = page();
    const all = await seated(options);
    const { time, server, room } = all;
    await lose(all);
    room.chat('our secret', { to: 5 });
    room.chat('hello Di', { to: 3 });
    options.hide();
    const storage = options.storage.copy();
    room.leave();
    server.reachable = true;
    const listed = { events: lost ? 2 : 0, listed: 2, commands: 0, players: [ADA, DI, CY] };
    server.welcome = { ...server.welcome, continuity: 'seat', tick: 300, ...listed };
    const client = new Client('ws://test/play', { ...server.options, ...page(undefined, storage) });
    const resuming = client.resume();
    await time.advance(60);
    await resuming;
    if (!lost) {
      assert.deepEqual(commands(server), []);
      server.frame({ events: { first: 1, items: SWAP } });
    }
    await time.advance(1000);
    assert.deepEqual(commands(server), [[1, [], ''], lost ? [2, [], ''] : [2, [3], 'hello Di']]);
  }
});

test('a line does not outlive the incarnation of the room in which it was for somebody', async () => {
  const all = await seated();
  const { time, server, room } = all;
  await lose(all);
  const whispered = outcome(room.chat('our secret', { to: 5 }));
  const said = outcome(room.chat('hello all'));
  await comeBack(all, { incarnation: 8, listed: 0 });
  assert.deepEqual([whispered.value, commands(server)], ['gone', [[1, [], ''], [2, [], 'hello all']]]);
  const next = outcome(room.chat('and yours', { to: 5 }));
  server.peer.send(encodeFrame({ stamp: { type: 'absolute', tick: 7, consumed: 0 }, note: { incarnation: 9, commands: 2 }, zones: [] }));
  await time.advance(15);
  assert.deepEqual([said.value, next.value], [7, 'gone']);
});
