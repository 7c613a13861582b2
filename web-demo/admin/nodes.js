// The nodes of the cluster, every few seconds; nothing where the server is alone. One room can be moved to another node.

import { Refusal } from './api.js';
import { build, find, write } from './dom.js';

/** @typedef {import('./api.js').ClusterNode} ClusterNode */

const EVERY_MS = 3000;

export class Nodes {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** Who asks; null after signing out. @type {import('./api.js').Api | null} */
  #api = null;

  /** @param {import('./api.js').Api} api */
  async open(api) {
    this.close();
    this.#api = api;
    try {
      const nodes = await api.nodes();
      if (nodes.length === 0 || this.#api !== api) return;
      this.#show(nodes);
    } catch (error) {
      if (this.#api !== api) return;
      write(find('nodes-note', HTMLElement), error instanceof Refusal ? error.message : 'the server does not answer');
    }
    this.#timer = setTimeout(() => this.open(api), EVERY_MS);
  }

  close() {
    this.#api = null;
    clearTimeout(this.#timer);
  }

  /** @param {ClusterNode[]} nodes */
  #show(nodes) {
    find('nodes-part', HTMLElement).hidden = false;
    find('move', HTMLButtonElement).hidden = nodes.length < 2;
    write(find('nodes-note', HTMLElement), `${nodes.reduce((sum, node) => sum + node.rooms, 0)} rooms on ${nodes.length} nodes`);
    const body = /** @type {HTMLElement} */ (find('nodes', HTMLTableElement).tBodies[0]);
    body.replaceChildren(...[...nodes].sort((a, b) => a.epoch - b.epoch).map(line));
  }
}

/** @param {ClusterNode} node */
function line({ name, address, version, rooms, players, load, lease_left, draining, takeover }) {
  const state = draining ? build('span', 'badge warn', 'draining') : lease(lease_left);
  const title = build('td', '', name || address);
  title.title = `${address}, version ${version}, ${takeover ? 'its rooms survive it' : 'its rooms end with it'}`;
  return build('tr', '', title, build('td', 'number', String(rooms)), build('td', 'number', String(players)),
    build('td', 'number wide', `${(load / 10).toFixed(1)} %`), build('td', '', state));
}

/** @param {number} left of the lease, in milliseconds */
function lease(left) {
  return left > 0 ? build('span', 'badge', `lease ${(left / 1000).toFixed(1)} s`) : build('span', 'badge warn', 'lease ended');
}
