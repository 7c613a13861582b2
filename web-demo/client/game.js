// A game's own types, for pages that have its generated module: names in place of the numbers of messages, and values in place of
// their bytes. Without a module, pages use numbers and bytes.
//
// What cannot be sent is refused here, before it is queued: the server would close the connection, and could not say which value it
// was. Values are JSON, so what JSON would change in silence (NaN, maps, typed arrays) is refused, too.

/**
 * @typedef {import('./entity.js').Entity} Entity
 * @typedef {import('./entity.js').View} View
 * @typedef {import('./inputs.js').InputValues} InputValues
 * @typedef {import('./client.js').OptionValues} OptionValues
 *
 * @typedef {{ rows: object, input: object, commands: object, replies: object, events: object, player: object }} GameTypes what the
 *   declarations of a game say; made by `tickwire types`
 * @typedef {{ rows: Record<string, Record<string, any>>, input: InputValues, commands: Record<number, Uint8Array>,
 *   replies: Record<number, Uint8Array>, events: Record<number, Uint8Array>, player: OptionValues }} AnyGame any game, without a module
 */

/**
 * The generated module of a game. The index of a name is the number of the message.
 * @template {GameTypes} [G=AnyGame]
 * @typedef {{ readonly game: string, readonly commands: readonly string[], readonly events: readonly string[], readonly types?: G }} GameModule
 */

/**
 * @template {GameTypes} G
 * @template K
 * @typedef {K extends keyof G['rows'] ? Entity & G['rows'][K] : Entity & Record<string, any>} EntityOf
 */

/**
 * @template {GameTypes} G
 * @typedef {{ [K in keyof G['rows']]: View & { kind: K } & G['rows'][K] }[keyof G['rows']]} ViewOf
 */

/**
 * @template {GameTypes} G
 * @template K
 * @typedef {K extends keyof G['events'] ? G['events'][K] : Uint8Array} EventOf
 */

/**
 * What follows the name of a command: nothing if it has no fields.
 * @template {GameTypes} G
 * @template {keyof G['commands']} K
 * @typedef {G['commands'][K] extends null ? [body?: null] : [body: G['commands'][K]]} BodyOf
 */

const NUMBER_OF_KINDS = 0x1_0000;
/** Objects within objects; a value that contains itself has more. */
const DEPTH = 32;
const NOTHING = new Uint8Array();
const TO_BYTES = new TextEncoder();
const TO_TEXT = new TextDecoder();

/** Names and values of the messages of a game, or numbers and bytes where there is no module. */
export class MessageCodec {
  /** @param {GameModule<any> | null} module */
  constructor(module) {
    this.module = module;
  }

  /**
   * A command as it is sent.
   * @param {unknown} kind a number, or a name of the module
   * @param {unknown} body bytes; with a name, a value
   * @returns {{ kind: number, body: any }}
   */
  command(kind, body) {
    if (typeof kind !== 'string') return { kind: /** @type {number} */ (kind), body };
    const number = this.#number(kind, 'command');
    return { kind: number, body: encode(kind, body) };
  }

  /**
   * The reply to a call, as the page gets it.
   * @param {unknown} kind of the call
   * @param {Promise<Uint8Array>} reply
   * @returns {Promise<any>}
   */
  replied(kind, reply) {
    if (typeof kind !== 'string') return reply;
    const value = reply.then(decode);
    // As of all promises of commands, a page need not catch the rejection.
    value.catch(() => {});
    return value;
  }

  /**
   * The number of an event, or `*`.
   * @param {unknown} kind
   * @returns {number | '*'}
   */
  event(kind) {
    if (kind === '*' || typeof kind === 'number') return kind;
    return this.#number(String(kind), 'event');
  }

  /**
   * A callback for bytes, from one for what the kind has.
   * @param {unknown} kind
   * @param {(body: any, about: { kind: number, tick: number }) => void} listener
   * @returns {(body: Uint8Array, about: { kind: number, tick: number }) => void}
   */
  listener(kind, listener) {
    if (kind === '*' || typeof kind === 'number') return listener;
    return (body, about) => listener(decode(body), about);
  }

  /** @param {string} name @param {'command' | 'event'} what */
  #number(name, what) {
    if (!this.module) throw new TypeError(`${what} ${JSON.stringify(name)}: names need the module of the game: new Client(url, { game })`);
    const names = this.module[`${what}s`];
    const number = names.indexOf(name);
    if (number < 0 || number >= NUMBER_OF_KINDS) throw new RangeError(`no ${what} ${JSON.stringify(name)}: ${listed(names)}`);
    return number;
  }
}

/**
 * What there is, for the text of an error.
 * @param {readonly string[]} names
 */
export function listed(names) {
  return names.length === 0 ? 'this game has none' : `this game has ${names.join(', ')}`;
}

/** @param {string} name @param {unknown} value */
function encode(name, value) {
  if (value === undefined || value === null) return NOTHING;
  check(name, value, 0);
  return TO_BYTES.encode(JSON.stringify(value));
}

/** @param {Uint8Array} body */
function decode(body) {
  return body.length === 0 ? null : JSON.parse(TO_TEXT.decode(body));
}

/**
 * Throws when JSON would not bring `value` to the game as it is.
 * @param {string} path
 * @param {unknown} value
 * @param {number} depth
 */
function check(path, value, depth) {
  if (depth > DEPTH) throw new RangeError(`${path} is nested more than ${DEPTH} deep`);
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return;
    case 'number':
      if (!Number.isFinite(value)) throw new TypeError(`${path}: ${value} cannot be sent`);
      return;
    case 'object':
      break;
    default:
      throw new TypeError(`${path}: a ${typeof value} cannot be sent`);
  }
  if (value === null) return;
  if (Array.isArray(value)) {
    value.forEach((element, index) => check(`${path}[${index}]`, element, depth + 1));
    return;
  }
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    const type = prototype.constructor?.name ?? 'object';
    throw new TypeError(`${path}: ${type} cannot be sent; use plain objects and arrays${ArrayBuffer.isView(value) ? ', such as Array.from(it)' : ''}`);
  }
  for (const [key, field] of Object.entries(value)) if (field !== undefined) check(`${path}.${key}`, field, depth + 1);
}
