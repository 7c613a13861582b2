// The small panel that brings others into the same room: the link, its QR code, copying and, where the
// device offers it, sharing. The code is drawn by the server, which only draws links to itself.

import { byId } from './dom.js';

const SAID_MS = 1600;

export class Invite {
  /** @param {AbortSignal} signal */
  constructor(signal) {
    this.dialog = byId('invite', HTMLDialogElement);
    this.link = byId('invite-link', HTMLInputElement);
    this.code = byId('invite-code', HTMLImageElement);
    this.copy = byId('invite-copy', HTMLButtonElement);
    const share = byId('invite-share', HTMLButtonElement);
    share.hidden = typeof navigator.share !== 'function';
    share.addEventListener('click', () => { navigator.share({ title: document.title, url: this.link.value }).catch(() => {}); }, { signal });
    this.copy.addEventListener('click', () => this.take(), { signal });
    byId('invite-close', HTMLButtonElement).addEventListener('click', () => this.dialog.close(), { signal });
    // An older server has no picture: the link is enough.
    this.code.addEventListener('error', () => { this.code.hidden = true; }, { signal });
  }

  /** @param {string} room its id */
  open(room) {
    const id = encodeURIComponent(room);
    this.link.value = new URL(`?room=${id}`, location.href).href;
    this.code.hidden = false;
    this.code.src = `api/rooms/${id}/qr.svg?scheme=${location.protocol === 'https:' ? 'https' : 'http'}`;
    byId('invite-hint', HTMLElement).textContent = isOwnMachine(location.hostname)
      ? `A phone cannot open this address: there, ${location.hostname} is the phone. Start the server with --bind 0.0.0.0:${location.port || '80'
      } and open this page by this computer's address in the network.`
      : 'Scan it with a phone, or send the link.';
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

/** @param {string} host @returns {boolean} */
function isOwnMachine(host) {
  return host === 'localhost' || host === '[::1]' || /^127\./.test(host);
}
