// Real browser tabs: one Chromium per test file, one context per tab so that names and settings do not mix. Every tab
// collects what its console and its scripts complain about; `check` fails the test when there was anything that the
// test did not allow. What a tab shows is read through the page's `tickwire.room`.

import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { chromium } from 'playwright-core';

const RESULTS = fileURLToPath(new URL('../../../test-results/', import.meta.url));
const ARGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
];
const PATIENCE_MS = 10_000;
const LOOK_EVERY_MS = 40;

/** @param {import('playwright-core').LaunchOptions} [options] @param {string[]} [more] arguments */
export function launch(options = {}, more = []) {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: [...ARGS, ...more], ...options });
}

export const sleep = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Looks until what is read satisfies; returns it.
 * @template T
 * @param {string} what the sentence that a failure is told in
 * @param {() => Promise<T>} read
 * @param {(value: T) => boolean} satisfies
 * @param {number} [patience] milliseconds
 */
export async function eventually(what, read, satisfies = Boolean, patience = PATIENCE_MS) {
  const deadline = performance.now() + patience;
  for (;;) {
    const value = await read();
    if (satisfies(value)) return value;
    if (performance.now() > deadline) assert.fail(`never happened: ${what}; at last: ${JSON.stringify(value)}`);
    await sleep(LOOK_EVERY_MS);
  }
}

export class Tab {
  /** @param {import('playwright-core').Page} page @param {RegExp[]} allowed complaints that the test expects */
  constructor(page, allowed) {
    this.page = page;
    this.allowed = allowed;
    /** @type {string[]} */
    this.complaints = [];
    page.on('console', (message) => { if (message.type() === 'error') this.complain(message.text()); });
    page.on('pageerror', (error) => this.complain(String(error)));
    page.on('crash', () => this.complain('the page crashed'));
  }

  /**
   * @param {import('playwright-core').Browser} browser
   * @param {string} url
   * @param {import('playwright-core').BrowserContextOptions & { allowed?: RegExp[] }} [options]
   */
  static async open(browser, url, { allowed = [], ...options } = {}) {
    const context = await browser.newContext({ viewport: { width: 960, height: 600 }, ...options });
    const tab = new Tab(await context.newPage(), allowed);
    await tab.page.goto(url);
    return tab;
  }

  /** Opens the page as a player who joins without a click. */
  static async join(browser, base, name, { query = '', ...options } = {}) {
    const tab = await Tab.open(browser, `${base}/?auto=1&name=${encodeURIComponent(name)}${query}`, options);
    await tab.inRoom();
    return tab;
  }

  /** @param {string} text */
  complain(text) {
    if (!this.allowed.some((pattern) => pattern.test(text))) this.complaints.push(text);
  }

  check() {
    assert.deepEqual(this.complaints, [], 'console errors and page errors');
  }

  /** Leaves first: the seat of a tab that just vanishes is held for it. */
  async close() {
    await this.page.evaluate(() => window.tickwire?.room.leave());
    await this.page.context().close();
    this.check();
  }

  /** @param {string} name */
  async shot(name) {
    await mkdir(RESULTS, { recursive: true });
    await this.page.screenshot({ path: `${RESULTS}${name}.png` });
  }

  /** Waits until the game is on screen and the own entity is there. @param {number} [patience] */
  inRoom(patience) {
    return eventually('the game is on screen with the own entity', () => this.page.evaluate(() => {
      const room = window.tickwire?.room;
      return document.body.dataset.screen === 'game' && room?.connection === 'online' && room.state.entities.has(room.entity);
    }), Boolean, patience);
  }

  /** What this tab knows of its room. */
  room() {
    return this.page.evaluate(() => {
      const { room } = window.tickwire;
      return {
        id: room.id, entity: room.entity, seat: room.seat, connection: room.connection, stats: { ...room.stats },
        players: [...room.players.values()].map(({ entity, name }) => ({ entity, name })),
        kinds: [...room.state.entities.values()].map(({ kind }) => kind),
      };
    });
  }

  /**
   * Where an entity is: `raw` quanta and `x`, `y` metres as the server says, `seen` as it is drawn now; null when it is not there.
   * @param {number} [id] the own one by default
   */
  whereabouts(id) {
    return this.page.evaluate((asked) => {
      const { room } = window.tickwire;
      const wanted = asked ?? room.entity;
      const entity = room.state.entities.get(wanted);
      const view = room.view(performance.now()).find((each) => each.id === wanted);
      if (!entity || !view) return null;
      return { x: entity.x, y: entity.y, raw: [entity.raw('x'), entity.raw('y')], seen: { x: view.x, y: view.y }, mood: entity.mood };
    }, id ?? null);
  }

  /** The names on the scoreboard, best first. */
  scoreboard() {
    return this.page.locator('#scores li .who').allTextContents();
  }

  /** Holds a key for a time. @param {string} key @param {number} ms */
  async hold(key, ms) {
    await this.page.keyboard.down(key);
    await sleep(ms);
    await this.page.keyboard.up(key);
  }

  /** The key that leads to the most room from here: a wall must not decide a test. */
  openWay() {
    return this.page.evaluate(async () => {
      const { isSolid, parseMap } = await import('/demo/arena.js');
      const { room } = window.tickwire;
      const map = parseMap(await (await fetch(`/assets/maps/${room.properties.map}.txt`)).text());
      const { x, y } = room.state.entities.get(room.entity);
      const free = ([dx, dy]) => {
        for (let far = 1; far < 40; far += 1) {
          for (const side of [-0.45, 0.45]) {
            if (isSolid(map, Math.floor(x + dx * far + dy * side), Math.floor(y + dy * far + dx * side))) return far - 1;
          }
        }
        return 40;
      };
      const ways = [['d', 1, 0], ['a', -1, 0], ['s', 0, 1], ['w', 0, -1]].map(([key, dx, dy]) => ({ key, dx, dy, free: free([dx, dy]) }));
      return ways.sort((a, b) => b.free - a.free)[0];
    });
  }
}
