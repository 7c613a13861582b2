// The schema: the entity kinds of a game, the integer fields of their rows, the motions and units of the fields.
// It is checked as on the server, since it comes from the network.
//
// A plan has the parts of a field that the coder needs: bounds, wrapping, the cell that holds its motion. Values are integers
// (quanta) everywhere in this client; `toUnits` and `toQuanta` convert them for the page.

import { ACROSS, ALONG, CELLS, FADE, HOLD, LINEAR, SMOOTH } from './motion.js';
import { DecodeError } from './reader.js';
import { BLOCK } from './odds.js';

/**
 * @typedef {{ type: 'bool' } | { type: 'int', min: number, max: number }
 *   | { type: 'fixed', min: number, max: number, perUnit: number } | { type: 'angle', bits: number }
 *   | { type: 'enum', labels: string[] } | { type: 'colour', count: number }} Shape
 * @typedef {'hold' | 'linear' | 'smooth' | { along: number } | { across: number } | 'fade'} Motion
 * @typedef {{ name: string, shape: Shape, motion: Motion }} Field
 * @typedef {{ name: string, fields: Field[] }} Kind
 */

const MAX_KINDS = 32;
const MAX_FIELDS = 16;
const MAX_INPUT_FIELDS = 8;
const MAX_QUANTA = 2 ** 29;
const MAX_NAME = 32;
const MAX_LABELS = 64;
const TURN = 2 * Math.PI;
const MOTIONS = { hold: HOLD, linear: LINEAR, smooth: SMOOTH, fade: FADE };
/** The trained table of each motion; held fields have one by type. */
const CLASSES = [-1, 1, 0, 5, 5, 6];
const HELD_CLASSES = { int: 2, fixed: 2, angle: 3, bool: 4, enum: 4, colour: 4 };

/** The arithmetic of one field. */
export class FieldPlan {
  /** @param {Field} field */
  constructor(field) {
    this.name = field.name;
    this.shape = field.shape;
    const [min, max] = bounds(field);
    this.min = min;
    this.max = max;
    /** Whether the range wraps: a power of two of values, starting at zero. */
    this.wraps = field.shape.type === 'angle';
    this.motion = HOLD;
    /** The column of the heading that it moves along, and the shift that converts the heading to 65536ths of a turn. */
    this.heading = -1;
    this.turn = 0;
    if (typeof field.motion === 'string') this.motion = MOTIONS[field.motion];
    else [this.motion, this.heading] = 'along' in field.motion ? [ALONG, field.motion.along] : [ACROSS, field.motion.across];
    /** Whether values between two samples of this field can be interpolated. */
    this.continuous = this.wraps || (this.motion !== HOLD && (field.shape.type === 'fixed' || field.shape.type === 'int'));
    /** The first of its motion cells in the row. */
    this.slot = 0;
    /** The trained table that its contexts start from, and their index. */
    this.class = this.motion === HOLD ? HELD_CLASSES[field.shape.type] : CLASSES[this.motion];
    this.block = 0;
  }

  /**
   * The nearest value in range; for a wrapping field the equivalent one.
   * @param {number} value
   */
  saturate(value) {
    if (this.wraps) return value & this.max;
    return value < this.min ? this.min : value > this.max ? this.max : value;
  }

  /**
   * The change from one value to another; for a wrapping field the short way round.
   * @param {number} from
   * @param {number} to
   */
  difference(from, to) {
    if (!this.wraps) return to - from;
    const turn = this.max + 1;
    const forward = (to - from) & this.max;
    return forward >= turn / 2 ? forward - turn : forward;
  }

  /**
   * Whether `motion` is a change that `difference` can yield.
   * @param {number} motion
   */
  admitsMotion(motion) {
    if (!this.wraps) return Math.abs(motion) <= this.max - this.min;
    const half = (this.max + 1) / 2;
    return motion >= -half && motion < half;
  }

  /**
   * Converts a value in quanta: to a float in units, radians, a boolean, a label or an index.
   * @param {number} quanta
   * @returns {number | boolean | string}
   */
  toUnits(quanta) {
    switch (this.shape.type) {
      case 'bool': return quanta !== 0;
      case 'fixed': return quanta / this.shape.perUnit;
      case 'angle': return (quanta * TURN) / (this.max + 1);
      case 'enum': return this.shape.labels[quanta];
      default: return quanta;
    }
  }

  /**
   * The value in range nearest to the page's value, in quanta.
   * @param {number | boolean | string} value
   * @returns {number}
   */
  toQuanta(value) {
    const { shape } = this;
    if (shape.type === 'bool') return value ? 1 : 0;
    if (shape.type === 'enum' && typeof value === 'string') {
      const index = shape.labels.indexOf(value);
      if (index < 0) throw new RangeError(`${this.name}: no label ${JSON.stringify(value)}, but ${shape.labels.join(', ')}`);
      return index;
    }
    const number = Number(value);
    if (!Number.isFinite(number)) throw new RangeError(`${this.name}: ${String(value)} is not a number`);
    if (shape.type === 'fixed') return this.saturate(Math.round(number * shape.perUnit));
    if (shape.type === 'angle') {
      const turns = number / TURN;
      return Math.round((turns - Math.floor(turns)) * (this.max + 1)) & this.max;
    }
    return this.saturate(Math.round(number));
  }
}

/** The layout of rows of one kind: the values in field order, then the motion cells of each field. */
export class KindPlan {
  /**
   * @param {Kind} kind
   * @param {number} index
   */
  constructor(kind, index) {
    this.name = kind.name;
    this.index = index;
    this.fields = kind.fields.map((field) => new FieldPlan(field));
    /** Cells per row. */
    this.stride = this.fields.length;
    /** The fields that are extrapolated, and those that are held, if they can take more than one value. @type {number[]} */
    this.moving = [];
    /** @type {number[]} */
    this.held = [];
    this.fields.forEach((field, column) => {
      field.slot = this.stride;
      field.block = (1 + column) * BLOCK;
      this.stride += CELLS[field.motion];
      if (field.min < field.max) (field.motion === HOLD ? this.held : this.moving).push(column);
    });
    /** The fields that are drawn as curves. @type {number[]} */
    this.curves = this.moving.filter((column) => this.fields[column].motion === SMOOTH);
    /** The two coordinates of a row, if it has them and they move. @type {number[]} */
    this.place = kind.fields.map((_, column) => column).filter((column) => this.fields[column].continuous && !this.fields[column].wraps).slice(0, 2);
    // Fields that depend on a heading are predicted after it.
    this.moving.sort((a, b) => Number(this.fields[a].heading >= 0) - Number(this.fields[b].heading >= 0));
    for (const field of this.fields) {
      if (field.heading >= 0) field.turn = 15 - Math.floor(Math.log2(this.fields[field.heading].max));
    }
    /** Whether rows have a position: two coordinates. */
    this.placed = this.fields.filter(({ shape: { type } }) => type === 'int' || type === 'fixed').length > 1;
    /** @type {Map<string, number>} */
    this.columns = new Map(kind.fields.map((field, column) => [field.name, column]));
  }
}

/**
 * @param {readonly Kind[]} kinds a checked schema
 * @returns {KindPlan[]}
 */
export function planSchema(kinds) {
  return kinds.map((kind, index) => new KindPlan(kind, index));
}

/**
 * Throws a DecodeError when a rule of schemas is broken.
 * @param {readonly Kind[]} kinds
 */
export function checkSchema(kinds) {
  if (kinds.length > MAX_KINDS) throw new DecodeError(`schema: more than ${MAX_KINDS} kinds`);
  checkNames(kinds, 'kind');
  for (const kind of kinds) checkFields(kind.fields, MAX_FIELDS);
}

/**
 * Throws a DecodeError when a rule of input schemas is broken.
 * @param {readonly Field[]} fields
 */
export function checkInputs(fields) {
  checkFields(fields, MAX_INPUT_FIELDS);
}

/** @param {readonly Field[]} fields @param {number} most */
function checkFields(fields, most) {
  if (fields.length > most) throw new DecodeError(`schema: more than ${most} fields`);
  checkNames(fields, 'field');
  for (const field of fields) {
    bounds(field);
    if (typeof field.motion === 'string') continue;
    const heading = fields[Object.values(field.motion)[0]];
    const turns = heading?.shape.type === 'angle' && (heading.motion === 'linear' || heading.motion === 'smooth');
    if (!turns) throw new DecodeError('schema: a heading must be a linear or smooth direction');
  }
}

/** @param {readonly { name: string }[]} named @param {string} what */
function checkNames(named, what) {
  const taken = new Set();
  for (const { name } of named) {
    if (!fits(name)) throw new DecodeError(`schema: a ${what} name must have 1 to ${MAX_NAME} bytes`);
    if (taken.has(name)) throw new DecodeError(`schema: ${what} name ${JSON.stringify(name)} is used twice`);
    taken.add(name);
  }
}

/** @param {string} name */
function fits(name) {
  // At most MAX_NAME bytes means at most as many UTF-16 units, so longer text need not be encoded to be refused.
  return name.length >= 1 && name.length <= MAX_NAME && new TextEncoder().encode(name).length <= MAX_NAME;
}

/**
 * The range of a field's values in quanta.
 * @param {Field} field
 * @returns {[number, number]}
 */
function bounds({ name, shape }) {
  const [min, max] = range(shape, name);
  if (min > max || min < -MAX_QUANTA || max > MAX_QUANTA) throw new DecodeError(`field ${name}: range ${min} to ${max}`);
  return [min, max];
}

/** @param {Shape} shape @param {string} name @returns {[number, number]} */
function range(shape, name) {
  switch (shape.type) {
    case 'bool':
      return [0, 1];
    case 'int':
      return [shape.min, shape.max];
    case 'fixed':
      if (shape.perUnit === 0) throw new DecodeError(`field ${name}: per_unit 0`);
      return [shape.min, shape.max];
    case 'angle':
      if (shape.bits < 1 || shape.bits > 16) throw new DecodeError(`field ${name}: an angle of ${shape.bits} bits`);
      return [0, 2 ** shape.bits - 1];
    case 'enum':
      if (shape.labels.length < 1 || shape.labels.length > MAX_LABELS || !shape.labels.every(fits)) {
        throw new DecodeError(`field ${name}: labels`);
      }
      return [0, shape.labels.length - 1];
    case 'colour':
      if (shape.count === 0) throw new DecodeError(`field ${name}: no colours`);
      return [0, shape.count - 1];
  }
}
