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
  const emitter = () => {
    const listeners = new Set();
    return {
      listeners,
      addEventListener: (type, listener) => listeners.add({ type, listener }),
      removeEventListener: (type, listener) => {
        for (const each of listeners) if (each.type === type && each.listener === listener) listeners.delete(each);
      },
      emit: (name, event = {}) => [...listeners].forEach(({ type, listener }) => type === name && listener({ type, ...event })),
    };
  };
  const events = emitter();
  const network = emitter();
  return {
    storage,
    page: events,
    network,
    hide: (event) => events.emit('pagehide', event),
    show: (event) => events.emit('pageshow', event),
    /** Another tab is in front. */
    cover: () => events.emit('visibilitychange', { target: { visibilityState: 'hidden' } }),
    uncover: () => events.emit('visibilitychange', { target: { visibilityState: 'visible' } }),
    get listening() {
      return new Set([...events.listeners, ...network.listeners]);
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
