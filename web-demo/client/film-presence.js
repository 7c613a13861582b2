// Who has which seat at a tick of a film, and the properties of the room.

/**
 * @typedef {import('./film-file.js').FilmSeat} FilmSeat
 * @typedef {import('./film-file.js').Change} Change
 * @typedef {import('./film-file.js').Reel} Reel
 */

/** Seats from here on are those of spectators. */
const SPECTATORS = 4096;

export class FilmPresence {
  constructor() {
    /** All seats that are taken, with the zones that they see. @type {Map<number, FilmSeat>} */
    this.seats = new Map();
    /** The players among them, as a room lists them; a film has no names. @type {Map<number, import('./events-wire.js').Player>} */
    this.players = new Map();
    /** @type {Record<string, string>} */
    this.properties = {};
  }

  /** Starts with the state of a reel. @param {Reel} reel */
  open({ seats, properties }) {
    this.seats = new Map();
    this.players = new Map();
    this.properties = Object.fromEntries(properties);
    for (const seat of seats) this.#take(seat);
  }

  /** @param {Change} change */
  apply(change) {
    if (change.type === 'seat') this.#take(change.seat);
    else if (change.type === 'freed') {
      this.seats.delete(change.seat);
      this.players.delete(change.seat);
    } else if (change.event.type === 'property') {
      const { key, value } = change.event;
      if (value === '') delete this.properties[key];
      else this.properties[key] = value;
    } else if (change.event.type === 'disconnected' || change.event.type === 'reconnected') {
      const seat = this.seats.get(change.event.seat);
      if (seat) this.#take({ ...seat, away: change.event.type === 'disconnected' });
    }
  }

  /** @param {FilmSeat} seat */
  #take(seat) {
    const { seat: number, entity, away } = seat;
    this.seats.set(number, seat);
    if (number < SPECTATORS) this.players.set(number, { seat: number, entity, name: '', away });
  }
}
