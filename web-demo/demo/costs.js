// Where the room's bytes go: asks the server every two seconds while the figures are shown, and lists the largest shares
// in bits per tick and player, with a bar. The server weighs a tick now and then; nothing is computed here.

import { make } from './dom.js';

/**
 * @typedef {{ kind: string | null, field: string, bits: number }} Share
 * @typedef {{ players: number, samples: number, bytes: number, shares: Share[] }} Costs
 */

const EVERY_MS = 2000;
const SHOWN = 7;
/** What belongs to no kind, in words. @type {Record<string, string>} */
const FRAMING = { presence: 'who is present' };

export class CostList {
  /** @param {HTMLElement} list */
  constructor(list) {
    this.list = list;
    this.askedAt = -Infinity;
    this.asking = new AbortController();
    list.replaceChildren();
    list.hidden = true;
    this.rows = Array.from({ length: SHOWN }, () => {
      const row = make('li', '', '');
      const name = make('span', 'name', '');
      const bar = make('span', 'share', '');
      const bits = make('span', 'bits', '');
      row.append(name, bar, bits);
      return { row, name, bar, bits };
    });
  }

  /** Call it often while the list is to be seen. @param {string} room its id @param {number} now */
  update(room, now) {
    if (now - this.askedAt < EVERY_MS) return;
    this.askedAt = now;
    // A server that does not answer costs the page a list, nothing else.
    ask(room, this.asking.signal).then((costs) => this.show(costs), () => this.hide());
  }

  stop() {
    this.asking.abort();
    this.hide();
  }

  hide() {
    this.list.hidden = true;
  }

  /** @param {Costs} costs */
  show({ samples, shares }) {
    if (this.asking.signal.aborted) return;
    const largest = shares.filter(({ bits }) => bits >= 0.005).sort((a, b) => b.bits - a.bits).slice(0, SHOWN);
    this.list.hidden = samples === 0 || largest.length === 0;
    const most = largest[0]?.bits ?? 1;
    this.rows.forEach(({ row, name, bar, bits }, index) => {
      const share = largest[index];
      if (!share) {
        row.remove();
        return;
      }
      name.textContent = share.kind === null ? FRAMING[share.field] ?? share.field : `${share.kind} ${share.field}`;
      bits.textContent = `${share.bits.toFixed(2)} bit`;
      bar.style.setProperty('--part', String(share.bits / most));
      if (!row.isConnected) this.list.append(row);
    });
  }
}

/** @param {string} room @param {AbortSignal} signal @returns {Promise<Costs>} */
async function ask(room, signal) {
  const response = await fetch(`api/rooms/${encodeURIComponent(room)}/costs`, { signal });
  if (!response.ok) throw new Error(`costs: ${response.status}`);
  return response.json();
}
