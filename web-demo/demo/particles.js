// Short-lived specks: snow of a hit, light of a collected spark, dust of a dash. A fixed number of
// them is reused, so a busy scene costs no more than a full pool. Where and when they appear is
// decided in effects.js.

const POOL = 320;
const GRAVITY = 7;

/** @typedef {{x: number, y: number, z: number, vx: number, vy: number, vz: number, age: number, life: number, size: number, colour: string}} Speck */

export class Particles {
  constructor() {
    /** @type {Speck[]} */
    this.specks = Array.from({ length: POOL }, () => ({ x: 0, y: 0, z: 0, vx: 0, vy: 0, vz: 0, age: 1, life: 0, size: 0, colour: '#fff' }));
    this.next = 0;
  }

  /**
   * @param {number} x @param {number} y metres
   * @param {{count: number, speed: number, rise: number, z: number, size: number, life: number, colours: string[]}} kind
   */
  burst(x, y, kind) {
    for (let index = 0; index < kind.count; index += 1) {
      const speck = /** @type {Speck} */ (this.specks[this.next]);
      this.next = (this.next + 1) % POOL;
      const angle = Math.random() * Math.PI * 2;
      const speed = kind.speed * (0.3 + Math.random() * 0.7);
      speck.x = x;
      speck.y = y;
      speck.z = kind.z;
      speck.vx = Math.cos(angle) * speed;
      speck.vy = Math.sin(angle) * speed * 0.6;
      speck.vz = kind.rise * (0.4 + Math.random() * 0.6);
      speck.age = 0;
      speck.life = kind.life * (0.6 + Math.random() * 0.4);
      speck.size = kind.size * (0.5 + Math.random() * 0.5);
      speck.colour = kind.colours[index % kind.colours.length] ?? '#fff';
    }
  }

  /** @param {CanvasRenderingContext2D} ctx @param {number} seconds */
  draw(ctx, seconds) {
    for (const speck of this.specks) {
      if (speck.age >= speck.life) continue;
      speck.age += seconds;
      speck.vz -= GRAVITY * seconds;
      speck.x += speck.vx * seconds;
      speck.y += speck.vy * seconds;
      speck.z = Math.max(0, speck.z + speck.vz * seconds);
      const left = Math.max(0, 1 - speck.age / speck.life);
      ctx.globalAlpha = Math.min(1, left * 1.6);
      ctx.fillStyle = speck.colour;
      ctx.beginPath();
      ctx.arc(speck.x, speck.y - speck.z, speck.size * (0.4 + 0.6 * left), 0, Math.PI * 2);
      ctx.fill();
    }
    ctx.globalAlpha = 1;
  }
}
