// The state of the room for the page: the rows of all zones merged into entities by id; entities added, changed and removed.
//
// An entity may have rows in several zones, which are at ticks of their own (zone-set.js). Of rows of the same kind the newest
// counts; rows of other kinds are its parts. An entity that changes zones is changed, not removed.

import { entityClasses } from './entity.js';
import { listed } from './game.js';
import { HISTORY_CELLS, ROWS } from './limits.js';
import { KeyedListeners, Listeners, callSafely } from './listeners.js';
import { markRaw } from './proxies.js';
import { planSchema } from './schema.js';
import { ZoneSet } from './zone-set.js';

/** Removals that wait for a callback; each retains its entity. */
const MAX_PENDING_REMOVALS = 256;

/**
 * @typedef {import('./entity.js').Entity & Record<string, any>} AnyEntity
 * @typedef {import('./messages.js').ZonePart} ZonePart
 * @typedef {import('./zone-set.js').ZoneEntry} ZoneEntry
 */

export class State {
  constructor() {
    /** Of the room: ticks of different ones are not comparable. */
    this.incarnation = 0;
    /** The server's tick of the newest frame. */
    this.tick = 0;
    /** Ticks since the welcome; does not wrap. */
    this.elapsed = 0;
    /** @type {Map<number, AnyEntity>} */
    this.entities = new Map();
    /** @type {import('./schema.js').KindPlan[]} */
    this.plans = [];
    this.zones = new ZoneSet();
    /** @type {{ Entity: typeof import('./entity.js').Entity, View: typeof import('./entity.js').View }[]} */
    this.classes = [];
    /** By kind, then by entity id. @type {Map<number, AnyEntity>[]} */
    this.byKind = [];
    this.frames = 0;
    /** Whether a frame came since the state was reset. */
    this.whole = false;
    this.depth = 16;
    /** Milliseconds per tick. */
    this.period = 50;
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
    return this.whole && this.zones.areAt(this.elapsed) ? this.tick : null;
  }

  /** @param {{ tick: number, incarnation: number }} moment */
  isAt({ tick, incarnation }) {
    return this.tick === tick && this.incarnation === incarnation;
  }

  /** Whether this is the state of an earlier moment, or of this one. @param {{ tick: number, incarnation: number }} moment */
  precedes({ tick, incarnation }) {
    if (incarnation !== this.incarnation) return incarnation > this.incarnation;
    return ((tick - this.tick) | 0) >= 0;
  }

  /**
   * Forgets the zones, but keeps the entities that the page knows: those without a row in the next frame are removed with it,
   * the others stay.
   * @param {{ tick: number, incarnation: number }} moment that the next frame continues from
   */
  forget({ tick, incarnation }) {
    if (incarnation === this.incarnation) this.elapsed += Math.max(0, (tick - this.tick) | 0);
    this.tick = tick;
    this.incarnation = incarnation;
    this.zones.clear();
    this.whole = false;
    for (const entities of this.byKind) for (const { seen } of entities.values()) seen.zone = null;
  }

  /**
   * Starts anew with the schema of a welcome; all entities are removed.
   * @param {import('./messages.js').Welcome} welcome
   */
  reset(welcome) {
    const gone = this.byKind.flatMap((entities) => [...entities.values()]);
    this.forget(welcome);
    this.elapsed = 0;
    this.entities.clear();
    this.plans = planSchema(welcome.schema);
    this.classes = this.plans.map(entityClasses);
    this.byKind = this.plans.map(() => new Map());
    // At least half a second of samples: the longest delay of the playout clock.
    this.depth = 2 ** Math.ceil(Math.log2(welcome.rate / 2 + 6));
    this.period = 1000 / welcome.rate;
    const fields = Math.max(1, ...this.plans.map((plan) => plan.fields.length));
    this.zones.begin(Math.min(ROWS, Math.floor(HISTORY_CELLS / (fields * this.depth))));
    for (const entity of gone) this.#emitRemoved(entity);
  }

  /**
   * Applies the zones of a newer frame message. Callbacks are called only after all of it is applied.
   * @param {{ tick: number, advance: number }} step
   * @param {readonly ZonePart[]} parts
   * @returns {number[]} zones that need a keyframe
   */
  apply({ tick, advance }, parts) {
    this.frames += 1;
    this.tick = tick;
    this.elapsed += advance;
    this.whole = false;
    this.zones.apply(this.plans, this.elapsed, parts);
    this.whole = true;
    this.#merge();
    return this.zones.lost;
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
    checkKind(this.plans, kind);
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
   * As `changed.add`.
   * @param {string} kind
   * @param {(entity: AnyEntity) => void} listener
   */
  onChange(kind, listener) {
    checkKind(this.plans, kind);
    return this.changed.add(kind, listener);
  }

  /**
   * As `removed.add`, and calls the listener at once for the removals that waited.
   * @param {string} kind
   * @param {(entity: AnyEntity) => void} listener
   */
  onRemove(kind, listener) {
    checkKind(this.plans, kind);
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

  #merge() {
    this.came.length = this.moved.length = this.went.length = this.announcedUpTo = 0;
    for (const entry of this.zones.entries) {
      for (const plan of this.plans) this.#mergeTable(entry, plan);
      entry.zone.forgetPlaced();
    }
    const { oldest } = this.zones;
    for (const entities of this.byKind) {
      for (const entity of entities.values()) if (entity.seen.frame !== this.frames) this.#miss(entity, entities, oldest);
    }
  }

  /**
   * @param {ZoneEntry} entry
   * @param {import('./schema.js').KindPlan} plan
   */
  #mergeTable(entry, plan) {
    const entities = this.byKind[plan.index];
    const table = entry.zone.tables[plan.index];
    const placed = entry.zone.placed[plan.index];
    for (let row = 0; row < table.count; row++) {
      const id = table.ids[row];
      const known = entities.get(id);
      if (known?.seen.frame === this.frames) continue;
      const entity = known ?? this.#add(plan, id);
      const { seen, history } = entity;
      seen.frame = this.frames;
      seen.missing = null;
      entity.teleported = false;
      // Its newer row went, and this zone is not yet where it went to.
      if (seen.zone && entry.elapsed < history.newest) continue;
      let changed = false;
      for (let column = 0, cell = row * table.stride; column < plan.fields.length; column++, cell++) {
        changed ||= entity.values[column] !== table.cells[cell];
        entity.values[column] = table.cells[cell];
      }
      seen.zone = entry;
      if (known && placed.size > 0) entity.teleported = placed.has(id);
      history.push(entry.elapsed, table.cells, row * table.stride, entity.teleported);
      if (!known) this.came.push(entity);
      else if (changed) this.moved.push(entity);
    }
  }

  /**
   * Handles that an entity has no row: it was removed, unless it may be on its way into a zone that is behind.
   * @param {AnyEntity} entity
   * @param {Map<number, AnyEntity>} entities
   * @param {number} oldest ticks of the zone that is furthest behind
   */
  #miss(entity, entities, oldest) {
    const { seen } = entity;
    entity.teleported = false;
    seen.missing ??= seen.zone?.elapsed ?? -Infinity;
    if (seen.missing <= oldest) this.#remove(entity, entities);
  }

  /**
   * @param {import('./schema.js').KindPlan} plan
   * @param {number} id
   */
  #add(plan, id) {
    const entity = /** @type {AnyEntity} */ (new this.classes[plan.index].Entity(plan, id, this.depth, this.period));
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

markRaw(State);

/** @param {readonly import('./schema.js').KindPlan[]} plans @param {string} kind */
function checkKind(plans, kind) {
  const kinds = plans.map(({ name }) => name);
  if (kind === '*' || kinds.length === 0 || kinds.includes(kind)) return;
  throw new RangeError(`no kind ${JSON.stringify(kind)}: ${listed(kinds)}`);
}

/** @param {AnyEntity} entity */
function nameOf({ kind, id }) {
  return `${kind} ${id}`;
}
