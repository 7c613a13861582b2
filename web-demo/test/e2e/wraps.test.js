// Whole rooms in which counters wrap while people play: each room has a counter just below its wrap (crates/cli/tests/sleepers).
// Two players walk and talk, one of them loses the connection, a third comes later. In Node, over real sockets.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { Client } from '../../client/index.js';
import { decodeClient } from '../support/wire.js';
import { Cable } from './support/cable.js';
import { GameServer } from './support/server.js';
import { eventually, sleep } from './support/tabs.js';

const BRINK = process.env.TICKWIRE_BRINK ?? fileURLToPath(new URL('../../../target/debug/examples/brink', import.meta.url));
const LINES = 12;
const LINE_EVERY_MS = 600;
const CUT_AFTER = 4;
const CUT_MS = 800;
const HALF = 2 ** 31;
/** Each is called after the counter that wraps in it. */
const ARENAS = ['tick', 'entities', 'generations', 'events', 'commands', 'all-arena'];
const PLAZAS = ['epoch', 'all-plaza'];

let folder, server;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tickwire-brink-'));
  await promisify(execFile)(BRINK, [folder]);
  server = await GameServer.start(0, { TICKWIRE_DATA: folder });
});
after(async () => {
  await server?.stop();
  if (folder) await rm(folder, { recursive: true });
});

/** Numbers that were below their wrap, and then above. */
class Crossing {
  constructor() {
    [this.below, this.above] = [false, false];
  }

  note(number) {
    if (number >= HALF) this.below = true;
    else if (this.below) this.above = true;
  }
}

/** A player with notes of what it saw. */
class Player {
  constructor(name, room, numbers) {
    Object.assign(this, { name, room, numbers });
    this.lines = [];
    this.gaps = this.backwards = this.corrections = this.resumed = 0;
    this.endings = [];
    /** By entity, the places where it was seen. @type {Map<number, Set<string>>} */
    this.places = new Map();
    let last = null;
    room.onStateChange(({ tick, entities }) => {
      this.backwards += last !== null && ((tick - last) | 0) <= 0 ? 1 : 0;
      last = tick;
      numbers.tick.note(tick);
      for (const [id, entity] of entities) this.#saw(id, entity);
    });
    room.onChat(({ text }) => this.lines.push(text));
    room.onGap((lost) => { this.gaps += lost; });
    room.onResume(() => { this.resumed += 1; });
    room.onCorrection(() => { this.corrections += 1; });
    room.onLeave((code, reason, back) => this.endings.push({ code, reason, back }));
    this.drawing = setInterval(() => room.view(), 20);
  }

  static async join(url, id, name) {
    const numbers = { tick: new Crossing(), events: new Crossing(), commands: new Crossing() };
    let inputs = null;
    class Watched extends WebSocket {
      send(bytes) {
        const message = inputs && decodeClient(new Uint8Array(bytes), inputs);
        if (message?.type === 'command') numbers.commands.note(message.seq);
        if (message?.ack?.events) numbers.events.note(message.ack.events);
        super.send(bytes);
      }
    }
    const client = new Client(`${url.replace('http', 'ws')}/play`, { WebSocket: Watched });
    const player = PLAZAS.includes(id) ? { spawn: '30,30' } : {};
    const room = await client.joinById(id, { name, player });
    inputs = room.inputs;
    return new Player(name, room, numbers);
  }

  #saw(id, entity) {
    if (entity.kind !== 'avatar' && entity.kind !== 'walker') return;
    if (!this.places.has(id)) this.places.set(id, new Set());
    this.places.get(id).add(`${entity.raw('x')} ${entity.raw('y')}`);
  }

  /** Walks to and fro. */
  walk() {
    let turn = 0;
    const { room } = this;
    const step = () => {
      turn += 1;
      if (room.authority === 'server') {
        room.setInput({ heading: (turn % 8) * (Math.PI / 4), run: true });
        return;
      }
      const own = room.state.entities.get(room.entity);
      if (own) room.setInput({ x: own.x + 0.4 * (turn % 10 < 5 ? 1 : -1), y: own.y + 0.1 });
    };
    this.walking = setInterval(step, 100);
  }

  stand() {
    clearInterval(this.walking);
    if (this.room.authority === 'server') this.room.setInput({ run: false });
  }

  /** Says its lines, one after the other. */
  async talk() {
    const told = [];
    for (let line = 0; line < LINES; line++) {
      told.push(this.room.chat(`${this.name} ${line}`));
      await sleep(LINE_EVERY_MS);
    }
    return Promise.all(told);
  }

  /** How many places of an entity it has seen. */
  placesOf(id) {
    return this.places.get(id)?.size ?? 0;
  }

  async leave() {
    clearInterval(this.drawing);
    clearInterval(this.walking);
    await this.room.leave();
  }
}

/** The rows of all avatars, as a client has them. */
function picture({ room }) {
  const rows = [...room.state.entities.values()].filter(({ kind }) => kind === 'avatar' || kind === 'walker');
  return JSON.stringify(rows.map((row) => [row.id, row.raw('x'), row.raw('y')]).sort(([a], [b]) => a - b));
}

/** Moves thirty metres at once, which is refused. */
async function jump(player) {
  const { corrections, room } = player;
  clearInterval(player.walking);
  await sleep(150);
  const own = room.state.entities.get(room.entity);
  room.setInput({ x: own.x + 30, y: own.y });
  await eventually('a correction', async () => player.corrections, (now) => now > corrections);
  player.walk();
}

/** Plays in a room until all of its counters have wrapped. */
async function play(id) {
  const cable = await Cable.to(server.port);
  const ada = await Player.join(server.url, id, 'Ada');
  const bob = await Player.join(cable.url, id, 'Bob');
  const all = [ada, bob];
  try {
    all.forEach((player) => player.walk());
    const talks = [ada.talk(), bob.talk()];
    await sleep(CUT_AFTER * LINE_EVERY_MS);
    cable.cut();
    await sleep(CUT_MS);
    cable.mend();
    // Her correction is the first of her seat, his may be the first after his return.
    if (ada.room.authority === 'client') for (const player of [ada, bob, ada]) await jump(player);
    await eventually('Bob is back', async () => bob.resumed, (times) => times === 1);
    const eve = await Player.join(server.url, id, 'Eve');
    all.push(eve);
    eve.walk();
    const ticks = await Promise.all(talks);
    for (const of of ticks) assert.ok(of.every((tick, index) => index === 0 || ((tick - of[index - 1]) | 0) >= 0), `${of}`);
    await sleep(1000);
    all.forEach((player) => player.stand());
    await eventually('all see the same', async () => new Set(all.map(picture)).size, (count) => count === 1);
    all.forEach((player) => check(player, all, id));
    return all.map(({ numbers }) => numbers);
  } finally {
    await Promise.all(all.map((player) => player.leave()));
    cable.close();
  }
}

function check(player, all, id) {
  const [ada, bob, eve] = all;
  const { name, room, lines, gaps, backwards, endings } = player;
  assert.deepEqual({ backwards, gaps, desyncs: room.stats.desyncs }, { backwards: 0, gaps: 0, desyncs: 0 }, `${name} in ${id}`);
  assert.deepEqual(endings.filter(({ back }) => !back), [], `${name} was not sent away`);
  for (const other of [ada, bob]) {
    const expected = Array.from({ length: LINES }, (_, line) => `${other.name} ${line}`);
    const heard = lines.filter((line) => line.startsWith(other.name));
    // Who comes later hears the newest of what was said before, and the rest.
    assert.deepEqual(heard, player === eve ? expected.slice(-heard.length) : expected, `${name} in ${id}`);
    assert.ok(heard.length >= LINES / 2);
  }
  for (const other of all) assert.ok(player.placesOf(other.room.entity) > 8, `${name} sees ${other.name} move in ${id}`);
  const roster = (of) => [...of.room.players.values()].map((one) => one.name).sort().join();
  assert.equal(roster(player), 'Ada,Bob,Eve');
}

/** Whether the numbers were told on both sides of the wrap. On a busy machine one player may first acknowledge an event beyond it. */
const crossed = (all, counter) => {
  const both = (numbers) => numbers[counter].below && numbers[counter].above;
  return counter === 'events' ? all.some(both) : all.every(both);
};

test('people play on across the wrap of each counter', { concurrency: true }, async (t) => {
  await Promise.all([...ARENAS, ...PLAZAS].map((id) => t.test(id, async () => {
    const numbers = await play(id);
    const wrapped = ['tick', 'events', 'commands'].filter((counter) => crossed(numbers.slice(0, 2), counter));
    const visible = id.startsWith('all') ? ['tick', 'events', 'commands'] : [id].filter((name) => name in numbers[0]);
    assert.deepEqual(wrapped, visible);
  })));
});
