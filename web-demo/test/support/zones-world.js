// A server's zones for tests: entities that move, cross over, are teleported, come and go, and frame messages for one client
// as on an unordered transport: each is composed from what the client has acknowledged, and zones may lag.

import { planSchema } from '../../client/schema.js';
import { Zone } from '../../client/zone.js';
import { encodeDelta, encodeKeyframe } from './encoder.js';
import { avatar } from './server.js';

const LONGEST_CHAIN = 32;
const LONGEST_LAG = 3;
const ZONES = 4;
const EDGE = 5000;

/** The rows of a zone's state, with their motion. */
export function rowsOf(zone) {
  return zone.tables.flatMap((table, kind) => Array.from({ length: table.count }, (_, row) => {
    const width = zone.plans[kind].fields.length;
    const cells = table.cells.slice(row * table.stride, (row + 1) * table.stride);
    return { kind, id: table.ids[row], values: [...cells.slice(0, width)], motion: [...cells.slice(width)] };
  }));
}

export class ZonesWorld {
  /** By id. @type {Map<number, { id: number, zone: number, x: number, y: number, speed: number, crossings: number[] }>} */
  entities = new Map();
  /** What was the case: by tick, values by entity; by tick, hashes by zone. */
  values = new Map();
  hashes = new Map();
  /** By id: a life of a zone, with the delta that led to each tick; and when it ended. */
  #zones = new Map();
  #ended = new Map();
  /** By zone, the newest frame that told of it. */
  #sent = new Map();
  #serial = 0;

  constructor(chance, schema, tick) {
    this.chance = chance;
    this.schema = schema;
    this.plans = planSchema(schema);
    this.tick = tick;
  }

  step() {
    this.tick += 1;
    this.#live();
    const rows = new Map();
    for (const { id, zone, x, y, arrival, teleported } of this.entities.values()) {
      const row = { ...avatar(id, x, y), teleported, ...(arrival ? { motion: arrival } : {}) };
      rows.set(zone, [...(rows.get(zone) ?? []), row]);
    }
    const hashes = new Map();
    for (let id = 0; id < ZONES; id++) {
      const own = (rows.get(id) ?? []).sort((a, b) => a.id - b.id);
      if (own.length === 0 && this.#zones.delete(id)) this.#ended.set(id, this.tick);
      if (own.length === 0) continue;
      const life = this.#zones.get(id) ?? { zone: new Zone(this.plans), born: this.tick, told: this.tick, deltas: new Map(), rows: new Map() };
      this.#zones.set(id, life);
      const delta = encodeDelta(life.zone, own);
      life.deltas.set(this.tick, delta);
      life.zone.applyDelta(delta);
      life.rows.set(this.tick, rowsOf(life.zone));
      hashes.set(id, life.zone.hash());
    }
    this.hashes.set(this.tick, hashes);
    this.values.set(this.tick, new Map([...this.entities.values()].map(({ id, x, y }) => [id, [x, y]])));
  }

  #live() {
    const { chance, entities } = this;
    for (const entity of entities.values()) {
      entity.arrival = null;
      entity.teleported = false;
      if (chance.one(0.01)) {
        entities.delete(entity.id);
        continue;
      }
      if (chance.one(0.1)) entity.speed = chance.below(40) - 20;
      entity.x = (entity.x + entity.speed + EDGE) % EDGE;
      const jumps = chance.one(0.03);
      if (jumps) entity.x = (entity.x + 1000 + chance.below(1000)) % EDGE;
      const zone = chance.one(0.06) ? chance.below(ZONES) : entity.zone;
      const crosses = zone !== entity.zone;
      if (crosses && !jumps) entity.arrival = rowsOf(this.#zones.get(entity.zone).zone).find(({ id }) => id === entity.id).motion;
      // The prediction is up to twice the speed off at most, so it did not say that.
      entity.teleported = jumps && !crosses && this.#zones.has(zone);
      if (crosses) entity.crossings.push(this.tick);
      entity.zone = zone;
    }
    if (entities.size >= 6 && !chance.one(0.05)) return;
    const id = ++this.#serial * 3;
    const [x, y, speed] = [EDGE, EDGE, 40].map(chance.below);
    entities.set(id, { id, zone: chance.below(ZONES), x, y, speed, arrival: null, teleported: false, crossings: [] });
  }

  /**
   * A frame's parts, and what a client has afterwards, which had `view` after it applied the frame of `tick`.
   * @param {{ tick: number, view: Map<number, number> }} acknowledged ticks by zone
   */
  compose({ tick, view }, lags = true) {
    const parts = [];
    const next = new Map(view);
    for (let zone = 0; zone < ZONES; zone++) {
      const life = this.#zones.get(zone);
      if (life) {
        const least = Math.max(life.told, this.tick - LONGEST_LAG);
        life.told = lags ? least + this.chance.below(this.tick - least + 1) : this.tick;
        const part = this.#part(zone, life, view.get(zone));
        if (part) parts.push(part);
        next.set(zone, life.told);
        this.#sent.set(zone, this.tick);
      } else if (next.delete(zone) || this.#sent.get(zone) > tick) {
        // Also a zone of a frame that is not acknowledged may have arrived.
        parts.push({ zone, lag: this.tick - this.#ended.get(zone), form: { type: 'gone' }, hash: null });
      }
    }
    return { parts, view: next };
  }

  #part(zone, { born, told, deltas, rows }, known = -Infinity) {
    const start = known >= born ? known : born - 1;
    if (known === told) return null;
    const chain = Array.from({ length: told - start }, (_, index) => deltas.get(start + 1 + index));
    const form = chain.length > LONGEST_CHAIN || this.chance.one(0.05)
      ? { type: 'keyframe', bytes: encodeKeyframe(this.schema, rows.get(told)) }
      : { type: known >= born ? 'chain' : 'fresh', deltas: chain };
    return { zone, lag: this.tick - told, form, hash: this.chance.one(0.5) ? this.hashes.get(told).get(zone) : null };
  }
}
