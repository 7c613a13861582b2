// The zones that a client has, each at a tick of its own, and how the parts of frame messages change them. Ticks here are
// counted from the welcome and never wrap. state.js merges the rows.

import { CELLS_PER_MESSAGE, ROWS, ZONES } from './limits.js';
import { DecodeError } from './reader.js';
import { Zone, grantWork } from './zone.js';

/**
 * @typedef {import('./frame.js').ZonePart} ZonePart
 * @typedef {import('./frame.js').ZoneForm} ZoneForm
 * @typedef {{ id: number, zone: Zone, elapsed: number, lost: boolean }} ZoneEntry `elapsed`: its tick; `lost`: it waits for a
 *   keyframe or for a chain from the empty zone, because its own state is wrong or missing
 */

export class ZoneSet {
  /** In the order in which their rows count: newest first, of equally new ones the highest id first. @type {ZoneEntry[]} */
  entries = [];
  /** @type {Map<number, ZoneEntry>} */ #byId = new Map();
  /** The most rows of all zones. */
  #rows = ROWS;

  /** The zones that need a keyframe. */
  get lost() {
    return this.entries.filter(({ lost }) => lost).map(({ id }) => id);
  }

  /** The tick of the zone that is furthest behind. */
  get oldest() {
    return this.entries.at(-1)?.elapsed ?? Infinity;
  }

  /** Whether all zones are right, and at this tick. @param {number} tick */
  areAt(tick) {
    return this.entries.every(({ lost, elapsed }) => !lost && elapsed === tick);
  }

  clear() {
    this.entries = [];
    this.#byId.clear();
  }

  /** Begins with another schema. @param {number} rows the most that there may be in all zones */
  begin(rows) {
    this.#rows = rows;
    this.clear();
  }

  /**
   * Applies the parts of a frame that is newer than all before. A keyframe that does not decode is a DecodeError, and so is a
   * state that is too large.
   * @param {readonly import('./schema.js').KindPlan[]} plans
   * @param {number} tick
   * @param {readonly ZonePart[]} parts
   */
  apply(plans, tick, parts) {
    grantWork(CELLS_PER_MESSAGE);
    for (const part of parts) this.#applyPart(plans, tick - part.lag, part);
    let rows = 0;
    for (const { id, zone, lost } of this.#byId.values()) {
      rows += zone.size;
      if (!lost && zone.size === 0) this.#byId.delete(id);
    }
    if (rows > this.#rows) throw new DecodeError('the zones have too many rows');
    this.entries = [...this.#byId.values()].sort((a, b) => (a.elapsed === b.elapsed ? b.id - a.id : b.elapsed - a.elapsed));
  }

  /** @param {readonly import('./schema.js').KindPlan[]} plans @param {number} tick @param {ZonePart} part */
  #applyPart(plans, tick, { zone: id, form, hash }) {
    const known = this.#byId.get(id);
    if (known && !known.lost && tick <= known.elapsed) return;
    if (!known && form.type === 'gone') return;
    if (!known && this.#byId.size >= ZONES) throw new DecodeError('too many zones');
    const entry = known ?? { id, zone: new Zone(plans), elapsed: -Infinity, lost: true };
    if (form.type !== 'chain') entry.lost = !replace(entry, form);
    else if (!entry.lost) entry.lost = !follow(entry, tick, form.deltas);
    if (!known) this.#byId.set(id, entry);
    if (entry.lost) return;
    entry.elapsed = tick;
    entry.lost = hash !== null && entry.zone.hash() !== hash;
  }
}

/**
 * Applies the deltas of a chain that lead beyond the zone's tick. Returns whether they continue from it and decode.
 * @param {ZoneEntry} entry
 * @param {number} tick that the last delta leads to
 * @param {readonly Uint8Array[]} deltas
 */
function follow({ zone, elapsed }, tick, deltas) {
  const known = elapsed - (tick - deltas.length);
  return known >= 0 && decodes(zone, deltas.slice(known));
}

/**
 * Replaces a zone by what is told as a whole. Returns whether it decodes; a chain that does not leaves the zone as it was.
 * @param {ZoneEntry} entry
 * @param {Exclude<ZoneForm, { type: 'chain' }>} form
 */
function replace(entry, form) {
  if (form.type === 'gone') entry.zone.clear();
  else if (form.type === 'keyframe') entry.zone.readKeyframe(form.bytes);
  else {
    const zone = new Zone(entry.zone.plans);
    if (!decodes(zone, form.deltas)) return false;
    entry.zone = zone;
  }
  return true;
}

/** @param {Zone} zone @param {readonly Uint8Array[]} deltas */
function decodes(zone, deltas) {
  try {
    for (const delta of deltas) zone.applyDelta(delta);
    return true;
  } catch (error) {
    if (error instanceof DecodeError) return false;
    throw error;
  }
}
