// Callbacks of the page. One that throws must not disturb the protocol or the other callbacks: its error is thrown again
// on its own, where the page's error handling sees it. What nobody hears is kept elsewhere (backlog.js).

/** @template {unknown[]} A */
export class Listeners {
  /** @param {() => void} [added] called after a callback was added */
  constructor(added = () => {}) {
    /** @type {Set<(...args: A) => void>} */
    this.all = new Set();
    this.added = added;
  }

  /** Whether anybody listens. */
  get heard() {
    return this.all.size > 0;
  }

  /**
   * @param {(...args: A) => void} listener
   * @returns {() => void} unsubscribes
   */
  add(listener) {
    // Wrapped, so that adding a function twice makes two subscriptions with an end each.
    const entry = (/** @type {A} */ ...args) => listener(...args);
    this.all.add(entry);
    this.added();
    return () => void this.all.delete(entry);
  }

  /** @param {A} args */
  emit(...args) {
    for (const listener of this.all) call(listener, args);
  }
}

/**
 * Callbacks about what stays true for a while, such as an ending: one that is added later is told, too.
 * @template {unknown[]} A
 * @extends {Listeners<A>}
 */
export class StandingListeners extends Listeners {
  /** What is true now; null: nothing that anybody need be told. @type {A | null} */
  standing = null;
  /** Those who know. @type {WeakSet<(...args: A) => void>} */
  #know = new WeakSet();

  /** Tells everyone, and from now on those who are added. @param {A} args */
  settle(...args) {
    this.standing = args;
    this.#know = new WeakSet();
    this.catchUp();
  }

  /** Tells everyone of what is of no interest to those who come later. @override @param {A} args */
  emit(...args) {
    this.standing = null;
    super.emit(...args);
  }

  /** Tells those who do not know yet. */
  catchUp() {
    for (const listener of this.all) {
      if (!this.standing) return;
      if (this.#know.has(listener)) continue;
      this.#know.add(listener);
      call(listener, this.standing);
    }
  }
}

/**
 * Callbacks by name; those under `*` hear everything.
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

  /** Whether nobody ever listened, so that a frame need not name all that changed. */
  get unheard() {
    return this.byKey.size === 0;
  }

  /** Whether anybody listens to this, or with `*` to anything. @param {K | '*'} key */
  hears(key) {
    if (key === '*') return [...this.byKey.values()].some(({ heard }) => heard);
    return this.byKey.get(key)?.heard || this.byKey.get('*')?.heard || false;
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

/** Throws where the page's error handling sees it, and nobody else. @param {unknown} error */
export function rethrow(error) {
  queueMicrotask(() => {
    throw error;
  });
}
