// A room for the components of a page: joined when the first of them subscribes, left when the last one has gone. A component that is
// mounted, unmounted and mounted again, as React's StrictMode does, joins once.
//
// `subscribe` and `room` are what React's `useSyncExternalStore` takes; other frameworks need as little.

import { markRaw } from './proxies.js';

/** How long the room waits for the next component, in milliseconds. */
const KEPT_MS = 100;

/** @template {import('./game.js').GameTypes} [G=import('./game.js').AnyGame] */
export class SharedRoom {
  /** @type {Set<() => void>} */ #listeners = new Set();
  /** What is left when nobody needs it any more; null when no room is wanted. @type {AbortController | null} */ #wanted = null;
  /** @type {import('./room.js').Room<G> | null} */ #room = null;
  /** @type {unknown} */ #error = null;
  #frame = 0;

  /**
   * @param {(options: { signal: AbortSignal }) => Promise<import('./room.js').Room<G>>} join such as
   *   `({ signal }) => client.joinOrCreate('dots', { signal })`
   */
  constructor(join) {
    /** @type {(options: { signal: AbortSignal }) => Promise<import('./room.js').Room<G>>} */ this.join = join;
  }

  /**
   * Calls `listener` when there is a room, at each of its frames, when its connection changes, and when joining fails. Joins for the first
   * subscriber.
   * @param {() => void} listener
   * @returns {() => void} unsubscribes
   */
  subscribe = (listener) => {
    const own = () => listener();
    this.#listeners.add(own);
    this.#wanted ??= this.#enter();
    return () => {
      this.#listeners.delete(own);
      setTimeout(() => this.#settle(), KEPT_MS);
    };
  };

  /** The room; null while it is being joined. */
  room = () => this.#room;

  /** Why joining has failed; null otherwise. The next first subscriber tries again. */
  error = () => this.#error;

  /** A number that changes whenever subscribers are called, for components that show what is in the room. */
  frame = () => this.#frame;

  #enter() {
    const wanted = new AbortController();
    this.#error = null;
    this.join({ signal: wanted.signal }).then(
      (room) => {
        if (wanted.signal.aborted) return void room.leave();
        this.#room = room;
        room.onStateChange(() => this.#tell());
        room.onConnection(() => this.#tell());
        this.#tell();
      },
      (error) => {
        if (wanted.signal.aborted) return;
        this.#error = error;
        this.#tell();
      },
    );
    return wanted;
  }

  /** Leaves, unless somebody has subscribed again. */
  #settle() {
    if (this.#listeners.size > 0 || !this.#wanted) return;
    this.#wanted.abort();
    this.#room?.leave();
    this.#wanted = this.#room = null;
  }

  #tell() {
    this.#frame += 1;
    for (const listener of [...this.#listeners]) listener();
  }
}

markRaw(SharedRoom);
