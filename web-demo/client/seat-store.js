// The claim to a seat, kept across a reload of the page in a storage like `sessionStorage`, under the server's URL.
// Storage is optional: when it is full, forbidden or has invalid content, the client works without.
//
// A duplicated tab starts with a copy of the claim. A token of the server is good for one reconnect, so a page that reconnects
// sends the next token to the other pages of this browser: a replaced page can claim the seat again when its player wants to.

/**
 * @typedef {{ getItem(key: string): string | null, setItem(key: string, value: string): void,
 *   removeItem(key: string): void }} SeatStorage
 * @typedef {{ postMessage(message: any): void, onmessage: ((event: any) => void) | null, unref?(): void }} SeatChannel
 * @typedef {import('./messages.js').CommandBody} CommandBody
 * @typedef {Omit<import('./connect.js').Request, 'token'>} StoredRequest
 * @typedef {import('./backlog.js').StoredBacklog} StoredBacklog
 * @typedef {{ room: string, resume: Uint8Array, incarnation: number, events: number, backlog: StoredBacklog,
 *   request: StoredRequest, firstCommand: number, commands: CommandBody[] }} StoredSeat `incarnation` of the room;
 *   `events`: the newest that arrived; `backlog`: those of them that still wait for a handler; `commands`: those that the game may not have seen, numbered from `firstCommand` on
 */

export class SeatStore {
  /**
   * @param {SeatStorage | null} storage
   * @param {string} url
   * @param {((name: string) => SeatChannel) | null} open a channel to the other pages of this browser
   */
  constructor(storage, url, open) {
    this.storage = storage;
    this.key = `tickwire:${url}`;
    this.channel = storage && open ? open(this.key) : null;
    if (!this.channel) return;
    this.channel.onmessage = ({ data }) => this.#heard(data);
    this.channel.unref?.();
  }

  /** Whether there is a storage. */
  get remembers() {
    return this.storage !== null;
  }

  /** @returns {StoredSeat | null} */
  read() {
    try {
      const text = this.storage?.getItem(this.key);
      return text ? parsed(text) : null;
    } catch {
      return null;
    }
  }

  /** @param {StoredSeat} seat */
  write(seat) {
    const { resume, commands, backlog: { waiting, lost }, ...rest } = seat;
    const backlog = { waiting: waiting.map(({ event, tick }) => ({ event: eventToPlain(event), tick })), lost };
    const plain = { ...rest, backlog, resume: toText(resume), commands: commands.map(commandToPlain) };
    try {
      this.storage?.setItem(this.key, JSON.stringify(plain));
    } catch {
      // Without a stored seat, a reload is a fresh join.
    }
  }

  /**
   * Handles that another page has this seat now; losses of that page are not reported here.
   * @param {{ incarnation: number, newest: number }} events the newest that arrived here
   */
  replaced({ incarnation, newest: events }) {
    const seat = this.read();
    // Events that wait for a handler are delivered by the room that was replaced.
    if (seat) this.write({ ...seat, incarnation, events, backlog: { waiting: [], lost: [] }, commands: [] });
  }

  /**
   * Handles that a claim was granted.
   * @param {Uint8Array} spent the token of the claim
   * @param {Uint8Array} next the token that is valid from now on
   */
  renewed(spent, next) {
    this.channel?.postMessage({ spent: toText(spent), next: toText(next) });
  }

  /**
   * Forgets the seat.
   * @param {string} [room] only if it is a seat of this room
   */
  remove(room) {
    if (room !== undefined && this.read()?.room !== room) return;
    try {
      this.storage?.removeItem(this.key);
    } catch {
      // Not there then.
    }
  }

  /** @param {any} data */
  #heard(data) {
    const seat = this.read();
    if (!seat || typeof data?.next !== 'string' || data.spent !== toText(seat.resume)) return;
    this.write({ ...seat, resume: fromText(data.next) });
  }
}

/**
 * @param {string} text
 * @returns {StoredSeat | null}
 */
function parsed(text) {
  const { room, resume, incarnation, events, request, firstCommand, commands, backlog = { waiting: [], lost: [] } } = JSON.parse(text);
  const whole = typeof room === 'string' && Number.isSafeInteger(incarnation) && incarnation >= 0 && [events, firstCommand].every(isNumber)
    && typeof request?.join?.type === 'string' && typeof request.name === 'string' && Array.isArray(request.player) && isNumber(request.rate);
  if (!whole) return null;
  const { join, name, player, rate } = request;
  const role = request.role === 'spectator' ? 'spectator' : 'player';
  return {
    room, resume: fromText(resume), incarnation, events, request: { join, role, name, player, rate }, firstCommand, backlog: plainToBacklog(backlog),
    commands: commands.map(plainToCommand),
  };
}

/** @param {unknown} value */
function isNumber(value) {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 0xffffffff;
}

/** @param {CommandBody} command */
function commandToPlain(command) {
  return command.type === 'chat' ? command : { ...command, body: toText(command.body) };
}

/** @param {any} plain @returns {CommandBody} */
function plainToCommand(plain) {
  return plain.type === 'chat' ? plain : { ...plain, body: fromText(plain.body) };
}

/** @param {import('./backlog.js').RoomEvent} event */
function eventToPlain(event) {
  if (event.type === 'game') return { ...event, body: toText(event.body) };
  return event.type === 'ended' ? { ...event, result: toText(event.result) } : event;
}

/** @param {any} plain @returns {StoredBacklog} */
function plainToBacklog({ waiting, lost }) {
  const whole = Array.isArray(lost) && lost.every((pair) => Array.isArray(pair) && isNumber(pair[1]));
  if (!whole) throw new TypeError('no backlog');
  return { waiting: waiting.map(plainToEntry), lost };
}

/** @param {any} plain @returns {import('./backlog.js').Entry} */
function plainToEntry({ event, tick }) {
  if (!isNumber(tick)) throw new TypeError('no tick');
  return { event: plainToEvent(event), tick };
}

/** @param {any} plain @returns {import('./backlog.js').RoomEvent} */
function plainToEvent(plain) {
  if (plain.type === 'game' && isNumber(plain.kind)) return { ...plain, body: fromText(plain.body) };
  if (plain.type === 'ended') return { ...plain, result: fromText(plain.result) };
  const texts = { chat: [plain.name, plain.text], property: [plain.key, plain.value], joined: [plain.player?.name], left: [], away: [], back: [], gap: [] };
  const own = texts[/** @type {keyof typeof texts} */ (plain.type)];
  if (!own?.every((text) => typeof text === 'string')) throw new TypeError('no event');
  return plain;
}

/** @param {Uint8Array} bytes */
function toText(bytes) {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
}

/** @param {string} text */
function fromText(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
