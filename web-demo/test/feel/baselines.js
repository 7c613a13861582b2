// Two common ways to draw others, written from their public descriptions, on the frames that our client receives.
//
// A fixed delay: others are drawn 100 ms in the past, which Colyseus 0.18 has by default. Three frames: the clock offset is that of
// the first snapshot, taken anew when a snapshot is off by more than 50 ms, and others are drawn three server frames in the past
// (snapshot-interpolation of geckos.io). Both draw a straight line between two snapshots; when there is no newer one, what
// was drawn last stays.

const KEPT = 120;

/** Recent snapshots: when each was made, on the server's clock, and where avatars were. */
class Vault {
  constructor() {
    this.snapshots = [];
  }

  add(time, places) {
    this.snapshots.push({ time, places });
    if (this.snapshots.length > KEPT) this.snapshots.shift();
  }

  /** The positions at a time; null without a snapshot on either side. */
  at(time) {
    for (let index = this.snapshots.length - 1; index > 0; index--) {
      const older = this.snapshots[index - 1];
      const newer = this.snapshots[index];
      if (older.time > time) continue;
      if (newer.time < time) return null;
      const part = (time - older.time) / (newer.time - older.time);
      const places = new Map();
      for (const [id, to] of newer.places) {
        const from = older.places.get(id) ?? to;
        places.set(id, [from[0] + (to[0] - from[0]) * part, from[1] + (to[1] - from[1]) * part]);
      }
      return places;
    }
    return null;
  }
}

class Baseline {
  constructor() {
    this.vault = new Vault();
    this.offset = /** @type {number | null} */ (null);
    this.places = new Map();
  }

  show(now) {
    const moment = this.offset === null ? NaN : now - this.offset - this.delay;
    this.places = this.vault.at(moment) ?? this.places;
    return { places: this.places, moment };
  }
}

export class FixedDelay extends Baseline {
  constructor() {
    super();
    this.delay = 100;
  }

  arrived(time, places, now) {
    this.vault.add(time, places);
    // The offset of the fastest message so far: a generous reading, which no jitter disturbs.
    this.offset = Math.min(this.offset ?? Infinity, now - time);
  }
}

export class ThreeFrames extends Baseline {
  /** @param {number} rate frames per second */
  constructor(rate) {
    super();
    this.delay = 3000 / rate;
  }

  arrived(time, places, now) {
    this.vault.add(time, places);
    if (this.offset === null || Math.abs(now - time - this.offset) > 50) this.offset = now - time;
  }
}
