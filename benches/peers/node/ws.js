// The `ws` package with as little as possible around it: players have slots in one Float32Array, which goes to everyone
// as it is, 20 times per second.

import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';
import { announce } from './version.js';

let positions = new Float32Array(0);
let players = 0;
const server = createServer();
const sockets = new WebSocketServer({ server });

sockets.on('connection', (socket) => {
  const slot = players++;
  const grown = new Float32Array(2 * players);
  grown.set(positions);
  positions = grown;
  socket.send(JSON.stringify({ slot }));
  socket.on('message', (message) => {
    positions[2 * slot] = message.readFloatLE(0);
    positions[2 * slot + 1] = message.readFloatLE(4);
  });
});

setInterval(() => {
  // A copy: the bytes may still be on their way when the next input comes.
  const bytes = Buffer.from(positions.slice().buffer);
  for (const socket of sockets.clients) socket.send(bytes);
}, 50);

server.listen(0, '127.0.0.1', () => announce(server.address().port, 'ws'));
