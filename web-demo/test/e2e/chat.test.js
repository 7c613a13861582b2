// The chat between tabs: what is said arrives, once and as text; what became of the own lines is shown; typing does not
// steer; who comes later reads what was said before; and what a dead server never got can be sent again.

import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';

import { Client } from '../../client/index.js';
import { GameServer } from './support/server.js';
import { Tab, eventually, launch, sleep } from './support/tabs.js';

const OUTAGE = /^WebSocket connection to .* failed|net::ERR_/;

let server, browser;
before(async () => {
  server = await GameServer.start();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** What the log says, notes without a name. */
function lines(tab) {
  return tab.page.locator('#chat-log .line').evaluateAll((items) => items.map((item) => ({
    name: item.querySelector('.name')?.textContent ?? null,
    words: (item.querySelector('.words') ?? item).textContent,
    delivery: item.querySelector('[role=img]')?.getAttribute('aria-label') ?? null,
  })));
}

async function say(tab, text) {
  await tab.page.focus('#game');
  if (!(await tab.page.locator('#chat-form').isVisible())) await tab.page.keyboard.press('Enter');
  await tab.page.fill('#chat-text', text);
  await tab.page.press('#chat-text', 'Enter');
}

const heard = (tab, text) => eventually(`"${text}" is there`, () => lines(tab), (all) => all.some(({ words }) => words === text));
/** Only what players said. */
const said = (all) => all.filter(({ name }) => name !== null);

test('two tabs talk, and see what became of their lines', async () => {
  const ada = await Tab.join(browser, server.url, 'Ada');
  const bob = await Tab.join(browser, server.url, 'Bob');
  await eventually('Ada reads that Bob came', () => lines(ada), ([first]) => first?.words === 'Bob joined' && first.name === null);
  await say(ada, 'Hello Bob');
  await eventually('it was delivered', () => lines(ada), (all) => all.at(-1).delivery === 'delivered');
  assert.equal(await ada.page.locator('#chat-log .state').last().textContent(), '✓✓');
  await heard(bob, 'Hello Bob');
  assert.equal(await bob.page.locator('#chat-new').textContent(), '1', 'it is unread while the chat is closed');
  assert.equal(await bob.page.getAttribute('#chat-open', 'aria-label'), 'Chat, 1 unread');
  await bob.shot('chat-closed');
  const trap = '<img src=x onerror="window.executed=1"><b>bold</b> & \u0645\u0631\u062d\u0628\u0627';
  await say(bob, trap);
  assert.ok(await bob.page.locator('#chat-new').isHidden(), 'opening reads it');
  await heard(ada, trap);
  for (const tab of [ada, bob]) {
    assert.deepEqual(said(await lines(tab)).map(({ name, words }) => [name, words]), [['Ada', 'Hello Bob'], ['Bob', trap]], 'each line once');
    assert.equal(await tab.page.locator('#chat-log :is(img, b)').count(), 0, 'markup is text');
    assert.equal(await tab.page.evaluate(() => window.executed), undefined);
  }
  await ada.shot('chat-open');

  const seat = (await ada.room()).seat;
  const whisper = bob.page.evaluate((to) => window.tickwire.room.chat('only you', { to }), seat);
  await heard(ada, 'only you');
  await whisper;
  assert.equal(await ada.page.locator('#chat-log .line.private .whisper').textContent(), 'private');

  const late = await Tab.join(browser, server.url, 'Late');
  await heard(late, trap);
  assert.deepEqual(said(await lines(late)).map(({ words }) => words), ['Hello Bob', trap], 'the history, without what was private');
  assert.ok(await late.page.locator('#chat-new').isHidden(), 'history is not news');
  await bob.close();
  await eventually('Ada reads that Bob left', () => lines(ada), (all) => all.some(({ words }) => words === 'Bob left'));
  for (const tab of [late, ada]) await tab.close();
});

test('typing does not steer, Escape closes, and a line has a bounded length', async () => {
  const tab = await Tab.join(browser, server.url, 'Ada', { query: '&map=field' });
  const { raw } = await tab.whereabouts();
  const isOpen = () => tab.page.locator('#chat-form').isVisible();
  await tab.page.keyboard.press('Enter');
  assert.ok(await isOpen());
  await tab.page.keyboard.type('wasd him? WASD', { delay: 25 });
  assert.equal(await tab.page.inputValue('#chat-text'), 'wasd him? WASD');
  await sleep(300);
  assert.deepEqual((await tab.whereabouts()).raw, raw);
  assert.ok(await tab.page.locator('#help').isHidden());
  await tab.page.keyboard.press('Escape');
  assert.ok(!(await isOpen()));
  assert.equal(await tab.page.evaluate(() => document.activeElement.id), 'game');
  const { key } = await tab.openWay();
  await tab.hold(key, 400);
  await eventually('the keys steer again', () => tab.whereabouts(), (place) => place.raw.join() !== raw.join());

  await tab.page.click('#chat-open');
  assert.equal(await tab.page.evaluate(() => document.activeElement.id), 'chat-text');
  assert.equal(await tab.page.getAttribute('#chat-open', 'aria-expanded'), 'true');
  const left = tab.page.locator('#chat-left');
  for (const [length, text] of [[199, ''], [230, '10 left'], [241, '1 too many']]) {
    await tab.page.fill('#chat-text', '⛄'.repeat(length));
    assert.equal(await left.textContent(), text);
  }
  await tab.page.keyboard.press('Enter');
  assert.deepEqual(await lines(tab), [], 'too long a line is not sent');
  await tab.page.fill('#chat-text', '⛄'.repeat(240));
  await tab.page.keyboard.press('Enter');
  await eventually('the longest one is', () => lines(tab), ([line]) => line?.delivery === 'delivered' && line.words.length === 240);
  await tab.page.keyboard.press('Enter');
  assert.ok(!(await isOpen()), 'nothing typed means to be done');
  await tab.close();
});

test('a line that a dead server never got can be sent again', async () => {
  const tab = await Tab.join(browser, server.url, 'Ada', { allowed: [OUTAGE] });
  await server.kill();
  await eventually('the page notices', () => tab.page.evaluate(() => window.tickwire.room.connection), (state) => state === 'reconnecting');
  await say(tab, 'anybody?');
  assert.equal((await lines(tab)).at(-1).delivery, 'waiting for the connection');
  server = await GameServer.start(server.port);
  await eventually('the page says that it was not delivered', () => lines(tab), (all) => all.at(-1)?.delivery === 'not delivered', 20_000);
  await tab.inRoom(20_000);
  assert.match(await tab.page.locator('#toast').textContent(), /^Reconnected/);
  await tab.page.click('#chat-log .retry');
  await eventually('the second time it is', () => lines(tab), (all) => all.at(-1).delivery === 'delivered');
  assert.deepEqual(said(await lines(tab)).map(({ words }) => words), ['anybody?']);
  await tab.close();
});

test('a crowd\'s chat is kept to a bounded number of lines', async () => {
  const tab = await Tab.join(browser, server.url, 'Ada');
  const { id } = await tab.room();
  const room = await new Client(`${server.url.replace('http', 'ws')}/play`).joinById(id, { name: 'Bo' });
  await eventually('Bo is there', () => lines(tab), (all) => all.some(({ words }) => words === 'Bo joined'));
  const kept = await tab.page.evaluate(() => {
    const { log } = window.tickwire.play.chat;
    for (let each = 0; each < 500; each += 1) log.note(`${each}`, false);
    return [log.list.childElementCount, log.list.lastElementChild.textContent];
  });
  assert.deepEqual(kept, [200, '499']);
  room.leave();
  await tab.close();
});
