// How soon the view is right and smooth again after the page was hidden, its process stopped, or the network gone.

import { PER_METRE, WIDTH } from './measures.js';
import { play } from './scenes.js';

/** A network that does nothing by itself. */
const STEADY = { rtt_ms: 40, jitter_ms: 10 };
/** Metres per millisecond that an avatar moves at most, twice. */
const LEAP = 0.032;
const WATCHED_MS = 3000;
/** What is shown is older than this: the past is being played. */
const OLD_MS = 500;

export const OUTAGES = {
  'tab hidden for 10 minutes': async ({ world, player }) => {
    player.machine.hidden = true;
    await world.run(600_000);
    player.machine.hidden = false;
    player.machine.heardAt = world.us;
  },
  'process stopped for 5 s': async ({ world, player }) => {
    player.machine.frozenUntil = world.us + 5_000_000;
    await world.run(5000);
  },
  'network gone for 3 s': async ({ world, player }) => {
    player.machine.cut(3000);
    await world.run(3000);
  },
};

/**
 * Milliseconds from the first data after the outage to the first picture from which on the view is right and smooth.
 * @param {any} kind
 * @param {(scene: any) => Promise<void>} outage
 * @param {number} seed
 * @param {number} others
 */
export async function recovery(kind, outage, seed, others) {
  let result = NaN;
  await play(kind, {
    profile: STEADY, seed, others,
    script: async (scene) => {
      await outage(scene);
      const watch = new Watch(scene);
      scene.inspect((now, shown, room) => watch.picture(now, shown, room));
      await scene.world.run(WATCHED_MS + 5000);
      scene.inspect(null);
      result = watch.wrongUntil;
    },
  });
  return result;
}

class Watch {
  constructor({ world, truth, player }) {
    Object.assign(this, { truth, player, world });
    this.endedAt = world.us;
    /** When data flowed again. @type {number | null} */
    this.flowsSince = null;
    this.wrongUntil = NaN;
    this.last = new Map();
  }

  picture(now, { places, moment }, room) {
    const { heardAt } = this.player.machine;
    if (this.flowsSince === null) {
      if (heardAt < this.endedAt || room.connection !== 'online') return;
      this.flowsSince = heardAt / 1000;
      this.wrongUntil = 0;
    }
    const since = now - this.flowsSince;
    if (since > WATCHED_MS) return;
    let isWrong = now - moment > OLD_MS;
    for (const [id, [x, y]] of places) {
      if (id === room.entity) continue;
      const true_ = this.truth.at(id, moment);
      const last = this.last.get(id);
      this.last.set(id, { x, y, now });
      isWrong ||= !true_ || Math.hypot(x / PER_METRE - true_[0], y / PER_METRE - true_[1]) > WIDTH / 4;
      if (last) isWrong ||= Math.hypot(x - last.x, y - last.y) / PER_METRE > LEAP * (now - last.now);
    }
    if (isWrong) this.wrongUntil = since;
  }
}
