// How everything is, from the server's event stream, for one token. Runs in a page, or in the worker that all pages of a browser
// share.

import { Api, Refusal } from './api.js';

/**
 * @typedef {{ type: 'vitals', vitals: import('./api.js').Vitals } | { type: 'lost' }
 *   | { type: 'refused', status: number }} Told `lost`: the stream ended and is opened again
 */

const RETRY_AFTER = 2000;
/** Refusals that another attempt does not change. */
const FINAL = [401, 404, 429];

export class VitalsStream {
  /** The newest vitals of the open stream. @type {Told | null} */
  newest = null;
  #listening = new AbortController();
  #token;
  #tell;

  /** @param {string} token @param {(told: Told) => void} tell */
  constructor(token, tell) {
    this.#token = token;
    this.#tell = tell;
  }

  open() {
    this.#listening.abort();
    this.#listening = new AbortController();
    this.#listen(this.#listening.signal);
  }

  close() {
    this.#listening.abort();
    this.newest = null;
  }

  /** @param {AbortSignal} signal */
  async #listen(signal) {
    const api = new Api(this.#token);
    while (!signal.aborted) {
      try {
        await api.listen(signal, (vitals) => {
          this.newest = { type: 'vitals', vitals };
          this.#tell(this.newest);
        });
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof Refusal && FINAL.includes(error.status)) return this.#tell({ type: 'refused', status: error.status });
      }
      if (signal.aborted) return;
      this.newest = null;
      this.#tell({ type: 'lost' });
      await new Promise((resolve) => setTimeout(resolve, RETRY_AFTER));
    }
  }
}
