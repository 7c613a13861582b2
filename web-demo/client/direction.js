// Cosines as integers, the twin of the crate's `src/snapshot/direction.rs`. The platforms' own cosines differ in the last
// bits. Directions are in 65536ths of a turn.

/** A quarter of the cosine in 16384ths, in 256ths of a turn. */
const QUARTER = Int16Array.of(
  16384, 16379, 16364, 16340, 16305, 16261, 16207, 16143, 16069, 15986, 15893, 15791, 15679, 15557, 15426, 15286,
  15137, 14978, 14811, 14635, 14449, 14256, 14053, 13842, 13623, 13395, 13160, 12916, 12665, 12406, 12140, 11866,
  11585, 11297, 11003, 10702, 10394, 10080, 9760, 9434, 9102, 8765, 8423, 8076, 7723, 7366, 7005, 6639, 6270, 5897,
  5520, 5139, 4756, 4370, 3981, 3590, 3196, 2801, 2404, 2006, 1606, 1205, 804, 402, 0,
);

/** @param {number} heading in 256ths of a turn, 0 to 256 */
function exact(heading) {
  const half = heading > 128 ? 256 - heading : heading;
  return half > 64 ? -QUARTER[128 - half] : QUARTER[half];
}

const COSINE = Int16Array.from({ length: 257 }, (_, heading) => exact(heading));

/** The cosine in 16384ths, linearly interpolated between the directions of the table. @param {number} part */
export function cosine(part) {
  const index = (part >> 8) & 255;
  const rest = part & 255;
  return (COSINE[index] * (256 - rest) + COSINE[index + 1] * rest) >> 8;
}
