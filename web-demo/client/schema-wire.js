// The layout of schemas in messages: kinds, fields, shapes and motions. schema.js checks what they say.

import { variant } from './events-wire.js';

/**
 * @typedef {import('./reader.js').MessageReader} MessageReader
 * @typedef {import('./writer.js').MessageWriter} MessageWriter
 * @typedef {import('./schema.js').Kind} Kind
 * @typedef {import('./schema.js').Field} Field
 * @typedef {import('./schema.js').Shape} Shape
 * @typedef {import('./schema.js').Motion} Motion
 */

const SHAPE_NAMES = ['bool', 'int', 'fixed', 'angle', 'enum', 'colour'];
const MOTION_NAMES = ['hold', 'linear', 'smooth', 'along', 'across', 'fade'];

/** @param {MessageReader} reader @returns {Kind} */
export function readKind(reader) {
  return { name: reader.text(), fields: reader.list(readField) };
}

/** @param {MessageReader} reader @returns {Field} */
export function readField(reader) {
  return { name: reader.text(), shape: variant(reader, SHAPES), motion: variant(reader, MOTIONS) };
}

/** @param {Kind} kind @param {MessageWriter} writer */
export function writeKind({ name, fields }, writer) {
  writer.text(name);
  writer.list(fields, (field) => writeField(field, writer));
}

/** @param {Field} field @param {MessageWriter} writer */
function writeField({ name, shape, motion }, writer) {
  writer.text(name);
  writer.unsigned(SHAPE_NAMES.indexOf(shape.type));
  switch (shape.type) {
    case 'int':
    case 'fixed':
      writer.i32(shape.min);
      writer.i32(shape.max);
      if (shape.type === 'fixed') writer.unsigned(shape.perUnit);
      break;
    case 'angle':
      writer.u8(shape.bits);
      break;
    case 'enum':
      writer.list(shape.labels, (label) => writer.text(label));
      break;
    case 'colour':
      writer.u8(shape.count);
      break;
  }
  const [how, heading] = typeof motion === 'string' ? [motion, -1] : Object.entries(motion)[0];
  writer.unsigned(MOTION_NAMES.indexOf(how));
  if (heading >= 0) writer.u8(heading);
}

/** @type {((reader: MessageReader) => Shape)[]} */
const SHAPES = [
  () => ({ type: 'bool' }),
  (reader) => ({ type: 'int', min: reader.i32(), max: reader.i32() }),
  (reader) => ({ type: 'fixed', min: reader.i32(), max: reader.i32(), perUnit: reader.u16() }),
  (reader) => ({ type: 'angle', bits: reader.u8() }),
  (reader) => ({ type: 'enum', labels: reader.list((inner) => inner.text()) }),
  (reader) => ({ type: 'colour', count: reader.u8() }),
];

/** @type {((reader: MessageReader) => Motion)[]} */
const MOTIONS = [
  () => 'hold', () => 'linear', () => 'smooth', (reader) => ({ along: reader.u8() }),
  (reader) => ({ across: reader.u8() }), () => 'fade',
];
