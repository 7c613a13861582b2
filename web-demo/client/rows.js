// The rows of one kind of one zone: a table of integer cells, sorted by id. zone.js decodes and changes
// them; nothing here reads bytes.

import { DecodeError } from './reader.js';

/** The rows of one kind, strictly ascending by id. A row is its values, then the motion cells of its fields. */
export class Table {
  /** @param {number} stride cells per row */
  constructor(stride) {
    this.stride = stride;
    this.count = 0;
    this.ids = new Uint32Array(0);
    this.cells = new Int32Array(0);
  }

  /**
   * Reserves space for `rows` rows in total and keeps the present ones.
   * @param {number} rows
   */
  reserve(rows) {
    if (rows <= this.ids.length) return;
    const capacity = Math.max(rows, Math.ceil(this.ids.length * 1.5), 8);
    const ids = new Uint32Array(capacity);
    const cells = new Int32Array(capacity * this.stride);
    ids.set(this.ids.subarray(0, this.count));
    cells.set(this.cells.subarray(0, this.count * this.stride));
    this.ids = ids;
    this.cells = cells;
  }

  /** @param {number} id */
  has(id) {
    let low = 0;
    for (let high = this.count; low < high;) {
      const middle = (low + high) >>> 1;
      if (this.ids[middle] < id) low = middle + 1;
      else high = middle;
    }
    return low < this.count && this.ids[low] === id;
  }

  /**
   * Copies a row of another table of the same kind.
   * @param {number} row
   * @param {Table} from
   * @param {number} index
   */
  put(row, from, index) {
    this.ids[row] = from.ids[index];
    const { stride } = this;
    for (let cell = 0; cell < stride; cell++) this.cells[row * stride + cell] = from.cells[index * stride + cell];
  }

  /** Restores id order. */
  sort() {
    const from = new Table(this.stride);
    [from.ids, from.cells] = [this.ids.slice(), this.cells.slice()];
    const order = Array.from({ length: this.count }, (_, row) => row).sort((a, b) => from.ids[a] - from.ids[b]);
    for (const [row, index] of order.entries()) {
      this.put(row, from, index);
      if (row > 0 && this.ids[row] === this.ids[row - 1]) throw new DecodeError('an id is there twice');
    }
  }
}

/**
 * Merges the added rows into those that stay, from the back so that it needs no third table.
 * @param {Table} base
 * @param {Table} next
 * @param {Table} added
 */
export function merge(base, next, added) {
  if (added.count === 0) return;
  let kept = next.count - 1;
  let fresh = added.count - 1;
  next.reserve(next.count + added.count);
  next.count += added.count;
  for (let row = next.count - 1; fresh >= 0; row--) {
    if (kept >= 0 && next.ids[kept] > added.ids[fresh]) {
      next.put(row, next, kept--);
      continue;
    }
    // A row may not be removed and added at once: that is a change.
    if (base.has(added.ids[fresh])) throw new DecodeError('the delta does not fit this state');
    next.put(row, added, fresh--);
  }
}
