// Wishes to inputs for games in which the server moves the avatar: heading and run are held, throw
// and dash pressed for one tick. There is one heading for all, so a throw or a dash aims for just
// its tick.

/** Between two throws of a held button, in milliseconds; the server's reload time decides what becomes of them. */
const REPEAT = 150;

export class Steer {
  /** @param {import('./types.js').Room} room @param {import('./input.js').Wishes} wishes */
  constructor(room, wishes) {
    this.room = room;
    this.wishes = wishes;
    this.heading = 0;
    this.running = false;
    this.told = false;
    this.thrown = 0;
  }

  /** A new connection knows nothing of what is held. */
  repeat() {
    this.told = false;
  }

  /**
   * @param {number} now milliseconds
   * @param {number | null} aim from the avatar to the mouse, when it is used
   * @param {import('./types.js').View | null} own
   */
  step(now, aim, own) {
    const { room, wishes } = this;
    const way = wishes.way();
    const running = way !== null;
    const heading = way ?? this.heading;
    if (!this.told || running !== this.running || heading !== this.heading) {
      this.told = true;
      this.running = running;
      this.heading = heading;
      room.setInput({ heading, run: running });
    }
    const target = wishes.throwAimed && aim !== null ? aim : heading;
    const again = wishes.throwHeld && now - this.thrown > REPEAT && own !== null && !own.reload;
    if (wishes.throws > 0 || again) {
      this.thrown = now;
      room.pressInput({ throw: true, heading: target });
    }
    if (wishes.dashes > 0) {
      const leap = wishes.dashAimed && !running && aim !== null ? aim : heading;
      room.pressInput({ dash: true, heading: leap });
    }
    wishes.throws = 0;
    wishes.dashes = 0;
  }
}
