// Takes the picture of the README: a dozen players in a snowball fight around one page, many moments of it, the busiest
// kept as test-results/demo-*.jpg to choose from. Not a test; run with `node --experimental-websocket test/e2e/picture.js`.

import { mkdir, writeFile } from 'node:fs/promises';

import { Crowd } from './support/crowd.js';
import { GameServer } from './support/server.js';
import { Tab, launch, sleep } from './support/tabs.js';

const RESULTS = new URL('../../test-results/', import.meta.url);
const PLAYERS = 12;
/** Every picture makes the page stumble, so there are few, at moments that are busy enough; after a while less will do. */
const SHOTS = 14;
const ENOUGH = 42;
const FADING = 0.25;
/** What is said meanwhile. */
const TALK = ['that was close!', 'meet you at the plus', 'you have my spark'];
const KEPT = 6;
const CENTRE = [720, 450];
/** Pixels. */
const METRE = 50;
/** Open ground of the courtyard, in metres. */
const GROUND = { left: 17, right: 31, top: 12, bottom: 20 };

/** In the page: how much goes on where it can be seen. */
function bustle() {
  const { room } = window.tickwire;
  const views = room.view(performance.now());
  const own = views.find(({ id }) => id === room.entity);
  if (!own) return { score: 0, prey: null };
  const near = views.filter(({ x, y }) => Math.abs(x - own.x) < 10.5 && Math.abs(y - own.y) < 6.5).map(({ kind, x, y, mood }) => ({ kind, x, y, mood }));
  const avatars = near.filter(({ kind }) => kind === 'avatar');
  const apart = avatars.filter((a) => avatars.every((b) => a === b || Math.hypot(a.x - b.x, a.y - b.y) > 1.3));
  const balls = near.filter(({ kind }) => kind === 'snowball');
  const dashing = avatars.filter(({ mood }) => mood === 'dash');
  const others = avatars.map(({ x, y }) => [x - own.x, y - own.y]).filter(([x, y]) => Math.hypot(x, y) > 1);
  others.sort((a, b) => Math.hypot(...a) - Math.hypot(...b));
  const score = apart.length * 2 + balls.length * 2.5 + Math.min(2, dashing.length) * 3;
  return { score, prey: others[0] ?? null };
}

/** Joins again until the player stands on open ground. */
async function standInTheOpen(tab) {
  for (;;) {
    const { x, y } = await tab.whereabouts();
    if (x > GROUND.left && x < GROUND.right && y > GROUND.top && y < GROUND.bottom) return { x, y };
    await tab.page.click('#leave');
    await tab.page.click('#play');
    await tab.inRoom();
  }
}

const server = await GameServer.start();
const browser = await launch();
const crowd = new Crowd();
await crowd.join(server.url, PLAYERS);
const tab = await Tab.join(browser, server.url, 'Ada', { viewport: { width: 1440, height: 900 }, colorScheme: 'dark' });
crowd.meeting = await standInTheOpen(tab);
// Hits would push the camera about.
crowd.spared = (await tab.room()).entity;
await tab.page.click('#chat-open');
for (const [index, text] of TALK.entries()) await crowd.rooms[index * 2].chat(text);
await tab.page.fill('#chat-text', 'catch me first');
await tab.page.press('#chat-text', 'Enter');
await tab.page.mouse.move(...CENTRE);
await tab.page.mouse.down();
await sleep(6000);

const kept = [];
for (let shots = 0, wanted = ENOUGH; shots < SHOTS; wanted -= FADING) {
  const { score: before, prey } = await tab.page.evaluate(bustle);
  if (prey) await tab.page.mouse.move(CENTRE[0] + prey[0] * METRE, CENTRE[1] + prey[1] * METRE);
  if (before >= wanted) {
    const bytes = await tab.page.screenshot({ type: 'jpeg', quality: 85 });
    // What counts is the moment that was caught, which is a little later.
    const { score } = await tab.page.evaluate(bustle);
    kept.push({ score: Math.min(before, score), bytes });
    [shots, wanted] = [shots + 1, ENOUGH];
    await sleep(1000);
  }
  await sleep(80);
}
kept.sort((a, b) => b.score - a.score).splice(KEPT);
await mkdir(RESULTS, { recursive: true });
for (const [index, { bytes, score }] of kept.entries()) {
  await writeFile(new URL(`demo-${index}.jpg`, RESULTS), bytes);
  console.log(`demo-${index}.jpg: ${score}, ${bytes.length} bytes`);
}
crowd.leave();
await browser.close();
await server.stop();
