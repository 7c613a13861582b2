// How avatars move their feet: turns the positions, headings and moods of successive views into
// poses (stride, pace, flash). Purely cosmetic memory, forgotten when an avatar leaves; the game's
// state is never kept here.

/** @typedef {import('./sprites.js').Pose} Pose */
/** @typedef {{pose: Pose, seen: number, mood: string, puff: number}} Actor */

const TURN = Math.PI * 2;

export class Actors {
  constructor() {
    /** @type {Map<number, Actor>} */
    this.actors = new Map();
    this.pass = 0;
  }

  begin() {
    this.pass += 1;
  }

  /**
   * @param {import('./types.js').View} view
   * @param {boolean} own
   * @param {number} seconds since the last frame
   * @returns {Actor}
   */
  move(view, own, seconds) {
    let actor = this.actors.get(view.id);
    if (!actor) {
      actor = {
        seen: 0, mood: 'idle', puff: 0,
        pose: { x: view.x, y: view.y, heading: view.heading ?? 0, colour: 0, stride: 0, pace: 0, dashing: false, flash: 0, dizzy: false, shield: false, own },
      };
      this.actors.set(view.id, actor);
    }
    const { pose } = actor;
    const moved = Math.hypot(view.x - pose.x, view.y - pose.y);
    const speed = seconds > 0 && moved < 2 ? moved / seconds : 0;
    const mood = view.mood ?? (speed > 0.4 ? 'run' : 'idle');
    const running = mood === 'run' || mood === 'dash' ? 1 : 0;
    if (mood === 'hit' && actor.mood !== 'hit') pose.flash = 1;
    actor.mood = mood;
    actor.seen = this.pass;
    pose.x = view.x;
    pose.y = view.y;
    pose.heading = turnTowards(pose.heading, view.heading ?? pose.heading, 1 - Math.exp(-seconds * 22));
    pose.colour = view.colour ?? 0;
    pose.stride = (pose.stride + Math.min(moved, 0.4) * 4.2) % TURN;
    pose.pace += (running - pose.pace) * (1 - Math.exp(-seconds * 14));
    pose.dashing = mood === 'dash';
    pose.dizzy = mood === 'hit';
    pose.flash = Math.max(0, pose.flash - seconds * 3.5);
    pose.shield = Number(view.shield ?? 0) > 0;
    pose.own = own;
    return actor;
  }

  /** Forgets who was not moved since `begin`. */
  end() {
    for (const [id, actor] of this.actors) {
      if (actor.seen !== this.pass) this.actors.delete(id);
    }
  }

  /** @param {number} id */
  flash(id) {
    const actor = this.actors.get(id);
    if (actor) actor.pose.flash = 1;
  }
}

/** @param {number} from @param {number} to radians @param {number} share @returns {number} */
function turnTowards(from, to, share) {
  const turn = ((((to - from + Math.PI) % TURN) + TURN) % TURN) - Math.PI;
  return from + turn * share;
}
