// The live list of rooms from the server's event stream. Runs in a page, or in the worker that all pages of a browser share.

/**
 * @typedef {{ id: string, game: string, players: number, capacity: number, locked: boolean, rate: number, properties?: Record<string, string> }} Listing
 * @typedef {{ state: 'connecting' | 'live', text: string, rooms: Listing[] | null }} Feed `text`: the state in words; `rooms`: the newest list, null before the first one
 * @typedef {{ rooms?: Listing[], added?: Listing[], changed?: Listing[], removed?: string[], more: boolean }} ListEvent `rooms`: the whole list, else what has become of it; `more`: there are rooms that the server does not tell of
 */

/** Rooms that the lobby shows. */
export const MOST_ROOMS = 200;
/** A dropped stream comes back by itself, a refused one is tried again after this long. */
const RETRY_MS = 3000;

export class RoomsStream {
  /** @type {Feed} */
  feed = { state: 'connecting', text: 'connecting', rooms: null };
  /** @type {EventSource | null} */
  #source = null;
  /** By id. @type {Map<string, Listing>} */
  #rooms = new Map();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retry;

  /**
   * @param {string} url of the event stream
   * @param {(feed: Feed) => void} tell called for each change
   */
  constructor(url, tell) {
    this.url = url;
    this.tell = tell;
  }

  open() {
    if (this.#source) return;
    const source = new EventSource(this.url);
    this.#source = source;
    source.onopen = () => this.#set({ state: 'live', text: 'live' });
    source.onmessage = ({ data }) => this.#hear(JSON.parse(data));
    source.onerror = () => {
      this.#set({ state: 'connecting', text: 'reconnecting' });
      if (source.readyState !== EventSource.CLOSED) return;
      this.#source = null;
      this.#retry = setTimeout(() => this.open(), RETRY_MS);
    };
  }

  close() {
    clearTimeout(this.#retry);
    this.#source?.close();
    this.#source = null;
    this.feed = { state: 'connecting', text: 'connecting', rooms: null };
  }

  /** @param {ListEvent} event */
  #hear({ rooms, added = [], changed = [], removed = [], more }) {
    if (rooms) this.#rooms.clear();
    for (const id of removed) this.#rooms.delete(id);
    for (const room of [...(rooms ?? []), ...added, ...changed]) this.#rooms.set(room.id, room);
    const text = more ? `live, ${this.#rooms.size} of the rooms` : 'live';
    this.#set({ state: 'live', text, rooms: [...this.#rooms.values()] });
  }

  /** @param {Partial<Feed>} change */
  #set(change) {
    this.feed = { ...this.feed, ...change };
    this.tell(this.feed);
  }
}
