// Inviting: the link and the code of one page lead another one into the same room, also into one that nobody would find
// by pressing Play.

import assert from 'node:assert/strict';
import test from 'node:test';

import decode from 'qr/decode.js';

import { browser, server } from './support/stage.js';
import { Tab, eventually } from './support/tabs.js';

/** The pixels of the code as it is shown, enlarged as a camera would see it. */
function pixels(tab) {
  return tab.page.evaluate(async () => {
    const code = document.getElementById('invite-code');
    await code.decode();
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = 400;
    const ctx = canvas.getContext('2d');
    ctx.imageSmoothingEnabled = false;
    ctx.drawImage(code, 0, 0, 400, 400);
    return { width: 400, height: 400, data: [...ctx.getImageData(0, 0, 400, 400).data] };
  });
}

test('link and code lead into the same room', async () => {
  const host = await Tab.open(browser, `${server.url}/?name=Host`);
  await host.page.selectOption('#new-map', 'field');
  await host.page.click('#create');
  await host.inRoom();
  const { id } = await host.room();
  await host.page.click('#invite-open');
  const link = await host.page.inputValue('#invite-link');
  assert.equal(link, `${server.url}/?room=${id}`);
  assert.ok(await host.page.locator('#invite-code').isVisible());
  const hint = await host.page.textContent('#invite-hint');
  assert.match(hint, new RegExp(`there, 127\\.0\\.0\\.1 is the phone\\. Start the server with --bind 0\\.0\\.0\\.0:${server.port} `));
  const { width, height, data } = await pixels(host);
  assert.equal(decode({ width, height, data: Uint8ClampedArray.from(data) }), link, 'the code says the same');
  await host.shot('invite');

  const guest = await Tab.open(browser, link);
  await guest.inRoom();
  assert.equal((await guest.room()).id, id);
  await eventually('the host sees the guest', () => host.scoreboard(), (names) => names.length === 2);
  await host.page.click('#invite-close');
  assert.ok(await host.page.locator('#invite').isHidden());
  for (const tab of [guest, host]) await tab.close();
});

test('the link is copied', async () => {
  const tab = await Tab.join(browser, server.url, 'Ada');
  await tab.page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await tab.page.keyboard.press('i');
  await tab.page.click('#invite-copy');
  await eventually('the button says so', () => tab.page.textContent('#invite-copy'), (text) => text === 'Copied');
  assert.equal(await tab.page.evaluate(() => navigator.clipboard.readText()), `${server.url}/?room=${(await tab.room()).id}`);
  await tab.close();
});
