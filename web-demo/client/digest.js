// SHA-256 (FIPS 180-4), for the checksums of recordings. The browser's own is asynchronous, and missing on pages without https.

/** @param {number} from @param {number} count @param {(prime: number) => number} root @returns {Int32Array} */
function fractions(from, count, root) {
  const words = new Int32Array(count);
  for (let number = from, found = 0; found < count; number++) {
    let prime = true;
    for (let factor = 2; factor * factor <= number; factor++) prime &&= number % factor !== 0;
    if (!prime) continue;
    const value = root(number);
    words[found++] = Math.floor((value - Math.floor(value)) * 2 ** 32) | 0;
  }
  return words;
}

const ROUNDS = fractions(2, 64, Math.cbrt);
const START = fractions(2, 8, Math.sqrt);

/** @param {number} word @param {number} by */
function turn(word, by) {
  return (word >>> by) | (word << (32 - by));
}

/**
 * @param {Int32Array} state changed in place
 * @param {Int32Array} words the first 16 are the block, the others are scratch
 */
function mix(state, words) {
  for (let round = 16; round < 64; round++) {
    const [early, late] = [words[round - 15], words[round - 2]];
    const small = turn(early, 7) ^ turn(early, 18) ^ (early >>> 3);
    const large = turn(late, 17) ^ turn(late, 19) ^ (late >>> 10);
    words[round] = (words[round - 16] + small + words[round - 7] + large) | 0;
  }
  let [a, b, c, d, e, f, g, h] = state;
  for (let round = 0; round < 64; round++) {
    const choice = (e & f) ^ (~e & g);
    const first = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + choice + ROUNDS[round] + words[round]) | 0;
    const second = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + first) | 0, c, b, a, (first + second) | 0];
  }
  [a, b, c, d, e, f, g, h].forEach((word, index) => (state[index] = (state[index] + word) | 0));
}

/** @param {Uint8Array} bytes @returns {Uint8Array} 32 bytes */
export function sha256(bytes) {
  const length = Math.ceil((bytes.length + 9) / 64) * 64;
  const tail = new Uint8Array(length - (bytes.length & ~63));
  tail.set(bytes.subarray(bytes.length & ~63));
  tail[bytes.length & 63] = 0x80;
  const end = new DataView(tail.buffer);
  end.setUint32(tail.length - 8, Math.floor(bytes.length / 2 ** 29));
  end.setUint32(tail.length - 4, (bytes.length * 8) >>> 0);
  const whole = new DataView(bytes.buffer, bytes.byteOffset, bytes.length & ~63);
  const state = START.slice();
  const words = new Int32Array(64);
  for (const view of [whole, end]) {
    for (let at = 0; at < view.byteLength; at += 64) {
      for (let word = 0; word < 16; word++) words[word] = view.getInt32(at + word * 4);
      mix(state, words);
    }
  }
  const digest = new DataView(new ArrayBuffer(32));
  state.forEach((word, index) => digest.setInt32(index * 4, word));
  return new Uint8Array(digest.buffer);
}
