// The list of rooms for the lobby: from the stream that all tabs share, or from one of its own in browsers without shared workers.

import { RoomsStream } from './rooms-stream.js';

/** @typedef {import('./rooms-stream.js').Feed} Feed */

export class RoomsFeed {
  isOpen = false;
  /** @type {MessagePort | null} */
  #port = null;
  /** The own stream, when there is no worker. */
  #own;
  #tell;

  /** @param {(feed: Feed) => void} tell called for each change while the feed is open */
  constructor(tell) {
    this.#tell = (/** @type {Feed} */ feed) => {
      if (this.isOpen) tell(feed);
    };
    this.#own = new RoomsStream('api/rooms/events', this.#tell);
    this.#port = this.#connect();
    // The worker does not hear of pages that are closed or put aside.
    addEventListener('pagehide', () => this.#ask('close'));
    addEventListener('pageshow', ({ persisted }) => {
      if (persisted && this.isOpen) this.#ask('open');
    });
  }

  open() {
    this.isOpen = true;
    this.#ask('open');
  }

  close() {
    this.isOpen = false;
    this.#ask('close');
  }

  #connect() {
    if (typeof SharedWorker !== 'function') return null;
    try {
      const worker = new SharedWorker(new URL('rooms-worker.js', import.meta.url), { type: 'module', name: 'tickwire-rooms' });
      worker.port.onmessage = ({ data }) => this.#tell(data);
      worker.onerror = () => {
        this.#port = null;
        if (this.isOpen) this.#ask('open');
      };
      return worker.port;
    } catch {
      return null;
    }
  }

  /** @param {'open' | 'close'} what */
  #ask(what) {
    if (this.#port) this.#port.postMessage(what);
    else this.#own[what]();
  }
}
