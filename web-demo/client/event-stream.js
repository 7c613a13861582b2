// The events of one seat, across connections: each told once and in order, with what was lost said. Tells the page and the
// roster; replies go to who called, and who left gets nothing more that was for them.

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
   */
  constructor(roster, outbox, listeners) {
    this.roster = roster;
    this.outbox = outbox;
    this.listeners = listeners;
    /** The newest event that arrived. */
    this.newest = 0;
    /** Lost while there was no connection; told with the next frame, when the page had time to listen. */
    this.lost = 0;
  }

  /**
   * A connection begins.
   * @param {import('./messages.js').Welcome} welcome
   */
  begin({ continuity, events }) {
    const ahead = (events - this.newest) | 0;
    if (continuity === 'fresh') {
      this.newest = events;
      this.lost = 0;
    } else if (ahead > 0) {
      this.newest = events;
      this.lost += ahead;
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
      this.lost += gap;
      this.outbox.missed(this.newest);
    }
    if (this.lost > 0) this.listeners.gap.emit(this.lost);
    this.lost = 0;
    batch?.items.forEach(({ age, body }, index) => {
      const number = (batch.first + index) >>> 0;
      // One that is known already was sent again because the acknowledgement was lost.
      if (((number - this.newest) | 0) <= 0) return;
      this.newest = number;
      this.roster.apply(number, body);
      if (body.type === 'left') this.outbox.left(number, body.seat);
      this.#tell(body, (tick - age) >>> 0);
    });
    this.outbox.heard = this.newest;
  }

  /** @param {EventBody} body @param {number} tick */
  #tell(body, tick) {
    const { listeners } = this;
    switch (body.type) {
      case 'game':
        // A copy: the message's buffer should not live as long as the page keeps a body.
        listeners.message.emit(body.kind, body.body.slice(), { kind: body.kind, tick });
        break;
      case 'chat':
        listeners.chat.emit({ from: body.from, name: body.name, text: body.text, private: body.private, tick });
        break;
      case 'property':
        listeners.property.emit(body.key, body.value);
        break;
      case 'ended':
        listeners.ended.emit(body.result.slice());
        break;
      case 'reply':
        this.outbox.reply(body.command, body.done, body.body);
        break;
      default:
        listeners.players.emit(this.roster.players, body);
    }
  }
}
