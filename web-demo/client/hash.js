// The hash of a zone: the word mixing of MurmurHash3 (32 bits, Austin Appleby, public domain) over the integers
// of its rows. It detects desyncs; it is not secure against forgery. PROTOCOL.md has the words and their order.

const SEED = 0x7469636b;

/**
 * @param {number} state
 * @param {number} word
 */
function mix(state, word) {
  word = Math.imul(word, 0xcc9e2d51);
  word = (word << 15) | (word >>> 17);
  state ^= Math.imul(word, 0x1b873593);
  state = (state << 13) | (state >>> 19);
  return (Math.imul(state, 5) + 0xe6546b64) | 0;
}

/**
 * @param {readonly import('./rows.js').Table[]} tables one per kind
 * @returns {number} unsigned
 */
export function hashTables(tables) {
  let state = SEED;
  let words = 0;
  for (let kind = 0; kind < tables.length; kind++) {
    const { count, stride, ids, cells } = tables[kind];
    state = mix(mix(state, kind), count);
    for (let row = 0, cell = 0; row < count; row++) {
      state = mix(state, ids[row]);
      for (const end = cell + stride; cell < end; cell++) state = mix(state, cells[cell]);
    }
    words += 2 + count * (1 + stride);
  }
  state ^= Math.imul(words, 4);
  state = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
  state = Math.imul(state ^ (state >>> 13), 0xc2b2ae35);
  return (state ^ (state >>> 16)) >>> 0;
}
