// What happens beside the state: bursts for hits and collected sparks, puffs of snowballs, dash
// trails, the camera's shake, and what can be heard. Listens to a room's events and to rows that
// come and go, and shows them when the interpolated picture gets there.

import { HIT, readHit } from './hits.js';
import { ARENA, coat } from './palette.js';
import { Particles } from './particles.js';

/** @typedef {import('./types.js').Room} Room */
/** @typedef {import('./sprites.js').Pose} Pose */

/** More at once than anybody can see or hear; later ones are not shown. */
const WAITING = 64;
const GHOSTS = 48;
const GHOST_LIFE = 0.26;

const SNOW = { count: 16, speed: 3.4, rise: 3, z: 0.4, size: 0.11, life: 0.6, colours: [ARENA.snow, '#cfdcf2'] };
const PUFF = { count: 6, speed: 1.7, rise: 1.6, z: 0.4, size: 0.08, life: 0.4, colours: [ARENA.snow] };
const LIGHT = { count: 11, speed: 2.2, rise: 3.4, z: 0.3, size: 0.07, life: 0.65, colours: [ARENA.spark, ARENA.sparkCore] };
const DUST = { count: 2, speed: 0.7, rise: 0.9, z: 0.04, size: 0.09, life: 0.45, colours: ['#b9c8e4'] };

export class Effects {
  /**
   * @param {Room} room
   * @param {boolean} calm no shake, fewer specks
   * @param {{hit: (entity: number) => void, hear: (cue: import('./sound.js').Cue, x: number, y: number) => void}} tell
   */
  constructor(room, calm, tell) {
    this.room = room;
    this.calm = calm;
    this.tell = tell;
    /** Snowballs that are in the air already were thrown unheard. */
    this.listening = false;
    this.particles = new Particles();
    /** @type {{at: number, show: () => void}[]} */
    this.waiting = [];
    /** @type {{x: number, y: number, age: number, colour: number}[]} */
    this.ghosts = [];
    this.shake = 0;
    /** Whether a snowball was heard when it was thrown. @type {(ball: number) => boolean} */
    this.isKnown = () => false;
    /** Where everybody was drawn last. @type {Map<number, {x: number, y: number}>} */
    this.places = new Map();
    this.unsubscribe = [room.onMessage(HIT, (body) => this.hit(body))];
    // The plaza has neither sparks nor snowballs.
    if (room.game !== 'plaza') {
      this.unsubscribe.push(
        room.onRemove('spark', (spark) => this.later(spark, LIGHT)),
        room.onRemove('snowball', (ball) => this.later(ball, PUFF)),
        room.onAdd('snowball', (ball) => this.thrown(ball)),
      );
    }
    this.listening = true;
  }

  stop() {
    for (const off of this.unsubscribe) off();
  }

  /** @param {Uint8Array} body */
  hit(body) {
    const hit = readHit(body);
    const victim = hit && this.room.players.get(hit.victim);
    if (!victim) return;
    this.schedule(() => {
      const place = this.places.get(victim.entity);
      if (place) this.particles.burst(place.x, place.y, SNOW);
      if (victim.entity === this.room.entity && !this.calm) this.shake = 0.13;
      if (place) this.tell.hear('hit', place.x, place.y);
      this.tell.hit(victim.entity);
    });
  }

  /** @param {import('./types.js').View} ball */
  thrown(ball) {
    const { x, y } = ball;
    if (this.listening) this.schedule(() => { if (!this.isKnown(ball.id)) this.tell.hear('throw', x, y); });
  }

  /** @param {{x: number, y: number}} entity @param {typeof PUFF} kind */
  later(entity, kind) {
    const { x, y } = entity;
    this.schedule(() => this.particles.burst(x, y, kind));
  }

  /** @param {() => void} show */
  schedule(show) {
    if (this.waiting.length >= WAITING) return;
    this.waiting.push({ at: performance.now() + Math.min(500, this.room.stats.interpolationDelay || 0), show });
  }

  /** @param {number} now milliseconds @param {number} seconds since the last frame */
  step(now, seconds) {
    while (this.waiting[0] && this.waiting[0].at <= now) this.waiting.shift()?.show();
    this.shake = this.shake < 0.005 ? 0 : this.shake * Math.exp(-seconds * 9);
    for (const ghost of this.ghosts) ghost.age += seconds;
    while (this.ghosts[0] && this.ghosts[0].age > GHOST_LIFE) this.ghosts.shift();
  }

  /** @param {import('./actors.js').Actor} actor @param {number} now milliseconds */
  trail(actor, now) {
    if (!actor.pose.dashing || now - actor.puff < 24) return;
    actor.puff = now;
    const { x, y, colour, heading } = actor.pose;
    if (this.ghosts.length < GHOSTS) this.ghosts.push({ x, y, age: 0, colour });
    if (!this.calm) this.particles.burst(x - Math.cos(heading) * 0.4, y - Math.sin(heading) * 0.4, DUST);
  }

  /** @param {CanvasRenderingContext2D} ctx */
  drawTrails(ctx) {
    for (const ghost of this.ghosts) {
      const left = Math.max(0, 1 - ghost.age / GHOST_LIFE);
      ctx.globalAlpha = left * 0.4;
      ctx.fillStyle = coat(ghost.colour).light;
      ctx.beginPath();
      ctx.ellipse(ghost.x, ghost.y - 0.36, 0.32 * (0.5 + left * 0.5), 0.4 * (0.5 + left * 0.5), 0, 0, Math.PI * 2);
      ctx.fill();
    }
    ctx.globalAlpha = 1;
  }
}
