// Joins a room of a fake server in virtual time.

import { Client } from '../../client/index.js';
import { FakeServer, VirtualTime } from './server.js';

export async function join({ options, ...settings } = {}) {
  const time = new VirtualTime();
  const server = new FakeServer(time, settings);
  const client = new Client('ws://test/play', { ...server.options, ...options });
  const joining = client.joinOrCreate('toy', { name: 'Ada', player: { shirt: 'red' }, options: { map: 'yard' } });
  await time.advance(3 * server.latency);
  return { time, server, client, room: await joining };
}
