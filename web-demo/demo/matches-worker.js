// A worker that all pages of this browser share: one event stream for the results, however many tabs show them. See rooms-worker.js.

import { MatchesStream } from './matches-stream.js';

/** Pages that show the results now. @type {Set<MessagePort>} */
const shown = new Set();
const stream = new MatchesStream('../api/matches', (feed) => {
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
