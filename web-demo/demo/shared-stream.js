// One event stream for all pages of this browser that show it, for use in a shared worker. A browser opens six connections to a
// server, and a stream takes one of them for good. When no page shows it, the worker ends: Chromium does not keep a page for going
// back that has a worker to itself.

/**
 * @template T
 * @param {(tell: (feed: T) => void) => { feed: T, open(): void, close(): void }} make makes the stream
 */
export function shareStream(make) {
  /** Pages that show it now. @type {Set<MessagePort>} */
  const shown = new Set();
  const stream = make((feed) => {
    for (const port of shown) port.postMessage(feed);
  });
  /** @type {any} */ (self).onconnect = (/** @type {MessageEvent} */ { ports: [port] }) => {
    port.onmessage = ({ data }) => {
      if (data === 'open') {
        shown.add(port);
        stream.open();
        port.postMessage(stream.feed);
      } else if (shown.delete(port) && shown.size === 0) {
        stream.close();
        self.close();
      }
    };
  };
}
