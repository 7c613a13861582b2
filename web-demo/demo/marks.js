// A shape for each of the twelve player colours, so that nobody needs to tell colours apart: on name tags
// and in the score list. SVG path data in a square of 24 units; what colours they have is palette.js.

/** @type {readonly string[]} */
export const MARKS = [
  'M12 3A9 9 0 1 0 12 21A9 9 0 1 0 12 3Z',
  'M12 3L22 20.5H2Z',
  'M4 4H20V20H4Z',
  'M12 1.5L22.5 12L12 22.5L1.5 12Z',
  'M12 1.5L15 9H22.5L16.5 13.8L18.7 21.5L12 17L5.3 21.5L7.5 13.8L1.5 9H9Z',
  'M8.5 2.5H15.5V8.5H21.5V15.5H15.5V21.5H8.5V15.5H2.5V8.5H8.5Z',
  'M12 21.5L2 4H22Z',
  'M7 3H17L22 12L17 21H7L2 12Z',
  'M12 21.5C4 15.5 1.5 11.5 2.5 7.5C3.7 3 9.5 2.5 12 7C14.5 2.5 20.3 3 21.5 7.5C22.5 11.5 20 15.5 12 21.5Z',
  'M15.5 2.5A9.7 9.7 0 1 0 21.5 17A8.2 8.2 0 0 1 15.5 2.5Z',
  'M2 6.5L7.5 10.5L12 3L16.5 10.5L22 6.5L20 20.5H4Z',
  'M14.5 1.5L4.5 13.5H10.5L8.5 22.5L19.5 9.5H13Z',
];

/** @param {number | undefined} colour @returns {string} */
export function mark(colour) {
  return /** @type {string} */ (MARKS[(colour ?? 0) % MARKS.length]);
}
