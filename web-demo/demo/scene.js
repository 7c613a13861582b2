// One picture of the arena: which layers there are and in which order they are drawn.
// Takes views and gives pixels; it never asks the network and never decides anything about
// the game.

import { Actors } from './actors.js';
import { Camera } from './camera.js';
import { Effects } from './effects.js';
import { GroundPictures, WALL } from './ground.js';
import { ARENA, dressArena } from './palette.js';
import { Portraits } from './portraits.js';
import { Sight } from './sight.js';
import { drawAvatar, drawSleep, drawSnowball, drawSpark, makeGlow, paintFigure } from './sprites.js';
import { Tags } from './tags.js';
import { onTheme } from './theme.js';

/** @typedef {import('./types.js').View} View */
/** @typedef {import('./types.js').Room} Room */

const FLAKES = 70;
/** Device pixels per CSS pixel: more cost a phone dearly and are hardly seen. */
const SHARPEST = 2;
/** CSS pixels per metre below which names are written smaller. */
const SMALL = 24;
/** How much is seen of an avatar whose player is away. */
const FADED = 0.45;

export class Scene {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {Room} room
   * @param {import('./types.js').Ground} ground
   * @param {boolean} calm reduced motion
   * @param {(cue: import('./sound.js').Cue, x: number, y: number) => void} hear what sounds where, in metres
   */
  constructor(canvas, room, ground, calm, hear) {
    const ctx = canvas.getContext('2d', { alpha: false });
    if (!ctx) throw new Error('this browser has no 2D canvas');
    this.canvas = canvas;
    this.ctx = ctx;
    this.room = room;
    this.calm = calm;
    this.camera = new Camera(ground, WALL);
    this.ground = new GroundPictures(ground);
    this.actors = new Actors();
    this.effects = new Effects(room, calm, { hit: (entity) => this.actors.flash(entity), hear });
    this.tags = new Tags();
    this.portraits = new Portraits(paintFigure);
    this.glow = makeGlow();
    /** Where nobody sees the whole map. */
    this.sight = room.grid && room.role === 'player' ? new Sight(room.grid) : null;
    this.camera.sight = this.sight;
    /** Of this picture, by entity, where it is not fully to be seen. @type {Map<number, number>} */
    this.clarity = new Map();
    /** The own snowballs that are shown before the server has them. @type {import('./throws.js').Throws | null} */
    this.throws = null;
    /** What else to draw over the arena. @type {((ctx: CanvasRenderingContext2D) => void) | null} */
    this.overlay = null;
    /** Names by entity. @type {Map<number, string>} */
    this.names = new Map();
    /** Entities whose players are not there just now. @type {Set<number>} */
    this.away = new Set();
    /** @type {View[]} */
    this.order = [];
    /** Whether to draw where the server has avatars, as far as the client knows. */
    this.ghosts = false;
    this.endTheme = onTheme((theme) => {
      dressArena(theme);
      this.ground.repaint();
    });
  }

  stop() {
    this.endTheme();
    this.effects.stop();
  }

  /** @param {Map<number, import('./types.js').Player>} players */
  setPlayers(players) {
    this.names.clear();
    this.away.clear();
    for (const player of players.values()) {
      this.names.set(player.entity, player.name);
      if (player.away) this.away.add(player.entity);
    }
  }

  resize() {
    const ratio = Math.min(SHARPEST, window.devicePixelRatio || 1);
    this.camera.resize(this.canvas.clientWidth, this.canvas.clientHeight, ratio);
    this.portraits.setScale(this.camera.scale);
    if (this.canvas.width !== this.camera.width) this.canvas.width = this.camera.width;
    if (this.canvas.height !== this.camera.height) this.canvas.height = this.camera.height;
  }

  /**
   * @param {View[]} views
   * @param {{now: number, seconds: number, own: {x: number, y: number} | null, aim: number | null}} frame milliseconds, since the last frame
   */
  draw(views, frame) {
    const { ctx, camera, effects } = this;
    this.resize();
    effects.step(frame.now, frame.seconds);
    if (frame.own) camera.follow(frame.own.x, frame.own.y, frame.seconds, effects.shake);
    else if (!camera.settled) camera.follow(camera.x, camera.y, 0, 0);

    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.fillStyle = ARENA.outside;
    ctx.fillRect(0, 0, camera.width, camera.height);
    this.ground.draw(ctx, 'low', camera);
    camera.apply(ctx);
    if (frame.own && frame.aim !== null) this.drawAim(frame.own, frame.aim);
    effects.drawTrails(ctx);
    this.drawEntities(views, frame);
    if (this.ghosts) this.drawGhosts();
    effects.particles.draw(ctx, frame.seconds);
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    this.ground.draw(ctx, 'high', camera);
    if (this.sight) {
      camera.apply(ctx);
      this.sight.drawHaze(ctx, frame.own ?? camera, camera);
    }
    this.overlay?.(ctx);
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    this.drawTags();
    if (!this.calm) this.drawFlakes(frame.now / 1000);
  }

  /** @param {View[]} views @param {{now: number, seconds: number, own: {x: number, y: number} | null}} frame */
  drawEntities(views, frame) {
    const { ctx, order } = this;
    const time = this.calm ? 0 : frame.now / 1000;
    order.length = 0;
    this.actors.begin();
    this.effects.places.clear();
    this.clarity.clear();
    this.sight?.begin();
    for (const view of views) {
      if (view.kind === 'crowd' || (view.kind === 'snowball' && this.throws?.hides(view.id))) continue;
      if (view.kind === 'avatar' || view.kind === 'walker') {
        const actor = this.actors.move(view, view.id === this.room.entity, frame.seconds);
        this.effects.places.set(view.id, actor.pose);
        this.effects.trail(actor, frame.now);
      }
      const clarity = this.sight?.clarity(view, frame.own ?? this.camera, frame.now) ?? 1;
      if (clarity < 1) this.clarity.set(view.id, clarity);
      if (clarity > 0 && this.camera.sees(view.x, view.y, 1.5)) order.push(view);
    }
    this.actors.end();
    this.sight?.end();
    for (const { x, y, colour } of this.throws?.places(frame.now) ?? []) order.push({ id: 0, kind: 'snowball', x, y, colour });
    // Who stands further south stands in front.
    order.sort((a, b) => a.y - b.y || a.id - b.id);
    for (const view of order) {
      const shown = this.shown(view.id);
      ctx.globalAlpha = shown;
      if (view.kind === 'spark') drawSpark(ctx, view.x, view.y, view.size === 'big', time, this.glow);
      else if (view.kind === 'snowball') drawSnowball(ctx, view.x, view.y, view.colour ?? 7);
      else {
        const actor = this.actors.actors.get(view.id);
        if (!actor) continue;
        drawAvatar(ctx, actor.pose, time, this.portraits);
        ctx.globalAlpha = this.clarity.get(view.id) ?? 1;
        if (this.away.has(view.id)) drawSleep(ctx, actor.pose, time);
      }
    }
    ctx.globalAlpha = 1;
  }

  /** How much is seen of an entity, 0 to 1. @param {number} id */
  shown(id) {
    return (this.away.has(id) ? FADED : 1) * (this.clarity.get(id) ?? 1);
  }

  /** An outline for each avatar where the newest frame has it. */
  drawGhosts() {
    const { ctx, camera, room } = this;
    ctx.strokeStyle = ARENA.guide;
    ctx.lineWidth = 0.05;
    for (const { kind, x, y } of room.state.entities.values()) {
      if ((kind !== 'avatar' && kind !== 'walker') || !camera.sees(x, y, 1)) continue;
      ctx.beginPath();
      ctx.arc(x, y, 0.41, 0, Math.PI * 2);
      ctx.stroke();
    }
  }

  drawTags() {
    const { ctx, camera } = this;
    const size = camera.ratio * (this.sight && camera.scale < SMALL * camera.ratio ? 0.8 : 1);
    for (const view of this.order) {
      const name = this.names.get(view.id);
      if (!name) continue;
      const picture = this.tags.picture(name, view.colour, view.id === this.room.entity, size);
      const x = view.x * camera.scale - camera.left - picture.width / 2;
      const y = (view.y - 1.02) * camera.scale - camera.top - picture.height;
      ctx.globalAlpha = this.shown(view.id);
      ctx.drawImage(picture, Math.round(x), Math.round(y));
      ctx.globalAlpha = 1;
    }
  }

  /** @param {{x: number, y: number}} own @param {number} aim radians */
  drawAim(own, aim) {
    const { ctx } = this;
    ctx.fillStyle = ARENA.guide;
    for (let dot = 0; dot < 4; dot += 1) {
      const reach = 0.85 + dot * 0.34;
      ctx.globalAlpha = 0.6 - dot * 0.13;
      ctx.beginPath();
      ctx.arc(own.x + Math.cos(aim) * reach, own.y - 0.2 + Math.sin(aim) * reach, 0.055, 0, Math.PI * 2);
      ctx.fill();
    }
    ctx.globalAlpha = 1;
  }

  /** Snow in the air, between eye and arena. @param {number} time seconds */
  drawFlakes(time) {
    const { ctx, camera } = this;
    ctx.fillStyle = '#eaf1ff';
    for (let flake = 0; flake < FLAKES; flake += 1) {
      const near = 0.4 + ((flake * 37) % 60) / 100;
      const fall = (22 + near * 46) * camera.ratio;
      const x = flake * 197.3 * camera.ratio + Math.sin(time * 0.7 + flake) * 18 * camera.ratio - camera.left * (1 + near * 0.25);
      const y = flake * 131.7 * camera.ratio + time * fall - camera.top * (1 + near * 0.25);
      ctx.globalAlpha = 0.1 + near * 0.22;
      ctx.beginPath();
      ctx.arc(wrap(x, camera.width), wrap(y, camera.height), near * 2.1 * camera.ratio, 0, Math.PI * 2);
      ctx.fill();
    }
    ctx.globalAlpha = 1;
  }
}

/** @param {number} value @param {number} size @returns {number} */
function wrap(value, size) {
  return ((value % size) + size) % size;
}
