// Colyseus as its documentation has it: a map of players under a schema, a message sets the own position, patches go out
// 20 times per second (the default). The argument chooses float32 fields or quantised ones of 16 bits.

import { Room, Server } from '@colyseus/core';
import { Encoder, schema, t } from '@colyseus/schema';
import { WebSocketTransport } from '@colyseus/ws-transport';
import { announce } from './version.js';

// 65,536 steps of 1/64 m: as coarse as Tickwire's positions in this comparison.
const coordinate = () => (process.argv[2] === 'quantised' ? t.quantized({ min: 0, max: 65535 / 64 }) : t.float32());

const Player = schema({ x: coordinate(), y: coordinate() }, 'Player');
const State = schema({ players: t.map(Player) }, 'State');

// As it asks for when patches are longer: the default is 16 KiB.
Encoder.BUFFER_SIZE = 64 * 1024;

class Walk extends Room {
  maxClients = 4096;
  patchRate = 50;
  state = new State();

  messages = {
    move: (client, { x, y }) => {
      const player = this.state.players.get(client.sessionId);
      player.x = x;
      player.y = y;
    },
  };

  onJoin(client) {
    const player = new Player();
    player.x = 0;
    player.y = 0;
    this.state.players.set(client.sessionId, player);
  }

  onLeave(client) {
    this.state.players.delete(client.sessionId);
  }
}

const transport = new WebSocketTransport();
const server = new Server({ transport, greet: false });
server.define('walk', Walk);
await server.listen(0, '127.0.0.1');
announce(transport.server.address().port, '@colyseus/core', '@colyseus/schema', '@colyseus/ws-transport');
