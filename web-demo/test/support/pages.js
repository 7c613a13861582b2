// Pages of one browser in virtual time: each with a storage like `sessionStorage`, a window that can be hidden, and
// channels to the other pages.

export class FakeStorage {
  constructor(items = []) {
    this.items = new Map(items);
  }

  getItem(key) {
    return this.items.get(key) ?? null;
  }

  setItem(key, value) {
    this.items.set(key, String(value));
  }

  removeItem(key) {
    this.items.delete(key);
  }

  /** As a duplicated tab gets it. */
  copy() {
    return new FakeStorage(this.items);
  }
}

/** What a client needs of its page; pages of one `browser` (a set) hear each other. */
export function page(browser = new Set(), storage = new FakeStorage()) {
  const listening = new Set();
  const watching = new Set();
  const of = (type) => ({ pagehide: listening, visibilitychange: watching })[type];
  return {
    storage,
    page: {
      addEventListener: (type, listener) => of(type).add(listener),
      removeEventListener: (type, listener) => of(type).delete(listener),
    },
    hide: (event = {}) => listening.forEach((listener) => listener(event)),
    /** Another tab is in front. */
    cover: () => watching.forEach((listener) => listener({})),
    get listening() {
      return new Set([...listening, ...watching]);
    },
    openChannel: (name) => {
      const channel = {
        name,
        onmessage: null,
        postMessage: (data) => {
          for (const other of browser) if (other !== channel && other.name === name) other.onmessage?.({ data });
        },
      };
      browser.add(channel);
      return channel;
    },
  };
}
