// A worker that all operators' pages of this browser share: one event stream per token, however many tabs watch. A browser opens
// six connections to a server, and a stream takes one of them for good. Tokens stay in memory, as in the pages.

import { VitalsStream } from './vitals-stream.js';

/** The streams by token, each with the pages that watch. @type {Map<string, { stream: VitalsStream, ports: Set<MessagePort> }>} */
const watched = new Map();

/** @param {MessagePort} port @param {string} token */
function open(port, token) {
  const shared = watched.get(token);
  if (shared) {
    shared.ports.add(port);
    if (shared.stream.newest) port.postMessage(shared.stream.newest);
    return;
  }
  /** @type {Set<MessagePort>} */
  const ports = new Set([port]);
  const stream = new VitalsStream(token, (told) => {
    for (const each of ports) each.postMessage(told);
    // The next page with this token asks again.
    if (told.type === 'refused') watched.delete(token);
  });
  watched.set(token, { stream, ports });
  stream.open();
}

/** @param {MessagePort} port */
function close(port) {
  for (const [token, { stream, ports }] of watched) {
    if (!ports.delete(port) || ports.size > 0) continue;
    stream.close();
    watched.delete(token);
  }
}

/** @type {any} */ (self).onconnect = (/** @type {MessageEvent} */ { ports: [port] }) => {
  port.onmessage = ({ data: { token } }) => {
    close(port);
    if (token) open(port, token);
  };
};
