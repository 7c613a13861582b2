// Values of rows as people read them: quanta become units, angles degrees, enumerations words.

/** @typedef {import('./api.js').Field} Field */

/** @param {Field} field @param {number} value @returns {string} */
export function asText({ shape }, value) {
  if (typeof shape === 'string') return shape === 'Bool' ? (value ? 'yes' : 'no') : String(value);
  const { Fixed, Angle, Enum } = shape;
  if (Fixed) return (value / Fixed.per_unit).toFixed(2);
  if (Angle) return `${Math.round((value / 2 ** Angle.bits) * 360)}°`;
  return Enum ? String(Enum.labels[value] ?? value) : String(value);
}

/** Where a kind has its position, and the range of both coordinates in quanta. @param {Field[]} fields */
export function position(fields) {
  const [x, y] = ['x', 'y'].map((name) => fields.findIndex((field) => field.name === name));
  const ranges = [x, y].map((index) => range(fields[index ?? -1]));
  if (x === undefined || y === undefined || !ranges[0] || !ranges[1]) return null;
  return { x, y, width: ranges[0], height: ranges[1] };
}

/** @param {Field | undefined} field @returns {{ min: number, max: number } | null} */
function range(field) {
  if (!field || typeof field.shape === 'string') return null;
  const bounds = field.shape.Fixed ?? field.shape.Int;
  return bounds ? { min: bounds.min, max: bounds.max } : null;
}
