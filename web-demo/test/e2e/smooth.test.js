// Among a hundred avatars the client takes little of a page's time: the short part of test/smooth.

import test from 'node:test';

import { AVATARS, bots, measure } from '../smooth/measure.js';
import { report } from '../smooth/report.js';
import { browser, server } from './support/stage.js';

const SECONDS = 8;

test(`${SECONDS} s among ${AVATARS} avatars`, async (t) => {
  const others = bots(server.url, AVATARS - 1);
  t.after(() => others.stop());
  report(t, await measure(browser, server, SECONDS), SECONDS);
});
