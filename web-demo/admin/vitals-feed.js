// How everything is, for one page: from the stream that all tabs share, or from one of its own in browsers without shared workers.

import { VitalsStream } from './vitals-stream.js';

/** @typedef {import('./vitals-stream.js').Told} Told */

export class VitalsFeed {
  /** @type {string | null} */ #token = null;
  /** @type {MessagePort | null} */ #port;
  /** The own stream, when there is no worker. @type {VitalsStream | null} */ #own = null;
  #tell;

  /** @param {(told: Told) => void} tell called while the feed is open */
  constructor(tell) {
    this.#tell = (/** @type {Told} */ told) => {
      if (this.#token !== null) tell(told);
    };
    this.#port = this.#connect();
    // The worker does not hear of pages that are closed or put aside.
    addEventListener('pagehide', () => this.#ask(null));
    addEventListener('pageshow', ({ persisted }) => {
      if (persisted) this.#ask(this.#token);
    });
  }

  /** @param {string} token */
  open(token) {
    this.#token = token;
    this.#ask(token);
  }

  close() {
    this.#token = null;
    this.#ask(null);
  }

  #connect() {
    if (typeof SharedWorker !== 'function') return null;
    try {
      const worker = new SharedWorker(new URL('vitals-worker.js', import.meta.url), { type: 'module', name: 'tickwire-vitals' });
      worker.port.onmessage = ({ data }) => this.#tell(data);
      worker.onerror = () => {
        this.#port = null;
        this.#ask(this.#token);
      };
      return worker.port;
    } catch {
      return null;
    }
  }

  /** @param {string | null} token null: no more */
  #ask(token) {
    if (this.#port) {
      this.#port.postMessage({ token });
      return;
    }
    this.#own?.close();
    this.#own = token === null ? null : new VitalsStream(token, this.#tell);
    this.#own?.open();
  }
}
