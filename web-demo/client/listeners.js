// Callbacks of the page. A callback that throws must not disturb the protocol or other callbacks: its error is rethrown
// separately, where the page's error handling sees it. The backlog keeps events without a callback.

/** How many emissions there were, of all listeners. A callback that is added during an emission does not take part in it. */
let emissions = 0;

/** @template {unknown[]} A */
export class Listeners {
  /** @param {() => void} [added] called after a callback was added */
  constructor(added = () => {}) {
    /** With the number of emissions before each was added. @type {Map<(...args: A) => void, number>} */
    this.all = new Map();
    this.added = added;
  }

  /** Whether there is any callback. */
  get hasListeners() {
    return this.all.size > 0;
  }

  /**
   * @param {(...args: A) => void} listener
   * @returns {() => void} unsubscribes
   */
  add(listener) {
    // Wrapped, so that adding a function twice makes two subscriptions that end separately.
    const entry = (/** @type {A} */ ...args) => listener(...args);
    this.all.set(entry, emissions);
    this.added();
    return () => void this.all.delete(entry);
  }

  /** Removes all callbacks. */
  clear() {
    this.all.clear();
  }

  /** @param {A} args */
  emit(...args) {
    this.emitAs(++emissions, args);
  }

  /**
   * @param {number} emission its number
   * @param {A} args
   */
  emitAs(emission, args) {
    for (const [listener, before] of this.all) if (before < emission) call(listener, args);
  }
}

/**
 * Callbacks with a sticky value, such as the end of a match: callbacks that are added later receive it, too.
 * @template {unknown[]} A
 * @extends {Listeners<A>}
 */
export class StickyListeners extends Listeners {
  /** What callbacks receive that are added now; null for nothing. @type {A | null} */
  current = null;
  /** Callbacks that have received it. @type {WeakSet<(...args: A) => void>} */
  #informed = new WeakSet();

  /** Calls all callbacks, and those that are added later. @param {A} args */
  emitSticky(...args) {
    this.current = args;
    this.#informed = new WeakSet();
    this.replay();
  }

  /** Calls all callbacks; later ones receive nothing. @override @param {A} args */
  emit(...args) {
    this.current = null;
    const emission = ++emissions;
    for (const [listener, before] of this.all) {
      // A callback may have caused the next value, which all have received by now.
      if (this.current) return;
      if (before < emission) call(listener, args);
    }
  }

  /** Calls the callbacks that were added since. */
  replay() {
    for (const listener of this.all.keys()) {
      if (!this.current) return;
      if (this.#informed.has(listener)) continue;
      this.#informed.add(listener);
      call(listener, this.current);
    }
  }
}

/**
 * Callbacks by name; those under `*` are called for every name.
 * @template {string | number} K
 * @template {unknown[]} A
 */
export class KeyedListeners {
  /** @param {() => void} [added] called after a callback was added */
  constructor(added) {
    /** @type {Map<K | '*', Listeners<A>>} */
    this.byKey = new Map();
    this.added = added;
  }

  /** Whether there never was a callback, so that a frame need not collect all changes. */
  get unheard() {
    return this.byKey.size === 0;
  }

  /** Whether there is a callback for this key; for `*`: for any key. @param {K | '*'} key */
  has(key) {
    if (key === '*') return [...this.byKey.values()].some(({ hasListeners }) => hasListeners);
    return this.byKey.get(key)?.hasListeners || this.byKey.get('*')?.hasListeners || false;
  }

  /**
   * @param {K | '*'} key
   * @param {(...args: A) => void} listener
   */
  add(key, listener) {
    let listeners = this.byKey.get(key);
    if (!listeners) this.byKey.set(key, (listeners = new Listeners(this.added)));
    return listeners.add(listener);
  }

  /** Removes all callbacks. */
  clear() {
    for (const listeners of this.byKey.values()) listeners.clear();
  }

  /**
   * @param {K} key
   * @param {A} args
   */
  emit(key, ...args) {
    const emission = ++emissions;
    this.byKey.get(key)?.emitAs(emission, args);
    this.byKey.get('*')?.emitAs(emission, args);
  }
}

/**
 * Calls a listener and rethrows its error separately.
 * @template T
 * @param {(arg: T) => void} listener
 * @param {T} arg
 */
export function callSafely(listener, arg) {
  call(listener, [arg]);
}

/**
 * @template {unknown[]} A
 * @param {(...args: A) => void} listener
 * @param {A} args
 */
function call(listener, args) {
  try {
    listener(...args);
  } catch (error) {
    rethrow(error);
  }
}

/** Throws on its own, so that only the page's error handling sees it. @param {unknown} error */
export function rethrow(error) {
  queueMicrotask(() => {
    throw error;
  });
}
