// A minute among a hundred avatars in Chromium: what the client costs a page. The short part is in the end-to-end tests.

import test from 'node:test';

import { GameServer } from '../e2e/support/server.js';
import { launch } from '../e2e/support/tabs.js';
import { AVATARS, bots, measure } from './measure.js';
import { report } from './report.js';

const SECONDS = 60;

test(`${SECONDS} s among ${AVATARS} avatars`, async (t) => {
  const server = await GameServer.start();
  const browser = await launch();
  const others = bots(server.url, AVATARS - 1);
  t.after(async () => {
    await browser.close();
    await others.stop();
    await server.stop();
  });
  report(t, await measure(browser, server, SECONDS), SECONDS);
});
