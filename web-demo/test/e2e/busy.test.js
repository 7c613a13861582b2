// A hundred players in one room: how much the page asks of the canvas for a picture. Milliseconds and frames per second are
// the machine's and only told.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import test, { after, before } from 'node:test';

import { BINARY, GameServer } from './support/server.js';
import { Tab, eventually, launch } from './support/tabs.js';

const PLAYERS = 100;
const PICTURES = 120;
/** Canvas calls per picture: for the ground, the list of players and the effects, and for each avatar on the screen. */
const CALLS = 600;
const CALLS_PER_AVATAR = 45;

let server, browser, bots;
before(async () => {
  server = await GameServer.start();
  browser = await launch();
  const url = `ws://127.0.0.1:${server.port}/play`;
  bots = spawn(BINARY, ['bots', '--url', url, '--players', String(PLAYERS - 1), '--duration', '120'], { stdio: 'ignore' });
});
after(async () => {
  bots?.kill();
  await browser?.close();
  await server?.stop();
});

/** In the page: milliseconds of the next pictures, and their rate. */
async function measure(pictures) {
  const { play } = window.tickwire;
  const work = [];
  const start = performance.now();
  while (work.length < pictures) {
    await new Promise((next) => { requestAnimationFrame(next); });
    work.push(play.work);
  }
  return { work: work.sort((a, b) => a - b), fps: (pictures * 1000) / (performance.now() - start) };
}

/** In the page: the same when everybody is on the screen, at this size. */
async function crowdIn(pictures) {
  const { play, room } = window.tickwire;
  const now = performance.now();
  const avatars = room.view(now).filter(({ kind }) => kind === 'avatar')
    .map(({ id, kind, x, y, heading, mood, colour, shield }) => ({ id, kind, x, y, heading, mood, colour, shield }));
  const own = avatars.find(({ id }) => id === room.entity);
  const place = { x: own.x, y: own.y };
  const { camera } = play.scene;
  const work = [];
  let shown = 0;
  for (let picture = 0; picture < pictures; picture += 1) {
    // Between two frames the browser paints what was drawn; that is its own work.
    await new Promise((next) => { requestAnimationFrame(next); });
    avatars.forEach((view, index) => {
      view.x = (camera.left + camera.width * (((index % 12) + 0.5) / 12)) / camera.scale + Math.sin(picture / 9) * 0.2;
      view.y = (camera.top + camera.height * ((Math.floor(index / 12) + 0.5) / 9)) / camera.scale;
      view.heading = index + picture / 20;
    });
    const start = performance.now();
    play.scene.draw(avatars, { now: now + picture * 16.7, seconds: 0.0167, own: place, aim: null });
    work.push(performance.now() - start);
    shown = play.scene.order.length;
  }
  const calls = {};
  const context = CanvasRenderingContext2D.prototype;
  const methods = Object.entries(Object.getOwnPropertyDescriptors(context)).filter(([, { value }]) => typeof value === 'function');
  for (const [name, { value }] of methods) {
    context[name] = function counted(...given) {
      calls[name] = (calls[name] ?? 0) + 1;
      return value.apply(this, given);
    };
  }
  try {
    play.scene.draw(avatars, { now: now + pictures * 16.7, seconds: 0.0167, own: place, aim: null });
  } finally {
    for (const [name, { value }] of methods) context[name] = value;
  }
  return { work: work.sort((a, b) => a - b), shown, calls };
}

for (const [screen, options] of [['wide', { viewport: { width: 1440, height: 900 } }], ['phone', { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 }]]) {
  test(`a picture of ${PLAYERS} players on a ${screen} screen`, async (t) => {
    const tab = await Tab.join(browser, server.url, 'Ada', options);
    t.after(() => tab.close());
    await eventually('everybody is there', () => tab.room(), ({ players }) => players.length === PLAYERS, 20_000);
    const { work, fps } = await tab.page.evaluate(measure, PICTURES);
    const all = await tab.page.evaluate(crowdIn, PICTURES);
    const told = (sorted) => `median ${sorted[PICTURES / 2].toFixed(2)} ms, 95 of 100 under ${sorted[Math.floor(PICTURES * 0.95)].toFixed(2)} ms`;
    t.diagnostic(`${told(work)}, ${fps.toFixed(0)} pictures per second; everybody on the screen: ${told(all.work)}`);
    assert.equal(all.shown, PLAYERS);
    const calls = Object.values(all.calls).reduce((sum, count) => sum + count, 0);
    t.diagnostic(`${calls} calls of the canvas: ${JSON.stringify(all.calls)}`);
    assert.ok(calls > PLAYERS && calls < CALLS + CALLS_PER_AVATAR * PLAYERS, `${calls} calls`);
    // Text and gradients cost most: they are drawn once and kept as images.
    for (const costly of ['fillText', 'strokeText', 'measureText', 'createRadialGradient', 'createLinearGradient', 'createPattern', 'getImageData']) {
      assert.ok((all.calls[costly] ?? 0) < PLAYERS / 10, `${costly}: ${all.calls[costly]}`);
    }
    assert.equal((await tab.room()).stats.desyncs, 0);
  });
}
