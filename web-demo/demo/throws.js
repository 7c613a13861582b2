// The own snowballs, shown as soon as they are thrown. They fly by the arena's rules from where the avatar is drawn; among the others as
// they are drawn, as the server judges throws. The server's snowball takes their place when it ends, or when it was never thrown.

import { HIT, readHit } from './hits.js';

/** @typedef {import('./types.js').Room} Room */
/** @typedef {{ x: number, y: number, heading: number }} Throw metres and radians */
/** @typedef {{ from: Throw, at: number, event: import('../client/index.js').PredictedEvent, ball: number | null, colour: number }} Flight
 *   `at`: when it was thrown; `ball`: the server's, when that is known */

/** Metres per second, and seconds until a snowball melts: as in the arena's rules. */
const SPEED = 14;
const LIFE = 1.1;
/** Metres between two looks for a wall, and around the place of a predicted snowball in which the server's may appear. */
const STRIDE = 0.25;
const NEAR = 2.5;

export class Throws {
  /** @param {Room} room @param {import('./types.js').Ground} ground @param {(flight: { x: number, y: number }) => void} threw can be heard */
  constructor(room, ground, threw) {
    this.room = room;
    this.ground = ground;
    this.threw = threw;
    /** @type {Flight[]} */
    this.flights = [];
    this.unsubscribe = [
      room.onPredicted((event) => this.begin(event)),
      room.onAdd('snowball', (ball) => this.found(ball)),
      room.onRemove('snowball', ({ id }) => this.ended(id)),
      room.onMessage(HIT, (body) => this.hit(body)),
    ];
  }

  stop() {
    for (const off of this.unsubscribe) off();
    this.flights = [];
  }

  /** @param {import('../client/index.js').PredictedEvent<Throw>} event */
  begin(event) {
    const own = this.room.state.entities.get(this.room.entity);
    const flight = { from: event.what, at: event.at, event, ball: null, colour: own?.colour ?? 7 };
    this.flights.push(flight);
    this.threw(event.what);
    event.onSettled(({ status }) => { if (status === 'withdrawn') this.drop(flight); });
  }

  /** @param {Flight} flight */
  drop(flight) {
    this.flights = this.flights.filter((each) => each !== flight);
  }

  /** The server's snowball of a throw. @param {import('./types.js').View} ball */
  found(ball) {
    const now = performance.now();
    const flight = this.flights.find(({ event, from, colour, at }) => {
      const flown = (SPEED * (now - at)) / 1000;
      const far = Math.hypot(ball.x - from.x, ball.y - from.y);
      return event.status === 'pending' && ball.colour === colour && far < flown + NEAR;
    });
    if (!flight) return;
    flight.ball = ball.id;
    flight.event.confirm();
  }

  /** @param {number} ball */
  ended(ball) {
    this.flights = this.flights.filter((flight) => flight.ball !== ball);
  }

  /** A snowball that hits within its first tick is never seen. @param {Uint8Array} body */
  hit(body) {
    if (readHit(body)?.thrower !== this.room.seat) return;
    const flight = this.flights.find(({ event }) => event.status === 'pending');
    if (flight?.event.confirm()) this.drop(flight);
  }

  /** Whether a snowball of the server is shown by a predicted one. @param {number} ball */
  hides(ball) {
    return this.flights.some((flight) => flight.ball === ball);
  }

  /**
   * Where the own snowballs are; those that hit a wall or melted are not shown any more, but hide the server's.
   * @param {number} now milliseconds @returns {{ x: number, y: number, colour: number }[]}
   */
  places(now) {
    return this.flights.flatMap(({ from, at, colour }) => {
      const seconds = Math.max(0, (now - at) / 1000);
      if (seconds > LIFE) return [];
      const [dx, dy] = [Math.cos(from.heading), Math.sin(from.heading)];
      const far = SPEED * seconds;
      for (let flown = 0; flown < far; flown += STRIDE) {
        if (this.ground.solid(Math.floor(from.x + dx * flown), Math.floor(from.y + dy * flown))) return [];
      }
      return [{ x: from.x + dx * far, y: from.y + dy * far, colour }];
    });
  }
}
