// Sound: none until it is switched on, then throws, hits and arrivals are heard, and the switch is remembered. Nobody
// listens here: what the page starts is counted.

import assert from 'node:assert/strict';
import test from 'node:test';

import { browser, server } from './support/stage.js';
import { Tab, eventually, sleep } from './support/tabs.js';

/** Counts what is made and started in every page from now on. */
function listen(tab) {
  return tab.page.addInitScript(() => {
    window.heard = { contexts: 0, noises: 0, tones: 0 };
    const { AudioContext } = window;
    window.AudioContext = class extends AudioContext {
      constructor(...options) {
        super(...options);
        window.heard.contexts += 1;
      }
    };
    const count = (source, what) => {
      const { start } = source.prototype;
      source.prototype.start = function (...when) {
        window.heard[what] += 1;
        return start.apply(this, when);
      };
    };
    count(window.AudioBufferSourceNode, 'noises');
    count(window.OscillatorNode, 'tones');
  });
}

/** Throws where there is room to fly: at a wall, a snowball is gone before it is told of. */
async function throwAhead(tab) {
  const { key } = await tab.openWay();
  await tab.hold(key, 80);
  await tab.page.keyboard.press('Space');
}

const heard = (tab) => tab.page.evaluate(() => window.heard);

test('sound is off until switched on, and the switch is remembered', async () => {
  const tab = await Tab.open(browser, 'about:blank');
  await listen(tab);
  await tab.page.goto(`${server.url}/?auto=1&name=Ada`);
  await tab.inRoom();
  await throwAhead(tab);
  await eventually('a snowball flies', () => tab.room(), ({ kinds }) => kinds.includes('snowball'));
  await sleep(500);
  assert.deepEqual(await heard(tab), { contexts: 0, noises: 0, tones: 0 });
  assert.equal(await tab.page.getAttribute('#sound', 'aria-pressed'), 'false');

  await tab.page.click('#sound');
  assert.equal(await tab.page.getAttribute('#sound', 'aria-pressed'), 'true');
  assert.deepEqual(await heard(tab), { contexts: 1, noises: 0, tones: 2 }, 'it says hello');
  await throwAhead(tab);
  await eventually('a throw is heard', () => heard(tab), ({ noises }) => noises > 0);
  const { tones } = await heard(tab);
  const guest = await Tab.join(browser, server.url, 'Guest');
  await eventually('an arrival is heard', () => heard(tab), (now) => now.tones === tones + 2);
  await guest.close();

  await tab.page.reload();
  await tab.inRoom();
  assert.equal(await tab.page.getAttribute('#sound', 'aria-pressed'), 'true');
  await throwAhead(tab);
  await eventually('a throw is heard again', () => heard(tab), ({ noises }) => noises > 0);
  await tab.page.keyboard.press('m');
  const quiet = await heard(tab);
  await sleep(800);
  await throwAhead(tab);
  await sleep(800);
  assert.deepEqual(await heard(tab), quiet, 'M switches it off');
  await tab.close();
});
