// Access to the golden vectors that the Rust tests write: hex to bytes, and the JSON form of messages (Rust's names and
// nesting) to the form that this client uses.

import { readFileSync } from 'node:fs';

export function golden(name) {
  return JSON.parse(readFileSync(new URL(`../../../tests/golden/${name}.json`, import.meta.url), 'utf8'));
}

export function bytes(hex) {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

export function hex(array) {
  return Array.from(array, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** An enum value: Rust writes a bare name, or an object with the name as its only key. */
function variant(value) {
  return typeof value === 'string' ? [value, {}] : Object.entries(value)[0];
}

function lower(name) {
  return name[0].toLowerCase() + name.slice(1);
}

function raw(list) {
  return list === null ? null : Uint8Array.from(list);
}

function shape(value) {
  const [name, { per_unit: perUnit, ...rest }] = variant(value);
  return { type: lower(name), ...rest, ...(perUnit === undefined ? {} : { perUnit }) };
}

function field({ name, shape: form, motion: wrapped }) {
  const [how, { heading }] = variant(wrapped);
  const motion = heading === undefined ? lower(how) : { [lower(how)]: heading };
  return { name, shape: shape(form), motion };
}

export function schema(kinds) {
  return kinds.map(({ name, fields }) => ({ name, fields: fields.map(field) }));
}

export function clientMessage(value) {
  const [name, body] = variant(value);
  switch (name) {
    case 'Hello': {
      const [join, where] = variant(body.join);
      const resume = body.resume && { ...body.resume, token: raw(body.resume.token) };
      return { type: 'hello', ...body, join: { type: lower(join), ...where }, role: lower(body.role), resume, extensions: extensions(body) };
    }
    case 'Ack':
      return { type: 'ack', ...ack(body) };
    case 'FeelDigest':
      return { type: 'feelDigest', body: raw(body.body) };
    case 'Command': {
      const [type, asked] = variant(body.body);
      return { type: 'command', seq: body.seq, body: withBytes({ type: lower(type), ...asked }) };
    }
    default:
      return { type: lower(name), ...body };
  }
}

/** What is acknowledged, by a tick's lowest byte or the whole of it. */
export function ack({ tick: wrapped, events }) {
  const [name, tick] = variant(wrapped);
  return { tick, whole: name === 'Full', events };
}

function extensions({ extensions: list }) {
  return list.map(([number, content]) => [number, raw(content)]);
}

/** The grid that the vectors' only extension with number 2 tells; see tests/golden_messages. */
function grid({ extensions: list }) {
  const told = { first: 8192, origin: [-6400, 0], side: 512, columns: 251, rows: 100, sight: 1024, margin: 256 };
  return list.some(([number]) => number === 2) ? told : null;
}

export function serverMessage(value) {
  const [name, body] = variant(value);
  switch (name) {
    case 'Welcome':
      return {
        type: 'welcome', ...body, authority: lower(body.authority), resume: raw(body.resume), continuity: lower(body.continuity),
        schema: schema(body.schema), inputs: body.inputs.map(field), extensions: extensions(body), grid: grid(body),
      };
    case 'Frame': {
      const [stamp, told] = variant(body.stamp);
      return { type: 'frame', ...body, stamp: { type: lower(stamp), ...told }, events: events(body), zones: body.zones.map(part) };
    }
    case 'Delivery':
      return { type: 'delivery', ...body, events: events(body) };
    case 'Prepare':
      return { type: 'prepare', ...body };
    case 'Redirect':
      return { type: 'redirect', address: body.address, ticket: body.ticket, atTick: body.at_tick };
    default:
      return { type: lower(name), ...body };
  }
}

function events({ events: batch }) {
  return batch && { ...batch, items: batch.items.map(item) };
}

function item({ age, body: wrapped }) {
  const [name, body] = variant(wrapped);
  if (name === 'Joined') return { age, body: { type: 'joined', player: body } };
  return { age, body: withBytes({ type: lower(name), ...body }) };
}

/** The byte strings of a command or an event as bytes. */
function withBytes(value) {
  const bytes = Object.entries(value).filter(([, inner]) => Array.isArray(inner) && value.type !== 'chat');
  return { ...value, ...Object.fromEntries(bytes.map(([key, list]) => [key, raw(list)])) };
}

function part({ zone, lag, form: wrapped, hash }) {
  const [name, body] = variant(wrapped);
  const type = lower(name);
  if (name === 'Keyframe') return { zone, lag, form: { type, bytes: raw(body) }, hash };
  return { zone, lag, form: name === 'Gone' ? { type } : { type, deltas: body.map(raw) }, hash };
}
