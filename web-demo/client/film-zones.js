// The zones of a film at one tick, and how to get to another one: from the last keyframe, by the deltas since.

import { FilmError } from './film-error.js';
import { placed, readFrame } from './film-file.js';
import { CELLS_PER_SEEK, ROWS, ZONES } from './limits.js';
import { MessageReader } from './reader.js';
import { COST_BLOCKS } from './payload.js';
import { Zone, grantWork, measureInto } from './zone.js';
import { ZoneSet } from './zone-set.js';

/** @typedef {import('./film-file.js').Reel} Reel */
/**
 * @typedef {import('./zone-set.js').ZoneEntry} ZoneEntry
 * @typedef {{ zone: number, kind: string, id: number, values: Record<string, number> }} FilmRow `values`: in quanta, by field
 * @typedef {{ kind: string, field: string | null, bytes: number }} FilmCost without a field: of ids and what changed at all
 */

/** The part of a film that a place is in. @param {readonly Reel[]} reels @param {number} index in ticks since the first one */
export function reelAt(reels, index) {
  let low = 0;
  for (let high = reels.length - 1; low < high;) {
    const middle = (low + high + 1) >> 1;
    if (reels[middle].at <= index) low = middle;
    else high = middle - 1;
  }
  return reels[low];
}

export class FilmZones {
  /**
   * @param {readonly import('./schema.js').KindPlan[]} plans
   * @param {readonly Reel[]} reels
   * @param {Uint8Array} file
   */
  constructor(plans, reels, file) {
    this.plans = plans;
    this.reels = reels;
    this.file = file;
    /** Those that have rows. @type {Map<number, ZoneEntry>} */
    this.zones = new Map();
    /** The place that they show; null when there is none. @type {number | null} */
    this.index = null;
    /** Keyframes and deltas decoded so far. */
    this.decoded = 0;
  }

  /** @param {number} index */
  seek(index) {
    grantWork(CELLS_PER_SEEK);
    const reel = reelAt(this.reels, index);
    const known = this.index;
    this.index = null;
    // One tick on leads into the next part by its delta, which tells what was placed; a keyframe does not.
    const goesOn = known !== null && known <= index && (known >= reel.at || known + 1 === index);
    if (!goesOn) this.#open(reel);
    for (let at = goesOn ? known : reel.at; at < index; at++) this.#advance(at);
    this.index = index;
  }

  /** The bytes of each zone's delta that leads to a place. @param {number} index */
  bytesAt(index) {
    if (index === 0) return [];
    return this.#frame(index - 1).parts;
  }

  /** @returns {FilmRow[]} */
  rows() {
    return [...this.zones.values()].sort((a, b) => a.id - b.id).flatMap(({ id: zone, zone: { plans, tables } }) => (
      plans.flatMap(({ name, index, fields, stride }) => Array.from({ length: tables[index].count }, (_, row) => {
        const { ids, cells } = tables[index];
        const values = Object.fromEntries(fields.map((field, column) => [field.name, cells[row * stride + column]]));
        return { zone, kind: name, id: ids[row], values };
      }))));
  }

  /** @returns {[number, number][]} */
  hashes() {
    return [...this.zones.values()].map(({ id, zone }) => /** @type {[number, number]} */ ([id, zone.hash()])).sort(([a], [b]) => a - b);
  }

  /** What the deltas between two places cost. @param {number} from @param {number} to @returns {FilmCost[]} */
  costs(from, to) {
    const other = new FilmZones(this.plans, this.reels, this.file);
    other.seek(from);
    const costs = new Float64Array(COST_BLOCKS * this.plans.length);
    measureInto(costs);
    try {
      for (let at = from + 1; at <= to; at++) other.seek(at);
    } finally {
      measureInto(null);
    }
    return this.plans.flatMap(({ name: kind, index, fields }) => [null, ...fields].map((field, block) => (
      { kind, field: field?.name ?? null, bytes: costs[index * COST_BLOCKS + block] / 8 })));
  }

  /** The deltas that lead on from a place. @param {number} index */
  #frame(index) {
    const { at, deltas, frames } = reelAt(this.reels, index);
    const bytes = deltas.subarray(frames[index - at], frames[index - at + 1]);
    return { bytes, parts: readFrame(new MessageReader(bytes)) };
  }

  /** @param {Reel} reel */
  #open({ keyframes }) {
    this.zones.clear();
    for (const { zone: id, bytes } of keyframes) {
      const { zone } = this.#entry(id, bytes);
      placed(this.#offset(bytes), () => zone.readKeyframe(bytes));
      this.decoded += 1;
    }
    this.#check(keyframes[0]?.bytes);
  }

  /** Goes on from a place by a tick. @param {number} index */
  #advance(index) {
    const { bytes: all, parts } = this.#frame(index);
    for (const { zone } of this.zones.values()) zone.forgetPlaced();
    for (const { zone: id, bytes } of parts) {
      const { zone } = this.#entry(id, bytes);
      placed(this.#offset(bytes), () => zone.applyDelta(bytes));
      if (zone.size === 0) this.zones.delete(id);
      this.decoded += 1;
    }
    this.#check(all);
  }

  /** @param {number} id @param {Uint8Array} bytes */
  #entry(id, bytes) {
    const known = this.zones.get(id);
    if (known) return known;
    if (this.zones.size >= ZONES) throw new FilmError('there are too many zones', this.#offset(bytes));
    const entry = { id, zone: new Zone(this.plans), elapsed: 0, lost: false };
    this.zones.set(id, entry);
    return entry;
  }

  /** @param {Uint8Array} [bytes] that were read last */
  #check(bytes = this.file) {
    let rows = 0;
    for (const { zone } of this.zones.values()) rows += zone.size;
    if (rows > ROWS) throw new FilmError('there are too many rows', this.#offset(bytes));
  }

  /** @param {Uint8Array} bytes of the file */
  #offset(bytes) {
    return bytes.byteOffset - this.file.byteOffset;
  }
}

/** What of a film's zones is shown, for the state of the page. */
export class ShownZones extends ZoneSet {
  /** @param {FilmZones} film */
  constructor(film) {
    super();
    this.film = film;
    /** The zones to show; null for all. @type {ReadonlySet<number> | null} */
    this.only = null;
  }

  /** @override @param {unknown} plans @param {number} tick */
  apply(plans, tick) {
    const shown = [...this.film.zones.values()].filter(({ id }) => !this.only || this.only.has(id));
    for (const entry of shown) entry.elapsed = tick;
    this.entries = shown.sort((a, b) => b.id - a.id);
  }
}
