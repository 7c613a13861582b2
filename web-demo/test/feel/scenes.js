// The runs of the harness: one measured player among eight others, over one link. `now` is the client of this tree, `before` the packed
// one of the day protocol 2 was done, whose interpolation and prediction are those from before they were measured.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { arenaPredictor, parseMap } from '../../demo/arena.js';
import { FixedDelay, ThreeFrames } from './baselines.js';
import { Others, Own, PER_METRE, Truth } from './measures.js';
import { other, subject } from './pilots.js';
import { World } from './world.js';

const PACKED = fileURLToPath(new URL('../golden/client-2.tgz', import.meta.url));
const MAPS = new URL('../../../assets/maps/', import.meta.url);
const OTHERS = 8;
/** Before anything is measured: joins, and the first estimates. */
const WARM_UP_MS = 4000;

/** A network that shakes: 100 ms +/- 30 ms with two stalls of 200 ms in 10 s. */
export const ROUGH = { rtt_ms: 100, jitter_ms: 30, stall: { for_ms: 200, every_ms: 5000 } };

/** The two clients, each with what the measures need of its insides. */
export async function clients() {
  const folder = mkdtempSync(join(tmpdir(), 'feel-'));
  execFileSync('tar', ['-xzf', PACKED, '-C', folder]);
  const from = async (base, name) => import(new URL(name, base).href);
  const packed = pathToFileURL(`${folder}/package/`);
  const today = new URL('../../client/', import.meta.url);
  const { PlayoutClock } = await from(packed, 'interpolation.js');
  const before = {
    Client: (await from(packed, 'index.js')).Client, Prediction: (await from(packed, 'prediction.js')).Prediction,
    offset: (prediction, now, column) => prediction.error[column] * Math.max(0, 1 - (now - prediction.correctedAt) / 100),
    // It gave predictors the values of an input in schema order, and had them copy their states.
    predictor: (rules) => ({
      ...rules,
      step: (state, [heading, run, dash, throws]) => rules.step(state, { heading, run, dash, throw: throws }),
      copy: (from, to) => Object.assign(to, from),
    }),
    ...watchPlayout(PlayoutClock),
  };
  const now = {
    Client: (await from(today, 'index.js')).Client, Prediction: (await from(today, 'prediction.js')).Prediction,
    offset: (prediction, at, column) => prediction.offset(column, at),
    predictor: (rules) => rules,
    begin: () => {},
    moment: (room, _truth, first) => first + room.clock.renderNow(),
  };
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  return { before, now };
}

/** The moment that the packed client shows, which it tells nobody. */
function watchPlayout(PlayoutClock) {
  const { tick, arrived } = PlayoutClock.prototype;
  let shown = NaN;
  PlayoutClock.prototype.tick = function watched(now) {
    return (shown = tick.call(this, now));
  };
  PlayoutClock.prototype.arrived = arrived;
  return {
    begin: () => {
      shown = NaN;
    },
    moment: (room, truth, _first, _at, welcomed) => truth.momentOf(welcomed + shown),
  };
}

/** Notes how corrections move the drawn avatar. */
function watchPrediction({ Prediction, offset }, own) {
  const { reconcile, steered } = Prediction.prototype;
  const seen = (prediction, now) => (prediction.error.length < 2 ? [0, 0] : [0, 1].map((column) => offset(prediction, now, column) / PER_METRE));
  let last = null;
  Prediction.prototype.reconcile = function watched(entity, inputs, now, ...rest) {
    last = this;
    own.seen(seen(this, now));
    const wrong = reconcile.call(this, entity, inputs, now, ...rest);
    own.corrected(seen(this, now));
    return wrong;
  };
  if (steered) {
    Prediction.prototype.steered = function watched(now) {
      own.seen(seen(this, now));
      steered.call(this, now);
      own.steered(seen(this, now));
    };
  }
  return {
    picture(now, acts, heading) {
      if (last) own.seen(seen(last, now));
      own.picture(acts, heading);
    },
    stop() {
      Prediction.prototype.reconcile = reconcile;
      if (steered) Prediction.prototype.steered = steered;
    },
  };
}

/**
 * Plays one scene and measures it.
 * @param {any} kind one of `clients()`
 * @param {{ profile: any, seconds?: number, map?: string, throws?: boolean, rate?: number, tickRate?: number, seed?: number,
 *   others?: number, isHectic?: boolean, looks?: (views: any, room: any, now: number, isMeasured: boolean) => void, script?: (scene: any) => Promise<void> }} plan
 */
export async function play(kind, { profile, seconds = 60, map = 'field', throws = false, rate = 0, tickRate = 20, seed = 1, others = OTHERS, isHectic = false, looks, script }) {
  const world = new World({ rate: tickRate, map, seed });
  const truth = new Truth(world);
  const own = new Own();
  const watch = watchPrediction(kind, own);
  const frames = rate || tickRate;
  const drawn = { now: new Others(truth), fixed: new Others(truth), three: new Others(truth) };
  const baselines = { fixed: new FixedDelay(), three: new ThreeFrames(frames) };
  const leads = [];
  let isMeasuring = false;
  let welcomed = 0;
  const tiles = parseMap(readFileSync(new URL(`${map}.txt`, MAPS), 'utf8'));
  for (let seat = 0; seat < others; seat++) await other(world, kind.Client, { seed: seat + 2, throws });
  await world.run(500);
  /** What is done with every picture. @type {((now: number, shown: any, room: any) => void) | null} */
  let inspect = null;
  const player = subject(world, kind.Client, {
    profile, throws, rate, isHectic,
    begin: (room) => {
      kind.begin();
      welcomed = room.state.tick;
      room.usePrediction(kind.predictor(arenaPredictor(tiles, room.rate)));
      room.state.updated.add(() => {
        const moment = truth.momentOf(room.state.tick);
        for (const each of Object.values(baselines)) each.arrived(moment, placesOf(room.state.entities.values()), world.ms);
        if (isMeasuring && room.stats.inputLead !== null) leads.push(room.stats.inputLead);
      });
    },
    draw: (room, now, acts) => {
      const views = room.view(now);
      const places = placesOf(views);
      const shown = { places, moment: kind.moment(room, truth, truth.momentOf(0), now, welcomed) };
      looks?.(views, room, now, isMeasuring);
      watch.picture(now, acts, views.find(({ id }) => id === room.entity)?.values[2] ?? NaN);
      inspect?.(now, shown, room);
      if (!isMeasuring) return;
      drawn.now.picture(shown, room.entity, now);
      for (const [name, baseline] of Object.entries(baselines)) drawn[name].picture(baseline.show(now), room.entity, now);
    },
  });
  await world.run(WARM_UP_MS);
  isMeasuring = true;
  own.perPicture = [];
  own.corrections = [];
  own.delays = [];
  const scene = { world, truth, player, own, inspect: (look) => (inspect = look) };
  if (script) await script(scene);
  else await world.run(seconds * 1000);
  watch.stop();
  const room = player.room;
  await world.stop();
  return {
    others: drawn.now.result, fixed: drawn.fixed.result, three: drawn.three.result, own: own.result, leads,
    stats: { ...room.stats }, connection: room.connection,
  };
}

/** By id, in quanta. */
function placesOf(rows) {
  const places = new Map();
  for (const { id, kind, values } of rows) if (kind === 'avatar') places.set(id, [values[0], values[1]]);
  return places;
}
