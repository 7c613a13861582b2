// A room from inside, asked for once per second while the page is looked at: its players, where
// everything is, the rows of one kind; and the orders: kick, record, lock, close.

import { Refusal } from './api.js';
import { build, find, write } from './dom.js';
import { byPain, describe } from './feel.js';
import { COLOURS, RoomMap } from './map.js';
import { audience, short } from './overview.js';
import { asText } from './values.js';

/** @typedef {import('./api.js').Inside} Inside */
/** @typedef {import('./api.js').Health} Health */

const EVERY = 1000;

export class Inspector {
  /** @param {(title: string, label: string, go: string) => Promise<string | null>} ask @param {(text: string) => void} say */
  constructor(ask, say) {
    this.ask = ask;
    this.say = say;
    this.map = new RoomMap(find('map', HTMLCanvasElement));
    this.kind = find('kind', HTMLSelectElement);
    /** @type {import('./api.js').Api | null} */
    this.api = null;
    this.id = '';
    /** @type {Inside | null} */
    this.inside = null;
    this.timer = 0;
    this.kind.addEventListener('change', () => this.showRows());
    find('record', HTMLButtonElement).addEventListener('click', () => this.record());
    find('lock', HTMLButtonElement).addEventListener('click', () => this.lock());
    find('close', HTMLButtonElement).addEventListener('click', () => this.close());
    find('move', HTMLButtonElement).addEventListener('click', () => this.order(this.id, 'move', {}, 'The room goes on at another node'));
    document.addEventListener('visibilitychange', () => this.look());
  }

  /** @param {import('./api.js').Api} api @param {string} id */
  open(api, id) {
    [this.api, this.id, this.inside] = [api, id, null];
    this.map.reset();
    this.kind.replaceChildren();
    this.look();
  }

  /** @param {string} [why] */
  leave(why = 'Choose a room to look inside.') {
    clearTimeout(this.timer);
    this.id = '';
    find('inside', HTMLElement).hidden = true;
    find('no-room', HTMLElement).hidden = false;
    write(find('no-room', HTMLElement), why);
  }

  /** What the list knows of the room. @param {Health[]} rooms */
  note(rooms) {
    const health = rooms.find(({ id }) => id === this.id);
    if (!health) return;
    write(find('room-note', HTMLElement), `${health.game}, ${health.rate} Hz, ${health.players} of ${health.capacity} seats, ${audience(health)}`);
    const chips = Object.entries(health.properties).map(([key, value]) => build('span', '', key, ' ', build('b', '', value)));
    find('properties', HTMLElement).replaceChildren(...chips);
  }

  async look() {
    clearTimeout(this.timer);
    const { api, id } = this;
    if (!api || !id || document.hidden) return;
    try {
      const inside = await api.inside(id);
      if (this.id === id) this.show(inside);
    } catch (error) {
      if (this.id === id && error instanceof Refusal && error.status === 404) this.leave(`Room ${short(id)} has ended.`);
    }
    if (this.id === id) {
      clearTimeout(this.timer);
      this.timer = window.setTimeout(() => this.look(), EVERY);
    }
  }

  /** @param {Inside} inside */
  show(inside) {
    const first = this.inside === null;
    this.inside = inside;
    find('no-room', HTMLElement).hidden = true;
    find('inside', HTMLElement).hidden = false;
    write(find('room-title', HTMLElement), `Room ${short(this.id)}`);
    find('room-title', HTMLElement).title = this.id;
    write(find('lock', HTMLButtonElement), inside.locked ? 'Unlock' : 'Lock');
    if (first) {
      this.kind.replaceChildren(...inside.kinds.map(({ name }, index) => new Option(name, String(index))));
      const chips = inside.kinds.map(({ name }, index) => {
        const dot = build('i');
        dot.style.background = COLOURS[index % COLOURS.length] ?? '';
        return build('span', '', dot, name, ' ', build('b'));
      });
      find('legend', HTMLElement).replaceChildren(...chips);
    }
    this.showPlayers(inside);
    inside.kinds.forEach((_, index) => {
      const count = find('legend', HTMLElement).children[index]?.querySelector('b');
      if (count) write(count, String(inside.rows.filter(({ kind }) => kind === index).length));
    });
    this.map.show(inside);
    this.showRows();
  }

  /** @param {Inside} inside */
  showPlayers({ players }) {
    const body = /** @type {HTMLTableSectionElement} */ (find('players', HTMLTableElement).tBodies[0]);
    const { id } = this;
    const key = JSON.stringify([id, players]);
    // A button that is about to be pressed must not be replaced.
    if (body.dataset.key !== key) {
      body.dataset.key = key;
      body.replaceChildren(...byPain(players).map(({ seat, name, entity, away, feel }) => {
        const kick = build('button', 'danger', 'Kick');
        kick.type = 'button';
        kick.setAttribute('aria-label', `Kick ${name}`);
        kick.addEventListener('click', () => this.kick(id, { seat, entity, name }));
        const shown = build('td', '', build('span', 'name', name));
        if (away) shown.append(' ', build('span', 'badge', 'away'));
        const line = build('tr', '', build('td', 'number', String(seat)), shown, build('td', 'number wide', String(entity)), build('td', 'feel', ...describe(feel)), build('td', '', kick));
        this.pointOut(line, entity);
        return line;
      }));
    }
    find('no-players', HTMLElement).hidden = players.length > 0;
  }

  showRows() {
    const { inside } = this;
    const chosen = Number(this.kind.value);
    const kind = inside?.kinds[chosen];
    if (!inside || !kind) return;
    const table = find('rows', HTMLTableElement);
    const heads = ['Id', 'Zone', ...kind.fields.map(({ name }) => name)];
    const head = /** @type {HTMLTableSectionElement} */ (table.tHead);
    if (head.textContent !== heads.join('')) head.replaceChildren(build('tr', '', ...heads.map((text) => build('th', 'number', text))));
    const rows = inside.rows.filter((row) => row.kind === chosen);
    const body = /** @type {HTMLTableSectionElement} */ (table.tBodies[0]);
    while (body.rows.length > rows.length) body.deleteRow(-1);
    rows.forEach((row, at) => {
      const texts = [String(row.id), String(row.zone), ...kind.fields.map((field, index) => asText(field, row.values[index] ?? 0))];
      let line = body.rows[at];
      if (!line || line.cells.length !== texts.length || line.dataset.id !== texts[0]) {
        const fresh = build('tr', '', ...texts.map(() => build('td', 'number')));
        fresh.dataset.id = texts[0];
        this.pointOut(fresh, row.id);
        if (line) line.replaceWith(fresh);
        else body.append(fresh);
        line = fresh;
      }
      texts.forEach((text, index) => write(/** @type {HTMLElement} */ (line?.cells[index]), text));
    });
    const more = inside.more > 0 ? `, ${inside.more} rows of the room are not shown` : '';
    write(find('rows-note', HTMLElement), `tick ${inside.tick}: ${rows.length} ${rows.length === 1 ? 'row' : 'rows'}${more}`);
  }

  /** @param {HTMLElement} line @param {number} entity */
  pointOut(line, entity) {
    line.addEventListener('pointerenter', () => this.map.mark(entity));
    line.addEventListener('pointerleave', () => this.map.mark(-1));
  }

  /** @param {string} id of the room @param {{ seat: number, entity: number, name: string }} player whoever else has the seat by then stays */
  async kick(id, player) {
    const { name } = player;
    const reason = await this.ask(`Kick ${name}?`, 'Reason, which the player is told (may be empty)', 'Kick');
    if (reason !== null) this.order(id, 'kick', { ...player, reason }, `${name} is kicked`);
  }

  async record() {
    if (!this.api) return;
    try {
      this.say(`Recorded in ${await this.api.record(this.id)}`);
    } catch (error) {
      this.say(error instanceof Error ? error.message : String(error));
    }
  }

  lock() {
    if (!this.inside) return;
    const locked = !this.inside.locked;
    this.order(this.id, 'lock', { locked }, locked ? 'The room is locked' : 'The room is open');
  }

  async close() {
    // Another room may be looked at by the time of the answer.
    const { id } = this;
    const reason = await this.ask(`Close room ${short(id)}?`, 'Reason, which everyone in it is told (may be empty)', 'Close room');
    if (reason !== null) this.order(id, 'close', { reason }, 'The room is closed');
  }

  /** @param {string} id of the room @param {'kick' | 'lock' | 'close' | 'move'} verb @param {object} body @param {string} done */
  async order(id, verb, body, done) {
    if (!this.api) return;
    try {
      await this.api.order(id, verb, body);
      this.say(done);
    } catch (error) {
      this.say(error instanceof Error ? error.message : String(error));
    }
    this.look();
  }
}
