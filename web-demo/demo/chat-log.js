// The lines of the chat as elements: what was said, who came and went, and what became of the own lines. What others
// wrote is set as text only. Bounded; opening, typing and sending are chat.js.

import { make, makeMark } from './dom.js';
import { mark } from './marks.js';
import { coat } from './palette.js';

/** @typedef {'waiting' | 'sent' | 'delivered' | 'failed'} Delivery */
/** @typedef {{name: string, colour: number | null, text: string, own: boolean, private: boolean}} Saying */
/** @typedef {{item: HTMLElement, words: HTMLElement, state: HTMLElement, delivery: Delivery | null}} Line */

/** Lines that one can scroll back to. */
const KEPT = 200;
/** Milliseconds for which a new line shows although the chat is closed. */
const FRESH = 8000;
/** Pixels from the end at which one still reads along. */
const AT_END = 24;

/** @type {Record<Delivery, [string, string]>} */
const TICKS = { waiting: ['…', 'waiting for the connection'], sent: ['✓', 'sent'], delivered: ['✓✓', 'delivered'], failed: ['!', 'not delivered'] };

export class ChatLog {
  /** @param {HTMLElement} list */
  constructor(list) {
    this.list = list;
    /** @type {Line[]} */
    this.lines = [];
    list.replaceChildren();
  }

  /** @param {Saying} saying @param {boolean} fresh @returns {Line} */
  say(saying, fresh) {
    const item = make('p', 'line', '');
    item.classList.toggle('own', saying.own);
    item.classList.toggle('private', saying.private);
    if (saying.colour !== null) item.append(makeMark(mark(saying.colour), coat(saying.colour).fill));
    item.append(make('bdi', 'name', saying.name), make('span', 'colon', ': '));
    if (saying.private) item.append(make('span', 'whisper', 'private'), ' ');
    const words = make('bdi', 'words', saying.text);
    const state = make('span', 'state', '');
    item.append(words, state);
    return this.add({ item, words, state, delivery: null }, fresh);
  }

  /** What nobody said. @param {string} text @param {boolean} fresh */
  note(text, fresh) {
    const item = make('p', 'line note', text);
    this.add({ item, words: item, state: item, delivery: null }, fresh);
  }

  /** @param {Line} line @param {boolean} fresh @returns {Line} */
  add(line, fresh) {
    const { list } = this;
    const reading = list.scrollHeight - list.scrollTop - list.clientHeight < AT_END;
    if (fresh) {
      line.item.classList.add('fresh');
      setTimeout(() => line.item.classList.remove('fresh'), FRESH);
    }
    list.append(line.item);
    this.lines.push(line);
    if (this.lines.length > KEPT) this.lines.shift()?.item.remove();
    if (reading || line.delivery !== null) this.toEnd();
    return line;
  }

  /** What became of an own line. @param {Line} line @param {Delivery} delivery @param {(() => void) | null} retry */
  mark(line, delivery, retry = null) {
    line.delivery = delivery;
    const [sign, meaning] = TICKS[delivery];
    const tick = make('span', '', sign);
    tick.setAttribute('role', 'img');
    tick.setAttribute('aria-label', meaning);
    tick.title = meaning;
    line.state.dataset.delivery = delivery;
    line.state.replaceChildren(tick);
    if (!retry) return;
    const again = make('button', 'retry', 'Retry');
    again.setAttribute('type', 'button');
    again.addEventListener('click', () => {
      this.drop(line);
      retry();
    });
    line.state.append(again);
  }

  /** @param {Line} line */
  drop(line) {
    line.item.remove();
    this.lines = this.lines.filter((each) => each !== line);
  }

  /** Forgets all but the own lines that did not arrive: a new room has its own history. */
  restart() {
    const kept = this.lines.filter(({ delivery }) => delivery !== null && delivery !== 'delivered');
    this.lines = kept;
    this.list.replaceChildren(...kept.map(({ item }) => item));
  }

  toEnd() {
    this.list.scrollTop = this.list.scrollHeight;
  }
}
