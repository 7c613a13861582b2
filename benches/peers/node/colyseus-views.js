// Colyseus with a StateView per client, as its documentation has it for worlds that nobody sees as a whole: a map of players, of which
// each client gets those that were added to its view. The argument is how far players see, in metres.
//
// Those nearby are found in squares; each player is looked at five times per second, in turn, so that this costs
// little. Others are added within sight and removed a quarter further away.

import { Room, Server } from '@colyseus/core';
import { Encoder, StateView, schema, t } from '@colyseus/schema';
import { WebSocketTransport } from '@colyseus/ws-transport';
import { announce } from './version.js';

const SIGHT = Number(process.argv[2]);
const LOST = SIGHT * 1.25;
/** Patches from one look at a player to the next. */
const TURNS = 4;
/** Squares side by side: more than any world here has. */
const ACROSS = 64;

const Player = schema({ x: t.float32(), y: t.float32() }, 'Player');
const State = schema({ players: t.map(Player).view() }, 'State');

// As it asks for: the patches of all views are made in one buffer.
Encoder.BUFFER_SIZE = 4 * 1024 * 1024;

const squareOf = ({ x, y }) => Math.floor(y / LOST) * ACROSS + Math.floor(x / LOST);
const away = (one, other) => (one.x - other.x) ** 2 + (one.y - other.y) ** 2;

class Walk extends Room {
  maxClients = 4096;
  patchRate = 50;
  state = new State();
  /** By session. @type {Map<string, { player: any, view: StateView, seen: Set<any> }>} */
  walkers = new Map();
  patches = 0;

  messages = {
    move: (client, { x, y }) => {
      const { player } = this.walkers.get(client.sessionId);
      player.x = x;
      player.y = y;
    },
  };

  onJoin(client) {
    const player = new Player();
    player.x = 0;
    player.y = 0;
    this.state.players.set(client.sessionId, player);
    client.view = new StateView();
    client.view.add(player);
    this.walkers.set(client.sessionId, { player, view: client.view, seen: new Set([player]) });
  }

  onLeave(client) {
    const { player, view } = this.walkers.get(client.sessionId);
    this.walkers.delete(client.sessionId);
    for (const { seen } of this.walkers.values()) seen.delete(player);
    view.dispose();
    this.state.players.delete(client.sessionId);
  }

  onBeforePatch() {
    const squares = new Map();
    for (const { player } of this.walkers.values()) {
      const square = squareOf(player);
      if (!squares.has(square)) squares.set(square, []);
      squares.get(square).push(player);
    }
    let number = this.patches++;
    for (const walker of this.walkers.values()) if (number++ % TURNS === 0) this.#look(walker, squares);
  }

  #look({ player, view, seen }, squares) {
    for (const other of seen) {
      if (away(player, other) <= LOST ** 2) continue;
      view.remove(other);
      seen.delete(other);
    }
    const middle = squareOf(player);
    for (const row of [-ACROSS, 0, ACROSS]) {
      for (const column of [-1, 0, 1]) {
        for (const other of squares.get(middle + row + column) ?? []) {
          if (seen.has(other) || away(player, other) > SIGHT ** 2) continue;
          view.add(other);
          seen.add(other);
        }
      }
    }
  }
}

const transport = new WebSocketTransport();
const server = new Server({ transport, greet: false });
server.define('walk', Walk);
await server.listen(0, '127.0.0.1');
announce(transport.server.address().port, '@colyseus/core', '@colyseus/schema', '@colyseus/ws-transport');
