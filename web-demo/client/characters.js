// Text as people count it: in grapheme clusters, so that an accent belongs to its letter and a joined emoji is one character. Limits
// of the server besides that are in bytes.

const ENCODER = new TextEncoder();
/** Missing in some browsers before 2024, which count code points. */
const SEGMENTER = typeof Intl?.Segmenter === 'function' ? new Intl.Segmenter(undefined, { granularity: 'grapheme' }) : null;

/** @param {string} text @returns {Iterable<string>} */
function characters(text) {
  if (!SEGMENTER) return text;
  return (function* segments() {
    for (const { segment } of SEGMENTER.segment(text)) yield segment;
  }());
}

/** The bytes of a text. @param {string} text */
export function byteLength(text) {
  return ENCODER.encode(text).length;
}

/** @param {string} text */
export function countCharacters(text) {
  let count = 0;
  for (const _ of characters(text)) count += 1;
  return count;
}

/**
 * The longest beginning of at most so many characters and bytes.
 * @param {string} text
 * @param {number} most
 * @param {number} bytes
 */
export function cutText(text, most, bytes) {
  let [kept, count, length] = ['', 0, 0];
  for (const character of characters(text)) {
    count += 1;
    length += byteLength(character);
    if (count > most || length > bytes) break;
    kept += character;
  }
  return kept;
}
