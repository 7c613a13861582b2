// One stay in a room: joins the client library's room to inputs, scene, figures and banners, from
// entering to leaving. How a room is found and joined is main.js; how the network works is the
// client library.

import { arenaPredictor } from './arena.js';
import { REPLACED, explain, explainWait } from './closes.js';
import { byId } from './dom.js';
import { CostList } from './costs.js';
import { Figures, Scores } from './hud.js';
import { Wishes } from './input.js';
import { Scene } from './scene.js';
import { Steer } from './steer.js';
import { Stroll } from './stroll.js';

/** @typedef {import('./types.js').Room} Room */
/** @typedef {import('./types.js').View} View */
/** @typedef {{again: (room: Room, sameSeat: boolean) => void, lobby: () => void, moved: (room: Room) => void}} Exits `moved`: a
 *   reconnect may end in another room */

const FIGURES_EVERY = 250;
const HUD_KEY = 'tickwire.hud';

export class Play {
  /** @param {Room} room @param {import('./types.js').Ground} ground the map, walls included @param {Exits} exits */
  constructor(room, ground, exits) {
    this.room = room;
    this.exits = exits;
    this.canvas = byId('game', HTMLCanvasElement);
    this.canvas.dataset.rule = room.rule;
    const calm = window.matchMedia('(prefers-reduced-motion: reduce)').matches;
    this.scene = new Scene(this.canvas, room, ground, calm);
    this.wishes = new Wishes(this.canvas, byId('touch', HTMLElement));
    this.steer = room.rule === 'steer' ? new Steer(room, this.wishes) : null;
    this.stroll = room.rule === 'place' ? new Stroll(room, this.wishes, ground) : null;
    this.tiles = ground.tiles ?? null;
    this.predict();
    this.hud = byId('hud', HTMLElement);
    this.figures = new Figures(byId('figures', HTMLElement));
    this.costs = new CostList(byId('costs', HTMLElement));
    this.scores = new Scores(byId('scores', HTMLElement));
    this.status = byId('status', HTMLElement);
    this.help = byId('help', HTMLElement);
    this.stopping = new AbortController();
    this.last = performance.now();
    this.fps = 60;
    this.shownAt = 0;
    this.request = 0;
    this.unsubscribe = [
      room.onLeave((code, reason, back) => this.onLeave(code, reason, back)),
      room.onConnection((state) => this.onConnection(state)),
      room.onPlayers((players) => this.scene.setPlayers(players)),
      room.onReconnect(() => this.onReconnect()),
      room.onCorrection(() => this.stroll?.settle()),
    ];
    this.scene.setPlayers(room.players);
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
    this.wishes.stop();
    this.costs.stop();
    this.scene.stop();
    this.status.hidden = true;
    this.help.hidden = true;
  }

  predict() {
    const { room, tiles } = this;
    if (room.game === 'arena' && tiles) room.usePrediction(arenaPredictor(tiles, room.rate));
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
    this.scene.draw(views, { now, seconds, own, aim });
    if (now - this.shownAt > FIGURES_EVERY) {
      this.shownAt = now;
      this.scores.update(this.room);
      if (!this.hud.hidden) {
        this.figures.update(this.room, this.fps);
        if (this.room.connection === 'online') this.costs.update(this.room.id, now);
      }
    }
  }

  /** From the own avatar's chest to the mouse. @param {View} own @returns {number | null} */
  aim(own) {
    const { mouse } = this.wishes;
    if (!mouse) return null;
    const target = this.scene.camera.toMap(mouse.x, mouse.y);
    return Math.atan2(target.y - own.y + 0.2, target.x - own.x);
  }

  /** Fills in the bar and connects its buttons and keys. */
  dress() {
    const { room } = this;
    const { signal } = this.stopping;
    byId('room-label', HTMLElement).textContent = room.properties.map ?? room.game;
    for (const row of this.help.querySelectorAll('[data-only]')) {
      if (row instanceof HTMLElement) row.hidden = row.dataset.only !== room.rule;
    }
    /** @type {(id: string, act: (button: HTMLButtonElement) => void) => void} */
    const on = (id, act) => {
      const button = byId(id, HTMLButtonElement);
      button.addEventListener('click', () => act(button), { signal });
    };
    on('leave', () => this.exits.lobby());
    on('share', (button) => this.share(button));
    on('stats', () => this.toggleHud());
    on('help-open', () => { this.help.hidden = !this.help.hidden; });
    on('help-close', () => { this.help.hidden = true; this.canvas.focus(); });
    on('status-again', () => this.exits.again(room, this.status.dataset.code === String(REPLACED)));
    on('status-lobby', () => this.exits.lobby());
    // A button that keeps the focus would take the next space bar.
    byId('stage', HTMLElement).addEventListener('click', () => { if (this.status.hidden) this.canvas.focus(); }, { signal });
    window.addEventListener('keydown', (event) => this.key(event), { signal });
    const wide = window.matchMedia('(min-width: 621px)').matches;
    this.hud.hidden = (localStorage.getItem(HUD_KEY) ?? (wide ? 'on' : 'off')) === 'off';
    this.status.hidden = true;
    delete this.status.dataset.code;
    byId('status-again', HTMLButtonElement).textContent = 'Play again';
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.code === 'KeyH') this.toggleHud();
    else if (event.key === '?') this.help.hidden = !this.help.hidden;
    else if (event.key === 'Escape') this.help.hidden = true;
  }

  toggleHud() {
    this.hud.hidden = !this.hud.hidden;
    localStorage.setItem(HUD_KEY, this.hud.hidden ? 'off' : 'on');
    this.shownAt = 0;
  }

  /** @param {HTMLButtonElement} button */
  share(button) {
    // Without a secure context there is no clipboard; the address bar has the same link.
    const copied = navigator.clipboard?.writeText(new URL(`?room=${encodeURIComponent(this.room.id)}`, location.href).href) ?? Promise.reject(new Error('no clipboard'));
    copied.then(() => 'Copied', () => 'See address bar').then((text) => {
      button.textContent = text;
      setTimeout(() => { button.textContent = 'Copy link'; }, 1600);
    });
  }

  /** @param {import('./types.js').Connection} state */
  onConnection(state) {
    if (state === 'online') this.status.hidden = true;
    else if (state === 'reconnecting') this.banner('reconnecting', 'Connection lost. Reconnecting');
    else if (this.status.dataset.kind !== 'closed' || this.status.hidden) this.banner('closed', 'The connection ended.');
  }

  onReconnect() {
    this.exits.moved(this.room);
    // A server that was started anew may tick at another rate.
    this.predict();
    this.scene.setPlayers(this.room.players);
    this.steer?.repeat();
    this.stroll?.settle();
  }

  /** @param {number} code @param {string} reason @param {boolean} willReconnect */
  onLeave(code, reason, willReconnect) {
    if (willReconnect) {
      this.banner('reconnecting', explainWait(code));
      return;
    }
    this.status.dataset.code = String(code);
    this.banner('closed', explain(code, reason));
    const again = byId('status-again', HTMLButtonElement);
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
