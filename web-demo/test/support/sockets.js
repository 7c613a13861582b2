// A small server over real sockets, for clients that run elsewhere: welcomes everybody, tells them what was said before, moves
// their avatar, and has seen each command by the next frame. Welcome and first frame are sent at once.

import { once } from 'node:events';

import { WELCOME, avatar, keyframe } from './server.js';
import { decodeClient, encodeFrame, encodeWelcome } from './wire.js';

const PERIOD_MS = 50;
const SAID_BEFORE = ['one', 'two', 'three'];

/**
 * @param {new (options: { port: number, host: string }) => any} WebSocketServer of the package `ws`
 * @returns {Promise<{ url: string, close(): Promise<void> }>}
 */
export async function serve(WebSocketServer) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  server.on('connection', (socket) => {
    const timers = [];
    let commands = null;
    let items = SAID_BEFORE.map((text) => ({ chat: { from: 1, name: 'Bo', text } }));
    let said = 0;
    let ticks = 0;
    const tick = () => {
      ticks += 1;
      const events = items.length > 0 ? { first: said + 1, items } : null;
      said += items.length;
      const parts = [keyframe(WELCOME.schema, 0, [avatar(1, 64 * ticks)])];
      const stamp = { type: 'long', tick: WELCOME.tick + ticks, consumed: 0 };
      socket.send(encodeFrame({ stamp, note: commands === null ? null : { commands }, events, zones: parts }));
      [commands, items] = [null, []];
    };
    socket.on('message', (data) => {
      const message = decodeClient(new Uint8Array(data), WELCOME.inputs);
      if (message.type === 'hello') {
        socket.send(encodeWelcome(WELCOME));
        tick();
        timers.push(setInterval(tick, PERIOD_MS));
      }
      if (message.type === 'command') {
        commands = message.seq;
        items.push({ chat: { from: 0, name: 'Ada', text: message.body.text } });
      }
    });
    socket.on('close', () => timers.forEach(clearInterval));
  });
  await once(server, 'listening');
  return {
    url: `ws://127.0.0.1:${server.address().port}/play`,
    close: () => new Promise((resolve) => {
      for (const socket of server.clients) socket.terminate();
      server.close(resolve);
    }),
  };
}
