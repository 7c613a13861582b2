// Keyframes and deltas as the server writes them, for tests: rows in id order.

import { Forecast } from '../../client/motion.js';
import {
  ANY_ID, BUSY, COME, COMERS, CROSSED, FIRST_ID, HELD, LEAVE, NEXT_ID, ROWS, SURPRISE, TELEPORT,
} from '../../client/payload.js';
import { PayloadWriter as BaseWriter } from '../../client/payload-writer.js';
import { planSchema } from '../../client/schema.js';

const REST = [];
/** Where numbers of rows are coded. */
const INDEX_COUNT = 8;
const INDEX = 72;

/** Deltas, which clients do not write. */
class PayloadWriter extends BaseWriter {
  /** The first number as it is, the others as gaps. */
  putIndices(indices) {
    this.putWhole(INDEX_COUNT, indices.length - 1);
    indices.forEach((index, item) => this.putWhole(INDEX, item === 0 ? index : index - indices[item - 1] - 1));
  }

  putError(field, seen, near, sure, error) {
    const { block } = field;
    if (!sure) this.put(block + (seen.unrest * 4 + near) * 4 + seen.lean, error !== 0);
    if (error === 0) return;
    const low = field.wraps ? -(field.max + 1) / 2 : field.min - seen.value;
    const high = field.wraps ? -low - 1 : field.max - seen.value;
    const side = seen.below && seen.side !== 0 ? 3 - seen.side : seen.side;
    if (low < 0 && high > 0) this.put(block + 128 + seen.lean * 3 + side, error < 0 !== seen.below);
    const most = error < 0 ? -low : high;
    const size = Math.abs(error);
    const bits = 31 - Math.clz32(size);
    const place = block + 140 + ((seen.unrest >> 1) * 2 + (near === 3 ? 1 : 0)) * 8;
    for (let bit = 0; bit <= bits; bit++) if (bit < 31 - Math.clz32(most)) this.put(place + Math.min(bit, 7), bits > bit);
    const second = (size >> (bits - 1)) & 1;
    if (bits > 0) this.put(block + 204 + Math.min(bits, 8) - 1, second);
    if (bits < 2) return;
    this.put(block + 212 + 2 * (Math.min(bits, 5) - 2) + second, (size >> (bits - 2)) & 1);
    this.putEven(bits - 2, size % 2 ** (bits - 2));
  }
}

/** Rows as `{ kind, id, values }`, at rest unless they have a `motion`. */
export function encodeKeyframe(schema, rows) {
  const out = new PayloadWriter();
  out.putEven(1, 0);
  for (const plan of planSchema(schema)) {
    const own = rows.filter((row) => row.kind === plan.index).sort((a, b) => a.id - b.id);
    out.restartKind();
    out.restartWholes(plan.fields);
    out.putWhole(ROWS, own.length);
    const before = plan.fields.map((field) => field.saturate(0));
    let floor = 0;
    for (const { id, values, motion = REST } of own) {
      out.putWhole(NEXT_ID, id - floor);
      floor = id + 1;
      putRow(out, plan, before, values, motion);
    }
  }
  return out.end();
}

/** A whole row after the one before, which it becomes; without `motion`, none is told. */
function putRow(out, plan, before, values, motion) {
  const cells = Array.from({ length: plan.stride }, (_, cell) => values[cell] ?? 0);
  plan.fields.forEach((_, column) => (cells[column] = values[column]));
  for (let cell = plan.fields.length; cell < plan.stride; cell++) cells[cell] = motion?.[cell - plan.fields.length] ?? 0;
  out.putRow(plan, before, cells, 0, motion !== undefined);
}

/**
 * The delta from a zone's state to these rows, which are sorted by id.
 * @param rows `{ kind, id, values }`, with `motion` for those that crossed over, and `teleported`
 */
export function encodeDelta(zone, rows) {
  const out = new PayloadWriter();
  const kinds = zone.plans.map((plan) => changesOf(plan, zone.tables[plan.index], rows.filter(({ kind }) => kind === plan.index)));
  const busy = kinds.some(({ gone, come, wrong }) => gone.length + come.length > 0 || wrong);
  out.put(BUSY, busy);
  let above = Math.max(0, ...zone.tables.map(({ ids, count }) => (count > 0 ? ids[count - 1] + 1 : 0)));
  for (const { plan, size, gone, come, stay, wrong } of busy ? kinds : []) {
    out.restartKind();
    if (size > 0) out.put(LEAVE, gone.length > 0);
    if (gone.length > 0) out.putIndices(gone);
    out.put(COME, come.length > 0);
    if (come.length > 0) putIds(out, come, above);
    above = Math.max(above, ...come.map(({ id }) => id + 1));
    if (stay.length > 0) out.put(SURPRISE, wrong);
    if (wrong) putErrors(out, plan, stay);
    if (come.length > 0) putComers(out, plan, come);
  }
  return out.end();
}

function changesOf(plan, table, rows) {
  const ids = [...table.ids.slice(0, table.count)];
  const stay = rows.filter(({ id }) => ids.includes(id)).map((row) => ({ ...row, ...errorsOf(plan, table, ids.indexOf(row.id), row) }));
  return {
    plan, stay, size: table.count, wrong: stay.some(({ moved, changed }) => moved || changed),
    gone: ids.flatMap((id, index) => (rows.some((row) => row.id === id) ? [] : index)),
    come: rows.filter(({ id }) => !ids.includes(id)),
  };
}

/** How each field of a row differs from its prediction, and how that is coded. */
function errorsOf(plan, table, index, { values }) {
  const next = Int32Array.from({ length: plan.stride }, (_, cell) => values[cell] ?? 0);
  const fields = plan.fields.map((field, column) => {
    const seen = new Forecast();
    seen.look(field, table.cells, index * plan.stride, next, 0, column);
    return { field, seen, error: field.difference(seen.value, values[column]) };
  });
  const some = (columns) => columns.some((column) => fields[column].error !== 0);
  return { fields, moved: some(plan.moving), changed: some(plan.held) };
}

function putIds(out, come, above) {
  out.putWhole(COMERS, come.length - 1);
  const [{ id: first }] = come;
  out.put(FIRST_ID, first < above);
  if (first < above) out.putWhole(ANY_ID, first);
  else out.putWhole(FIRST_ID, first - above);
  for (let row = 1; row < come.length; row++) out.putWhole(NEXT_ID, come[row].id - come[row - 1].id - 1);
}

function putErrors(out, plan, stay) {
  const teleported = stay.flatMap((row, index) => (row.teleported ? index : []));
  out.put(TELEPORT, teleported.length > 0);
  if (teleported.length > 0) {
    out.restartIndices();
    out.putIndices(teleported);
  }
  out.restartSurprises(plan.fields);
  let before = false;
  for (const { fields, moved, changed } of stay) {
    let near = 0;
    for (const column of plan.moving) {
      const { field, seen, error } = fields[column];
      out.putError(field, seen, near, false, error);
      near = 1 + Math.min(Math.abs(error), 2);
    }
    if (plan.held.length > 0) out.put(HELD + 2 * moved + before, changed);
    before = changed;
    if (!changed) continue;
    near = 0;
    plan.held.forEach((column, item) => {
      const { field, seen, error } = fields[column];
      out.putError(field, seen, near, near === 0 && item === plan.held.length - 1, error);
      if (error !== 0) near = 1;
    });
  }
}

function putComers(out, plan, come) {
  out.restartWholes(plan.fields);
  const before = plan.fields.map((field) => field.saturate(0));
  for (const { values, motion } of come) {
    out.put(CROSSED, motion !== undefined);
    putRow(out, plan, before, values, motion);
  }
}
