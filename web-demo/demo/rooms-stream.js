// The live list of rooms from the server's event stream. Runs in a page, or in the worker that all pages of a browser share.

/** @typedef {{ state: 'connecting' | 'live', text: string, rooms: unknown }} Feed `text`: the state in words; `rooms`: the newest list, null before the first one */

/** A dropped stream comes back by itself, a refused one is tried again after this long. */
const RETRY_MS = 3000;

export class RoomsStream {
  /** @type {Feed} */
  feed = { state: 'connecting', text: 'connecting', rooms: null };
  /** @type {EventSource | null} */
  #source = null;
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
    source.onmessage = ({ data }) => this.#set({ state: 'live', text: 'live', rooms: JSON.parse(data) });
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

  /** @param {Partial<Feed>} change */
  #set(change) {
    this.feed = { ...this.feed, ...change };
    this.tell(this.feed);
  }
}
