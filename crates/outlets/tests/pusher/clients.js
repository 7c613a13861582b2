// The public clients of the Pusher protocol, pusher-js and Laravel Echo, and the Node SDK for servers, against a server of Tickwire:
// every kind of channel, client events, sign-in, what servers ask, webhooks, and rooms as channels.
//
// node clients.js TICKWIRE starts that binary, plays, and fails at the first thing that is wrong.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import EchoModule from 'laravel-echo';
import Server from 'pusher';
import PusherModule from 'pusher-js';

import { later, outlets, serve, subscribed, test, told, until } from './support.js';

const Echo = EchoModule.default ?? EchoModule;
const Pusher = PusherModule.Pusher ?? PusherModule.default ?? PusherModule;
const [binary] = process.argv.slice(2);
const app = { id: '1001', key: 'tickwirekey', secret: 'a secret of the app' };

/** Webhooks that the app's server got. */
const hooks = [];
const receiver = createServer((request, response) => {
  let rawBody = '';
  request.on('data', (part) => (rawBody += part));
  request.on('end', () => {
    const hook = server.webhook({ headers: request.headers, rawBody });
    assert(hook.isValid(), 'a webhook is signed');
    hooks.push(...hook.getEvents());
    response.end();
  });
});
await once(receiver.listen(0, '127.0.0.1'), 'listening');

const { child, port } = await serve(binary, outlets(`
[[pusher]]
id = "${app.id}"
key = "${app.key}"
secret = "${app.secret}"
client_events = true
webhook = "http://127.0.0.1:${receiver.address().port}/"
`));

const encryptionMasterKeyBase64 = Buffer.alloc(32, 7).toString('base64');
const server = new Server({
  appId: app.id, key: app.key, secret: app.secret, host: '127.0.0.1', port: String(port), useTLS: false,
  encryptionMasterKeyBase64,
});

/** A client of a user, whose requests for authorization are answered here as an app's server would. */
function client(user, { key = app.key, honest = true } = {}) {
  const signed = honest ? server : new Server({ appId: app.id, key: app.key, secret: 'another', host: 'x', encryptionMasterKeyBase64 });
  return new Pusher(key, {
    cluster: '', wsHost: '127.0.0.1', wsPort: port, forceTLS: false, enabledTransports: ['ws'], disableStats: true,
    channelAuthorization: {
      customHandler: ({ socketId, channelName }, done) =>
        done(null, signed.authorizeChannel(socketId, channelName,
          channelName.startsWith('presence-') ? { user_id: user, user_info: { name: user } } : undefined)),
    },
    userAuthentication: {
      customHandler: ({ socketId }, done) => done(null, signed.authenticateUser(socketId, { id: user, name: user })),
    },
  });
}

const clients = [];
async function connected(user, options) {
  const made = client(user, options);
  clients.push(made);
  await told(`${user} is connected`, (done) => made.connection.bind('connected', done));
  return made;
}

const next = (channel, event) => told(event, (done) => channel.bind(event, (data, metadata) => done([data, metadata])));

const ada = await connected('ada');
const bob = await connected('bob');

await test('public channels, and the connection that is left out', async () => {
  const [mine] = await subscribed(ada, 'news');
  const [theirs] = await subscribed(bob, 'news');
  let echoed = 0;
  mine.bind('first', () => echoed++);
  const heard = next(theirs, 'first');
  const answer = await server.trigger('news', 'first', { n: 1 }, { socket_id: ada.connection.socket_id, info: 'subscription_count' });
  assert.deepEqual((await answer.json()).channels.news, { subscription_count: 2 });
  assert.deepEqual((await heard)[0], { n: 1 });
  const both = Promise.all([next(mine, 'second'), next(theirs, 'second')]);
  await server.triggerBatch([{ channel: 'news', name: 'second', data: { n: 2 } }]);
  await both;
  assert.equal(echoed, 0);
});

await test('private channels: a signature opens them, another does not', async () => {
  await subscribed(ada, 'private-talk');
  const mallory = await connected('mallory', { honest: false });
  const channel = mallory.subscribe('private-talk');
  const [error] = await next(channel, 'pusher:subscription_error');
  assert.equal(error.status, 401);
  assert.equal(mallory.connection.state, 'connected');
});

await test('presence: three tabs of two users are two members', async () => {
  const tab = await connected('ada');
  const [seen] = await subscribed(bob, 'presence-lobby');
  const added = [];
  const removed = [];
  seen.bind('pusher:member_added', (member) => added.push(member.id));
  seen.bind('pusher:member_removed', (member) => removed.push(member.id));
  await subscribed(ada, 'presence-lobby');
  const [second, members] = await subscribed(tab, 'presence-lobby');
  assert.equal(members.count, 2);
  assert.equal(second.members.me.id, 'ada');
  assert.deepEqual(second.members.get('bob').info, { name: 'bob' });
  const users = await (await server.get({ path: '/channels/presence-lobby/users' })).json();
  assert.deepEqual(users, { users: [{ id: 'ada' }, { id: 'bob' }] });
  tab.disconnect();
  await later(300);
  assert.deepEqual([added, removed], [['ada'], []]);
  ada.unsubscribe('presence-lobby');
  await until('ada has left', () => removed.length === 1);
  assert.equal(seen.members.count, 1);
});

await test('client events reach the other members, with their user', async () => {
  const [mine] = await subscribed(ada, 'presence-typing');
  const [theirs] = await subscribed(bob, 'presence-typing');
  let echoed = 0;
  mine.bind('client-typing', () => echoed++);
  const heard = next(theirs, 'client-typing');
  assert(mine.trigger('client-typing', { on: true }));
  assert.deepEqual(await heard, [{ on: true }, { user_id: 'ada' }]);
  const refused = told('an error', (done) => ada.connection.bind('error', done));
  ada.send_event('client-typing', { on: true }, 'news');
  assert.equal((await refused).data.code, 4301);
  assert.equal(echoed, 0);
});

await test('cache channels give their last event to whoever comes', async () => {
  const empty = ada.subscribe('cache-score');
  await next(empty, 'pusher:cache_miss');
  await server.trigger('cache-score', 'score', { home: 3 });
  const channel = bob.subscribe('cache-score');
  assert.deepEqual((await next(channel, 'score'))[0], { home: 3 });
});

await test('encrypted channels are passed through', async () => {
  // The build for Node decrypts without a further part.
  const eve = await connected('eve');
  const [channel] = await subscribed(eve, 'private-encrypted-secrets');
  const heard = next(channel, 'whisper');
  await server.trigger('private-encrypted-secrets', 'whisper', { hush: true });
  assert.deepEqual((await heard)[0], { hush: true });
});

await test('sign-in, events for a user, and the end of their connections', async () => {
  const carol = await connected('carol');
  carol.signin();
  const heard = told('an event for carol', (done) => carol.user.bind('hello', done));
  await until('she has signed in', async () => (carol.user.user_data?.id === 'carol'));
  await server.sendToUser('carol', 'hello', { to: 'you' });
  assert.deepEqual(await heard, { to: 'you' });
  const error = told('the end', (done) => carol.connection.bind('error', done));
  await server.terminateUserConnections('carol');
  assert.equal((await error).data.code, 4009);
  await later(300);
  assert.notEqual(carol.connection.state, 'connected');
});

await test('what servers ask', async () => {
  const get = async (path, params) => (await server.get({ path, params })).json();
  const { channels } = await get('/channels', { filter_by_prefix: 'presence-', info: 'user_count' });
  assert.deepEqual(channels['presence-typing'], { user_count: 2 });
  assert.deepEqual(await get('/channels/news', { info: 'subscription_count' }), { occupied: true, subscription_count: 2 });
  assert.deepEqual(await get('/channels/nobody'), { occupied: false });
  for (const [path, status] of [['/channels/news/users', 400], ['/channels?info=user_count', 400]]) {
    await assert.rejects(server.get({ path }), (error) => error.status === status || error.status === 401);
  }
  const other = new Server({ appId: app.id, key: app.key, secret: 'wrong', host: '127.0.0.1', port: String(port), useTLS: false });
  await assert.rejects(other.trigger('news', 'x', {}), { status: 401 });
  await assert.rejects(server.trigger('news', 'x', 'x'.repeat(10_241)), { status: 413 });
});

await test('Laravel Echo', async () => {
  const echo = new Echo({ broadcaster: 'pusher', client: ada });
  const heard = told('an event by Echo', (done) => echo.channel('orders').listen('.shipped', done));
  await until('it is subscribed', async () => (await (await server.get({ path: '/channels/orders' })).json()).occupied);
  await server.trigger('orders', 'shipped', { order: 7 });
  assert.deepEqual(await heard, { order: 7 });
  const here = await told('who is here', (done) => echo.join('team').here(done));
  assert.deepEqual(here, [{ name: 'ada' }]);
});

/** Both SDKs say something into a room: its game takes notices, and the channel tells what came of them. */
async function intoRoom(room) {
  const [channel] = await subscribed(ada, `room-${room}`);
  const notices = [];
  channel.bind('room.property', ({ key, value }) => key === 'notice' && notices.push(value));
  let forged = 0;
  channel.bind('match.ended', () => forged++);
  await server.trigger(`room-${room}`, 'notice', { text: 'a cup at nine' });
  await until('the notice is up', () => notices.length === 1);
  const refused = (channels, name, status, why) =>
    assert.rejects(server.trigger(channels, name, {}), (error) => error.status === status && error.body.includes(why));
  await refused(`room-${room}`, 'match.ended', 403, 'must be notice');
  await refused(`room-${room}`, 'notice', 403, 'a notice is such as');
  await refused('room-nowhere', 'notice', 404, 'no room of this id');
  await refused([`room-${room}`, 'news'], 'notice', 400, 'one channel');
  await assert.rejects(server.triggerBatch([{ channel: `room-${room}`, name: 'notice', data: {} }]), { status: 400 });
  if (process.env.PYTHON) {
    console.log(python('into-room', room));
    await until('the notice of the other SDK', () => notices.length === 2);
    assert.deepEqual(notices, ['a cup at nine', 'tea at five']);
  }
  assert.equal(forged, 0);
}

const python = (...rest) =>
  execFileSync(process.env.PYTHON, ['sdk.py', String(port), app.id, app.key, app.secret, ...rest], { encoding: 'utf8' }).trim();

await test('rooms are channels, and servers speak into them', async () => {
  const [rooms] = await subscribed(ada, 'rooms');
  const made = next(rooms, 'room.made');
  const joined = next(rooms, 'player.joined');
  const left = next(rooms, 'player.left');
  const bots = spawn(binary, ['bots', '--url', `ws://127.0.0.1:${port}/play`, '--players', '2', '--duration', '12'], { stdio: 'ignore' });
  const [{ room, game }] = await made;
  assert.equal(game, 'arena');
  await joined;
  const [presence] = await subscribed(bob, `presence-room-${room}`);
  await until('the players are members', () => presence.members.count === 3);
  const names = [];
  presence.members.each((member) => names.push(member.info.seat ?? member.id));
  assert.deepEqual(names.sort(), [0, 1, 'bob']);
  await intoRoom(room);
  await left;
  await until('the players have left', () => presence.members.count === 1);
  await once(bots, 'exit');
});

if (process.env.PYTHON) {
  await test('the Python SDK', async () => {
    console.log(python());
  });
}

await test('webhooks told who came and went', async () => {
  const has = (name, channel, user) => hooks.some((hook) => hook.name === name && hook.channel === channel && hook.user_id === user);
  await until('all hooks', () => has('channel_occupied', 'news') && has('member_added', 'presence-lobby', 'ada')
    && has('member_removed', 'presence-lobby', 'ada') && has('client_event', 'presence-typing', 'ada') && has('cache_miss', 'cache-score'));
  ada.unsubscribe('orders');
  await until('the last one has left', () => has('channel_vacated', 'orders'));
});

await test('an app that is not there, and a server that stops', async () => {
  const lost = client('lost', { key: 'nosuchapp' });
  const error = await told('an error', (done) => lost.connection.bind('error', done));
  assert.equal(error.error.data.code, 4001);
  const gone = told('ada is disconnected', (done) => ada.connection.bind('state_change', ({ current }) => current === 'connecting' && done()));
  child.kill('SIGTERM');
  await gone;
  lost.disconnect();
});

clients.forEach((made) => made.disconnect());
receiver.close();
const [code] = child.exitCode === null ? await once(child, 'exit') : [child.exitCode];
assert.equal(code, 0);
console.log('the clients of the Pusher protocol are content');
process.exit(0);
