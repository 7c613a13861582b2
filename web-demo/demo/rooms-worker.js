// A worker that all pages of this browser share: one event stream for the list of rooms, however many tabs show it. A browser opens
// six connections to a server, and a stream takes one of them for good. When no page shows the list, the worker ends: Chromium does
// not keep a page for going back that has a worker to itself.

import { MOST_ROOMS, RoomsStream } from './rooms-stream.js';

/** Pages that show the list now. @type {Set<MessagePort>} */
const shown = new Set();
const stream = new RoomsStream(`../api/rooms/events?limit=${MOST_ROOMS}`, (feed) => {
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
