// All rooms and the server as a whole, once per second: tiles with charts, the list of rooms, how
// sessions ended. Rates are computed here, from two counts and the time between them.

import { Tile } from './chart.js';
import { build, find, write } from './dom.js';
import { showOutlets } from './outlets.js';

/** @typedef {import('./api.js').Vitals} Vitals */
/** @typedef {import('./api.js').Health} Health */
/** @typedef {{ element: HTMLElement, name: HTMLElement, cells: HTMLElement[] }} Line */

/** A share of a tick's period that leaves little for room-mates. */
const BUSY = 0.5;

export class Overview {
  /** @param {(id: string) => void} onChoose */
  constructor(onChoose) {
    this.onChoose = onChoose;
    this.tiles = {
      players: new Tile('Players'),
      tick: new Tile('Longest tick'),
      sent: new Tile('Sent'),
      received: new Tile('Received'),
      behind: new Tile('Ticks behind'),
      endings: new Tile('Sessions ended'),
    };
    find('tiles', HTMLElement).replaceChildren(...Object.values(this.tiles).map((tile) => tile.element));
    this.body = /** @type {HTMLElement} */ (find('rooms', HTMLTableElement).tBodies[0]);
    /** By room id. @type {Map<string, Line>} */
    this.lines = new Map();
    /** @type {Vitals | null} */
    this.last = null;
    this.chosen = '';
  }

  /** @param {Vitals} vitals */
  show(vitals) {
    // A server that was started anew counts from zero.
    if (this.last && this.last.at < vitals.at) this.measure(this.last, vitals);
    this.last = vitals;
    this.list(vitals);
    showOutlets(vitals.sinks, vitals.film);
    const endings = Object.entries(vitals.totals.endings).sort(([, a], [, b]) => b - a);
    find('endings', HTMLElement).replaceChildren(...endings.map(([reason, count]) => build('li', '', reason.replaceAll('_', ' '), ' ', build('b', '', String(count)))));
  }

  /** @param {Vitals} before @param {Vitals} now */
  measure(before, now) {
    const seconds = (now.at - before.at) / 1000;
    const { totals } = now;
    const since = (/** @type {'ticks' | 'late_ticks' | 'skipped_ticks' | 'bytes_sent' | 'bytes_received' | 'frames_sent' | 'holds'} */ key) => (totals[key] - before.totals[key]) / seconds;
    const all = (/** @type {Vitals} */ { totals: { endings } }) => Object.values(endings).reduce((sum, count) => sum + count, 0);
    const watching = now.film.reduce((sum, { viewers }) => sum + viewers, totals.spectators);
    const apart = totals.away > 0 ? `, ${totals.away} away` : '';
    this.tiles.players.add(totals.players, { figure: String(totals.players), detail: `${counted(totals.rooms, 'room')}, ${watching} watching${apart}` });
    const worst = now.rooms.reduce((most, room) => Math.max(most, room.tick_worst), 0);
    const share = now.rooms.reduce((most, room) => Math.max(most, (room.tick_worst * room.rate) / 1e6), 0);
    this.tiles.tick.add(worst, { ...span(worst), detail: `${Math.round(share * 100)} % of its period`, alarm: share > BUSY });
    this.tiles.sent.add(since('bytes_sent'), { ...rate(since('bytes_sent')), detail: `${Math.round(since('frames_sent'))} frames/s` });
    this.tiles.received.add(since('bytes_received'), { ...rate(since('bytes_received')), detail: `${totals.sessions} sessions` });
    const behind = since('late_ticks') + since('skipped_ticks');
    this.tiles.behind.add(behind, { figure: behind.toFixed(behind < 10 ? 1 : 0), unit: '/s', detail: `${totals.skipped_ticks} skipped in all`, alarm: since('skipped_ticks') > 0 });
    const ended = (all(now) - all(before)) / seconds;
    this.tiles.endings.add(ended, { figure: ended.toFixed(ended < 10 ? 1 : 0), unit: '/s', detail: `${all(now)} in all` });
  }

  /** @param {Vitals} vitals */
  list({ rooms, more }) {
    const open = new Set(rooms.map((room) => room.id));
    for (const [id, line] of this.lines) {
      if (open.has(id)) continue;
      line.element.remove();
      this.lines.delete(id);
    }
    rooms.forEach((room, at) => {
      const line = this.lines.get(room.id) ?? this.addLine(room);
      this.fill(line, room);
      if (this.body.children[at] !== line.element) this.body.insertBefore(line.element, this.body.children[at] ?? null);
    });
    find('no-rooms', HTMLElement).hidden = rooms.length > 0;
    write(find('rooms-note', HTMLElement), more > 0 ? `the ${rooms.length} fullest of ${rooms.length + more}` : '');
  }

  /** @param {Health} room @returns {Line} */
  addLine(room) {
    const name = build('button', '', short(room.id));
    name.title = room.id;
    name.type = 'button';
    const cells = [build('td', '', name), build('td'), build('td', 'number'), build('td', 'number'), build('td', 'number'), build('td', 'wide')];
    const line = { element: build('tr', '', ...cells), name, cells };
    line.element.addEventListener('click', () => this.choose(room.id));
    this.lines.set(room.id, line);
    return line;
  }

  /** @param {Line} line @param {Health} room */
  fill({ element, cells }, room) {
    const [, game, players, watching, tick, state] = /** @type {HTMLElement[]} */ (cells);
    write(game, room.game);
    write(players, `${room.players}/${room.capacity}`);
    write(watching, String(room.spectators + room.film.events + room.film.segments));
    watching.title = audience(room);
    const { figure, unit } = span(room.tick_mean);
    write(tick, `${figure} ${unit}`);
    tick.title = `at ${room.rate} Hz; the longest of the last second: ${room.tick_worst} µs`;
    tick.className = `number ${(room.tick_worst * room.rate) / 1e6 > BUSY ? 'alarm' : ''}`;
    const badges = [room.locked && 'locked', room.private && 'private', room.away > 0 && `${room.away} away`].filter((badge) => badge !== false);
    if (state.textContent !== badges.join('')) state.replaceChildren(...badges.map((badge) => build('span', badge === 'locked' ? 'badge warn' : 'badge', badge)));
    element.setAttribute('aria-selected', String(room.id === this.chosen));
  }

  /** @param {string} id */
  choose(id) {
    this.chosen = id;
    for (const [each, { element }] of this.lines) element.setAttribute('aria-selected', String(each === id));
    this.onChoose(id);
  }
}

/** Who looks on, and how. @param {Health} room @returns {string} */
export function audience({ spectators, film: { events, segments } }) {
  const films = events + segments > 0 ? `, ${counted(events + segments, 'viewer')} of the film (${events} by events, ${segments} by segments)` : '';
  return counted(spectators, 'spectator') + films;
}

/** A room's id as it fits: codes of private rooms are long. @param {string} id */
export function short(id) {
  return id.length > 12 ? `${id.slice(0, 10)}…` : id;
}

/** @param {number} micros */
function span(micros) {
  return micros < 1000 ? { figure: String(micros), unit: 'µs' } : { figure: (micros / 1000).toFixed(1), unit: 'ms' };
}

/** @param {number} bytes per second */
function rate(bytes) {
  if (bytes < 1000) return { figure: String(Math.round(bytes)), unit: 'B/s' };
  return bytes < 1e6 ? { figure: (bytes / 1e3).toFixed(1), unit: 'kB/s' } : { figure: (bytes / 1e6).toFixed(2), unit: 'MB/s' };
}

/** @param {number} count @param {string} thing */
function counted(count, thing) {
  return count === 1 ? `1 ${thing}` : `${count} ${thing}s`;
}
