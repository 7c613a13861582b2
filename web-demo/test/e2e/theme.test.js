// Light and dark: as the system has it until the switch is used, in lobby and game alike, remembered.

import assert from 'node:assert/strict';
import test from 'node:test';

import { browser, server } from './support/stage.js';
import { Tab, eventually } from './support/tabs.js';

/** How light the page and the picture are, 0 to 255; of the picture the darker quarter, since walls are light by night too. */
function lightness(tab) {
  return tab.page.evaluate(() => {
    const mean = (values) => values.reduce((sum, each) => sum + each, 0) / values.length;
    const page = mean(getComputedStyle(document.body).backgroundColor.match(/\d+/g).slice(0, 3).map(Number));
    const canvas = document.getElementById(document.body.dataset.screen === 'game' ? 'game' : 'backdrop');
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    const greens = data.filter((_, index) => index % 4 === 1).sort();
    return { page, picture: greens[greens.length >> 2] };
  });
}

const isLight = ({ page, picture }) => page > 180 && picture > 130;
const isDark = ({ page, picture }) => page < 60 && picture < 100;

test('the theme follows the system until it is switched', async () => {
  const tab = await Tab.open(browser, `${server.url}/?name=Ada`, { colorScheme: 'light' });
  await eventually('the lobby is light', () => lightness(tab), isLight);
  await tab.page.emulateMedia({ colorScheme: 'dark' });
  await eventually('it darkens with the system', () => lightness(tab), isDark);
  await tab.page.click('#lobby [data-switch="theme"]');
  await eventually('the switch makes it light', () => lightness(tab), isLight);
  await tab.page.click('#play');
  await tab.inRoom();
  await eventually('so is the game', () => lightness(tab), isLight);
  await tab.page.reload();
  await tab.inRoom();
  await eventually('also the next time', () => lightness(tab), isLight);
  const button = tab.page.locator('.bar [data-switch="theme"]');
  assert.equal(await button.getAttribute('aria-pressed'), 'false');
  await button.click();
  await eventually('the switch in the game makes it dark', () => lightness(tab), isDark);
  assert.equal(await button.getAttribute('aria-pressed'), 'true');
  await tab.page.emulateMedia({ colorScheme: 'light' });
  await eventually('that is the system\'s choice, which is followed again', () => lightness(tab), isLight);
  await tab.close();
});
