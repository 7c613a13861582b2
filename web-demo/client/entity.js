// Entities and views for the page: one class per kind, with one getter per field, made once from the schema.
//
// An entity has the newest row from the server; a view has the values to draw now (interpolated or predicted). Both keep
// their values in quanta, and the getters convert them. A field with the name of a member (id, kind, ...) has no getter; use
// `get` for it.

import { listed } from './game.js';
import { History } from './history.js';
import { markRaw } from './proxies.js';

/** @typedef {import('./schema.js').KindPlan} KindPlan */

/** The newest row of an entity. */
export class Entity {
  /**
   * @param {KindPlan} plan
   * @param {number} id
   * @param {number} depth samples kept for interpolation
   * @param {number} period milliseconds per tick
   */
  constructor(plan, id, depth, period) {
    this.plan = plan;
    this.id = id;
    this.kind = plan.name;
    /** In quanta, by column. */
    this.values = new Int32Array(plan.fields.length);
    this.history = new History(plan, depth, period);
    /** Whether the newest frame placed it somewhere else, instead of moving it there. */
    this.teleported = false;
    /** The last frame with a row of this entity, the zone of that row, and, without a row, the zone's tick when it was first
     * missing. @type {{ frame: number, zone: { elapsed: number } | null, missing: number | null }} */
    this.seen = { frame: 0, zone: null, missing: null };
    /** Rows of the same entity with other kinds, such as a private part; shared by all of them.
     * @type {Map<string, Entity>} */
    this.parts = new Map([[plan.name, this]]);
  }

  /**
   * A field's value in quanta.
   * @param {string} field
   * @returns {number}
   */
  raw(field) {
    return this.values[column(this.plan, field)];
  }

  /**
   * A field's value in its units, for fields that have no getter.
   * @param {string} field
   */
  get(field) {
    const index = column(this.plan, field);
    return this.plan.fields[index].toUnits(this.values[index]);
  }

  /**
   * The row of the same entity with another kind.
   * @param {string} kind
   */
  part(kind) {
    return this.parts.get(kind);
  }
}

/** The values of an entity to draw now. Reused: valid until the next call of `room.view`. */
export class View {
  /** @param {Entity} entity */
  constructor(entity) {
    this.entity = entity;
    this.id = entity.id;
    this.kind = entity.kind;
    /** In quanta, by column; fractional between two samples. */
    this.values = new Float64Array(entity.values.length);
    /** The last drawing in which it was shown. */
    this.seen = 0;
  }

  /**
   * A field's value in its units.
   * @param {string} field
   */
  get(field) {
    const index = column(this.entity.plan, field);
    return this.entity.plan.fields[index].toUnits(this.values[index]);
  }
}

markRaw(Entity);
markRaw(View);

/**
 * The classes of one kind.
 * @param {KindPlan} plan
 */
export function entityClasses(plan) {
  return { Entity: withGetters(Entity, plan), View: withGetters(View, plan) };
}

/** Own properties of instances, which would hide a getter on the prototype. */
const TAKEN = new Set(['plan', 'id', 'kind', 'values', 'history', 'teleported', 'seen', 'parts', 'entity']);

/**
 * @template {typeof Entity | typeof View} T
 * @param {T} base
 * @param {KindPlan} plan
 * @returns {T}
 */
function withGetters(base, plan) {
  // One class per kind, so that getters of one kind never run on rows of another.
  const Kind = /** @type {any} */ (class extends /** @type {any} */ (base) {});
  plan.fields.forEach((field, index) => {
    if (TAKEN.has(field.name) || field.name in base.prototype) return;
    /** @this {Entity | View} */
    function get() {
      return field.toUnits(this.values[index]);
    }
    Object.defineProperty(Kind.prototype, field.name, { get, enumerable: true });
  });
  return Kind;
}

/** @param {KindPlan} plan @param {string} field */
function column(plan, field) {
  const index = plan.columns.get(field);
  if (index === undefined) throw new RangeError(`${plan.name} has no field ${JSON.stringify(field)}: ${listed([...plan.columns.keys()])}`);
  return index;
}
