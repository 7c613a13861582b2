// Apps of the Pusher protocol over two nodes of a cluster, with pusher-js, the Node SDK and a redis-server of its own: presence once per
// user wherever the tabs are, events in one order at both nodes, and nodes that are stopped, cut off from Redis, or killed.
//
// node nodes.js TICKWIRE starts that binary twice, plays, and fails at the first thing that is wrong.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { createServer } from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Server from 'pusher';
import PusherModule from 'pusher-js';

import { later, outlets, serve, subscribed, test, told, until } from './support.js';

const Pusher = PusherModule.Pusher ?? PusherModule.default ?? PusherModule;
const [binary] = process.argv.slice(2);
const app = { id: '1001', key: 'tickwirekey', secret: 'a secret of the app' };
const LEASE = 3;

async function freePort() {
  const listener = net.createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address();
  listener.close();
  await once(listener, 'close');
  return port;
}

const redisPort = await freePort();
const redisFolder = mkdtempSync(join(tmpdir(), 'tickwire-redis-'));
async function startRedis() {
  const args = ['--port', redisPort, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', redisFolder];
  const child = spawn('redis-server', args.map(String), { stdio: 'ignore' });
  process.on('exit', () => child.kill('SIGKILL'));
  await until('redis-server listens', async () => (await askRedis('PING')).startsWith('+PONG'));
  return child;
}

function askRedis(command) {
  return new Promise((resolve) => {
    const socket = net.connect(redisPort, '127.0.0.1', () => socket.write(`${command}\r\n`));
    socket.on('data', (data) => (resolve(String(data)), socket.destroy()));
    socket.on('error', () => resolve(''));
  });
}

/** Webhooks that the app's server got of all nodes. */
const hooks = [];
const receiver = createServer((request, response) => {
  let body = '';
  request.on('data', (part) => (body += part));
  request.on('end', () => (hooks.push(...JSON.parse(body).events), response.end()));
});
await once(receiver.listen(0, '127.0.0.1'), 'listening');

const file = outlets(`
[[pusher]]
id = "${app.id}"
key = "${app.key}"
secret = "${app.secret}"
client_events = true
webhook = "http://127.0.0.1:${receiver.address().port}/"
`);

async function startNode() {
  const port = await freePort();
  const more = ['--redis', `redis://127.0.0.1:${redisPort}`, '--advertise', `ws://127.0.0.1:${port}/play`, '--lease', String(LEASE)];
  const { child } = await serve(binary, file, { port, more: [...more, '--log', 'off'] });
  const sdk = new Server({ appId: app.id, key: app.key, secret: app.secret, host: '127.0.0.1', port: String(port), useTLS: false });
  const get = async (path, params) => (await sdk.get({ path, params })).json();
  return { child, port, sdk, get };
}

let redis = await startRedis();
const nodes = [await startNode(), await startNode()];
const [first, second] = nodes;

const clients = [];
/** A client of a user at a node. */
async function connected(user, node) {
  const made = new Pusher(app.key, {
    cluster: '', wsHost: '127.0.0.1', wsPort: node.port, forceTLS: false, enabledTransports: ['ws'], disableStats: true,
    channelAuthorization: {
      customHandler: ({ socketId, channelName }, done) =>
        done(null, node.sdk.authorizeChannel(socketId, channelName,
          channelName.startsWith('presence-') ? { user_id: user, user_info: { name: user } } : undefined)),
    },
    userAuthentication: {
      customHandler: ({ socketId }, done) => done(null, node.sdk.authenticateUser(socketId, { id: user, name: user })),
    },
  });
  clients.push(made);
  await told(`${user} is connected`, (done) => made.connection.bind('connected', done));
  return made;
}

/** Members who came and went, as a channel's client was told. */
function changes(channel) {
  const seen = [];
  channel.bind('pusher:member_added', ({ id }) => seen.push(`+${id}`));
  channel.bind('pusher:member_removed', ({ id }) => seen.push(`-${id}`));
  return seen;
}

/** The numbers that an event of a channel brings. */
function numbers(channel, event) {
  const seen = [];
  channel.bind(event, ({ n }) => seen.push(n));
  return seen;
}

const members = (channel) => Object.keys(channel.members.members).sort();
async function allSay(what, wanted, path, params) {
  let last;
  const same = async () => {
    last = await Promise.all(nodes.map((node) => node.get(path, params)));
    return last.every((answer) => JSON.stringify(answer) === JSON.stringify(wanted));
  };
  await until(what, same).catch((error) => {
    throw new Error(`${error.message}: ${JSON.stringify(last)}`);
  });
}
const users = (...ids) => ({ users: ids.map((id) => ({ id })) });

await test('presence: three tabs of two users at two nodes are two members', async () => {
  const [bob, ada, tab] = [await connected('bob', second), await connected('ada', first), await connected('ada', second)];
  const [theirs] = await subscribed(bob, 'presence-lobby');
  const seen = changes(theirs);
  const [mine] = await subscribed(ada, 'presence-lobby');
  await until('ada is here', () => seen.length === 1);
  const [other, list] = await subscribed(tab, 'presence-lobby');
  assert.equal(list.count, 2);
  await until('bob is known at the other node', () => members(mine).length === 2);
  assert.deepEqual([members(mine), members(other), members(theirs)], Array(3).fill(['ada', 'bob']));
  await allSay('all nodes know the users', users('ada', 'bob'), '/channels/presence-lobby/users');
  const figures = { occupied: true, subscription_count: 3, user_count: 2 };
  await allSay('all nodes count', figures, '/channels/presence-lobby', { info: 'user_count,subscription_count' });
  await allSay('all nodes list', { channels: { 'presence-lobby': { user_count: 2 } } }, '/channels',
    { filter_by_prefix: 'presence-', info: 'user_count' });
  tab.disconnect();
  await allSay('a tab has gone', { ...figures, subscription_count: 2 }, '/channels/presence-lobby', { info: 'user_count,subscription_count' });
  assert.deepEqual(seen, ['+ada']);
  ada.unsubscribe('presence-lobby');
  await until('ada has left', () => seen.length === 2);
  assert.deepEqual(seen, ['+ada', '-ada']);
  await allSay('all nodes know that she has left', users('bob'), '/channels/presence-lobby/users');
  bob.unsubscribe('presence-lobby');
  await allSay('nobody is here', { occupied: false }, '/channels/presence-lobby');
  await until('the webhooks', () => hooks.filter(({ channel }) => channel === 'presence-lobby').length >= 6);
  await later(300);
  const names = hooks.filter(({ channel }) => channel === 'presence-lobby').map(({ name, user_id: user }) => [name, user].join(' ').trim());
  assert.deepEqual(names.sort(), ['channel_occupied', 'channel_vacated', 'member_added ada', 'member_added bob', 'member_removed ada',
    'member_removed bob']);
});

await test('events of both nodes come in one order at both nodes, each once', async () => {
  const seen = await Promise.all(nodes.map(async (node) => numbers((await subscribed(await connected('reader', node), 'news'))[0], 'n')));
  for (let round = 0; round < 50; round++) {
    await Promise.all(nodes.map((node, index) => node.sdk.trigger('news', 'n', { n: 2 * round + index })));
  }
  await until('all are here', () => seen.every((list) => list.length === 100));
  await later(200);
  assert.deepEqual(seen[0], seen[1]);
  for (const parity of [0, 1]) {
    const own = seen[0].filter((n) => n % 2 === parity);
    assert.deepEqual(own, Array.from({ length: 50 }, (_, round) => 2 * round + parity), 'those of one node keep their order');
  }
});

await test('client events, the connection that is left out, users, and their end', async () => {
  const [ada, bob] = [await connected('ada', first), await connected('bob', second)];
  const [mine] = await subscribed(ada, 'presence-typing');
  const [theirs] = await subscribed(bob, 'presence-typing');
  let echoed = 0;
  mine.bind('client-typing', () => echoed++);
  mine.bind('not-for-ada', () => echoed++);
  const typing = told('a client event', (done) => theirs.bind('client-typing', (data, metadata) => done([data, metadata])));
  assert(mine.trigger('client-typing', { on: true }));
  assert.deepEqual(await typing, [{ on: true }, { user_id: 'ada' }]);
  const others = told('an event for others', (done) => theirs.bind('not-for-ada', done));
  await second.sdk.trigger('presence-typing', 'not-for-ada', {}, { socket_id: ada.connection.socket_id });
  await others;
  ada.signin();
  const hello = told('an event for ada', (done) => ada.user.bind('hello', done));
  await until('she has signed in', () => ada.user.user_data?.id === 'ada');
  await second.sdk.sendToUser('ada', 'hello', { to: 'you' });
  assert.deepEqual(await hello, { to: 'you' });
  const error = told('the end', (done) => ada.connection.bind('error', done));
  await second.sdk.terminateUserConnections('ada');
  assert.equal((await error).data.code, 4009);
  assert.equal(echoed, 0);
});

await test('rooms of one node are channels at both', async () => {
  const carol = await connected('carol', second);
  const [rooms] = await subscribed(carol, 'rooms');
  // So that the other node has heard of somebody who listens.
  await allSay('rooms has a subscriber', { occupied: true }, '/channels/rooms');
  const made = told('a room is made', (done) => rooms.bind('room.made', done));
  const bots = spawn(binary, ['bots', '--url', `ws://127.0.0.1:${first.port}/play`, '--players', '2', '--duration', '6'], { stdio: 'ignore' });
  const { room } = await made;
  const [presence] = await subscribed(carol, `presence-room-${room}`);
  await until('the players are members', () => presence.members.count === 3);
  await until('the players have left', () => presence.members.count === 1);
  await once(bots, 'exit');
});

await test('a node that was stopped for a while gets what it has missed', async () => {
  const seen = numbers((await subscribed(await connected('reader', second), 'away'))[0], 'n');
  second.child.kill('SIGSTOP');
  for (let n = 0; n < 60; n++) await first.sdk.trigger('away', 'n', { n });
  await later(500);
  second.child.kill('SIGCONT');
  await until('all are here', () => seen.length === 60);
  assert.deepEqual(seen, Array.from({ length: 60 }, (_, n) => n));
});

await test('connections to Redis that break cost no event', async () => {
  const seen = await Promise.all(nodes.map(async (node) => numbers((await subscribed(await connected('reader', node), 'cut'))[0], 'n')));
  for (let n = 0; n < 60; n++) {
    if (n % 15 === 7) await askRedis('CLIENT KILL TYPE normal');
    await nodes[n % 2].sdk.trigger('cut', 'n', { n });
  }
  await until('all are here', () => seen.every((list) => list.length >= 60));
  await later(300);
  for (const list of seen) assert.deepEqual(list, Array.from({ length: 60 }, (_, n) => n));
});

await test('a Redis that has forgotten everything knows again who is here', async () => {
  const [ada, bob] = [await connected('ada', first), await connected('bob', second)];
  const [mine] = await subscribed(ada, 'presence-amnesia');
  await subscribed(bob, 'presence-amnesia');
  await until('both are here', () => mine.members.count === 2);
  const seen = changes(mine);
  let missed = 0;
  mine.bind('tickwire:missed', () => missed++);
  const gone = once(redis, 'exit');
  redis.kill('SIGKILL');
  await gone;
  redis = await startRedis();
  await until('a gap is told', () => missed > 0);
  const heard = told('an event', (done) => mine.bind('again', done));
  await until('events are published again', () => second.sdk.trigger('presence-amnesia', 'again', {}).then(() => true, () => false));
  await heard;
  await later((LEASE + 2) * 1000);
  await allSay('all know the users', users('ada', 'bob'), '/channels/presence-amnesia/users');
  assert.deepEqual([seen, missed], [[], 1], 'nobody has left');
});

await test('a node that is killed takes its members with it', async () => {
  const [ada, bob, tab] = [await connected('ada', first), await connected('bob', second), await connected('ada', second)];
  const [mine] = await subscribed(ada, 'presence-doomed');
  await subscribed(bob, 'presence-doomed');
  await subscribed(tab, 'presence-doomed');
  await until('bob is here', () => mine.members.count === 2);
  const figures = { occupied: true, subscription_count: 3, user_count: 2 };
  await allSay('all are counted', figures, '/channels/presence-doomed', { info: 'user_count,subscription_count' });
  const seen = changes(mine);
  hooks.length = 0;
  second.child.kill('SIGKILL');
  const killed = Date.now();
  await until('bob is gone', () => seen.length > 0);
  const took = Date.now() - killed;
  nodes.pop();
  await allSay('his tab is gone', { ...figures, subscription_count: 1, user_count: 1 }, '/channels/presence-doomed',
    { info: 'user_count,subscription_count' });
  assert.deepEqual(seen, ['-bob']);
  await until('a webhook tells it', () => hooks.some(({ name, user_id: user }) => name === 'member_removed' && user === 'bob'));
  assert.equal(hooks.filter(({ name, channel }) => name === 'member_removed' && channel === 'presence-doomed').length, 1);
  console.log(`  after ${(took / 1000).toFixed(1)} s, with a lease of ${LEASE} s`);
  assert(took > 1000 && took < (LEASE + 4) * 1000);
});

clients.forEach((made) => made.disconnect());
receiver.close();
first.child.kill('SIGTERM');
const [code] = await once(first.child, 'exit');
assert.equal(code, 0);
console.log('the clients of the Pusher protocol are content with two nodes');
process.exit(0);
