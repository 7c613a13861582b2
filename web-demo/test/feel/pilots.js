// Scripted players of the arena: they run, turn, stop and dash as players do, from a seed. The subject draws 60 pictures
// per second; the others draw none.

import { random } from '../support/random.js';

export const PICTURE_US = 16_667;
const THINK_US = 50_000;
/** At a run: 6 m/s, at 64 quanta per metre. */
const MS_PER_QUANTUM = 1000 / 6 / 64;

/** Decides what a player does next. */
class Whims {
  /** @param {number} seed @param {boolean} throws @param {boolean} [isHectic] changes several times per second */
  constructor(seed, throws, isHectic = false) {
    this.isHectic = isHectic;
    this.next = random(seed);
    this.throws = throws;
    this.until = 0;
    this.heading = this.next() * 2 * Math.PI;
  }

  /** Applies what changes by now. Returns whether anything did. */
  step(room, now) {
    if (now < this.until) return false;
    const { next } = this;
    const stands = next() < 0.2;
    this.until = now + (stands ? 300 + next() * 700 : 400 + next() * 1500);
    if (this.isHectic) this.until = now + 30 + next() * 250;
    // Mostly some turn, sometimes back.
    this.heading += (next() - 0.5) * (next() < 0.3 ? 6 : 2);
    room.setInput({ heading: this.heading, run: !stands });
    if (!stands && next() < 0.15) room.pressInput({ dash: true });
    else if (this.throws && next() < 0.5) room.pressInput({ throw: true, heading: next() * 2 * Math.PI });
    return true;
  }
}

/** Runs at full speed, without a stop, from one place of a square to another. */
export class Runner {
  /** @param {number} seed @param {number} middle of the square, on both axes, in quanta @param {number} reach half of its side */
  constructor(seed, middle, reach) {
    this.next = random(seed);
    this.middle = middle;
    this.reach = reach;
    this.until = 0;
  }

  step(room, now) {
    const own = room.state.entities.get(room.entity);
    if (now < this.until || !own) return false;
    const [x, y] = own.values;
    const [across, down] = [x, y].map((at) => this.middle + (2 * this.next() - 1) * this.reach - at);
    // For about as long as the way takes, unless that leads along a wall.
    this.until = now + Math.min(6000, 500 + Math.hypot(across, down) * MS_PER_QUANTUM);
    room.setInput({ heading: Math.atan2(down, across), run: true });
    return true;
  }
}

/** Another player: a client over a link of its own, which nobody looks at. */
export async function other(world, Client, { profile = 'lan', seed, throws = false, whims = new Whims(seed * 31 + world.seed, throws) }) {
  const machine = world.machine(profile, seed);
  const joining = new Client('ws://test/play', machine.options).joinOrCreate('arena', { name: `bot ${seed}` });
  let room = null;
  joining.then((joined) => {
    room = joined;
  });
  const think = () => {
    if (room?.connection === 'online') whims.step(room, world.ms);
    world.agenda.add(world.us + THINK_US, think);
  };
  world.agenda.add(world.us + (seed % 7) * 6000, think);
  return { machine, joining };
}

/** The player that is measured. `draw` is called for every picture that the page draws, and told whether the player has just done something. */
export function subject(world, Client, plan) {
  const { profile, seed = 1, throws = false, rate = 0, plays = true, isHectic = false, begin = () => {}, draw } = plan;
  const { whims = new Whims(seed * 77 + world.seed, throws, isHectic) } = plan;
  const machine = world.machine(profile, seed);
  const player = { machine, room: /** @type {any} */ (null), ended: false };
  const client = new Client('ws://test/play', machine.options);
  const enter = () => client.joinOrCreate('arena', { name: 'subject', rate }).then((room) => {
    player.room = room;
    begin(room);
    // The link may have been cut.
  }, () => machine.setTimeout(enter, 500));
  enter();
  const picture = () => {
    machine.later(world.us + PICTURE_US, picture);
    const { room } = player;
    if (!room || machine.hidden) return;
    draw(room, world.ms, plays && room.connection === 'online' && whims.step(room, world.ms));
  };
  machine.later(world.us + PICTURE_US, picture);
  return player;
}
