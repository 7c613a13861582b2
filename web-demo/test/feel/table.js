// The tables of the guide's page on feel. `node test/feel/table.js` prints them; with --update it writes them into the page.

import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { OUTAGES, recovery } from './recovery.js';
import { ROUGH, clients, play } from './scenes.js';

const PAGE = fileURLToPath(new URL('../../../src/guide/feel.md', import.meta.url));
const BEGIN = '<!-- measured: web-demo/test/feel/table.js -->\n';
const END = '<!-- end -->';
const PROFILES = ['lan', 'wifi', 'lte', 'spiky', 'train'];
const SEEDS = 20;

/** Everything that is measured. */
export async function measure() {
  const kinds = await clients();
  const runs = [];
  for (const name of [...PROFILES, 'rough', 'rough, with hits']) {
    const isRough = name.startsWith('rough');
    const plan = { profile: isRough ? ROUGH : name, throws: name.endsWith('hits'), map: name.endsWith('hits') ? 'courtyard' : 'field' };
    runs.push({ name, before: await play(kinds.before, plan), now: await play(kinds.now, plan) });
  }
  const recoveries = [];
  for (const [name, outage] of Object.entries(OUTAGES)) {
    const isLong = name.includes('minutes');
    const times = { before: [], now: [] };
    for (let seed = 1; seed <= (isLong ? 2 : SEEDS); seed++) {
      for (const kind of ['before', 'now']) times[kind].push(await recovery(kinds[kind], outage, seed, isLong ? 2 : 8));
    }
    recoveries.push({ name, runs: times.now.length, before: Math.max(...times.before), now: Math.max(...times.now) });
  }
  return { runs, recoveries };
}

/** @param {Awaited<ReturnType<typeof measure>>} measured */
export function write({ runs, recoveries }) {
  return [others(runs), own(runs), returns(recoveries)].join('\n');
}

function others(runs) {
  const rows = runs.slice(0, 6).flatMap(({ name, before, now }) => [
    ['before', before.others], ['now', now.others], ['100 ms', now.fixed], ['3 frames', now.three],
  ].map(([way, result]) => [
    way === 'before' ? name : '', way, centimetres(result.error), centimetres(result.errorP99), result.jumps, result.backward,
    Math.round(result.longestFreeze), `${Math.round(result.age)} ± ${Math.round(result.ageSpread)}`, result.stutter.toFixed(2),
  ]));
  return table(['link', 'drawn by', 'error, mean (cm)', 'p99', 'jumps', 'moves back', 'longest freeze (ms)', 'age (ms)', 'stutter'], rows);
}

function own(runs) {
  const rows = runs.flatMap(({ name, before, now }) => [['before', before.own], ['now', now.own]].map(([way, result]) => [
    way === 'before' ? name : '', way, result.delay.toFixed(1), result.delayMost, result.corrections, centimetres(result.largest),
    percent(result.shiftP99), percent(result.shiftMost),
  ]));
  return table(['link', 'drawn by', 'input to picture, mean (pictures)', 'most', 'corrections', 'largest (cm)', 'shift per picture, p99', 'most'], rows);
}

function returns(recoveries) {
  return table(['outage', 'runs', 'before, longest (ms)', 'now, longest (ms)'], recoveries.map(({ name, runs, before, now }) => [name, runs, Math.round(before), Math.round(now)]));
}

function table(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |\n`;
  return line(head) + line(head.map((_, index) => (index < 2 ? '---' : '---:'))) + rows.map(line).join('');
}

function centimetres(metres) {
  return (metres * 100).toFixed(1);
}

function percent(share) {
  return `${(share * 100).toFixed(1)} %`;
}

/** The tables in the guide. */
export function written() {
  const text = readFileSync(PAGE, 'utf8');
  return text.slice(text.indexOf(BEGIN) + BEGIN.length, text.indexOf(END));
}

/** @param {string} tables */
export function update(tables) {
  const text = readFileSync(PAGE, 'utf8');
  writeFileSync(PAGE, text.slice(0, text.indexOf(BEGIN) + BEGIN.length) + tables + text.slice(text.indexOf(END)));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const tables = write(await measure());
  if (process.argv.includes('--update')) update(tables);
  else process.stdout.write(tables);
}
