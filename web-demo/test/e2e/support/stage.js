// What most test files play on: a real server and a real browser, there for as long as the file's tests run. Files that
// want a server of another kind, or start it anew, bring their own.

import { after, before } from 'node:test';

import { GameServer } from './server.js';
import { launch } from './tabs.js';

/** @type {GameServer} */
export let server;
/** @type {import('playwright-core').Browser} */
export let browser;

before(async () => {
  server = await GameServer.start();
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await server?.stop();
});
