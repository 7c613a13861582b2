// Coming back for real: the cable is pulled in the middle of the game, the tab is frozen, reloaded, duplicated. The seat
// and the avatar stay the same, what was said arrives exactly once, and two tabs do not fight.

import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';

import { Client } from '../../client/index.js';
import { Cable } from './support/cable.js';
import { GameServer } from './support/server.js';
import { Tab, eventually, launch, sleep } from './support/tabs.js';

/** What the browser itself says about a server that it cannot reach. */
const OUTAGE = /^WebSocket connection to .* failed|net::ERR_/;
const FROZEN_MS = 9000;

let server, browser, cable;
/** Rooms of players without a page. @type {import('../../client/index.js').Room[]} */
const companions = [];
before(async () => {
  server = await GameServer.start();
  browser = await launch();
  cable = await Cable.to(server.port);
});
after(async () => {
  for (const room of companions) room.leave();
  await browser?.close();
  cable?.close();
  await server?.stop();
});

/** Notes in the page what the room tells from now on. */
function watch(tab) {
  return tab.page.evaluate(() => {
    const { room } = window.tickwire;
    const told = { resumed: 0, back: 0, gaps: 0, own: [], lines: [], closes: [] };
    window.told = told;
    room.onResume(() => { told.resumed += 1; });
    room.onReconnect(() => { told.back += 1; });
    room.onGap((lost) => { told.gaps += lost; });
    room.onChat(({ text }) => told.lines.push(text));
    room.onLeave((code, reason, back) => told.closes.push([code, back]));
    room.onRemove('avatar', ({ id }) => { if (id === room.entity) told.own.push(id); });
  });
}

const told = (tab) => tab.page.evaluate(() => window.told);
const online = (tab) => tab.page.evaluate(() => window.tickwire.room.connection === 'online');

/** Another player, who needs no page: in this room, or in a new one. `changes` are about the players who come later. */
async function companion(id) {
  const client = new Client(`${server.url.replace('http', 'ws')}/play`);
  const room = await (id ? client.joinById(id, { name: 'Bo' }) : client.create('arena', { name: 'Bo' }));
  companions.push(room);
  const lines = [];
  const changes = [];
  room.onChat(({ text }) => lines.push(text));
  room.onPlayers((players, change) => change && changes.push([change.type, change.player?.seat ?? change.seat]));
  return { room, lines, changes: (seat) => changes.filter(([, whose]) => whose === seat).map(([type]) => type) };
}

test('a cable that is pulled twice during play changes nothing but the time', async () => {
  const tab = await Tab.join(browser, cable.url, 'Ada', { allowed: [OUTAGE] });
  const before = await tab.room();
  const bo = await companion(before.id);
  await eventually('both are there', () => tab.room(), ({ players }) => players.length === 2);
  await watch(tab);
  const said = Array.from({ length: 12 }, (_, index) => `line ${index}`);
  const delivered = Promise.all(said.map((text) => bo.room.chat(text)));
  const { key } = await tab.openWay();
  await tab.page.keyboard.down(key);
  for (let round = 0; round < 2; round += 1) {
    await sleep(700);
    cable.cut();
    await eventually('the page notices', () => online(tab), (is) => !is);
    const own = tab.page.evaluate((text) => { window.tickwire.room.chat(text); }, `from Ada ${round}`);
    await sleep(600);
    cable.mend();
    await own;
    await eventually('the page is back', () => online(tab));
  }
  await tab.page.keyboard.up(key);
  await delivered;
  await eventually('all that Bo said is there', () => told(tab), ({ lines }) => lines.length >= said.length + 2);
  await eventually('all that Ada said arrived', async () => bo.lines, (lines) => lines.length >= said.length + 2);
  await sleep(500);
  const seen = await told(tab);
  assert.deepEqual([seen.resumed, seen.back, seen.gaps, seen.own], [2, 0, 0, []]);
  assert.deepEqual(seen.lines.filter((text) => text.startsWith('line')), said);
  assert.deepEqual(bo.lines.filter((text) => text.startsWith('from')), ['from Ada 0', 'from Ada 1']);
  const room = await tab.room();
  assert.deepEqual([room.id, room.seat, room.entity, room.stats.desyncs], [before.id, before.seat, before.entity, 0]);
  assert.deepEqual(bo.changes(before.seat), ['disconnected', 'reconnected', 'disconnected', 'reconnected']);
  const start = await tab.whereabouts();
  const way = await tab.openWay();
  await tab.hold(way.key, 500);
  await eventually('the keys steer the same avatar', () => tab.whereabouts(), ({ x, y }) => Math.hypot(x - start.x, y - start.y) > 1);
  await tab.close();
});

test('a key that is let go during the outage is let go', async () => {
  const tab = await Tab.join(browser, cable.url, 'Ada', { allowed: [OUTAGE] });
  const { key } = await tab.openWay();
  await tab.page.keyboard.down(key);
  await sleep(300);
  cable.cut();
  await eventually('the page notices', () => online(tab), (is) => !is);
  await tab.page.keyboard.up(key);
  await sleep(200);
  cable.mend();
  await eventually('the page is back', () => online(tab));
  await sleep(500);
  const [{ raw }, later] = [await tab.whereabouts(), await sleep(600).then(() => tab.whereabouts())];
  assert.deepEqual(later.raw, raw);
  await tab.close();
});

test('a frozen tab wakes up in its seat', async () => {
  const tab = await Tab.join(browser, server.url, 'Ada', { allowed: [OUTAGE] });
  const before = await tab.room();
  const bo = await companion(before.id);
  await watch(tab);
  const devtools = await tab.page.context().newCDPSession(tab.page);
  // The lifecycle state `frozen` does nothing to a page without a window; a debugger stops it for good.
  await devtools.send('Debugger.enable');
  await devtools.send('Debugger.pause');
  for (const text of ['one', 'two', 'three']) await bo.room.chat(text);
  await sleep(FROZEN_MS);
  await devtools.send('Debugger.resume');
  await eventually('the page heard all and is back', () => told(tab), ({ lines, resumed }) => lines.length >= 3 && resumed > 0);
  const seen = await told(tab);
  assert.deepEqual([seen.lines, seen.gaps, seen.back, seen.own], [['one', 'two', 'three'], 0, 0, []]);
  assert.deepEqual(seen.closes, [[4008, true]], 'a page that takes nothing is sent away for a while');
  const room = await tab.room();
  assert.deepEqual([room.seat, room.entity, room.stats.desyncs], [before.seat, before.entity, 0]);
  assert.ok(!bo.changes(before.seat).includes('left'));
  await tab.close();
});

/** A page without a game of its own, nor an icon. */
const bare = () => `${server.url}/demo/icon.svg`;
const BARE = { allowed: [/status of 404/] };

/** In such a page: joins or claims with a client that stores its seat. @param {'join' | 'claim'} how */
function enter(page, how, room = '') {
  return page.evaluate(async ([asked, id]) => {
    const { Client } = await import('/client/index.js');
    const client = new Client(`ws://${location.host}/play`, { storage: sessionStorage });
    const found = asked === 'claim' ? await client.resume() : await client.joinById(id, { name: 'Cy' });
    if (!found) return null;
    window.tickwire = { room: found, client };
    window.told = { lines: [], gaps: 0, closes: [] };
    found.onChat(({ text }) => window.told.lines.push(text));
    found.onGap((lost) => { window.told.gaps += lost; });
    found.onLeave((code, reason, back) => window.told.closes.push([code, back]));
    await new Promise((resolve) => { found.onStateChange(resolve); });
    return { seat: found.seat, entity: found.entity, id: found.id, size: found.state.entities.size };
  }, [how, room]);
}

test('a reloaded page has its seat back, and hears what was said meanwhile', async () => {
  const bo = await companion();
  const tab = await Tab.open(browser, bare(), BARE);
  const first = await enter(tab.page, 'join', bo.room.id);
  await bo.room.chat('before');
  await eventually('it was heard', () => told(tab), ({ lines }) => lines.includes('before'));
  await tab.page.goto('about:blank');
  await bo.room.chat('meanwhile');
  await tab.page.goto(bare());
  const second = await enter(tab.page, 'claim');
  assert.deepEqual([second.seat, second.entity, second.id], [first.seat, first.entity, first.id]);
  await bo.room.chat('after');
  await eventually('all was heard', () => told(tab), ({ lines }) => lines.length >= 2);
  const { lines, gaps } = await told(tab);
  assert.deepEqual([lines, gaps], [['meanwhile', 'after'], 0]);
  assert.deepEqual(bo.changes(first.seat), ['joined', 'disconnected', 'reconnected']);
  await tab.page.evaluate(() => window.tickwire.room.leave());
  assert.equal(await enter(tab.page, 'claim'), null, 'who left has no seat to come back to');
  await tab.close();
});

test('a page that remembers nothing leaves its room when it goes', async () => {
  const tab = await Tab.open(browser, server.url);
  const bo = await companion();
  const seat = await tab.page.evaluate(async (id) => {
    const { Client } = await import('/client/index.js');
    return (await new Client(`ws://${location.host}/play`).joinById(id)).seat;
  }, bo.room.id);
  await eventually('the player is there', async () => bo.changes(seat), (changes) => changes.includes('joined'));
  await tab.page.goto('about:blank');
  await eventually('the seat is free', async () => bo.changes(seat), (changes) => changes.includes('left'));
  assert.deepEqual(bo.changes(seat), ['joined', 'left']);
  await tab.close();
});

test('a duplicated tab takes the seat; the other stays away until its player says so', async () => {
  const tab = await Tab.open(browser, bare(), BARE);
  const bo = await companion();
  const first = await enter(tab.page, 'join', bo.room.id);
  const [copy] = await Promise.all([tab.page.context().waitForEvent('page'), tab.page.evaluate(() => { window.open(location.href); })]);
  await copy.waitForLoadState();
  const second = await enter(copy, 'claim');
  assert.deepEqual([second?.seat, second?.entity], [first.seat, first.entity]);
  const closes = (page) => page.evaluate(() => [window.tickwire.room.connection, ...window.told.closes]);
  await eventually('the first tab is told', () => closes(tab.page), ([state]) => state === 'closed');
  await sleep(4000);
  assert.deepEqual([await closes(tab.page), await closes(copy)], [['closed', [4511, false]], ['online']]);
  const again = await enter(tab.page, 'claim');
  assert.deepEqual([again?.seat, again?.entity], [first.seat, first.entity]);
  await eventually('the second tab is told', () => closes(copy), ([state]) => state === 'closed');
  await sleep(2000);
  assert.deepEqual([await closes(copy), await closes(tab.page)], [['closed', [4511, false]], ['online']]);
  assert.deepEqual([bo.room.players.size, bo.changes(first.seat).includes('left')], [2, false]);
  await tab.close();
});
