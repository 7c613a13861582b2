// The state of the room for the page: the rows of all zones merged into entities by id; entities added, changed and removed.
//
// Zones are as the server sends them; an entity may have rows in several. Of rows of the same kind the one in the zone
// with the highest id counts; rows of other kinds are its parts. An entity that changes zones is changed, not removed.

import { entityClasses } from './entity.js';
import { KeyedListeners, Listeners, callSafely } from './listeners.js';
import { DecodeError } from './reader.js';
import { planSchema } from './schema.js';
import { Zone } from './zone.js';

/** Removals that wait for a callback; each retains its entity. */
const MAX_PENDING_REMOVALS = 256;

/**
 * @typedef {import('./entity.js').Entity & Record<string, any>} AnyEntity
 * @typedef {import('./messages.js').ZonePart} ZonePart
 */

export class State {
  constructor() {
    /** The server's tick of the newest frame. */
    this.tick = 0;
    /** Ticks since the welcome; does not wrap. */
    this.elapsed = 0;
    /** @type {Map<number, AnyEntity>} */
    this.entities = new Map();
    /** @type {import('./schema.js').KindPlan[]} */
    this.plans = [];
    /** @type {Map<number, Zone>} */
    this.zones = new Map();
    /** Highest id first; deltas of a lost zone are ignored until a keyframe comes.
     * @type {{ id: number, zone: Zone, part: number, lost: boolean }[]} */
    this.order = [];
    /** @type {{ Entity: typeof import('./entity.js').Entity, View: typeof import('./entity.js').View }[]} */
    this.classes = [];
    /** By kind, then by entity id. @type {Map<number, AnyEntity>[]} */
    this.byKind = [];
    this.frames = 0;
    /** Whether a frame came since the state was reset. */
    this.whole = false;
    this.depth = 16;
    /** @type {KeyedListeners<string, [AnyEntity]>} */
    this.added = new KeyedListeners();
    /** @type {KeyedListeners<string, [AnyEntity]>} */
    this.changed = new KeyedListeners();
    /** @type {KeyedListeners<string, [AnyEntity]>} */
    this.removed = new KeyedListeners();
    /** @type {Listeners<[State]>} */
    this.updated = new Listeners();
    /** Changes by the frame being applied, reported when all of it is applied. @type {AnyEntity[]} */
    this.came = [];
    /** How many of those that came have been told. */
    this.announcedUpTo = 0;
    /** @type {AnyEntity[]} */
    this.moved = [];
    /** @type {AnyEntity[]} */
    this.went = [];
    /** Entities that an `onAdd` callback received ... @type {WeakSet<AnyEntity>} */
    this.announced = new WeakSet();
    /** ... and those of them that were removed while there was no `onRemove` callback, by kind and id, oldest first. @type {Map<string, AnyEntity>} */
    this.pendingRemovals = new Map();
    this.closed = false;
  }

  /** The tick from which a server may continue with deltas; null when there is no such state. */
  get known() {
    return this.whole && !this.order.some(({ lost }) => lost) ? this.tick : null;
  }

  /**
   * Forgets the zones, but keeps the entities that the page knows: those without a row in the next frame are removed with it,
   * the others stay.
   * @param {number} tick that the next frame's advance counts from
   */
  forget(tick) {
    this.elapsed += Math.max(0, (tick - this.tick) | 0);
    this.tick = tick;
    this.zones.clear();
    this.order = [];
    this.whole = false;
  }

  /**
   * Starts anew with the schema of a welcome; all entities are removed.
   * @param {import('./messages.js').Welcome} welcome
   */
  reset(welcome) {
    const gone = this.byKind.flatMap((entities) => [...entities.values()]);
    this.forget(welcome.tick);
    this.elapsed = 0;
    this.entities.clear();
    this.plans = planSchema(welcome.schema);
    this.classes = this.plans.map(entityClasses);
    this.byKind = this.plans.map(() => new Map());
    // At least half a second of samples: the longest delay of the playout clock.
    this.depth = 2 ** Math.ceil(Math.log2(welcome.rate / 2 + 6));
    for (const entity of gone) this.#emitRemoved(entity);
  }

  /**
   * Applies the zones of a frame message. Callbacks are called only after all of it is applied.
   * @param {number} advance
   * @param {readonly ZonePart[]} parts
   * @returns {number[]} zones whose state differs from the server's
   */
  apply(advance, parts) {
    this.frames += 1;
    /** @type {number[]} */
    const wrong = [];
    for (const { zone: id, form, hash } of parts) {
      const entry = this.#zone(id);
      if (entry.part === this.frames) throw new DecodeError('a zone has two parts');
      entry.part = this.frames;
      if (form.type === 'chain') entry.lost ||= !follow(entry.zone, form.deltas);
      else {
        entry.lost = false;
        if (form.type === 'keyframe') entry.zone.readKeyframe(form.bytes);
        else entry.zone.clear();
      }
      entry.lost ||= hash !== null && entry.zone.hash() !== hash;
      if (entry.lost) wrong.push(id);
    }
    // A zone without a part did not exist meanwhile.
    if (advance > 0) for (const entry of this.order) if (entry.part !== this.frames) entry.zone.clear();
    this.#forgetEmpty();
    this.tick = (this.tick + advance) >>> 0;
    this.elapsed += advance;
    this.whole = true;
    this.#merge();
    return wrong;
  }

  /** Calls the page's callbacks for the changes of the last frame. */
  announce() {
    for (const entity of this.went) this.#emitRemoved(entity);
    while (this.announcedUpTo < this.came.length) this.#emitAdded(this.came[this.announcedUpTo++]);
    if (!this.changed.unheard) for (const entity of this.moved) this.changed.emit(entity.kind, entity);
    this.updated.emit(this);
  }

  /** Calls no callback any more: the page has left. */
  close() {
    this.closed = true;
    for (const each of [this.added, this.changed, this.removed, this.updated]) each.clear();
  }

  /**
   * As `added.add`, and calls the listener at once for the present entities; the current frame's new ones follow.
   * @param {string} kind
   * @param {(entity: AnyEntity) => void} listener
   */
  onAdd(kind, listener) {
    const unsubscribe = this.added.add(kind, listener);
    for (const entities of this.byKind) {
      for (const entity of entities.values()) {
        if (this.closed || (kind !== '*' && entity.kind !== kind) || this.came.includes(entity, this.announcedUpTo)) continue;
        this.announced.add(entity);
        callSafely(listener, entity);
      }
    }
    return unsubscribe;
  }

  /**
   * As `removed.add`, and calls the listener at once for the removals that waited.
   * @param {string} kind
   * @param {(entity: AnyEntity) => void} listener
   */
  onRemove(kind, listener) {
    const unsubscribe = this.removed.add(kind, listener);
    for (const [name, entity] of this.pendingRemovals) {
      if (this.closed || (kind !== '*' && entity.kind !== kind)) continue;
      this.pendingRemovals.delete(name);
      callSafely(listener, entity);
    }
    return unsubscribe;
  }

  /** @param {AnyEntity} entity */
  #emitAdded(entity) {
    // A removal that came after this would make the page remove the new entity.
    if (this.pendingRemovals.size > 0) this.pendingRemovals.delete(nameOf(entity));
    if (!this.added.has(entity.kind)) return;
    this.announced.add(entity);
    this.added.emit(entity.kind, entity);
  }

  /** @param {AnyEntity} entity */
  #emitRemoved(entity) {
    if (this.removed.has(entity.kind)) {
      this.removed.emit(entity.kind, entity);
      return;
    }
    if (!this.announced.has(entity)) return;
    this.pendingRemovals.set(nameOf(entity), entity);
    for (const oldest of this.pendingRemovals.keys()) {
      if (this.pendingRemovals.size <= MAX_PENDING_REMOVALS) break;
      this.pendingRemovals.delete(oldest);
    }
  }

  /** @param {number} id */
  #zone(id) {
    const known = this.order.find((entry) => entry.id === id);
    if (known) return known;
    const entry = { id, zone: new Zone(this.plans), part: 0, lost: false };
    this.zones.set(id, entry.zone);
    this.order.push(entry);
    this.order.sort((a, b) => b.id - a.id);
    return entry;
  }

  #forgetEmpty() {
    if (this.order.every(({ zone }) => zone.size > 0)) return;
    this.order = this.order.filter(({ zone }) => zone.size > 0);
    this.zones = new Map(this.order.map(({ id, zone }) => [id, zone]));
  }

  #merge() {
    this.came.length = this.moved.length = this.went.length = this.announcedUpTo = 0;
    for (const { zone } of this.order) for (const plan of this.plans) this.#mergeTable(zone.tables[plan.index], plan);
    for (const entities of this.byKind) {
      for (const entity of entities.values()) if (entity.seen !== this.frames) this.#remove(entity, entities);
    }
  }

  /**
   * @param {import('./rows.js').Table} table
   * @param {import('./schema.js').KindPlan} plan
   */
  #mergeTable(table, plan) {
    const entities = this.byKind[plan.index];
    for (let row = 0; row < table.count; row++) {
      const id = table.ids[row];
      const known = entities.get(id);
      if (known?.seen === this.frames) continue;
      const entity = known ?? this.#add(plan, id);
      let changed = false;
      for (let column = 0, cell = row * table.stride; column < plan.fields.length; column++, cell++) {
        changed ||= entity.values[column] !== table.cells[cell];
        entity.values[column] = table.cells[cell];
      }
      entity.seen = this.frames;
      entity.history.push(this.elapsed, entity.values);
      if (!known) this.came.push(entity);
      else if (changed) this.moved.push(entity);
    }
  }

  /**
   * @param {import('./schema.js').KindPlan} plan
   * @param {number} id
   */
  #add(plan, id) {
    const entity = /** @type {AnyEntity} */ (new this.classes[plan.index].Entity(plan, id, this.depth));
    this.byKind[plan.index].set(id, entity);
    const other = this.entities.get(id);
    if (other) {
      entity.parts = other.parts;
      entity.parts.set(plan.name, entity);
    }
    // The row of the first kind in the schema is the entity, the others are parts of it.
    if (!other || other.plan.index > plan.index) this.entities.set(id, entity);
    return entity;
  }

  /**
   * @param {AnyEntity} entity
   * @param {Map<number, AnyEntity>} entities
   */
  #remove(entity, entities) {
    entities.delete(entity.id);
    entity.parts.delete(entity.kind);
    this.went.push(entity);
    if (this.entities.get(entity.id) !== entity) return;
    const rest = [...entity.parts.values()].sort((a, b) => a.plan.index - b.plan.index);
    if (rest.length > 0) this.entities.set(entity.id, rest[0]);
    else this.entities.delete(entity.id);
  }
}

/** @param {AnyEntity} entity */
function nameOf({ kind, id }) {
  return `${kind} ${id}`;
}

/**
 * Applies a chain. Returns whether it decodes: if not, it does not start from this state, which is treated like a wrong
 * hash.
 * @param {Zone} zone
 * @param {readonly Uint8Array[]} deltas
 */
function follow(zone, deltas) {
  try {
    for (const delta of deltas) zone.applyDelta(delta);
    return true;
  } catch (error) {
    if (error instanceof DecodeError) return false;
    throw error;
  }
}
