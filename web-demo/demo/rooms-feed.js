// The list of rooms for the lobby: from the stream that all tabs share, or from one of its own in browsers without shared workers.

import { MOST_ROOMS, RoomsStream } from './rooms-stream.js';

/** @typedef {import('./rooms-stream.js').Feed} Feed */

const ANSWERS_WITHIN_MS = 2000;

export class RoomsFeed {
  isOpen = false;
  /** To the worker while the list is open; `null` in browsers without shared workers. @type {MessagePort | null | undefined} */
  #port;
  /** The own stream, when there is no worker. */
  #own;
  /** The timer for a worker that does not answer. @type {number | undefined} */
  #silence;
  #tell;

  #worker;

  /**
   * @param {(feed: Feed) => void} tell called for each change while the feed is open
   * @param {{ Stream: new (url: string, tell: (feed: any) => void) => { open(): void, close(): void }, url: string, worker: string }} [source]
   *   the list of rooms by default: its stream, and the worker with one for all tabs
   */
  constructor(tell, { Stream, url, worker } = { Stream: RoomsStream, url: `api/rooms/events?limit=${MOST_ROOMS}`, worker: 'rooms-worker.js' }) {
    this.#worker = worker;
    this.#tell = (/** @type {Feed} */ feed) => {
      if (this.isOpen) tell(feed);
    };
    this.#own = new Stream(url, this.#tell);
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
      const worker = new SharedWorker(new URL(this.#worker, import.meta.url), { type: 'module', name: `tickwire ${this.#worker}` });
      worker.port.onmessage = ({ data }) => {
        clearTimeout(this.#silence);
        this.#tell(data);
      };
      worker.onerror = () => {
        clearTimeout(this.#silence);
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
    clearTimeout(this.#silence);
    if (this.#port === undefined && what === 'open') this.#port = this.#connect();
    if (this.#port === null) return this.#own[what]();
    this.#port?.postMessage(what);
    if (what === 'close') {
      this.#port = undefined;
      return;
    }
    // A worker answers at once, unless another page has just let it end.
    this.#silence = setTimeout(() => {
      this.#port = undefined;
      this.#ask('open');
    }, ANSWERS_WITHIN_MS);
  }
}
