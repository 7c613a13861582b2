// The events of one seat, across connections: each is delivered once and in order, and losses are reported as gaps. Events go to
// the page's handlers (through the backlog when there are none yet) and to the roster. Replies resolve their calls. Chat
// lines for a player who left are not sent again.

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
   * @param {import('./room.js').Room<any>} room the argument of `onReconnect`
   */
  constructor(roster, outbox, listeners, room) {
    this.roster = roster;
    this.outbox = outbox;
    this.listeners = listeners;
    this.room = room;
    /** The newest event that arrived: handlers have received it, or the backlog keeps it. */
    this.newest = 0;
    /** Of the room, in which the events have their numbers. */
    this.incarnation = 0;
    this.backlog = new Backlog(listeners, (event, tick) => this.#emit(event, tick));
  }

  /** Continues where the page was before a reload. @param {import('./seat-store.js').StoredSeat} stored */
  restore({ events, incarnation, backlog }) {
    this.newest = events;
    this.incarnation = incarnation;
    this.backlog.restore(backlog);
  }

  /**
   * A connection begins.
   * @param {import('./messages.js').Welcome} welcome
   */
  begin({ continuity, events, incarnation }) {
    const ahead = (events - this.newest) | 0;
    if (incarnation !== this.incarnation) {
      // What came after the room was last saved has these numbers again.
      this.newest = events;
      this.restarted(incarnation);
    }
    if (continuity === 'fresh') {
      this.newest = events;
      this.backlog.clear();
      this.listeners.ended.current = null;
    } else if (ahead > 0) {
      this.newest = events;
      // Delivered with the next frame or event, after `onResume`.
      this.backlog.enqueue({ type: 'gap', lost: ahead }, 0);
      this.outbox.missed(events);
    }
    this.outbox.heard = this.newest;
  }

  /**
   * Handles that the room started again from what was saved of it, so that it is unknown which players left.
   * @param {number} incarnation
   */
  restarted(incarnation) {
    this.incarnation = incarnation;
    this.outbox.missed(null);
  }

  /**
   * Handles the events of a frame or a delivery.
   * @param {EventBatch | null} batch
   * @param {number} tick of the message
   */
  receive(batch, tick) {
    const gap = batch && batch.items.length + batch.lost > 0 ? (batch.first - 1 - this.newest) | 0 : 0;
    if (gap > 0) {
      this.newest = (this.newest + gap) >>> 0;
      this.backlog.enqueue({ type: 'gap', lost: gap }, tick);
      this.outbox.missed(this.newest);
    }
    this.backlog.flush();
    batch?.items.forEach(({ age, body }, index) => {
      // Before this event counts as arrived: a callback may cause the page to store what has arrived.
      this.backlog.flush();
      const number = (batch.first + index) >>> 0;
      // A known event was sent again because its acknowledgement was lost.
      if (((number - this.newest) | 0) <= 0) return;
      this.newest = number;
      this.roster.apply(number, body);
      if (body.type === 'left') this.outbox.left(number, body.seat);
      if (body.type === 'reply') this.outbox.reply(body.command, body.done, body.body);
      else this.backlog.deliver(owned(body), (tick - age) >>> 0);
    });
    this.outbox.heard = this.newest;
  }

  /** @param {import('./backlog.js').RoomEvent} event @param {number} tick */
  #emit(event, tick) {
    const { listeners } = this;
    switch (event.type) {
      case 'game':
        listeners.message.emit(event.kind, event.body, { kind: event.kind, tick });
        break;
      case 'chat':
        listeners.chat.emit({ from: event.from, name: event.name, text: event.text, private: event.private, tick });
        break;
      case 'property':
        listeners.property.emit(event.key, event.value);
        break;
      case 'ended':
        listeners.ended.emitSticky(event.result);
        break;
      case 'gap':
        listeners.gap.emit(event.lost);
        break;
      case 'correction':
        listeners.correction.emit(event.correction);
        break;
      case 'reconnect':
        listeners.reconnect.emit(this.room);
        break;
      default:
        listeners.players.emit(this.roster.players, event);
    }
  }
}

/**
 * Copies byte strings, so that an event that waits or that the page keeps does not retain the whole message.
 * @template {EventBody} T
 * @param {T} body
 * @returns {T}
 */
function owned(body) {
  if (body.type === 'game') return { ...body, body: body.body.slice() };
  return body.type === 'ended' ? { ...body, result: body.result.slice() } : body;
}
