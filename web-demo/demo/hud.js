// The figures and the score list over the arena, a few times a second; the graphs are in graphs.js.
// Elements are made once and reused; whatever other players wrote is set as
// text only.

import { make, makeMark } from './dom.js';
import { mark } from './marks.js';
import { coat } from './palette.js';

/** @typedef {import('./types.js').Room} Room */

const SHOWN = 8;

/** @type {[string, (room: Room, fps: number) => string][]} */
const FIGURES = [
  ['ping', ({ stats }) => `${Math.round(stats.ping)} ms`],
  ['tick', ({ stats }) => `${stats.tick}`],
  ['rate', ({ rate }) => `${rate} Hz`],
  ['delay', ({ stats }) => `${Math.round(stats.interpolationDelay)} ms`],
  ['age', ({ stats }) => `${Math.round(stats.displayAge)} ms`],
  ['buffer', ({ stats }) => `${Math.round(stats.bufferDepth)} ms`],
  ['held frames', ({ stats }) => `${stats.heldFrames}`],
  ['down', ({ stats }) => bytes(stats.bytesDownPerSecond)],
  ['up', ({ stats }) => bytes(stats.bytesUpPerSecond)],
  ['per player, tick', ({ stats }) => `${(stats.bytesPerPlayerTick || 0).toFixed(2)} B`],
  ['corrections', ({ stats }) => `${stats.corrections}`],
  ['last one', ({ stats }) => `${(stats.correctionSize * 100).toFixed(0)} cm`],
  ['input lead', ({ stats }) => (stats.inputLead === null ? '' : `${stats.inputLead} ticks`)],
  ['desyncs', ({ stats }) => `${stats.desyncs}`],
  ['rows', ({ stats }) => `${stats.rows}`],
  ['fps', (_room, fps) => `${Math.round(fps)}`],
];

/** Of rooms whose players see only what is around them. @type {typeof FIGURES} */
const OF_CELLS = [
  ['cells', ({ stats }) => `${stats.cells}`],
  ['waiting', ({ stats, rate }) => `${stats.cellsWaiting}, ${Math.round((stats.oldestCell * 1000) / rate)} ms`],
  ['rows waiting', ({ stats }) => byKind(stats.rowsWaiting)],
];

/** Numbers of rows with the names of their kinds, the most first. @param {Record<string, number>} rows @returns {string} */
function byKind(rows) {
  const some = Object.entries(rows).filter(([, count]) => count > 0).sort((a, b) => b[1] - a[1]);
  return some.map(([kind, count]) => `${count} ${kind}`).join(', ') || '0';
}

/** @param {number} value per second @returns {string} */
function bytes(value) {
  return value < 1024 ? `${Math.round(value || 0)} B/s` : `${(value / 1024).toFixed(1)} KiB/s`;
}

export class Figures {
  /** @param {HTMLElement} list @param {Room} room */
  constructor(list, room) {
    list.replaceChildren();
    this.figures = room.grid ? [...FIGURES, ...OF_CELLS] : FIGURES;
    this.cells = this.figures.map(([name]) => {
      const cell = make('dd', '', '');
      cell.dataset.figure = name;
      list.append(make('dt', '', name), cell);
      return cell;
    });
  }

  /** @param {Room} room @param {number} fps */
  update(room, fps) {
    this.figures.forEach(([name, read], index) => {
      const cell = this.cells[index];
      if (!cell) return;
      cell.textContent = read(room, fps);
      if (name === 'desyncs') cell.dataset.alarm = room.stats.desyncs > 0 ? '1' : '0';
    });
  }
}

export class Scores {
  /** @param {HTMLElement} list */
  constructor(list) {
    this.list = list;
    list.replaceChildren();
    this.rows = Array.from({ length: SHOWN + 1 }, () => {
      const row = make('li', '', '');
      const place = make('span', 'client', '');
      const dot = makeMark('', 'none');
      const who = make('span', 'who', '');
      const points = make('span', 'points', '');
      const away = make('span', 'away', 'away');
      row.append(place, dot, who, points, away);
      return { row, place, shape: /** @type {Element} */ (dot.firstElementChild), who, points, away };
    });
  }

  /** @param {Room} room */
  update(room) {
    // Of those who are not in sight, nobody knows the score.
    const known = Array.from(room.players.values()).filter(({ entity }) => !room.grid || room.state.entities.has(entity));
    const ranking = known.map((player) => {
      const entity = room.state.entities.get(player.entity);
      return { seat: player.seat, name: player.name, away: player.away, score: entity?.score ?? null, colour: entity?.colour ?? 0 };
    });
    ranking.sort((a, b) => (b.score ?? 0) - (a.score ?? 0) || a.seat - b.seat);
    const own = ranking.findIndex((entry) => entry.seat === room.seat);
    const shown = ranking.map((entry, index) => ({ ...entry, place: index + 1 }))
      .filter((entry, index) => index < SHOWN || index === own);
    this.rows.forEach(({ row, place, shape, who, points, away }, index) => {
      const entry = shown[index];
      if (!entry) {
        row.remove();
        return;
      }
      row.className = entry.seat === room.seat ? 'own' : '';
      row.classList.toggle('gap', entry.place > SHOWN + 1);
      row.classList.toggle('gone', entry.away);
      away.hidden = !entry.away;
      place.textContent = String(entry.place);
      shape.setAttribute('d', mark(entry.colour));
      shape.setAttribute('fill', coat(entry.colour).fill);
      who.textContent = entry.name || `Player ${entry.seat}`;
      points.textContent = entry.score === null ? '' : String(entry.score);
      if (!row.isConnected) this.list.append(row);
    });
  }
}
