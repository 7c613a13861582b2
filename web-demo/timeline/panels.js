// What is told beside the picture: players with their inputs, events and commands, bytes by field, and the rows.

import { build, find, write } from './dom.js';
import { markPicture } from './track.js';

/**
 * @typedef {import('../client/film.js').Film} Film
 * @typedef {import('./notes.js').Notes} Notes
 * @typedef {import('./track.js').Mark} Mark
 * @typedef {Mark & { text: (place: number) => string, kind: string }} Listed
 * @typedef {{ seek: (place: number) => void, follow: (seat: number | null) => void, eyes: (seat: number | null) => void }} Wishes
 */

/** Events that are listed: more would only be slow. */
const MOST_LISTED = 2000;
const MOST_ROWS = 200;
/** Seconds over which bytes are counted. */
const COSTS_SPAN = 5;
/** Why there are no inputs, by what the file has of them. */
const WITHOUT_NOTES = {
  open: 'This file has its inputs, commands and names in the clear: “tickwire replay --open” runs it again and shows them.',
  sealed: 'Inputs, commands and names are sealed in this file. On the machine with its keys, “tickwire replay --open” shows them.',
  none: 'This recording has no inputs: it can be watched only.',
};
/** Seats from here on are spectators'. */
const SPECTATORS = 4096;

export class Panels {
  /** @param {Film} film @param {Notes} notes @param {Wishes} wishes */
  constructor(film, notes, wishes) {
    this.film = film;
    this.notes = notes;
    this.wishes = wishes;
    this.stopping = new AbortController();
    const { signal } = this.stopping;
    this.listed = listAll(film, notes);
    /** @type {{ place: number, button: HTMLButtonElement }[]} */
    this.buttons = [];
    /** @type {HTMLButtonElement | null} */
    this.current = null;
    this.seats = '';
    this.costsAt = -1;
    this.eyes = find('eyes', HTMLSelectElement);
    this.which = find('which', HTMLSelectElement);
    this.kind = find('kind', HTMLSelectElement);
    this.eyes.addEventListener('change', () => wishes.eyes(this.eyes.value === '' ? null : Number(this.eyes.value)), { signal });
    this.which.addEventListener('change', () => this.list(), { signal });
    this.kind.addEventListener('change', () => this.showRows(), { signal });
    find('rows-box', HTMLDetailsElement).addEventListener('toggle', () => this.showRows(), { signal });
    this.kind.replaceChildren(...film.schema.map(({ name }) => build('option', '', name)));
    for (const option of this.which.options) option.hidden = option.value === 'commands' && !notes.known;
    write(find('inputs-title', HTMLElement), notes.known && !notes.error ? 'Input' : '');
    const sealed = find('sealed', HTMLElement);
    sealed.hidden = notes.known && !notes.error;
    write(sealed, notes.error ? `Inputs are not known: ${notes.error}.` : WITHOUT_NOTES[film.header.rerun]);
    this.list();
  }

  stop() {
    this.stopping.abort();
  }

  /** @param {number | null} followed a seat */
  show(followed) {
    this.#showPlayers(followed);
    this.#showCosts();
    this.#mark();
    this.showRows();
  }

  list() {
    const wanted = this.which.value;
    const found = this.listed.filter(({ sort }) => wanted === '' || sort === wanted || sort === 'fault');
    const shown = found.slice(0, MOST_LISTED);
    this.buttons = shown.map(({ place, sort, text }) => {
      const seconds = build('time', '', `${(place / this.film.rate).toFixed(2)} s`);
      const button = build('button', '', markPicture(sort), seconds, build('span', '', text(place)));
      button.type = 'button';
      button.addEventListener('click', () => this.wishes.seek(place));
      return { place, button };
    });
    find('events', HTMLOListElement).replaceChildren(...this.buttons.map(({ button }) => build('li', '', button)));
    const note = find('no-events', HTMLElement);
    note.hidden = found.length > 0 && found.length === shown.length;
    write(note, found.length === 0 ? 'Nothing of this kind happened.' : `${found.length - shown.length} more are not listed.`);
    this.current = null;
    this.#mark();
  }

  /** Marks the newest event. */
  #mark() {
    let newest = null;
    for (const { place, button } of this.buttons) if (place <= this.film.place) newest = button;
    if (newest === this.current) return;
    this.current?.removeAttribute('aria-current');
    this.current = newest;
    if (!newest) return;
    newest.setAttribute('aria-current', 'true');
    const box = find('events', HTMLOListElement);
    // Not scrollIntoView, which would scroll the page as well.
    if (!box.contains(document.activeElement)) box.scrollTop = newest.offsetTop - box.offsetTop - box.clientHeight / 2;
  }

  /** @param {number | null} followed */
  #showPlayers(followed) {
    const { film, notes } = this;
    const body = find('players', HTMLTableElement).tBodies[0];
    const players = [...film.players.values()].sort((a, b) => a.seat - b.seat);
    const known = players.map(({ seat }) => `${seat} ${notes.nameOf(seat, film.place)}`).join();
    if (known !== this.seats) {
      this.seats = known;
      body.replaceChildren(...players.map(({ seat }) => this.#playerRow(seat)));
      this.#offerEyes();
    }
    players.forEach(({ seat, away }, index) => {
      const row = body.rows[index];
      row.className = away ? 'away' : '';
      row.toggleAttribute('aria-current', seat === followed);
      write(row.cells[1], away ? 'disconnected' : notes.inputOf(film, seat, film.place));
      row.querySelector('button')?.setAttribute('aria-pressed', String(seat === followed));
    });
  }

  /** @param {number} seat */
  #playerRow(seat) {
    const name = this.notes.nameOf(seat, this.film.place);
    const button = build('button', '', 'Follow');
    button.type = 'button';
    button.setAttribute('aria-label', `Follow ${name}`);
    button.addEventListener('click', () => this.wishes.follow(button.getAttribute('aria-pressed') === 'true' ? null : seat));
    return build('tr', '', build('td', '', name), build('td'), build('td', '', button));
  }

  #offerEyes() {
    const { film, notes } = this;
    const seats = [...film.seats.keys()].sort((a, b) => a - b);
    if (film.seat !== null && !seats.includes(film.seat)) seats.push(film.seat);
    const options = seats.map((seat) => {
      const option = build('option', '', `what ${seat < SPECTATORS ? notes.nameOf(seat, film.place) : `spectator ${seat}`} saw`);
      option.value = String(seat);
      return option;
    });
    const everything = build('option', '', 'everything');
    everything.value = '';
    this.eyes.replaceChildren(everything, ...options);
    this.eyes.value = film.seat === null ? '' : String(film.seat);
  }

  #showCosts() {
    const { film } = this;
    const span = COSTS_SPAN * film.rate;
    const part = Math.floor(film.place / span);
    if (part === this.costsAt) return;
    this.costsAt = part;
    const tick = (/** @type {number} */ place) => (film.header.first + Math.min(film.length, place)) % 2 ** 32;
    const costs = film.costs(tick(part * span), tick((part + 1) * span)).sort((a, b) => b.bytes - a.bytes).filter(({ bytes }) => bytes >= 0.5);
    const all = costs.reduce((sum, { bytes }) => sum + bytes, 0);
    const seconds = (Math.min(film.length, (part + 1) * span) - part * span) / film.rate;
    write(find('costs-note', HTMLElement), seconds > 0 ? `${Math.round(all / seconds)} B/s around here` : '');
    find('costs', HTMLOListElement).replaceChildren(...costs.slice(0, 12).map(({ kind, field, bytes }) => {
      const meter = build('meter');
      meter.max = costs[0].bytes;
      meter.value = bytes;
      const name = `${kind} ${field ?? '(ids)'}`;
      meter.setAttribute('aria-label', name);
      return build('li', '', build('span', '', name), meter, build('span', '', `${Math.round(bytes)} B`));
    }));
  }

  showRows() {
    if (!find('rows-box', HTMLDetailsElement).open) return;
    const { film } = this;
    const fields = film.schema.find(({ name }) => name === this.kind.value)?.fields ?? [];
    const entities = [...film.state.entities.values()].flatMap((entity) => [...entity.parts.values()]).filter(({ kind }) => kind === this.kind.value);
    const table = find('rows', HTMLTableElement);
    const head = ['Entity', ...fields.map(({ name }) => name)];
    table.tHead?.replaceChildren(build('tr', '', ...head.map((name) => build('th', '', name))));
    table.tBodies[0].replaceChildren(...entities.slice(0, MOST_ROWS).map((entity) => (
      build('tr', '', build('td', '', String(entity.id)), ...fields.map(({ name }) => build('td', '', shown(entity.get(name))))))));
  }
}

/** @param {number | boolean | string} value */
function shown(value) {
  return typeof value === 'number' && !Number.isInteger(value) ? value.toFixed(2) : String(value);
}

/** All that can be listed, in order. @param {Film} film @param {Notes} notes @returns {Listed[]} */
export function listAll(film, notes) {
  const events = film.events.map(({ tick, event }) => {
    const sort = /** @type {Mark['sort']} */ (['game', 'property', 'ended'].includes(event.type) ? 'game' : 'players');
    return { place: film.placeOf(tick), sort, kind: event.type, text: (/** @type {number} */ place) => describe(event, notes, place) };
  });
  const commands = notes.commands.map(({ place, seat, text }) => (
    { place, sort: /** @type {const} */ ('commands'), kind: 'command', text: () => (seat === null ? text : `${notes.nameOf(seat, place)} ${text}`) }));
  const faults = notes.faults.map(({ place, text }) => ({ place, sort: /** @type {const} */ ('fault'), kind: 'fault', text: () => text }));
  const last = { place: film.length, sort: /** @type {const} */ ('fault'), kind: 'reason', text: () => `recorded: ${film.header.reason}` };
  const why = /panic|desync|hash/i.test(film.header.reason) ? [last] : [];
  return [...events, ...commands, ...faults, ...why].sort((a, b) => a.place - b.place);
}

/** @param {import('../client/film.js').FilmEvent['event']} event @param {Notes} notes @param {number} place */
function describe(event, notes, place) {
  switch (event.type) {
    case 'joined': return `${notes.nameOf(event.player.seat, place)} joined`;
    case 'left': return `${notes.nameOf(event.seat, place)} left (${event.code})`;
    case 'disconnected': return `${notes.nameOf(event.seat, place)} was disconnected`;
    case 'reconnected': return `${notes.nameOf(event.seat, place)} came back`;
    case 'property': return event.value === '' ? `${event.key} was removed` : `${event.key} is ${event.value}`;
    case 'ended': return `the match ended (${event.result.length} bytes)`;
    case 'game': return `message ${event.kind}: ${Array.from(event.body.subarray(0, 16), (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
    default: return event.type;
  }
}
