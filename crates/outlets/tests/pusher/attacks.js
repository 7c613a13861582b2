// Attacks on apps of the Pusher protocol: forged, old and repeated signatures, frames that break the rules, floods and clients that do not
// read. Whoever plays by the rules notices nothing. Then the close codes, as pusher-js acts on them.
//
// node attacks.js TICKWIRE starts that binary, attacks it, and fails at the first thing that is wrong.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import PusherModule from 'pusher-js';

import { Raw, ask, frame, now, signed, text } from './raw.js';
import { later, outlets, serve, test, told, until } from './support.js';

const Pusher = PusherModule.Pusher ?? PusherModule.default ?? PusherModule;
const [binary, sleeper] = process.argv.slice(2);
const app = { id: '1001', key: 'tickwirekey', secret: 'a secret of the app' };
const other = { id: '1002', key: 'otherkey', secret: 'the secret of another app' };
const path = `/apps/${app.id}/events`;
const body = JSON.stringify({ name: 'hello', channel: 'news', data: '{}' });

const connect = (port, key) => new Pusher(key, { cluster: '', wsHost: '127.0.0.1', wsPort: port, forceTLS: false, enabledTransports: ['ws'], disableStats: true });

if (binary === 'sleeper') {
  // A page that its machine puts to sleep: it tells its connection's states and errors, one per line.
  const page = connect(Number(sleeper), 'restless');
  page.connection.bind('state_change', ({ current }) => console.log(current));
  page.connection.bind('error', ({ error }) => console.log(`error ${error?.data?.code}`));
} else {
  await attack();
  process.exit(0);
}

async function attack() {
  const file = outlets(`
[[pusher]]
id = "${app.id}"
key = "${app.key}"
secret = "${app.secret}"
client_events = true
[[pusher]]
id = "${other.id}"
key = "${other.key}"
secret = "${other.secret}"
path = "/rt"
[[pusher]]
id = "1003"
key = "small"
secret = "${app.secret}"
most_connections = 1
[[pusher]]
id = "1004"
key = "restless"
secret = "${app.secret}"
activity_timeout = 5
`);
  const { child, port } = await serve(binary, file);
  const honest = await Raw.to(port, app.key);
  const { socket_id: id } = JSON.parse(await honest.heard('pusher:connection_established'));
  honest.say('pusher:subscribe', { channel: 'news' });
  await honest.heard('pusher_internal:subscription_succeeded');
  /** The longest that an honest client waited for an answer, in milliseconds. */
  let longest = 0;
  const pulse = setInterval(async () => {
    const begun = performance.now();
    honest.say('pusher:ping', {});
    await honest.heard('pusher:pong');
    longest = Math.max(longest, performance.now() - begun);
  }, 100);

  await signatures(port, honest);
  await subscriptions(port, id);
  await frames(port);
  await floods(port);
  clearInterval(pulse);
  await later(300);
  console.log(`the honest client waited ${longest.toFixed(0)} ms at most`);
  assert(honest.closed === undefined && longest < 2000, `${honest.closed}, ${longest} ms`);
  await closeCodes(port, child, file);
}

async function signatures(port, honest) {
  const post = (target, sent = body) => ask(port, 'POST', target, sent);
  const refused = async (target, why, sent) => {
    const answer = await post(target, sent);
    assert(answer.status === 401 && answer.text.includes(why), `${answer.status} ${answer.text} for ${target}`);
  };
  const right = signed(app, 'POST', path, body);
  await test('a right signature, also a second time within its ten minutes', async () => {
    for (const _ of [1, 2]) assert.equal((await post(right)).status, 200);
    await honest.heard('hello');
    await honest.heard('hello');
    for (const time of [now() - 590, now() + 590]) assert.equal((await post(signed(app, 'POST', path, body, { time }))).status, 200);
    for (const _ of [1, 2]) await honest.heard('hello');
  });
  await test('forged signatures', async () => {
    const [head, signature] = right.split('auth_signature=');
    const forged = ['', '0', signature.slice(0, -1), `${signature}0`, `${signature}00`, '0'.repeat(64), 'g'.repeat(64), 'ä'.repeat(32),
      ...[0, 31, 63].map((at) => signature.slice(0, at) + (signature[at] === '0' ? '1' : '0') + signature.slice(at + 1))];
    for (const wrong of forged) await refused(`${head}auth_signature=${encodeURIComponent(wrong)}`, 'auth_signature');
    await refused(signed({ ...app, secret: 'a secret of the apq' }, 'POST', path, body), 'auth_signature');
    await refused(signed(other, 'POST', path, body), 'auth_key');
    await refused(signed({ ...app, secret: other.secret }, 'POST', path, body), 'auth_signature');
    await refused(path, 'auth_key');
  });
  await test('old signatures, and old ones with a new time', async () => {
    for (const time of [now() - 610, now() + 610, 0]) await refused(signed(app, 'POST', path, body, { time }), 'ten minutes');
    const old = signed(app, 'POST', path, body, { time: now() - 700 });
    await refused(old.replace(/auth_timestamp=\d+/, `auth_timestamp=${now()}`), 'auth_signature');
    await refused(`${old}&auth_timestamp=${now()}`, 'auth_signature');
    await refused(old.replace('?', `?auth_timestamp=${now()}&`), 'auth_signature');
    for (const time of ['', '-1', '1e9', '99999999999999999999']) await refused(signed(app, 'POST', path, body, { time }), 'auth_timestamp');
    await refused(signed(app, 'POST', path, body, { version: '2.0' }), 'auth_version');
  });
  await test('signatures that were repeated for something else', async () => {
    const query = right.slice(path.length);
    await refused(`/apps/${app.id}/batch_events${query}`, 'auth_signature');
    await refused(`/apps/${other.id}/events${query}`, 'auth_key');
    await refused(right, 'body_md5', body.replace('hello', 'hallo'));
    await refused(signed(app, 'POST', path, body, { md5: false }), 'body_md5');
    await refused(`${right}&info=user_count`, 'auth_signature');
    assert.equal((await ask(port, 'GET', `/apps/${app.id}/channels${query}`)).status, 401);
    for (const twisted of [`/apps/${app.id}/%65vents`, `/apps//${app.id}/events`, `/apps/${app.id}/events/`, `/rt${path}`]) {
      const { status } = await post(`${twisted}${query}`);
      assert([401, 404, 405].includes(status), `${status} for ${twisted}`);
    }
  });
  await test('paths with a prefix that a proxy takes away', async () => {
    const there = `/apps/${other.id}/events`;
    assert.equal((await post(signed(other, 'POST', there, body, { prefix: '/rt' }))).status, 200);
    await refused(signed(other, 'POST', there, body), 'auth_signature');
    await refused(signed(other, 'POST', there, body, { prefix: '/rt/' }), 'auth_signature');
    await refused(signed(app, 'POST', path, body, { prefix: '/rt' }), 'auth_signature');
  });
}

async function subscriptions(port, victim) {
  await test('signatures of subscriptions: for another connection, channel, user or app', async () => {
    const raw = await Raw.to(port, app.key);
    const { socket_id: id } = JSON.parse(await raw.heard('pusher:connection_established'));
    const sign = (words, { key, secret } = app) => `${key}:${createHmac('sha256', secret).update(words).digest('hex')}`;
    const ada = JSON.stringify({ user_id: 'ada' });
    const tries = [
      ['private-a', sign(`${victim}:private-a`)],
      ['private-a', sign(`${id}:private-b`)],
      ['private-a', sign(`${id}:private-a`, other)],
      ['private-a', sign(`${id}:private-a`, { ...app, secret: other.secret })],
      ['private-a', sign(`${id}:private-a`).slice(0, -1)],
      ['private-a', undefined],
      ['presence-a', sign(`${id}:presence-a`), ada],
      ['presence-a', sign(`${id}:presence-a:${ada}`), ada.replace('ada', 'bob')],
    ];
    for (const [channel, auth, channel_data] of tries) {
      raw.say('pusher:subscribe', { channel, auth, channel_data });
      assert.match(await raw.heard('pusher:subscription_error'), /"status":401/);
    }
    raw.say('pusher:subscribe', { channel: 'presence-a', auth: sign(`${id}:presence-a:${ada}`), channel_data: ada });
    await raw.heard('pusher_internal:subscription_succeeded');
    raw.say('pusher:signin', { auth: sign(`${victim}::user::{"id":"ada"}`), user_data: '{"id":"ada"}' });
    assert.equal(await raw.ending(), 4009);
  });
}

async function frames(port) {
  await test('frames that break the rules', async () => {
    const big = Buffer.alloc(11_000, 'x');
    const tries = [
      ['unmasked', text('{}', { masked: false }), 1002],
      ['a reserved bit', frame(0xc1, Buffer.from('{}')), 1002],
      ['an opcode that is none', frame(0x83, Buffer.from('{}')), 1002],
      ['a control frame in parts', frame(0x09, Buffer.from('x')), 1002],
      ['a long control frame', frame(0x89, Buffer.alloc(126)), 1002],
      ['a continuation of nothing', frame(0x80, Buffer.from('x')), 1002],
      ['a terabyte', text('x', { length: 1n << 40n }), 1009],
      ['a long message', frame(0x81, big), 1009],
      ['a long message in parts', Buffer.concat([frame(0x01, big.subarray(0, 9000)), frame(0x80, big.subarray(0, 9000))]), 1009],
      ['no UTF-8', frame(0x81, Buffer.from([0xff, 0xfe])), 1007],
      ['bytes', frame(0x82, Buffer.from('{}')), 1003],
    ];
    for (const [what, bytes, code] of tries) {
      const raw = await Raw.to(port, app.key);
      await raw.heard('pusher:connection_established');
      raw.send(bytes);
      assert.equal(await raw.ending(what), code, what);
    }
  });
  await test('messages that say nothing', async () => {
    const raw = await Raw.to(port, app.key);
    await raw.heard('pusher:connection_established');
    const deep = '['.repeat(5000);
    for (const words of ['', 'null', '[]', '{', deep, `{"event":"client-x","data":${deep}`, '{"event":{}}', '{"event":"pusher:subscribe","data":7}']) {
      raw.send(text(words));
      await until(`an answer to ${words.slice(0, 40)}`, () => raw.messages.length > 0);
      raw.messages.length = 0;
    }
    raw.send(frame(0x01, Buffer.from('{"event":')));
    raw.send(frame(0x89, Buffer.from('hm')));
    raw.send(frame(0x80, Buffer.from('"pusher:ping"}')));
    await raw.heard('pusher:pong');
    assert.equal(raw.pongs, 1);
    raw.end();
  });
}

async function floods(port) {
  await test('floods of messages, pings and subscriptions', async () => {
    const flood = [text('{"event":"pusher:ping"}'), frame(0x89, Buffer.alloc(0)), text('{"event":"pusher:subscribe","data":{"channel":"x"}}')];
    for (const bytes of flood) {
      const raw = await Raw.to(port, app.key);
      raw.send(Buffer.concat(Array(5000).fill(bytes)));
      assert.equal(await raw.ending(), 4100);
      assert(raw.messages.length + raw.pongs <= 1300, `${raw.messages.length} answers`);
    }
  });
  await test('a client that does not read is gone soon', async () => {
    const raw = await Raw.to(port, app.key);
    raw.say('pusher:subscribe', { channel: 'flood' });
    await raw.heard('pusher_internal:subscription_succeeded');
    raw.socket.pause();
    const count = async () =>
      JSON.parse((await ask(port, 'GET', signed(app, 'GET', `/apps/${app.id}/channels/flood`, '', { more: { info: 'subscription_count' } }))).text).subscription_count;
    const event = JSON.stringify({ name: 'big', channel: 'flood', data: 'x'.repeat(10_000) });
    const begun = Date.now();
    for (let sent = 0; sent < 2000 && (await count()) === 1; sent += 10) {
      await Promise.all(Array.from({ length: 10 }, () => ask(port, 'POST', signed(app, 'POST', path, event), event)));
    }
    await until('it is gone', async () => (await count()) === 0);
    console.log(`it was gone after ${((Date.now() - begun) / 1000).toFixed(1)} s`);
    raw.end();
  });
}

async function closeCodes(port, child, file) {
  await test('codes below 4100: pusher-js gives up', async () => {
    const first = connect(port, 'small');
    await told('it is connected', (done) => first.connection.bind('connected', done));
    for (const [key, code] of [['small', 4004], ['nosuchapp', 4001]]) {
      const page = connect(port, key);
      const { error } = await told('an error', (done) => page.connection.bind('error', done));
      assert.equal(error.data.code, code);
      await later(1500);
      assert.equal(page.connection.state, 'disconnected');
    }
    first.disconnect();
    for (const [query, code] of [['', 4008], ['?protocol=4', 4007], ['?protocol=x', 4007]]) {
      assert.equal(await (await Raw.to(port, app.key, query)).ending(), code);
    }
  });
  await test('4100: pusher-js comes back after a second', async () => {
    const page = connect(port, app.key);
    await told('it is connected', (done) => page.connection.bind('connected', done));
    const begun = Date.now();
    const back = told('it is back', (done) => page.connection.bind('connected', done));
    for (let sent = 0; sent < 700; sent++) page.send_event('pusher:ping', {});
    await back;
    assert(Date.now() - begun >= 900, 'not at once');
    page.disconnect();
  });
  await test('4201: a page that slept comes back at once', async () => {
    const page = spawn(process.execPath, [fileURLToPath(import.meta.url), 'sleeper', String(port)], { stdio: ['ignore', 'pipe', 'inherit'] });
    let states = '';
    page.stdout.on('data', (part) => { states += part; });
    await until('it is connected', () => states.endsWith('connected\n'));
    page.kill('SIGSTOP');
    await later(12_000);
    const raw = await Raw.to(port, 'restless');
    await raw.heard('pusher:ping');
    assert.equal(await raw.ending(), 4201);
    page.kill('SIGCONT');
    await until(`it is back: ${states}`, () => states.split('\n').filter((state) => state === 'connected').length === 2);
    page.kill();
  });
  await test('4200: pusher-js comes back to a server that restarts', async () => {
    const page = connect(port, app.key);
    await told('it is connected', (done) => page.connection.bind('connected', done));
    const back = told('it is back', (done) => page.connection.bind('connected', done));
    child.kill('SIGTERM');
    await once(child, 'exit');
    const next = await serve(binary, file, { port });
    await back;
    page.disconnect();
    next.child.kill('SIGTERM');
    const [code] = await once(next.child, 'exit');
    assert.equal(code, 0);
  });
}
