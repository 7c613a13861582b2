// The chat of a room, from joining to leaving: hears what is said and who comes and goes, opens and closes, sends what
// is typed and follows it to its delivery. How lines look is chat-log.js; steering is not its business, but for letting
// go of it while somebody types.

import { ChatLog } from './chat-log.js';
import { byId } from './dom.js';

/** @typedef {import('./types.js').Room} Room */
/** @typedef {import('./chat-log.js').Line} Line */

/** Characters of a line; from how many left on they are counted down. */
const LONGEST = 240;
const SCARCE = 40;
/** With more players, their coming and going would drown what they say. */
const SOCIABLE = 24;
/** Own lines that may be under way; the client takes no more either. */
const UNDER_WAY = 32;

export class Chat {
  /**
   * Made as soon as the room is joined: it begins with what was said before.
   * @param {Room} room
   */
  constructor(room) {
    this.room = room;
    this.panel = byId('chat', HTMLElement);
    this.opener = byId('chat-open', HTMLButtonElement);
    this.badge = byId('chat-new', HTMLElement);
    this.form = byId('chat-form', HTMLFormElement);
    this.field = byId('chat-text', HTMLInputElement);
    this.left = byId('chat-left', HTMLElement);
    this.list = byId('chat-log', HTMLElement);
    this.log = new ChatLog(this.list);
    this.stopping = new AbortController();
    this.unread = 0;
    /** Own lines that the room has not repeated yet. @type {{line: Line, text: string}[]} */
    this.unheard = [];
    /** Names by seat, also of those who have just left. @type {Map<number, string>} */
    this.names = new Map();
    /** The first tick that was seen: what was said before is history. @type {number | null} */
    this.began = null;
    /** @type {{letGo: () => void, focus: () => void}} */
    this.wants = { letGo: () => {}, focus: () => {} };
    this.unsubscribe = [
      room.onChat((line) => this.heard(line)),
      room.onPlayers((_players, change) => this.moved(change)),
      room.onGap((lost) => this.log.note(lost === 1 ? '1 message was missed' : `${lost} messages were missed`, true)),
      room.onReconnect(() => this.restart()),
      room.onStateChange(() => this.settle()),
    ];
    this.form.hidden = room.role === 'spectator';
    this.list.dataset.empty = room.role === 'spectator' ? 'Nobody said anything yet.' : 'Nobody said anything yet. Be the first.';
    this.field.value = '';
    this.count();
    this.show(false);
    this.restart();
    this.connect();
  }

  stop() {
    this.show(false);
    this.stopping.abort();
    for (const off of this.unsubscribe) off();
  }

  connect() {
    const { signal } = this.stopping;
    this.opener.addEventListener('click', (event) => {
      // The stage gives the focus back to the arena otherwise.
      event.stopPropagation();
      if (this.isOpen) this.close();
      else this.open();
    }, { signal });
    this.form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.send();
    }, { signal });
    this.field.addEventListener('input', () => this.count(), { signal });
    window.addEventListener('keydown', (event) => this.key(event), { signal });
  }

  get isOpen() {
    return 'open' in this.panel.dataset;
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.isComposing || !(event.target instanceof Element)) return;
    if (this.room.watched) return;
    if (event.key === 'Escape' && this.isOpen && !event.target.closest('dialog')) this.close();
    else if (event.key === 'Enter' && !event.target.closest('a, button, input, select, textarea, dialog')) {
      // The same key press would send the empty line.
      event.preventDefault();
      this.open();
    }
  }

  open() {
    this.show(true);
    this.wants.letGo();
    this.unread = 0;
    this.showUnread();
    this.log.toEnd();
    if (this.form.hidden) this.list.focus();
    // On a phone the focus brings up the keyboard, which hides half of what one came to read.
    else if (window.matchMedia('(hover: hover)').matches) this.field.focus();
  }

  close() {
    this.show(false);
    this.wants.focus();
  }

  /** @param {boolean} open */
  show(open) {
    this.panel.toggleAttribute('data-open', open);
    this.opener.setAttribute('aria-expanded', String(open));
    // Who scrolls with keys gets there while there is something to scroll.
    this.list.tabIndex = open ? 0 : -1;
  }

  showUnread() {
    this.badge.textContent = this.unread > 99 ? '99+' : String(this.unread);
    this.badge.hidden = this.unread === 0;
    this.opener.setAttribute('aria-label', this.unread > 0 ? `Chat, ${this.unread} unread` : 'Chat');
  }

  count() {
    const left = LONGEST - Array.from(this.field.value).length;
    this.left.textContent = left > SCARCE ? '' : left < 0 ? `${-left} too many` : `${left} left`;
    this.left.classList.toggle('over', left < 0);
    byId('chat-send', HTMLButtonElement).disabled = left < 0;
  }

  /** What is typed; nothing typed means to be done. */
  send() {
    const text = this.field.value.trim();
    if (!text) this.close();
    else if (Array.from(text).length <= LONGEST) {
      this.field.value = '';
      this.count();
      this.say(text);
    }
  }

  /** @param {string} text */
  say(text) {
    const { room } = this;
    const name = this.nameOf(room.seat);
    const line = this.log.say({ name, colour: this.colourOf(room.seat, name), text, own: true, private: false }, true);
    const said = { line, text };
    this.unheard.push(said);
    // A game may keep a line to itself, which then never comes back.
    if (this.unheard.length > UNDER_WAY) this.unheard.shift();
    this.log.mark(line, room.connection === 'online' ? 'sent' : 'waiting');
    this.log.toEnd();
    room.chat(text).then(() => this.log.mark(line, 'delivered'), () => {
      this.unheard = this.unheard.filter((each) => each !== said);
      this.log.mark(line, 'failed', () => this.say(text));
    });
  }

  /** @param {import('./types.js').ChatLine} line */
  heard({ from, name, text, private: whispered, tick }) {
    const own = from === this.room.seat && name === this.nameOf(from);
    // The room may have tidied it up; lines come back in their order.
    const mine = own ? this.unheard.find((each) => each.text === text) ?? this.unheard[0] : undefined;
    if (mine) {
      this.unheard = this.unheard.filter((each) => each !== mine);
      mine.line.words.textContent = text;
      return;
    }
    const fresh = this.began !== null && tick >= this.began;
    this.log.say({ name: name || `Player ${from}`, colour: this.colourOf(from, name), text, own, private: whispered }, fresh);
    if (!fresh || own || this.isOpen) return;
    this.unread += 1;
    this.showUnread();
  }

  /** @param {import('./types.js').PlayerChange | null} change */
  moved(change) {
    if (change === null) {
      this.listNames();
      return;
    }
    const seat = change.type === 'joined' ? change.player.seat : change.seat;
    if (change.type === 'joined') this.names.set(seat, change.player.name);
    const name = this.nameOf(seat);
    if (change.type === 'left') this.names.delete(seat);
    if (seat === this.room.seat || this.room.players.size > SOCIABLE) return;
    const what = { joined: 'joined', left: 'left', disconnected: 'is away', reconnected: 'is back' }[change.type];
    this.log.note(`${name} ${what}`, true);
  }

  listNames() {
    this.names = new Map(Array.from(this.room.players.values(), ({ seat, name }) => [seat, name]));
  }

  /** @param {number} seat */
  nameOf(seat) {
    return this.names.get(seat) || `Player ${seat}`;
  }

  /** Null when the seat is not that player's any more. @param {number} seat @param {string} name @returns {number | null} */
  colourOf(seat, name) {
    const player = this.room.players.get(seat);
    if (!player || (player.name || `Player ${seat}`) !== name) return null;
    return this.room.state.entities.get(player.entity)?.colour ?? null;
  }

  /** A new seat, in this room or another: the history comes again. */
  restart() {
    this.began = null;
    this.unread = 0;
    this.unheard = [];
    this.showUnread();
    this.listNames();
    this.log.restart();
    // Nobody wants to hear the history read out.
    this.list.setAttribute('aria-busy', 'true');
  }

  settle() {
    if (this.began !== null) return;
    this.began = this.room.state.tick;
    this.list.removeAttribute('aria-busy');
  }
}
