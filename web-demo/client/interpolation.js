// Values between two others: straight or curved, angles the short way round. history.js and prediction.js use them.

/**
 * @param {import('./schema.js').FieldPlan} field
 * @param {number} from
 * @param {number} to
 * @param {number} part 0 at `from`, 1 at `to`
 */
export function between(field, from, to, part) {
  if (from === to) return from;
  if (!field.continuous) return part < 1 ? from : to;
  return onCircle(field, from + gap(field, from, to) * part);
}

/**
 * The change from one value to another, the short way round on a circle; for fractional values too.
 * @param {import('./schema.js').FieldPlan} field
 * @param {number} from
 * @param {number} to
 */
export function gap(field, from, to) {
  const difference = to - from;
  if (!field.wraps) return difference;
  const turn = field.max + 1;
  return difference - Math.round(difference / turn) * turn;
}

/**
 * Wraps a fractional value of a wrapping field into its range.
 * @param {import('./schema.js').FieldPlan} field
 * @param {number} value
 */
export function onCircle(field, value) {
  if (!field.wraps) return value;
  const turn = field.max + 1;
  return value - Math.floor(value / turn) * turn;
}

/**
 * The value on the curve that leaves one value and reaches another with these slopes, which are limited so that the curve
 * never leaves the range between both values.
 * @param {import('./schema.js').FieldPlan} field
 * @param {number} from
 * @param {number} to
 * @param {number} leaving change per span, at `from`
 * @param {number} reaching change per span, at `to`
 * @param {number} part 0 at `from`, 1 at `to`
 */
export function curved(field, from, to, leaving, reaching, part) {
  const whole = gap(field, from, to);
  const start = limited(leaving, whole);
  const end = limited(reaching, whole);
  const rest = 1 - part;
  const way = part * part * (3 - 2 * part) * whole + part * rest * rest * start - part * part * rest * end;
  return onCircle(field, from + way);
}

/** Beyond three times the whole way, a curve would swing out. @param {number} slope @param {number} whole */
function limited(slope, whole) {
  if (slope * whole <= 0) return 0;
  return Math.abs(slope) > 3 * Math.abs(whole) ? 3 * whole : slope;
}
