// What the client costs a page: main-thread time per picture and pauses by garbage collection, in Chromium at 60 pictures per second,
// in an arena of a hundred. The page has nothing but the client, so all of its scripts are the client's: it joins, steers its predicted
// avatar, and asks for the views to draw.

import { spawn } from 'node:child_process';
import { once } from 'node:events';

import { BINARY } from '../e2e/support/server.js';
import { Tab, eventually, sleep } from '../e2e/support/tabs.js';

export const AVATARS = 100;
const SETTLES_MS = 4000;
const CATEGORIES = ['devtools.timeline', 'v8', 'disabled-by-default-v8.gc', '__metadata'];
/** Tasks that run the page's scripts. */
const SCRIPTS = new Set(['FunctionCall', 'EvaluateScript', 'v8.callFunction', 'FireAnimationFrame', 'TimerFire', 'RunMicrotasks', 'EventDispatch']);
/** Pauses that the collector takes of the main thread. */
const COLLECTIONS = /^(MinorGC|MajorGC|V8\.GCScavenger|V8\.GCFinalizeMC|V8\.GCIncrementalMarking|V8\.GC_MC_INCREMENTAL|V8\.GC_SCAVENGER_FOREGROUND)/;

/** Joins the arena as bots, until `stop`. @param {string} url @param {number} players */
export function bots(url, players) {
  const child = spawn(BINARY, ['bots', '--url', `${url.replace('http', 'ws')}/play`, '--players', String(players), '--duration', '86400', '--verify', '0'],
    { stdio: ['ignore', 'ignore', 'ignore'], env: { ...process.env, TICKWIRE_LOG: 'error' } });
  const ended = once(child, 'exit');
  process.once('exit', () => child.kill('SIGKILL'));
  return {
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/**
 * @param {import('playwright-core').Browser} browser
 * @param {{ url: string }} server
 * @param {number} seconds
 */
export async function measure(browser, server, seconds) {
  // A document of the server without scripts of its own, and without an icon.
  const tab = await Tab.open(browser, `${server.url}/client/index.js`, { allowed: [/404/] });
  await tab.page.evaluate(play);
  await eventually('everybody is there', () => tab.page.evaluate(() => window.avatars), (count) => count >= AVATARS, 60_000);
  await sleep(SETTLES_MS);
  const before = await tab.page.evaluate(() => window.begin());
  const devtools = await tab.page.context().newCDPSession(tab.page);
  const events = [];
  devtools.on('Tracing.dataCollected', ({ value }) => events.push(...value));
  await devtools.send('Tracing.start', { traceConfig: { includedCategories: CATEGORIES }, transferMode: 'ReportEvents' });
  await sleep(seconds * 1000);
  const complete = new Promise((resolve) => devtools.once('Tracing.tracingComplete', resolve));
  await devtools.send('Tracing.end');
  await complete;
  const after = await tab.page.evaluate(() => window.told());
  await tab.page.evaluate(() => window.room.leave());
  await tab.page.context().close();
  tab.check();
  return { ...summary(events), ...after, joined: before };
}

/** In the page: plays, as small as a game can be. */
async function play() {
  const { Client } = await import('/client/index.js');
  const { arenaPredictor, parseMap } = await import('/demo/arena.js');
  const client = new Client(location.origin.replace('http', 'ws').concat('/play'));
  const room = await client.joinOrCreate('arena', { name: 'Measured' });
  const map = parseMap(await (await fetch(`/assets/maps/${room.properties.map}.txt`)).text());
  room.usePrediction(arenaPredictor(map, room.rate));
  Object.assign(window, { room, avatars: 0, drawn: 0, applied: 0, checked: 0, heading: 0 });
  const frame = (now) => {
    requestAnimationFrame(frame);
    window.drawn += 1;
    // As a player who turns all the time, and throws.
    if (window.drawn % 6 === 0) {
      window.heading += 0.2;
      room.setInput({ run: true, heading: window.heading });
    }
    if (window.drawn % 60 === 0) room.pressInput({ throw: true });
    let avatars = 0;
    for (const view of room.view(now)) {
      if (view.kind === 'avatar') avatars += 1;
      window.checked += view.x;
    }
    window.avatars = avatars;
  };
  requestAnimationFrame(frame);
  let from = { drawn: 0, at: 0, applied: 0 };
  room.onStateChange(() => { window.applied += 1; });
  window.begin = () => {
    from = { drawn: window.drawn, at: performance.now(), applied: window.applied };
    return window.avatars;
  };
  window.told = () => {
    const seconds = (performance.now() - from.at) / 1000;
    const { desyncs, corrections } = room.stats;
    return { fps: (window.drawn - from.drawn) / seconds, frames: (window.applied - from.applied) / seconds, desyncs, corrections, avatars: window.avatars };
  };
}

/** @param {any[]} events of the trace */
function summary(events) {
  const main = events.find(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain'
    && events.some((event) => event.tid === args.tid || event.name === 'FireAnimationFrame'));
  const frames = events.filter(({ name }) => name === 'FireAnimationFrame');
  const thread = frames[0] ? `${frames[0].pid} ${frames[0].tid}` : main && `${main.pid} ${main.tid}`;
  const own = events.filter((event) => event.ph === 'X' && `${event.pid} ${event.tid}` === thread).sort((a, b) => a.ts - b.ts);
  const scripts = outermost(own.filter(({ name }) => SCRIPTS.has(name)));
  // The work of a picture is all since the picture before.
  /** @type {{ cpu: number, wall: number }[]} */
  const pictures = [];
  let sum = { cpu: 0, wall: 0 };
  for (const { name, tdur, dur } of scripts) {
    sum.cpu += (tdur ?? dur) / 1000;
    sum.wall += dur / 1000;
    if (name !== 'FireAnimationFrame') continue;
    pictures.push(sum);
    sum = { cpu: 0, wall: 0 };
  }
  const pauses = outermost(own.filter(({ name }) => COLLECTIONS.test(name)));
  return {
    pictures: pictures.length,
    cpu: quantiles(pictures.map(({ cpu }) => cpu)),
    wall: quantiles(pictures.map(({ wall }) => wall)),
    collections: pauses.length,
    /** Milliseconds, the longest first. */
    pauses: pauses.map(({ name, dur, tdur }) => ({ name, wall: dur / 1000, cpu: (tdur ?? dur) / 1000 })).sort((a, b) => b.cpu - a.cpu),
    timed: own.some(({ tdur }) => tdur !== undefined),
  };
}

/** Without those that lie within others. @param {any[]} events by their time */
function outermost(events) {
  let end = -Infinity;
  return events.filter(({ ts, dur }) => {
    if (ts < end) return false;
    end = ts + dur;
    return true;
  });
}

/** @param {number[]} values */
function quantiles(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (/** @type {number} */ share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
  return { median: at(0.5), p95: at(0.95), p99: at(0.99), most: at(1) };
}
