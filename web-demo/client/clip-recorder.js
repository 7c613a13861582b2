// Keeps the last seconds of a room as they arrived, for a clip: now and then a copy of the rows, and the deltas since.

import { writeClip } from './clip.js';
import { Table } from './rows.js';
import { Zone, grantWork } from './zone.js';

/**
 * @typedef {import('./film-file.js').ZoneBytes} ZoneBytes
 * @typedef {{ tick: number, tables: Map<number, Table[]>, frames: ZoneBytes[][] }} Segment a state, and the deltas of the ticks
 *   that follow
 */

/** Segments that the kept time is cut into: what is kept beyond it is a part of it. */
const SEGMENTS = 4;
/** Bytes of deltas: more are not kept. */
const MAX_BYTES = 4 * 1024 * 1024;

export class ClipRecorder {
  /** Contiguous, oldest first. @type {Segment[]} */
  #segments = [];
  #bytes = 0;

  /** @param {number} ticks to keep */
  constructor(ticks) {
    this.ticks = ticks;
  }

  /** Forgets all. */
  restart() {
    this.#segments = [];
    this.#bytes = 0;
  }

  /**
   * A frame was applied.
   * @param {import('./state.js').State} state after it
   * @param {number} advance ticks
   * @param {readonly import('./frame.js').ZonePart[]} parts
   */
  frame(state, advance, parts) {
    // With a zone that is wrong or behind, what follows could not be shown.
    if (state.known === null) return this.restart();
    const frames = this.#segments.length > 0 ? framesOf(advance, parts) : null;
    const last = this.#segments[this.#segments.length - 1];
    if (!frames) this.restart();
    else {
      last.frames.push(...frames);
      for (const { bytes } of frames.flat()) this.#bytes += bytes.length;
    }
    if (!frames || last.frames.length * SEGMENTS >= this.ticks) this.#segments.push({ tick: state.tick, tables: copy(state), frames: [] });
    while (this.#bytes > MAX_BYTES && this.#segments.length > 0) this.#drop();
    while (this.#segments.length > 1 && this.#length() - this.#segments[0].frames.length >= this.ticks) this.#drop();
  }

  /**
   * The clip, of as many of the newest ticks as are kept; null when there are none.
   * @param {import('./state.js').State} state
   * @param {Omit<import('./clip.js').ClipParts, 'first' | 'zones' | 'frames'>} about
   * @param {number} [ticks] at most
   */
  clip(state, about, ticks = this.ticks) {
    const [oldest] = this.#segments;
    if (!oldest || this.#length() === 0) return null;
    const all = this.#segments.flatMap(({ frames }) => frames);
    const skipped = Math.max(0, all.length - Math.min(ticks, this.ticks));
    const zones = restored(state, oldest);
    grantWork(Infinity);
    for (const frame of all.slice(0, skipped)) advance(state, zones, frame);
    return writeClip({ ...about, first: (oldest.tick + skipped) % 2 ** 32, zones, frames: all.slice(skipped) });
  }

  /** The clip of a room. @param {import('./room.js').Room<any>} room */
  ofRoom({ game, rate, schema, properties, players, state }) {
    const seats = [...players.values()].map(({ seat, entity }) => ({ seat, entity }));
    return this.clip(state, { game, rate, schema, properties: Object.entries(properties), players: seats });
  }

  #length() {
    return this.#segments.reduce((sum, { frames }) => sum + frames.length, 0);
  }

  #drop() {
    const [oldest] = this.#segments.splice(0, 1);
    for (const { bytes } of oldest.frames.flat()) this.#bytes -= bytes.length;
  }
}

/**
 * The deltas of each tick of a frame message, ascending by zone; null when it does not tell each tick of each zone.
 * @param {number} advance
 * @param {readonly import('./frame.js').ZonePart[]} parts
 */
function framesOf(advance, parts) {
  /** @type {ZoneBytes[][]} */
  const frames = Array.from({ length: advance }, () => []);
  for (const { zone, lag, form } of [...parts].sort((a, b) => a.zone - b.zone)) {
    if (lag !== 0 || (form.type !== 'chain' && form.type !== 'fresh')) return null;
    if (form.deltas.length > advance || (form.type === 'chain' && form.deltas.length < advance)) return null;
    // Copies: a view would keep the whole message.
    form.deltas.forEach((bytes, index) => frames[advance - form.deltas.length + index].push({ zone, bytes: bytes.slice() }));
  }
  return frames;
}

/** @param {import('./state.js').State} state */
function copy(state) {
  return new Map(state.zones.entries.map(({ id, zone }) => [id, zone.tables.map(copied)]));
}

/** @param {Table} table */
function copied({ stride, count, ids, cells }) {
  const table = new Table(stride);
  [table.count, table.ids, table.cells] = [count, ids.slice(0, count), cells.slice(0, count * stride)];
  return table;
}

/** @param {import('./state.js').State} state @param {Segment} segment */
function restored(state, { tables }) {
  return new Map([...tables].sort(([a], [b]) => a - b).map(([id, kept]) => {
    const zone = new Zone(state.plans);
    zone.tables = kept.map(copied);
    return /** @type {[number, Zone]} */ ([id, zone]);
  }));
}

/** @param {import('./state.js').State} state @param {Map<number, Zone>} zones @param {readonly ZoneBytes[]} frame */
function advance(state, zones, frame) {
  for (const { zone: id, bytes } of frame) {
    const zone = zones.get(id) ?? new Zone(state.plans);
    zones.set(id, zone);
    zone.applyDelta(bytes);
    if (zone.size === 0) zones.delete(id);
  }
}
