// A game in Node, as somebody who installed the package writes it. Prints what it saw as one line of JSON.

import { Client } from 'tickwire-client';

const WebSocket = globalThis.WebSocket ?? (await import('ws')).default;
const client = new Client(process.argv[2], { WebSocket });
const room = await client.joinOrCreate('toy', { name: 'Ada' });
// A program that has something else to do first misses nothing.
await new Promise((resolve) => { setTimeout(resolve, 200); });
const lines = [];
room.onChat(({ name, text }) => lines.push(`${name}: ${text}`));
room.setInput({ dx: 1 });
await room.chat('hello');
const own = room.state.entities.get(room.entity);
const view = room.view().find(({ id }) => id === room.entity);
console.log(JSON.stringify({ builtIn: 'WebSocket' in globalThis, lines, x: own.x, kind: view.kind, game: room.game }));
await room.leave();
