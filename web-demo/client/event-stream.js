// The events of one seat, across connections: each told once and in order, with what was lost said. Tells the page (its
// first handler, when there is none yet) and the roster; replies go to who called, and who left gets nothing more that was for
// them.

import { Backlog } from './backlog.js';

/**
 * @typedef {import('./events-wire.js').EventBody} EventBody
 * @typedef {import('./events-wire.js').EventBatch} EventBatch
 * @typedef {import('./room-events.js').RoomListeners} RoomListeners
 */

export class EventStream {
  /**
   * @param {import('./roster.js').Roster} roster
   * @param {import('./outbox.js').Outbox} outbox
   * @param {RoomListeners} listeners
   * @param {import('./room.js').Room} room what handlers are told about
   */
  constructor(roster, outbox, listeners, room) {
    this.roster = roster;
    this.outbox = outbox;
    this.listeners = listeners;
    this.room = room;
    /** The newest event that arrived: a handler heard it, or it is in the backlog. */
    this.newest = 0;
    this.backlog = new Backlog(listeners, (news, tick) => this.#tell(news, tick));
  }

  /** What the page before a reload knew, and had not told. @param {import('./seat-store.js').StoredSeat} stored */
  restore({ events, backlog }) {
    this.newest = events;
    this.backlog.restore(backlog);
  }

  /**
   * A connection begins.
   * @param {import('./messages.js').Welcome} welcome
   */
  begin({ continuity, events }) {
    const ahead = (events - this.newest) | 0;
    if (continuity === 'fresh') {
      this.newest = events;
      this.backlog.clear();
      this.listeners.ended.standing = null;
    } else if (ahead > 0) {
      this.newest = events;
      // Told with the next frame, after the connection's return.
      this.backlog.keep({ type: 'gap', lost: ahead }, 0);
      this.outbox.missed(events);
    }
    this.outbox.heard = this.newest;
  }

  /**
   * What a frame brought.
   * @param {EventBatch | null} batch
   * @param {number} tick of the frame
   */
  receive(batch, tick) {
    const gap = batch && batch.items.length + batch.lost > 0 ? (batch.first - 1 - this.newest) | 0 : 0;
    if (gap > 0) {
      this.newest = (this.newest + gap) >>> 0;
      this.backlog.keep({ type: 'gap', lost: gap }, tick);
      this.outbox.missed(this.newest);
    }
    this.backlog.drain();
    batch?.items.forEach(({ age, body }, index) => {
      const number = (batch.first + index) >>> 0;
      // One that is known already was sent again because the acknowledgement was lost.
      if (((number - this.newest) | 0) <= 0) return;
      this.newest = number;
      this.roster.apply(number, body);
      if (body.type === 'left') this.outbox.left(number, body.seat);
      if (body.type === 'reply') this.outbox.reply(body.command, body.done, body.body);
      else this.backlog.offer(owned(body), (tick - age) >>> 0);
    });
    this.outbox.heard = this.newest;
  }

  /** @param {import('./backlog.js').News} news @param {number} tick */
  #tell(news, tick) {
    const { listeners } = this;
    switch (news.type) {
      case 'game':
        listeners.message.emit(news.kind, news.body, { kind: news.kind, tick });
        break;
      case 'chat':
        listeners.chat.emit({ from: news.from, name: news.name, text: news.text, private: news.private, tick });
        break;
      case 'property':
        listeners.property.emit(news.key, news.value);
        break;
      case 'ended':
        listeners.ended.settle(news.result);
        break;
      case 'gap':
        listeners.gap.emit(news.lost);
        break;
      case 'correction':
        listeners.correction.emit(news.correction);
        break;
      case 'reconnect':
        listeners.reconnect.emit(this.room);
        break;
      default:
        listeners.players.emit(this.roster.players, news);
    }
  }
}

/**
 * The message's buffer should not live as long as an event waits, or the page keeps its bytes.
 * @template {EventBody} T
 * @param {T} body
 * @returns {T}
 */
function owned(body) {
  if (body.type === 'game') return { ...body, body: body.body.slice() };
  return body.type === 'ended' ? { ...body, result: body.result.slice() } : body;
}
