// What the page and the browser tell that concerns a connection: the page goes away or comes back, the network may have changed.
// Outside of pages there is nothing to listen to.

/**
 * @typedef {{ addEventListener(type: string, listener: (event: any) => void): void,
 *   removeEventListener(type: string, listener: (event: any) => void): void }} PageEvents
 * @typedef {{
 *   hidden(event: { persisted?: boolean }): void,
 *   shown(event: { persisted?: boolean }): void,
 *   seen(): void,
 *   changed(): void,
 * }} PageHandlers `hidden` and `shown`: the page goes, and is there (again); `persisted` when it stays in memory, unchanged;
 *   `seen`: another tab is in front, or no longer; `changed`: the network may be another one, or another page was in front for long
 */

/**
 * @param {PageEvents | null} page
 * @param {PageEvents & { type?: string } | null} network with its type, where the browser tells it
 * @param {PageHandlers} handlers
 * @returns {() => void} stops listening
 */
export function listenToPage(page, network, handlers) {
  const changed = () => handlers.changed();
  let type = network?.type;
  const networkChanged = () => {
    // Most of these events tell that the same network became faster or slower.
    if (type !== undefined && network?.type === type) return;
    type = network?.type;
    changed();
  };
  /** @type {[PageEvents | null, string, (event: any) => void][]} */
  const all = [
    [page, 'pagehide', (event) => handlers.hidden(event)],
    [page, 'pageshow', (event) => handlers.shown(event)],
    [page, 'visibilitychange', ({ target }) => {
      handlers.seen();
      if (target?.visibilityState !== 'hidden') handlers.changed();
    }],
    [page, 'offline', changed],
    [page, 'online', changed],
    [network, 'change', networkChanged],
  ];
  for (const [source, type, listener] of all) source?.addEventListener(type, listener);
  return () => {
    for (const [source, type, listener] of all) source?.removeEventListener(type, listener);
  };
}
