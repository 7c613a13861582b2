// Handlers that come late, for real: three lines wait in a room, and whoever joins hears them in order, whether welcome and
// first frame come in one read or the page takes its time; in Node with its own WebSocket and in Chromium.

import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';

import { Client } from '../../client/index.js';
import { coalescing } from './support/coalesce.js';
import { GameServer } from './support/server.js';
import { Tab, eventually, launch, sleep } from './support/tabs.js';

const LINES = ['one', 'two', 'three'];
/** What the proxy gathers, and what a page takes. */
const GATHER_MS = 300;
const LATE_MS = 200;
const AT_ONCE = 40;

let server, browser, proxy, host;
before(async () => {
  server = await GameServer.start();
  browser = await launch();
  proxy = await coalescing(server.port, GATHER_MS);
  host = await new Client(play(server.url)).create('arena', { name: 'Host' });
  for (const line of LINES) await host.chat(line);
});
after(async () => {
  await host?.leave();
  proxy?.close();
  await browser?.close();
  await server?.stop();
});

function play(url) {
  return `${url.replace('http', 'ws')}/play`;
}

/** Lines and gaps, as a player hears them who listens so late. */
async function visit(url, late) {
  const room = await new Client(play(url)).joinById(host.id, { name: 'Ada' });
  if (late > 0) await sleep(late);
  const heard = [];
  room.onChat(({ text }) => heard.push(text));
  room.onGap((lost) => heard.push(`gap ${lost}`));
  await eventually('three lines or a gap', async () => heard, ({ length }) => length >= LINES.length, 3000).catch(() => {});
  // Whatever might be told twice.
  await sleep(GATHER_MS);
  await room.leave();
  return heard;
}

test('behind a proxy that coalesces, nothing is lost', async () => {
  for (const late of [0, LATE_MS]) assert.deepEqual(await visit(proxy.url, late), LINES, `${late} ms`);
});

test('of many simultaneous joins in one process, each hears everything', async () => {
  const heard = await Promise.all(Array.from({ length: AT_ONCE }, () => visit(server.url, 0)));
  const whole = heard.filter((lines) => lines.join() === LINES.join());
  assert.equal(whole.length, AT_ONCE, `${AT_ONCE - whole.length} of ${AT_ONCE} lost lines`);
});

for (const road of ['directly', 'behind a proxy that coalesces']) {
  test(`a page that subscribes late hears the lines in order, ${road}`, async () => {
    const url = road === 'directly' ? server.url : proxy.url;
    const tab = await Tab.open(browser, url, { allowed: [/server-sent|api\/rooms/] });
    const heard = await tab.page.evaluate(async ({ address, id, late }) => {
      const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
      const { Client } = await import('/client/index.js');
      const room = await new Client(address).joinById(id, { name: 'Page' });
      await pause(late);
      const lines = [];
      room.onChat(({ text }) => lines.push(text));
      room.onGap((lost) => lines.push(`gap ${lost}`));
      await pause(late + 400);
      await room.leave();
      return lines;
    }, { address: play(url), id: host.id, late: LATE_MS });
    assert.deepEqual(heard, LINES);
    await tab.close();
  });
}
