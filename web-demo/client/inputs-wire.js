// The layout of inputs and acknowledgements, which are most messages of a client: two bytes, then the values.
//
// The first byte flags the parts present; PROTOCOL.md has the table. Values are packed into the ranges of the input
// schema. The timeline (inputs.js) decides which inputs are sent.

/**
 * @typedef {import('./writer.js').MessageWriter} MessageWriter
 * @typedef {import('./schema.js').FieldPlan} FieldPlan
 * @typedef {{ tick: number, whole: boolean, events: number | null }} Ack `tick` of the newest frame, told modulo 256
 *   unless `whole`, which is for unordered transports; `events` when it is news
 * @typedef {{ count: number, values: ArrayLike<number> }} Run
 * @typedef {{ type: 'inputs', ack: Ack, epoch: number, view: number | null, held: number, runs: readonly Run[],
 *   fields: readonly FieldPlan[] }} Inputs `view`: how far the moment that was shown at the newest input lies before the
 *   acknowledged tick, in 16ths of a tick
 */

const INPUTS = 0x80;
const EVENTS = 0x01;
const EPOCH = 0x02;
const HELD = 0x04;
const COUNTED = 0x08;
const WHOLE_TICK = 0x10;
const VIEW = 0x20;

/**
 * An acknowledgement alone.
 * @param {Ack} ack
 * @param {MessageWriter} writer
 */
export function writeAck(ack, writer, first = INPUTS) {
  writer.u8(first | (ack.events === null ? 0 : EVENTS) | (ack.whole ? WHOLE_TICK : 0));
  if (ack.whole) writer.unsigned(ack.tick);
  else writer.u8(ack.tick & 0xff);
  if (ack.events !== null) writer.unsigned(ack.events);
}

/**
 * @param {Inputs} inputs at least one
 * @param {MessageWriter} writer
 */
export function writeInputs({ ack, epoch, view, held, runs, fields }, writer) {
  const counted = runs.length > 1 || (runs.length === 1 && runs[0].count !== 1);
  let first = INPUTS;
  if (epoch !== 0) first |= EPOCH;
  if (view !== null) first |= VIEW;
  if (held !== 0) first |= HELD;
  if (counted) first |= COUNTED;
  writeAck(ack, writer, first);
  if (epoch !== 0) writer.u8(epoch);
  if (view !== null) writer.unsigned(view);
  if (held !== 0) writer.unsigned(held);
  for (const { count, values } of runs) {
    if (counted) writer.unsigned(count);
    pack(fields, values, writer);
  }
}

/**
 * Packs each value minus its minimum, in as many bits as its range needs, the lowest bits first.
 * @param {readonly FieldPlan[]} fields
 * @param {ArrayLike<number>} values
 * @param {MessageWriter} writer
 */
function pack(fields, values, writer) {
  let waiting = 0;
  let filled = 0;
  let written = 0;
  fields.forEach((field, column) => {
    let offset = values[column] - field.min;
    for (let left = width(field); left > 0;) {
      const taken = Math.min(left, 8 - filled);
      waiting |= (offset & ((1 << taken) - 1)) << filled;
      offset >>>= taken;
      filled += taken;
      left -= taken;
      if (filled < 8) continue;
      writer.u8(waiting);
      written += 1;
      waiting = filled = 0;
    }
  });
  // An input takes at least one byte, so that one without fields differs from none.
  if (filled > 0 || written === 0) writer.u8(waiting);
}

/** Bits that the values of a field take. @param {FieldPlan} field */
function width(field) {
  return 32 - Math.clz32(field.max - field.min);
}
