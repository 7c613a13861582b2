// The lobby: the list of rooms follows the server by itself, a room is entered by a click and by its address, a refusal
// says why, and what other players call themselves is never more than text.

import assert from 'node:assert/strict';
import test from 'node:test';

import { Client } from '../../client/index.js';
import { GameServer } from './support/server.js';
import { browser, server } from './support/stage.js';
import { Tab, eventually } from './support/tabs.js';

/** The listed rooms as a visitor reads them. */
function list(tab) {
  return tab.page.locator('#rooms li').evaluateAll((rows) => rows.map((row) => ({
    id: row.querySelector('.join').dataset.room,
    title: row.querySelector('strong').textContent,
    count: row.querySelector('.count').textContent,
  })));
}

test('the list follows the rooms by itself and a click joins', async () => {
  const visitor = await Tab.open(browser, server.url);
  await eventually('the feed is live', () => visitor.page.locator('#feed').textContent(), (text) => text === 'live');
  assert.ok(await visitor.page.locator('#no-rooms').isVisible());
  const ada = await Tab.join(browser, server.url, 'Ada');
  const { id } = await ada.room();
  await eventually('the room appears', () => list(visitor), ([room]) => room?.id === id && room.count === '1 / 2000');
  assert.ok(await visitor.page.locator('#no-rooms').isHidden());
  const bob = await Tab.join(browser, server.url, 'Bob');
  await eventually('it fills', () => list(visitor), ([room]) => room.count === '2 / 2000');
  await visitor.shot('lobby');
  await bob.close();
  await eventually('it empties', () => list(visitor), ([room]) => room.count === '1 / 2000');

  await visitor.page.fill('#name', 'Cleo');
  await visitor.page.click(`#rooms button[data-room="${id}"]`);
  await visitor.inRoom();
  assert.equal((await visitor.room()).id, id);
  await eventually('Ada sees the visitor', () => ada.scoreboard(), (names) => names.includes('Cleo'));

  const address = new URL(visitor.page.url());
  assert.equal(address.searchParams.get('room'), id);
  const guest = await Tab.open(browser, address.href);
  await guest.inRoom();
  assert.equal((await guest.room()).id, id);
  await guest.page.click('#leave');
  await eventually('leaving shows the lobby', () => guest.page.evaluate(() => document.body.dataset.screen), (screen) => screen === 'lobby');
  assert.equal(new URL(guest.page.url()).searchParams.get('room'), null);
  await eventually('with the room in it', () => list(guest), (rooms) => rooms.some((room) => room.id === id && room.count === '2 / 2000'));
  for (const tab of [visitor, ada]) await tab.close();
  await eventually('the empty room leaves the list', () => list(guest), (rooms) => rooms.length === 0, 40_000);
  await guest.close();
});

test('a new room is made on the chosen map', async () => {
  const tab = await Tab.open(browser, server.url);
  await tab.page.selectOption('#new-game', 'arena');
  await tab.page.selectOption('#new-map', 'field');
  await tab.page.click('#create');
  await tab.inRoom();
  assert.equal(await tab.page.locator('#room-label').textContent(), 'field');
  await eventually('the server lists it', () => server.rooms(),
    (rooms) => rooms.some(({ game, players, properties }) => game === 'arena' && players === 1 && properties.map === 'field'));
  await tab.close();
});

test('the lobby says when the server is away, and is right again afterwards', async (t) => {
  let own = await GameServer.start();
  t.after(() => own.stop());
  const tab = await Tab.open(browser, own.url, { allowed: [/Failed to load resource/, /ERR_CONNECTION_REFUSED/] });
  const client = new Client(`${own.url.replace('http', 'ws')}/play`);
  const first = await client.create('arena', { name: 'Host' });
  await eventually('the room appears', () => list(tab), ([room]) => room?.id === first.id);
  await own.kill();
  const away = tab.page.locator('#away');
  await eventually('the lobby says so', () => away.isVisible());
  assert.equal(await tab.page.textContent('#feed'), 'server away');
  assert.equal(await tab.page.evaluate(() => document.getElementById('rooms').inert), true, 'nobody enters a room that may be gone');
  await tab.shot('lobby-away');
  await tab.page.click('#play');
  await eventually('and so does a try', () => tab.page.textContent('#error'), (text) => /server cannot be reached/.test(text));
  await first.leave();
  own = await GameServer.start(own.port);
  const second = await client.create('arena', { name: 'Host' });
  await eventually('the list is right again', () => list(tab), ([room, ...more]) => room?.id === second.id && more.length === 0, 20_000);
  assert.ok(await away.isHidden());
  await tab.page.click(`#rooms button[data-room="${second.id}"]`);
  await tab.inRoom();
  assert.equal((await tab.room()).id, second.id);
  await second.leave();
  await tab.close();
});

test('a full room cannot be joined', async () => {
  const tab = await Tab.open(browser, server.url);
  // No map is small enough to be filled here.
  await tab.page.evaluate(async () => {
    const { Lobby } = await import('/demo/lobby.js');
    const lobby = new Lobby(() => {}, new URLSearchParams());
    const room = { game: 'arena', capacity: 8, locked: false, rate: 20 };
    lobby.list([
      { ...room, id: 'full1', players: 8, properties: { map: 'courtyard' } },
      { ...room, id: 'free1', players: 7, properties: { map: 'field' } },
    ]);
  });
  const join = (id) => tab.page.locator(`#rooms button[data-room="${id}"]`);
  assert.ok(await join('full1').isDisabled());
  assert.equal(await join('full1').textContent(), 'Full');
  assert.equal(await join('free1').textContent(), 'Join');
  await tab.shot('lobby-full');
  await tab.page.context().close();
  tab.check();
});

test('a room that is not there is refused in clear words', async () => {
  const tab = await Tab.open(browser, `${server.url}/?room=nowhere&name=Ada`);
  const error = tab.page.locator('#error');
  await eventually('the lobby says so', () => error.isVisible());
  assert.equal(await error.textContent(), 'This room does not exist any more.');
  assert.equal(await tab.page.evaluate(() => document.body.dataset.screen), 'lobby');
  assert.equal(new URL(tab.page.url()).searchParams.get('room'), null);
  await tab.shot('lobby-refused');
  await tab.page.click('#play');
  await tab.inRoom();
  await tab.close();
});

test('names are text, whatever is in them', async () => {
  const names = ['<img src=x onerror=x()>', '"><script>x()</script>', '\u202eetihw\u202c & \u0645\u0631\u062d\u0628\u0627', '👩‍🚀🏴‍☠️ ⛄'];
  const trap = () => { window.x = () => { window.executed = true; }; };
  const host = await Tab.join(browser, server.url, 'Host');
  await host.page.evaluate(trap);
  const guests = [];
  for (const name of names) guests.push(await Tab.join(browser, server.url, name));
  await eventually('all are on the scoreboard', () => host.scoreboard(), (shown) => shown.length === names.length + 1);
  const shown = await host.scoreboard();
  for (const name of names) {
    // The server drops what reorders text. The joiners within emoji stay.
    const visible = name.replace(/[\u202a-\u202e]/g, '');
    assert.ok(shown.includes(visible), `${JSON.stringify(visible)} in ${JSON.stringify(shown)}`);
  }
  await host.shot('names');
  assert.equal(await host.page.locator('#scores img, #scores script').count(), 0);
  assert.equal(await host.page.evaluate(() => window.executed ?? false), false);
  const columns = await host.page.locator('#scores li').evaluateAll((rows) => rows.map((row) => {
    const [, , who, points] = row.children;
    return who.getBoundingClientRect().right <= points.getBoundingClientRect().left + 1;
  }));
  assert.ok(columns.every(Boolean), 'a name never runs over the points');
  for (const tab of [...guests, host]) await tab.close();
});
