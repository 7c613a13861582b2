// Shares the last ten seconds: a link that contains what was seen, so that nothing needs to be stored anywhere. The timeline's page
// shows it.

import { clipToText } from '../client/index.js';
import { byId } from './dom.js';

/** Seconds that are kept. */
export const KEPT = 10;
const SAID_MS = 1600;
/** Characters that a QR code of the largest version holds as bytes. */
const QR_CODE = 2953;

export class ClipDialog {
  /** @param {import('./types.js').Room} room @param {AbortSignal} signal */
  constructor(room, signal) {
    this.room = room;
    this.dialog = byId('clip', HTMLDialogElement);
    this.link = byId('clip-link', HTMLInputElement);
    this.copy = byId('clip-copy', HTMLButtonElement);
    this.copy.addEventListener('click', () => this.take(), { signal });
    byId('clip-close', HTMLButtonElement).addEventListener('click', () => this.dialog.close(), { signal });
    const share = byId('clip-share', HTMLButtonElement);
    share.hidden = typeof navigator.share !== 'function';
    share.addEventListener('click', () => { navigator.share({ title: document.title, url: this.link.value }).catch(() => {}); }, { signal });
  }

  open() {
    const clip = this.room.clip();
    const link = clip ? new URL(`timeline/#clip=${clipToText(clip)}`, location.href.replace(/[?#].*/, '')).href : '';
    const fits = link.length <= QR_CODE ? ' It would fit into one QR code.' : '';
    byId('clip-hint', HTMLElement).textContent = clip
      ? `What you just saw is in the link itself: ${(link.length / 1000).toFixed(1)} kB, without names. No server keeps it.${fits}`
      : 'Nothing has been kept yet. Try again in a moment.';
    this.link.value = link;
    for (const element of [this.link, this.copy, byId('clip-watch', HTMLAnchorElement)]) element.hidden = !clip;
    byId('clip-watch', HTMLAnchorElement).href = link;
    this.dialog.showModal();
    this.copy.focus();
  }

  take() {
    this.link.select();
    // Without a secure context there is no clipboard; the link is selected, to be copied by hand.
    const copied = navigator.clipboard?.writeText(this.link.value) ?? Promise.reject(new Error('no clipboard'));
    copied.then(() => 'Copied', () => 'Selected').then((text) => {
      this.copy.textContent = text;
      setTimeout(() => { this.copy.textContent = 'Copy link'; }, SAID_MS);
    });
  }
}
