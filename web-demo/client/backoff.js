// The delays before reconnecting: exponential backoff with jitter, so that clients that lost the same server do not all
// reconnect at once, and the spread of clients whose network returns. Owns no timer and no source of randomness.
//
// No client knows how many others lost the same server. It knows the players of its own room, who have lost it with
// certainty, and how long the outage has lasted. A few players try again at least every two seconds, because a server has
// no trouble with them; a full room takes up to eight seconds, which are some hundred joins per second. In a long
// outage everybody waits longer, up to a sixth of it: browsers hold back the connections of a page that has failed
// too often, so frequent attempts would be late ones.

const BASE_MS = 250;
const CAP_MS = 8000;
/** The cap for a player alone, and what each other player of the room adds to it: with a thousand players it is the full cap. */
const SMALL_CAP_MS = 2000;
const CAP_PER_PLAYER_MS = 6;
const CAP_PER_OUTAGE = 1 / 6;

/** When a network returns, all of its clients hear of it in the same moment. A household needs no spread, a campus does. */
const SPREAD_MS = 100;
const SPREAD_PER_PLAYER_MS = 2;

export class Backoff {
  /** @param {() => number} random a number in [0, 1) */
  constructor(random) {
    this.random = random;
    this.attempts = 0;
  }

  /**
   * The delay before the next attempt, in milliseconds: a random part of a bound that doubles each time. At the cap it is in
   * the upper half: by then the clients are spread, and the same longest delay takes fewer attempts.
   * @param {number} players of the room
   * @param {number} outage milliseconds that it has lasted
   */
  next(players, outage) {
    const cap = Math.min(CAP_MS, Math.max(SMALL_CAP_MS + CAP_PER_PLAYER_MS * players, CAP_PER_OUTAGE * outage));
    const bound = BASE_MS * 2 ** Math.min(this.attempts, 16);
    this.attempts += 1;
    return bound < cap ? this.random() * bound : cap * (1 + this.random()) / 2;
  }

  /**
   * The delay of an attempt for which the network has just returned.
   * @param {number} players of the room
   */
  spread(players) {
    return this.random() * (SPREAD_MS + SPREAD_PER_PLAYER_MS * players);
  }

  reset() {
    this.attempts = 0;
  }
}
