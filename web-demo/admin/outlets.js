// What leaves the server besides the frames of sessions: films to their viewers, and what other systems are told. What was lost is shown
// also while it is nothing.

import { build, find } from './dom.js';

/** @typedef {import('./api.js').Sink} Sink */
/** @typedef {import('./api.js').FilmOutlet} FilmOutlet */

/** Millions fit on a phone, too. */
const COMPACT = new Intl.NumberFormat('en', { notation: 'compact' });

/** @param {Sink[]} sinks @param {FilmOutlet[]} films */
export function showOutlets(sinks, films) {
  const filmed = films.filter(({ sent, viewers }) => sent + viewers > 0);
  find('outlets-part', HTMLElement).hidden = sinks.length + filmed.length === 0;
  const body = /** @type {HTMLElement} */ (find('outlets', HTMLTableElement).tBodies[0]);
  body.replaceChildren(...filmed.map(filmLine), ...sinks.map(sinkLine));
}

/** @param {FilmOutlet} film */
function filmLine({ outlet, viewers, sent, lag_micros: lag, skipped }) {
  const millis = lag / 1000;
  return line(build('td', '', `Films by ${outlet}`), [viewers, `${millis.toFixed(millis < 10 ? 1 : 0)} ms`, sent, skipped]);
}

/** @param {Sink} sink */
function sinkLine({ name, lag, lag_millis: millis, delivered, dropped, dead_letters: dead, trouble }) {
  const title = build('td', 'name', name);
  if (trouble) title.append(build('p', 'bad', trouble));
  const shown = line(title, ['', lag > 0 ? `${(millis / 1000).toFixed(1)} s` : 'none', delivered, dropped + dead]);
  const [, , behind, , lost] = /** @type {HTMLElement[]} */ ([...shown.children]);
  if (behind) behind.title = `${lag} entries behind`;
  if (lost) lost.title = `${dropped} dropped, ${dead} dead letters`;
  lost?.classList.toggle('alarm', dropped + dead > 0);
  return shown;
}

/** @param {HTMLElement} title @param {(number | string)[]} figures */
function line(title, figures) {
  return build('tr', '', title, ...figures.map((figure) => {
    const cell = build('td', 'number', typeof figure === 'number' ? COMPACT.format(figure) : figure);
    if (typeof figure === 'number') cell.title = String(figure);
    return cell;
  }));
}
