// The colours of players and arena. The twelve player colours differ in lightness as well as hue,
// and those that look alike without full colour vision wear different patterns; marks.js has a
// shape for each besides. The arena has a night and a day. Page colours are
// in the style sheets.

/** @typedef {{fill: string, dark: string, light: string, pattern: 'plain' | 'stripes' | 'dots'}} Coat */

const HUES = [
  '#56b4e9', '#ef9a1a', '#1fb08a', '#f2e05a', '#e2602b', '#d884b8',
  '#4a72e6', '#eef1f6', '#9b7cf2', '#a6d45e', '#a9714a', '#ff9aa6',
];
/** Colours that are hard to tell apart for anybody have different ones; a test keeps it so. */
const PATTERNS = /** @type {const} */ ([
  'plain', 'dots', 'dots', 'dots', 'stripes', 'stripes',
  'plain', 'plain', 'stripes', 'stripes', 'plain', 'plain',
]);

/** @type {readonly Coat[]} */
export const COATS = HUES.map((fill, index) => ({
  fill,
  dark: mix(fill, '#0d1430', 0.42),
  light: mix(fill, '#ffffff', 0.55),
  pattern: PATTERNS[index] ?? 'plain',
}));

/** @param {number | undefined} colour @returns {Coat} */
export function coat(colour) {
  return /** @type {Coat} */ (COATS[(colour ?? 0) % COATS.length]);
}

const NIGHT = {
  outside: '#151d31',
  floor: '#2c3854',
  floorLight: '#34415f',
  floorDark: '#27324c',
  joint: 'rgb(13 19 36 / .38)',
  drift: [200, 218, 250],
  shadow: 'rgb(8 12 26 / .4)',
  front: '#5b6a8d',
  frontDark: '#3b4766',
  frontJoint: 'rgb(17 24 44 / .45)',
  top: '#a9badb',
  topRim: '#e6eefb',
  topShade: '#8d9fc6',
  guide: '#ffffff',
  halo: 'lighter',
  haze: '21 29 49',
  fresh: '110 231 190',
  labelBack: 'rgb(12 18 34 / .72)',
  chartLand: '#18213a',
  chartLine: 'rgb(200 218 250 / .13)',
  chartCrowd: '#ffb44d',
  chartOwn: '#ffffff',
  chartRim: '#0d1324',
};

/** @type {typeof NIGHT} */
const DAY = {
  outside: '#cfdbec',
  floor: '#a9b9d3',
  floorLight: '#b3c2da',
  floorDark: '#9fb0cc',
  joint: 'rgb(60 80 125 / .26)',
  drift: [255, 255, 255],
  shadow: 'rgb(40 55 95 / .3)',
  front: '#7c8cb2',
  frontDark: '#62729a',
  frontJoint: 'rgb(40 55 95 / .4)',
  top: '#e9f0fa',
  topRim: '#ffffff',
  topShade: '#c5d3ea',
  guide: '#16203a',
  halo: 'source-over',
  haze: '207 219 236',
  fresh: '12 140 96',
  labelBack: 'rgb(244 248 255 / .78)',
  chartLand: '#e9eff9',
  chartLine: 'rgb(40 55 95 / .15)',
  chartCrowd: '#d9541e',
  chartOwn: '#16203a',
  chartRim: '#ffffff',
};

/** What the arena looks like now; {@link dressArena} changes it. */
export const ARENA = {
  ...NIGHT,
  boot: '#8a6a55',
  ink: '#16203a',
  skin: '#fdeedd',
  snow: '#f6faff',
  spark: '#ffd166',
  sparkCore: '#fff6d8',
  shield: '150 220 255',
};

/** @param {import('./theme.js').Theme} theme */
export function dressArena(theme) {
  Object.assign(ARENA, theme === 'light' ? DAY : NIGHT);
}

/** @param {string} from @param {string} to @param {number} share of `to`, 0 to 1 @returns {string} */
export function mix(from, to, share) {
  const parts = [1, 3, 5].map((at) => {
    const a = parseInt(from.slice(at, at + 2), 16);
    const b = parseInt(to.slice(at, at + 2), 16);
    return Math.round(a + (b - a) * share);
  });
  return `rgb(${parts.join(' ')})`;
}
