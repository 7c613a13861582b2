// One stay in a room: joins the client library's room to inputs, scene, figures and banners, from
// entering to leaving. How a room is found and joined is main.js; how the network works is the
// client library.

import { arenaPredictor } from './arena.js';
import { Bar } from './bar.js';
import { KEPT } from './clip.js';
import { REPLACED, explain, explainWait } from './closes.js';
import { byId } from './dom.js';
import { CostList } from './costs.js';
import { Graphs } from './graphs.js';
import { Figures, Scores } from './hud.js';
import { NetworkControls } from './network.js';
import { Wishes } from './input.js';
import { Scene } from './scene.js';
import { Steer } from './steer.js';
import { Stroll } from './stroll.js';
import { Surroundings } from './surroundings.js';
import { Throws } from './throws.js';
import { Watch } from './watch.js';

/** @typedef {import('./types.js').Room} Room */
/** @typedef {import('./types.js').View} View */
/** @typedef {{again: (room: Room, sameSeat: boolean) => void, join: (room: Room) => void, lobby: () => void, moved: (room: Room) => void}} Exits
 *   `join`: who watched wants to play; `moved`: a reconnect may end in another room */

const FIGURES_EVERY = 250;
const PANELS_EVERY = 200;
/** Milliseconds: after a shorter outage nobody needs to be told that it is over; how long one is told. */
const WORTH_TELLING = 2500;
const TOLD_FOR = 4000;
/** CSS pixels that the bar covers above (and who watches has another below), and the touch controls below. */
const BAR = 66;
const THUMBS = 170;
/** Metres: beyond, nothing is heard; and what is heard from one side only. */
const EARSHOT = 16;
const ASIDE = 11;

export class Play {
  /**
   * @param {Room} room
   * @param {import('./types.js').Ground} ground the map, walls included
   * @param {import('./sound.js').Sound} sound
   * @param {import('./chat.js').Chat} chat of the same room
   * @param {Exits} exits
   */
  constructor(room, ground, sound, chat, exits) {
    this.room = room;
    this.sound = sound;
    this.chat = chat;
    this.exits = exits;
    this.canvas = byId('game', HTMLCanvasElement);
    this.canvas.dataset.authority = room.authority;
    this.canvas.dataset.role = room.role;
    byId('stage', HTMLElement).toggleAttribute('data-film', Boolean(room.watched));
    const calm = window.matchMedia('(prefers-reduced-motion: reduce)').matches;
    this.scene = new Scene(this.canvas, room, ground, calm, (cue, x, y) => this.hear(cue, x, y));
    this.touch = byId('touch', HTMLElement);
    const plays = room.role === 'player';
    this.wishes = plays ? new Wishes(this.canvas, this.touch) : null;
    this.steer = this.wishes && room.authority === 'server' ? new Steer(room, this.wishes) : null;
    this.stroll = this.wishes && room.authority === 'client' ? new Stroll(room, this.wishes, ground) : null;
    this.watch = plays ? null : new Watch(room, this.scene.camera, this.canvas, () => exits.join(room));
    this.touch.hidden ||= !plays;
    this.tiles = ground.tiles ?? null;
    this.throws = null;
    if (this.predicts) {
      this.throws = new Throws(room, ground, ({ x, y }) => this.hear('throw', x, y));
      this.scene.throws = this.throws;
      this.scene.effects.isKnown = (ball) => this.throws?.hides(ball) ?? false;
    }
    this.predict();
    this.graphs = new Graphs(byId('graphs', HTMLElement));
    this.figures = new Figures(byId('figures', HTMLElement), room);
    this.costs = new CostList(byId('costs', HTMLElement));
    this.scores = new Scores(byId('scores', HTMLElement));
    this.status = byId('status', HTMLElement);
    this.toast = byId('toast', HTMLElement);
    this.toastTimer = 0;
    /** When the connection was lost. @type {number | null} */
    this.lostAt = null;
    this.stopping = new AbortController();
    const hands = { letGo: () => this.wishes?.letGo(), focus: () => this.canvas.focus() };
    this.bar = new Bar(room, sound, { ...hands, leave: () => exits.lobby() });
    this.controls = new NetworkControls(this.stopping.signal, hands.focus);
    this.surroundings = new Surroundings(room, ground, this.stopping.signal, hands.focus);
    this.chat.wants = hands;
    /** Who was here when we last looked. @type {Set<number>} */
    this.seats = new Set(room.players.keys());
    this.last = performance.now();
    this.fps = 60;
    /** Milliseconds that the page took for the last picture. */
    this.work = 0;
    this.shownAt = 0;
    this.panels = Array.from(document.querySelectorAll('.bar, #scores, #hud, #minimap, #touch button, #watching'));
    this.panelsAt = -Infinity;
    this.request = 0;
    this.unsubscribe = [
      room.onLeave((code, reason, back) => this.onLeave(code, reason, back)),
      room.onConnection((state) => this.onConnection(state)),
      room.onPlayers((players) => this.onPlayers(players)),
      room.onReconnect(() => this.onReconnect()),
      room.onResume(() => this.onResume()),
      room.onCorrection(() => this.stroll?.settle()),
    ];
    this.scene.setPlayers(room.players);
    room.keepClip(KEPT);
    this.dress();
  }

  start() {
    this.canvas.focus();
    const loop = () => {
      this.request = requestAnimationFrame(loop);
      this.frame(performance.now());
    };
    loop();
  }

  stop() {
    cancelAnimationFrame(this.request);
    for (const off of this.unsubscribe) off();
    this.stopping.abort();
    this.wishes?.stop();
    this.watch?.stop();
    this.bar.stop();
    this.chat.stop();
    this.costs.stop();
    this.surroundings.stop();
    this.scene.stop();
    this.throws?.stop();
    this.status.hidden = true;
    this.tell('');
  }

  get predicts() {
    return this.room.role === 'player' && this.room.game === 'arena' && this.tiles !== null;
  }

  predict() {
    if (this.predicts && this.tiles) this.room.usePrediction(arenaPredictor(this.tiles, this.room.rate));
  }

  /** @param {number} now milliseconds */
  frame(now) {
    const seconds = Math.min(0.25, (now - this.last) / 1000);
    this.last = now;
    if (seconds > 0) this.fps += (1 / seconds - this.fps) * 0.05;
    this.stroll?.step(seconds);
    let views = this.room.view(now);
    if (this.stroll) views = this.stroll.show(views);
    const own = views.find((view) => view.id === this.room.entity) ?? null;
    const aim = this.steer && own ? this.aim(own) : null;
    this.steer?.step(now, aim, own);
    this.scene.camera.keepFree(BAR, this.watch ? BAR : this.touch.hidden ? 0 : THUMBS);
    if (now - this.panelsAt > PANELS_EVERY) this.lookForPanels(now);
    this.scene.ghosts = !this.bar.hud.hidden && this.controls.ghosts.checked;
    this.scene.overlay = this.surroundings.step(now, own, this.scene.camera, !this.bar.hud.hidden);
    this.scene.draw(views, { now, seconds, own: own ?? this.watch?.focus(views) ?? null, aim });
    this.work = performance.now() - now;
    if (!this.room.watched) this.graphs.frame(this.room, this.work);
    if (now - this.shownAt > FIGURES_EVERY) {
      this.shownAt = now;
      this.scores.update(this.room);
      this.watch?.update();
      if (!this.room.watched) this.graphs.update(this.room);
      if (!this.bar.hud.hidden) {
        this.figures.update(this.room, this.fps);
        if (this.room.connection === 'online') this.costs.update(this.room.id, now);
      }
    }
  }

  /** The own avatar does not hide under them. @param {number} now */
  lookForPanels(now) {
    this.panelsAt = now;
    this.scene.camera.panels = this.panels.filter((panel) => panel.checkVisibility()).map((panel) => panel.getBoundingClientRect());
  }

  /** From the own avatar's chest to the mouse. @param {View} own @returns {number | null} */
  aim(own) {
    const mouse = this.wishes?.mouse;
    if (!mouse) return null;
    const target = this.scene.camera.toMap(mouse.x, mouse.y);
    return Math.atan2(target.y - own.y + 0.2, target.x - own.x);
  }

  /** Connects the banner's buttons. */
  dress() {
    const { room } = this;
    const { signal } = this.stopping;
    byId('status-again', HTMLButtonElement).addEventListener('click', () => {
      this.exits.again(room, this.status.dataset.code === String(REPLACED));
    }, { signal });
    byId('status-lobby', HTMLButtonElement).addEventListener('click', () => this.exits.lobby(), { signal });
    // A clicked button that keeps the focus would take the next space bar; one that was reached by Tab may.
    byId('stage', HTMLElement).addEventListener('click', (event) => {
      const inChat = event.target instanceof Element && event.target.closest('#chat');
      if (this.status.hidden && event.detail > 0 && !inChat) this.canvas.focus();
    }, { signal });
    this.status.hidden = true;
    delete this.status.dataset.code;
    byId('status-again', HTMLButtonElement).textContent = 'Play again';
  }

  /** As loud as it is near, from the side where it is. @param {import('./sound.js').Cue} cue @param {number} x metres @param {number} y */
  hear(cue, x, y) {
    const { camera } = this.scene;
    const near = Math.max(0, 1 - Math.hypot(x - camera.x, y - camera.y) / EARSHOT);
    this.sound.play(cue, near * near, Math.max(-1, Math.min(1, (x - camera.x) / ASIDE)));
  }

  /** @param {Map<number, import('./types.js').Player>} players */
  onPlayers(players) {
    this.scene.setPlayers(players);
    // Who comes somewhere on a map that nobody sees as a whole is not heard.
    const isHere = !this.room.grid;
    if (isHere && Array.from(players.keys()).some((seat) => !this.seats.has(seat))) this.sound.play('join', 0.7, 0);
    this.seats = new Set(players.keys());
  }

  /** @param {import('./types.js').Connection} state */
  onConnection(state) {
    if (state === 'reconnecting') this.lostAt ??= performance.now();
    if (state === 'online') this.status.hidden = true;
    else if (state === 'reconnecting') this.banner('reconnecting', this.waiting());
    else if (this.status.dataset.kind !== 'closed' || this.status.hidden) this.banner('closed', 'The connection ended.');
  }

  /** What the page waits for. */
  waiting() {
    if (!this.room.watched) return 'Connection lost. Reconnecting';
    return this.room.watched.status === 'waiting' ? 'Waiting for the room to go on' : 'The server does not answer. Trying again';
  }

  onReconnect() {
    this.exits.moved(this.room);
    // A server that was started anew may tick at another rate.
    this.predict();
    this.room.keepClip(KEPT);
    this.scene.setPlayers(this.room.players);
    this.seats = new Set(this.room.players.keys());
    this.steer?.repeat();
    this.stroll?.settle();
    this.lostAt = null;
    if (this.room.watched) this.tell('The room goes on after a restart.');
    else if (this.watch) this.tell('Reconnected');
    else this.tell('Reconnected. Your seat was gone, so you start anew.');
  }

  onResume() {
    const outage = performance.now() - (this.lostAt ?? performance.now());
    this.lostAt = null;
    if (outage > WORTH_TELLING) this.tell('Reconnected');
  }

  /** Says something for a moment. @param {string} text empty for nothing any more */
  tell(text) {
    clearTimeout(this.toastTimer);
    this.toast.textContent = text;
    if (text) this.toastTimer = window.setTimeout(() => this.tell(''), TOLD_FOR);
  }

  /** @param {number} code @param {string} reason @param {boolean} willReconnect */
  onLeave(code, reason, willReconnect) {
    if (willReconnect) {
      this.banner('reconnecting', explainWait(code));
      return;
    }
    this.status.dataset.code = String(code);
    this.banner('closed', this.room.watched ? 'The room has ended. You have seen all of it.' : explain(code, reason));
    const again = byId('status-again', HTMLButtonElement);
    if (this.room.watched) {
      again.hidden = true;
      this.watch?.stop();
      byId('status-lobby', HTMLButtonElement).focus();
      return;
    }
    again.textContent = code === REPLACED ? 'Play here' : 'Play again';
    again.focus();
  }

  /** @param {'reconnecting' | 'closed'} kind @param {string} text */
  banner(kind, text) {
    this.status.dataset.kind = kind;
    byId('status-text', HTMLElement).textContent = text;
    for (const button of this.status.querySelectorAll('button')) button.hidden = kind !== 'closed';
    this.status.hidden = false;
  }
}
