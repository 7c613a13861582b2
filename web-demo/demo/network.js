// The network to play over: the real one, or a simulated link, which the address (`?net=wifi`) or the HUD chooses. The link's code
// is loaded only then. Also what the HUD switches beside it: the server's positions, drawn as ghosts.

import { byId } from './dom.js';

const NAMES = ['lan', 'wifi', 'lte', 'train', 'spiky'];

/**
 * The socket class for the address.
 * @param {URLSearchParams} query
 * @returns {Promise<any>} undefined for the real network; rejects when there is no such link
 */
export async function chosenSocket(query) {
  const name = query.get('net');
  if (name === null) return undefined;
  const { overLink } = await import('../client/link-socket.js');
  return overLink(WebSocket, name);
}

/** The controls in the HUD. */
export class NetworkControls {
  /** @param {AbortSignal} signal @param {() => void} done gives the keys back to the game */
  constructor(signal, done) {
    this.ghosts = byId('ghosts', HTMLInputElement);
    const choice = byId('net', HTMLSelectElement);
    const real = new Option('as it is', '');
    choice.replaceChildren(real, ...NAMES.map((name) => new Option(name, name)));
    choice.value = new URLSearchParams(location.search).get('net') ?? '';
    choice.addEventListener('change', () => {
      const url = new URL(location.href);
      if (choice.value) url.searchParams.set('net', choice.value);
      else url.searchParams.delete('net');
      // The page returns to its seat over the other network.
      location.assign(url);
    }, { signal });
    this.ghosts.addEventListener('change', done, { signal });
  }
}
