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

/** Where a kind has its position: which of its fields are coordinates. @param {Field[]} fields */
export function position(fields) {
  const find = (/** @type {string} */ wanted) => fields.findIndex(({ name, shape }) => name === wanted && typeof shape !== 'string' && (shape.Fixed ?? shape.Int));
  const [x, y] = [find('x'), find('y')];
  return x < 0 || y < 0 ? null : { x, y };
}
