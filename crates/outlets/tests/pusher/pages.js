// Pages of an app in Chromium: one with pusher-js and one with Laravel Echo, as their users write them, served by the app from another
// origin than the rooms. Presence, chat by client events, what happens in rooms and the results of matches, a server that restarts, and a
// wrong signature.
//
// node pages.js TICKWIRE DUEL starts the example `duel`, lets bots of the binary play, and fails at the first thing that is wrong.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Server from 'pusher';

import { Tab, eventually, launch } from '../../../../web-demo/test/e2e/support/tabs.js';

const [binary, duel] = process.argv.slice(2);
const app = { id: '1001', key: 'tickwirekey', secret: 'a secret of the app' };
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' };
/** Files of the packages, as apps serve them. */
const PACKAGES = { '/pusher.js': 'pusher-js/dist/web/pusher.min.js', '/echo.js': 'laravel-echo/dist/echo.iife.js' };
const here = (path) => fileURLToPath(new URL(path, import.meta.url));

const folder = mkdtempSync(join(tmpdir(), 'tickwire-pages-'));
const outlets = join(folder, 'outlets.toml');
writeFileSync(outlets, `[[pusher]]\nid = "${app.id}"\nkey = "${app.key}"\nsecret = "${app.secret}"\nclient_events = true\n`);

/** A port that was free a moment ago: the example does not say on which it listens. */
async function freePort() {
  const listener = createServer();
  await once(listener.listen(0, '127.0.0.1'), 'listening');
  const { port } = listener.address();
  await new Promise((done) => { listener.close(done); });
  return port;
}

async function serve(port) {
  const child = spawn(duel, ['--bind', `127.0.0.1:${port}`, '--outlets', outlets], { stdio: ['ignore', 'ignore', 'inherit'] });
  process.on('exit', () => child.kill('SIGKILL'));
  const answers = () => fetch(`http://127.0.0.1:${port}/healthz`).then((answer) => answer.ok, () => false);
  await eventually('the server answers', answers, Boolean, 20_000);
  return { child, port };
}

/** The app's own server: its pages, and who may join what. */
async function site(sdk) {
  const listener = createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://app');
    if (request.method === 'POST' && pathname === '/auth') {
      let body = '';
      request.on('data', (part) => (body += part));
      request.on('end', () => {
        const { socket_id: socket, channel_name: channel, user } = Object.fromEntries(new URLSearchParams(body));
        const signed = sdk.authorizeChannel(socket, channel, { user_id: user, user_info: { name: user } });
        // Whoever says to be Mallory gets a signature that is none.
        if (user === 'mallory') signed.auth = `${signed.auth.slice(0, -4)}0000`;
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(signed));
      });
      return;
    }
    const path = PACKAGES[pathname] ? here(`node_modules/${PACKAGES[pathname]}`) : here(`site${pathname}`);
    try {
      response.writeHead(200, { 'content-type': TYPES[extname(pathname)] ?? 'text/plain' }).end(readFileSync(path));
    } catch {
      response.writeHead(404).end();
    }
  });
  await once(listener.listen(0, '127.0.0.1'), 'listening');
  return listener;
}

async function test(name, run) {
  await run();
  console.log(`ok: ${name}`);
}

let server = await serve(await freePort());
const sdk = new Server({ appId: app.id, key: app.key, secret: app.secret, host: '127.0.0.1', port: String(server.port), useTLS: false });
const listener = await site(sdk);
const browser = await launch();
const tabs = [];

async function open(kind, user) {
  const query = new URLSearchParams({ key: app.key, host: '127.0.0.1', port: String(server.port), user });
  const tab = await Tab.open(browser, `http://localhost:${listener.address().port}/${kind}.html?${query}`, { allowed: [/ERR_CONNECTION_REFUSED|WebSocket connection/] });
  tabs.push(tab);
  await eventually(`${user} is connected`, async () => [await tab.page.textContent('#state'), ...tab.complaints], ([state]) => state === 'connected');
  return tab;
}

const texts = (tab, id) => tab.page.locator(`#${id} li`).allTextContents();
const shows = (what, tab, id, wanted) => eventually(what, () => texts(tab, id), (shown) => JSON.stringify(shown) === JSON.stringify(wanted));

async function say(tab, words) {
  await tab.page.fill('#words', words);
  await tab.page.press('#words', 'Enter');
}

const ada = await open('plain', 'ada');
const bob = await open('echo', 'bob');

await test('who is here, by both libraries', async () => {
  for (const tab of [ada, bob]) await shows('both are here', tab, 'members', ['ada', 'bob']);
  // A user with two tabs is one member, until the last of them is closed.
  const again = await open('plain', 'bob');
  await shows('three tabs, two users', again, 'members', ['ada', 'bob']);
  await again.page.context().close();
  const carol = await open('echo', 'carol');
  await shows('Carol is here', ada, 'members', ['ada', 'bob', 'carol']);
  await carol.page.context().close();
  for (const tab of [ada, bob]) await shows('Carol has left', tab, 'members', ['ada', 'bob']);
});

await test('what visitors say, from one library to the other', async () => {
  await say(ada, 'hello <b>Bob</b>');
  await shows('Bob reads it', bob, 'said', ['ada: hello <b>Bob</b>']);
  await say(bob, 'hello Ada');
  await shows('Ada reads it, with the user that the server vouches for', ada, 'said', ['ada: hello <b>Bob</b>', 'bob: hello Ada']);
});

await test('a wrong signature lets nobody in', async () => {
  const mallory = await open('plain', 'mallory');
  const refused = () => mallory.page.evaluate(() => window.pusher.channel('presence-page').subscribed);
  await eventually('she hears of rooms', () => mallory.page.evaluate(() => window.pusher.channel('rooms').subscribed), Boolean);
  assert.equal(await refused(), false);
  assert.deepEqual(await texts(mallory, 'members'), []);
  await mallory.page.context().close();
  await shows('nobody has seen her', ada, 'members', ['ada', 'bob']);
});

await test('what happens in rooms, and how matches end', async () => {
  const bots = spawn(binary, ['bots', '--url', `ws://127.0.0.1:${server.port}/play`, '--game', 'duel', '--players', '2', '--duration', '6'], { stdio: 'ignore' });
  const whole = (shown) => ['room.made', 'player.joined', 'match.ended', 'player.left'].every((kind) => shown.some((text) => text.startsWith(`${kind} `)));
  for (const tab of [ada, bob]) await eventually('the life of a room', () => texts(tab, 'rooms'), whole, 30_000);
  if (bots.exitCode === null) await once(bots, 'exit');
  const joined = (shown) => shown.filter((text) => text.startsWith('player.joined')).length;
  await eventually('both players', () => texts(ada, 'rooms'), (shown) => joined(shown) >= 2);
  const ended = (await texts(ada, 'rooms')).find((text) => text.startsWith('match.ended'));
  assert.match(ended, /^match\.ended \S+ \{"hits":\{.*\},"tick":\d+\}$/);
  assert((await texts(bob, 'rooms')).includes(ended), 'both pages show the same result');
  await ada.shot('pusher-plain');
});

await test('the app tells its pages something', async () => {
  await bob.page.evaluate(() => { window.pusher.subscribe('news').bind('first', (data) => { window.news = data; }); });
  await eventually('Bob has subscribed', () => bob.page.evaluate(() => window.pusher.channel('news').subscribed), Boolean);
  await sdk.trigger('news', 'first', { n: 1 });
  await eventually('he hears of it', () => bob.page.evaluate(() => window.news), (news) => news?.n === 1);
});

await test('pages come back to a server that restarts', async () => {
  server.child.kill('SIGKILL');
  await once(server.child, 'exit');
  for (const tab of [ada, bob]) await eventually('it is gone', () => tab.page.textContent('#state'), (state) => state !== 'connected', 20_000);
  server = await serve(server.port);
  for (const tab of [ada, bob]) await eventually('the page is back', () => tab.page.textContent('#state'), (state) => state === 'connected', 60_000);
  for (const tab of [ada, bob]) await shows('and both are here', tab, 'members', ['ada', 'bob']);
  await say(bob, 'back again');
  await eventually('they talk', () => texts(ada, 'said'), (shown) => shown.at(-1) === 'bob: back again');
});

for (const tab of [ada, bob]) {
  tab.check();
  await tab.page.context().close();
}
await browser.close();
listener.close();
server.child.kill('SIGTERM');
const [code] = await once(server.child, 'exit');
assert.equal(code, 0);
console.log('pages with pusher-js and Laravel Echo are content');
process.exit(0);
