// How the game feels to the players of a room, as their clients tell.

import { build } from './dom.js';

/** Whose fault it is that the game feels bad. */
const CAUSES = { link: 'their link', machine: 'their machine', server: 'our ticks or the game' };

/**
 * How the game feels to a player: what was wrong in the last ten seconds, and why.
 * @param {import('./api.js').Feel | null} feel
 * @returns {(Node | string)[]}
 */
export function describe(feel) {
  if (!feel) return [build('span', 'quiet', 'not told')];
  const trip = `${feel.round_trip} ms away, shown ${feel.age_p99} ms late`;
  if (!feel.cause) return [build('span', 'quiet', `well: ${trip}`)];
  const wrong = [];
  if (feel.jumps > 0) wrong.push(`${feel.jumps} ${feel.jumps === 1 ? 'jump' : 'jumps'}`);
  if (feel.moves_back > 0) wrong.push(`${feel.moves_back} moves back`);
  if (feel.silence > 400) wrong.push(`${feel.silence} ms without a frame`);
  if (feel.long_pictures > 0) wrong.push(`${feel.long_pictures} slow pictures`);
  return [build('span', 'badge warn', CAUSES[feel.cause]), ` ${wrong.join(', ')}; ${trip}`];
}

/** Those to whom it feels worst come first. @param {readonly import('./api.js').Player[]} players */
export function byPain(players) {
  return [...players].sort((a, b) => (b.feel?.pain ?? 0) - (a.feel?.pain ?? 0) || a.seat - b.seat);
}
