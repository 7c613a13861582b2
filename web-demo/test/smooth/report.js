// What a measurement must show, and how it is told.

import assert from 'node:assert/strict';

import { AVATARS } from './measure.js';

/** Milliseconds of the main thread. */
const PICTURE_P95 = 2;
const PAUSE = 5;

/**
 * Times are those that the main thread worked: a machine that does something else meanwhile takes longer, but not because of the client.
 * @param {import('node:test').TestContext} t @param {Awaited<ReturnType<typeof import('./measure.js').measure>>} measured @param {number} seconds
 */
export function report(t, measured, seconds) {
  const { cpu, wall, pauses, fps, frames, pictures, avatars } = measured;
  const ms = (/** @type {number} */ value) => `${value.toFixed(2)} ms`;
  t.diagnostic(`${avatars} avatars, ${frames.toFixed(1)} frames and ${fps.toFixed(1)} pictures per second for ${seconds} s`);
  t.diagnostic(`per picture: median ${ms(cpu.median)}, p95 ${ms(cpu.p95)}, p99 ${ms(cpu.p99)}, most ${ms(cpu.most)}; by the clock p95 ${ms(wall.p95)}`);
  t.diagnostic(`${measured.collections} pauses by garbage collection, the longest ${ms(pauses[0]?.cpu ?? 0)}, by the clock ${ms(Math.max(0, ...pauses.map((pause) => pause.wall)))}`);
  assert.ok(measured.timed, 'the trace has the times of the thread');
  assert.equal(avatars, AVATARS);
  assert.ok(pictures > seconds * 20, `${pictures} pictures`);
  assert.ok(frames > 10, `${frames} frames per second`);
  assert.equal(measured.desyncs, 0);
  assert.ok(cpu.p95 < PICTURE_P95, `decoding, interpolation and prediction take ${ms(cpu.p95)} per picture (p95): below ${ms(PICTURE_P95)}`);
  const [longest] = pauses;
  assert.ok((longest?.cpu ?? 0) < PAUSE, `${longest?.name} took ${ms(longest?.cpu ?? 0)}: below ${ms(PAUSE)}`);
}
