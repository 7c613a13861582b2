// Players without a page: the same browser client under Node, each with a simple mind that runs about, looks for sparks
// and throws at whoever is near. They fill a room so that pages can be looked at; nothing about them is asserted.
// Needs Node's WebSocket (`--experimental-websocket` before Node 22).

import { readFile } from 'node:fs/promises';

import { Client } from '../../../client/index.js';
import { isSolid, parseMap } from '../../../demo/arena.js';

const NAMES = ['Nova', 'Kestrel', 'Juniper', 'Otis', 'Pixel', 'Maja', 'Rowan', 'Tove', 'Basil', 'Wren', 'Iko', 'Sable', 'Linus', 'Yuki', 'Fern', 'Ozzy'];
const THINK_EVERY_MS = 100;
const RANGE = 7;
/** Tiles that are looked at for a way; a map can have millions. */
const FARTHEST = 7000;

export class Crowd {
  constructor() {
    /** @type {any[]} */
    this.rooms = [];
    this.timer = setInterval(() => this.think(), THINK_EVERY_MS);
    /** Where everybody gathers, when set, in metres. @type {{ x: number, y: number } | null} */
    this.meeting = null;
    /** Whom nobody aims at: an entity. @type {number | null} */
    this.spared = null;
  }

  /** @param {string} url of the server @param {number} players @param {string} [map] the game's own choice by default */
  async join(url, players, map) {
    this.map = parseMap(await readFile(new URL(`../../../../assets/maps/${map ?? 'courtyard'}.txt`, import.meta.url), 'utf8'));
    const client = new Client(`${url.replace('http', 'ws')}/play`);
    for (let each = 0; each < players; each += 1) {
      const room = await client.joinOrCreate('arena', { name: NAMES[this.rooms.length % NAMES.length], options: map ? { map } : {} });
      this.rooms.push(Object.assign(room, { mind: { goal: null, until: 0, throwAt: 0 } }));
    }
    return this.rooms[0].id;
  }

  leave() {
    clearInterval(this.timer);
    for (const room of this.rooms) room.leave();
  }

  think() {
    const now = performance.now();
    for (const room of this.rooms) {
      const own = room.state.entities.get(room.entity);
      if (own) this.steer(room, own, [...room.state.entities.values()], now);
    }
  }

  /** One mind: a goal for a while, a way to it, a throw when somebody is near. */
  steer(room, own, entities, now) {
    const { mind } = room;
    const near = ({ x, y }) => Math.hypot(x - own.x, y - own.y);
    if (now > mind.until || !mind.goal || near(mind.goal) < 0.7) {
      mind.goal = this.goal(own, entities, near);
      mind.until = now + 1500 + Math.random() * 1500;
    }
    const heading = this.towards(own, mind.goal);
    room.setInput(heading === null ? { run: false } : { heading, run: true });
    if (Math.random() < 0.02) room.pressInput({ dash: true });
    if (now < mind.throwAt || own.reload > 0) return;
    const targets = entities.filter((each) => each.kind === 'avatar' && ![own.id, this.spared].includes(each.id) && near(each) < RANGE);
    const target = targets[Math.floor(Math.random() * targets.length)];
    if (!target) return;
    mind.throwAt = now + 750 + Math.random() * 500;
    room.pressInput({ throw: true, heading: Math.atan2(target.y - own.y, target.x - own.x) });
  }

  goal(own, entities, near) {
    const spread = () => (Math.random() - 0.5) * 18;
    if (this.meeting) return { x: this.meeting.x + spread(), y: this.meeting.y + spread() * 0.6 };
    const sparks = entities.filter(({ kind }) => kind === 'spark').sort((a, b) => near(a) - near(b));
    const spark = sparks[Math.floor(Math.random() * 3)];
    return spark ? { x: spark.x, y: spark.y } : { x: own.x + spread(), y: own.y + spread() };
  }

  /** The heading of the next tile on the way, breadth first; null when there is no way. */
  towards(own, goal) {
    const { map } = this;
    const tile = ({ x, y }) => Math.floor(y) * map.width + Math.floor(x);
    const from = tile(own);
    if (isSolid(map, Math.floor(goal.x), Math.floor(goal.y)) || from === tile(goal)) return null;
    const towards = new Map([[tile(goal), tile(goal)]]);
    for (const at of towards.keys()) {
      if (at === from) break;
      if (towards.size > FARTHEST) return null;
      for (const next of [at - 1, at + 1, at - map.width, at + map.width]) {
        const free = !isSolid(map, next % map.width, Math.floor(next / map.width));
        if (free && !towards.has(next)) towards.set(next, at);
      }
    }
    const next = towards.get(from);
    if (next === undefined) return null;
    return Math.atan2(Math.floor(next / map.width) + 0.5 - own.y, (next % map.width) + 0.5 - own.x);
  }
}
