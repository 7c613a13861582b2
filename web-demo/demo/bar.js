// What is at hand around the arena: the bar's buttons, their keys, the dialogs and the switches that are
// remembered. It says what the player wants; what happens then is play.js.

import { byId } from './dom.js';
import { ClipDialog } from './clip.js';
import { Invite } from './invite.js';
import { remember, remembered } from './settings.js';

/** @typedef {import('./types.js').Room} Room */

const HUD = 'hud';

export class Bar {
  /**
   * @param {Room} room
   * @param {import('./sound.js').Sound} sound
   * @param {{leave: () => void, letGo: () => void, focus: () => void}} wants
   */
  constructor(room, sound, wants) {
    this.room = room;
    this.sound = sound;
    this.wants = wants;
    this.stopping = new AbortController();
    this.hud = byId('hud', HTMLElement);
    this.help = byId('help', HTMLDialogElement);
    this.invite = new Invite(this.stopping.signal);
    this.clip = new ClipDialog(room, this.stopping.signal);
    byId('room-label', HTMLElement).textContent = room.properties.map ?? room.game;
    this.help.dataset.hands = window.matchMedia('(hover: none) and (pointer: coarse)').matches ? 'fingers' : 'keys';
    const hands = room.role === 'spectator' ? 'watch' : room.authority;
    for (const row of this.help.querySelectorAll('[data-only]')) {
      if (row instanceof HTMLElement) row.hidden = !row.dataset.only?.split(' ').includes(hands);
    }
    this.connect();
    this.showHud(!room.watched && remembered(HUD, 'off') === 'on');
    this.showSound();
  }

  stop() {
    this.stopping.abort();
    this.help.close();
    this.invite.dialog.close();
    this.clip.dialog.close();
  }

  connect() {
    const { signal } = this.stopping;
    const on = (/** @type {string} */ id, /** @type {() => void} */ act) => byId(id, HTMLButtonElement).addEventListener('click', act, { signal });
    on('leave', this.wants.leave);
    on('invite-open', () => this.open('invite'));
    on('clip-open', () => {
      this.invite.dialog.close();
      this.open('clip');
    });
    on('stats', () => this.switchHud());
    on('sound', () => this.switchSound());
    on('help-open', () => this.open('help'));
    on('help-close', () => this.help.close());
    for (const dialog of [this.help, this.invite.dialog, this.clip.dialog]) {
      dialog.addEventListener('close', this.wants.focus, { signal });
      dialog.addEventListener('pointerdown', (event) => { if (isBeside(dialog, event)) dialog.close(); }, { signal });
    }
    window.addEventListener('keydown', (event) => this.key(event), { signal });
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.key === '?' && this.help.open) this.help.close();
    else if (event.target instanceof Element && event.target.closest('input, select, textarea, dialog')) return;
    else if (event.key === '?') this.open('help');
    else if (event.code === 'KeyI') this.open('invite');
    else if (event.code === 'KeyC' && !this.room.watched) this.open('clip');
    else if (event.code === 'KeyH' && !this.room.watched) this.switchHud();
    else if (event.code === 'KeyM') this.switchSound();
    else if (event.key === 'Escape') this.wants.focus();
  }

  /** @param {'help' | 'invite' | 'clip'} what */
  open(what) {
    // The dialog takes the keys from now on, also their release.
    this.wants.letGo();
    if (what === 'help') this.help.showModal();
    else if (what === 'clip') this.clip.open();
    else this.invite.open(this.room.id);
  }

  switchHud() {
    this.showHud(this.hud.hidden);
    remember(HUD, this.hud.hidden ? 'off' : 'on');
  }

  /** @param {boolean} shown */
  showHud(shown) {
    this.hud.hidden = !shown;
    byId('stats', HTMLButtonElement).setAttribute('aria-pressed', String(shown));
  }

  switchSound() {
    this.sound.switch();
    this.showSound();
  }

  showSound() {
    byId('sound', HTMLButtonElement).setAttribute('aria-pressed', String(this.sound.on));
  }
}

/** Whether the pointer is on a dialog's backdrop. @param {HTMLElement} dialog @param {PointerEvent} event @returns {boolean} */
function isBeside(dialog, { target, clientX, clientY }) {
  const { left, right, top, bottom } = dialog.getBoundingClientRect();
  return target === dialog && (clientX < left || clientX > right || clientY < top || clientY > bottom);
}
