// Joins a room of a fake server in virtual time.

import { Client } from '../../client/index.js';
import { MessageWriter } from '../../client/writer.js';
import { FakeServer, VirtualTime } from './server.js';

export async function join(settings) {
  const time = new VirtualTime();
  const server = new FakeServer(time, settings);
  const client = new Client('ws://test/play', server.options);
  const joining = client.joinOrCreate('toy', { name: 'Ada', player: { shirt: 'red' }, options: { map: 'yard' } });
  await time.advance(3 * server.latency);
  return { time, server, client, room: await joining };
}

export function pong(stamp) {
  const writer = new MessageWriter();
  writer.unsigned(2);
  writer.unsigned(stamp);
  return writer.finish();
}
