// Callbacks of the page. One that throws must not disturb the protocol or the other callbacks: its error is thrown again
// on its own, where the page's error handling sees it.

/** @template {unknown[]} A */
export class Listeners {
  constructor() {
    /** @type {Set<(...args: A) => void>} */
    this.all = new Set();
  }

  /**
   * @param {(...args: A) => void} listener
   * @returns {() => void} unsubscribes
   */
  add(listener) {
    // Wrapped, so that adding a function twice makes two subscriptions with an end each.
    const entry = (/** @type {A} */ ...args) => listener(...args);
    this.all.add(entry);
    return () => void this.all.delete(entry);
  }

  /** @param {A} args */
  emit(...args) {
    for (const listener of this.all) {
      try {
        listener(...args);
      } catch (error) {
        rethrow(error);
      }
    }
  }
}

/**
 * Callbacks by name; those under `*` hear everything.
 * @template {string | number} K
 * @template {unknown[]} A
 */
export class KeyedListeners {
  constructor() {
    /** @type {Map<K | '*', Listeners<A>>} */
    this.byKey = new Map();
  }

  /** Whether nobody ever listened, so that a frame need not name all that changed. */
  get unheard() {
    return this.byKey.size === 0;
  }

  /**
   * @param {K | '*'} key
   * @param {(...args: A) => void} listener
   */
  add(key, listener) {
    let listeners = this.byKey.get(key);
    if (!listeners) this.byKey.set(key, (listeners = new Listeners()));
    return listeners.add(listener);
  }

  /**
   * @param {K} key
   * @param {A} args
   */
  emit(key, ...args) {
    this.byKey.get(key)?.emit(...args);
    this.byKey.get('*')?.emit(...args);
  }
}

/**
 * Calls a listener with the same care.
 * @template T
 * @param {(arg: T) => void} listener
 * @param {T} arg
 */
export function guarded(listener, arg) {
  try {
    listener(arg);
  } catch (error) {
    rethrow(error);
  }
}

/** @param {unknown} error */
function rethrow(error) {
  queueMicrotask(() => {
    throw error;
  });
}
