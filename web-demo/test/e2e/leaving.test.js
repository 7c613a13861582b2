// Leaving and joining again, for real: whoever comes back right behind a goodbye finds the seat free, a join that is given up
// leaves nobody in the room, and neither does a player whose connection is lost.

import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';

import { Client } from '../../client/index.js';
import { Cable } from './support/cable.js';
import { GameServer } from './support/server.js';
import { Tab, eventually, launch, sleep } from './support/tabs.js';

const TIMES = 10;
/** A leave takes a tick of the room and a round trip, and the server answers within a second; the rest is slack. */
const LEFT_WITHIN_MS = 1500;
/** Rooms of a kind that no other test makes. */
const TWO_SEATS = { map: 'field', capacity: '2' };

let server, browser, host, client;
before(async () => {
  server = await GameServer.start();
  browser = await launch();
  host = await new Client(play()).create('arena', { name: 'Host', options: TWO_SEATS });
  client = new Client(play());
});
after(async () => {
  await host?.leave();
  await browser?.close();
  await server?.stop();
});

function play() {
  return `${server.url.replace('http', 'ws')}/play`;
}

/** Players, and seats that are held for some, in rooms of two seats. */
async function taken() {
  return (await server.rooms()).filter(({ capacity }) => capacity === 2).map(({ id, players }) => ({ id, players }));
}

test('a seat is free when the leave is done, for anyone', async () => {
  let slowest = 0;
  for (let turn = 0; turn < TIMES; turn++) {
    const room = await client.joinById(host.id, { name: 'Ada' });
    const from = performance.now();
    await room.leave();
    slowest = Math.max(slowest, performance.now() - from);
    // A client of its own: it waits for nothing.
    const other = await new Client(play()).joinById(host.id, { name: 'Bo' });
    await other.leave();
  }
  assert.ok(slowest < LEFT_WITHIN_MS, `${Math.round(slowest)} ms`);
});

test('a join right behind a goodbye that nobody waited for gets the seat', async () => {
  let room = await client.joinById(host.id, { name: 'Ada' });
  for (let turn = 0; turn < TIMES; turn++) {
    room.leave();
    room = await client.joinById(host.id, { name: 'Ada' });
  }
  for (let turn = 0; turn < TIMES; turn++) {
    room.leave();
    room = await client.joinOrCreate('arena', { name: 'Ada', options: TWO_SEATS });
    assert.equal(room.id, host.id, 'not alone into another room');
  }
  assert.equal((await taken()).length, 1);
  await room.leave();
  await eventually('only the host is there', taken, ([room]) => room.players === 1, LEFT_WITHIN_MS);
});

test('a join that is given up at any moment leaves nobody behind', async () => {
  const joined = [];
  for (let ms = 0; ms <= 60; ms += 3) {
    const controller = new AbortController();
    const joining = client.joinById(host.id, { name: 'Ada', signal: controller.signal }).then((room) => joined.push(room), ({ name }) => assert.equal(name, 'AbortError'));
    await sleep(ms);
    controller.abort();
    await joining;
    await Promise.all(joined.splice(0).map((room) => room.leave()));
    const next = await client.joinById(host.id, { name: 'Bo' });
    await next.leave();
  }
  await eventually('only the host is there', taken, ([room, ...others]) => room.players === 1 && others.length === 0, LEFT_WITHIN_MS);
});

test('who leaves while the connection is lost leaves no held seat behind', async (t) => {
  const cable = await Cable.to(server.port);
  t.after(() => cable.close());
  const roaming = new Client(`${cable.url.replace('http', 'ws')}/play`);
  const room = await roaming.joinById(host.id, { name: 'Ada' });
  await eventually('her avatar is there', async () => room.state.entities.has(room.entity));
  cable.cut();
  await eventually('she notices', async () => room.connection, (state) => state === 'reconnecting');
  cable.mend();
  room.leave();
  const again = await roaming.joinById(host.id, { name: 'Ada' });
  await again.leave();
  await eventually('only the host is there', taken, ([{ players }]) => players === 1, LEFT_WITHIN_MS);
});

test('a page that mounts, unmounts and mounts is one player in one room', async () => {
  const tab = await Tab.open(browser, server.url, { allowed: [/closed before the connection is established/] });
  await tab.page.evaluate(async (address) => {
    const { Client } = await import('/client/index.js');
    const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
    const client = new Client(address);
    // As an effect of React does it, under StrictMode.
    const mount = () => {
      const controller = new AbortController();
      const { signal } = controller;
      const mounted = { room: null, joining: null };
      mounted.joining = client.joinOrCreate('plaza', { name: 'Mia', signal }).then((room) => { mounted.room = room; }, () => {});
      return { mounted, unmount: () => (mounted.room ? mounted.room.leave() : controller.abort()) };
    };
    let last = null;
    for (const ms of [0, 0, 1, 2, 4, 8, 16, 32, 64, 128]) {
      const first = mount();
      if (ms > 0) await pause(ms);
      first.unmount();
      last?.unmount();
      last = mount();
      await last.mounted.joining;
    }
    window.last = last;
  }, play());
  const plazas = async () => (await server.rooms()).filter(({ game }) => game === 'plaza');
  const rooms = await eventually('one player', plazas, ([{ players }]) => players === 1, LEFT_WITHIN_MS);
  assert.equal(rooms.length, 1, JSON.stringify(rooms));
  assert.equal(await tab.page.evaluate(() => window.last.mounted.room.id), rooms[0].id);
  await tab.page.evaluate(() => window.last.unmount());
  await eventually('nobody', plazas, (left) => left.every(({ players }) => players === 0), LEFT_WITHIN_MS);
  await tab.close();
});
