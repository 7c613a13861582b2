// Pages of other origins: whoever may not play is told so by a close code, and whoever may play may also use the API.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';

import { GameServer } from './support/server.js';
import { launch } from './support/tabs.js';

let elsewhere;
let server;
let browser;

before(async () => {
  // Served from this machine, because browsers keep pages of other networks from it.
  elsewhere = createServer((_, answer) => answer.setHeader('content-type', 'text/html').end('<title>Elsewhere</title>'));
  elsewhere.listen(0, '127.0.0.1');
  await once(elsewhere, 'listening');
  server = await GameServer.start(0, { TICKWIRE_ORIGINS: at('play.example'), TICKWIRE_LOG: 'error' });
  browser = await launch({}, ['--host-resolver-rules=MAP *.example 127.0.0.1']);
});

after(async () => {
  await browser?.close();
  await server?.stop();
  elsewhere?.close();
});

const at = (name) => `http://${name}:${elsewhere.address().port}`;

/** What a page of a host of this name gets from the server. */
async function visit(name) {
  const page = await browser.newPage();
  await page.goto(at(name));
  const got = await page.evaluate(async (url) => {
    const status = (promise) => promise.then((answer) => answer.status, () => 'blocked');
    const socket = new WebSocket(`${url.replace('http', 'ws')}/play`, ['tickwire.v2']);
    const session = await new Promise((resolve) => {
      socket.addEventListener('close', ({ code, reason }) => resolve({ code, reason }));
      // A session without a hello goes on for some seconds.
      socket.addEventListener('open', () => setTimeout(() => resolve('open'), 1000));
    });
    socket.close();
    const events = new EventSource(`${url}/api/rooms/events`);
    const live = await new Promise((resolve) => {
      events.addEventListener('message', ({ data }) => resolve(data));
      events.addEventListener('error', () => resolve('blocked'));
    });
    events.close();
    const body = JSON.stringify({ game: 'arena', seats: 1 });
    const reserve = { method: 'POST', headers: { 'content-type': 'application/json' }, body };
    return {
      session,
      live,
      list: await status(fetch(`${url}/api/rooms`)),
      reserved: await status(fetch(`${url}/api/reservations`, reserve)),
      operators: await status(fetch(`${url}/admin/api/events`)),
    };
  }, server.url);
  await page.close();
  return got;
}

test('a page that may play may list rooms and reserve seats', async () => {
  const got = await visit('play.example');
  assert.deepEqual({ ...got, live: got.live.slice(0, 9) }, { session: 'open', live: '{"rooms":', list: 200, reserved: 200, operators: 'blocked' });
});

test('another page sees why it may not play, and nothing else', async () => {
  const { session, ...rest } = await visit('evil.example');
  assert.equal(session.code, 4503);
  assert.match(session.reason, /origin/);
  assert.deepEqual(rest, { live: 'blocked', list: 'blocked', reserved: 'blocked', operators: 'blocked' });
});
