// A small seeded generator (mulberry32) for tests that fuzz: a failure can be repeated.

export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let word = Math.imul(state ^ (state >>> 15), state | 1);
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61);
    return ((word ^ (word >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Truncated, extended and bit-flipped versions of `bytes`, and some noise. */
export function* mutations(bytes, seed) {
  const next = random(seed);
  const below = (bound) => Math.floor(next() * bound);
  for (let length = 0; length < bytes.length; length++) yield bytes.slice(0, length);
  for (let count = 1; count <= 8; count++) yield Uint8Array.from([...bytes, ...Array.from({ length: count }, () => below(256))]);
  for (let bit = 0; bit < Math.min(bytes.length * 8, 2048); bit++) {
    const copy = bytes.slice();
    copy[bit >> 3] ^= 1 << (bit & 7);
    yield copy;
  }
  for (let round = 0; round < 200; round++) {
    const copy = bytes.slice();
    for (let hits = 1 + below(4); hits > 0 && copy.length > 0; hits--) copy[below(copy.length)] = below(256);
    yield copy;
  }
}

/** Choices that a seed determines. */
export function dice(seed) {
  const next = random(seed);
  const below = (bound) => Math.floor(next() * bound);
  return { next, below, one: (share) => next() < share, pick: (list) => list[below(list.length)] };
}
