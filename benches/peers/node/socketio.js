// Socket.IO as one would write it: the state is emitted to everyone, volatile as its documentation advises for positions,
// 20 times per second. The argument chooses JSON (a list of objects) or binary (one Float32Array).

import { createServer } from 'node:http';
import { Server } from 'socket.io';
import { announce } from './version.js';

const binary = process.argv[2] === 'binary';
const players = [];
const server = createServer();
const io = new Server(server, { transports: ['websocket'], serveClient: false });

io.on('connection', (socket) => {
  const player = { id: players.length, x: 0, y: 0 };
  players.push(player);
  socket.on('move', ({ x, y }) => {
    player.x = x;
    player.y = y;
  });
});

setInterval(() => {
  if (!binary) return io.volatile.emit('state', players);
  const positions = new Float32Array(2 * players.length);
  players.forEach(({ x, y }, slot) => positions.set([x, y], 2 * slot));
  io.volatile.emit('state', Buffer.from(positions.buffer));
}, 50);

server.listen(0, '127.0.0.1', () => announce(server.address().port, 'socket.io', 'engine.io'));
