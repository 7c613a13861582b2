// Light or dark: as the system has it, or as the player switched it, remembered. The style sheets take
// their colours from `data-theme`; those who paint by themselves are told. Runs before the first picture,
// so that nothing flashes.

import { remember, remembered } from './settings.js';

/** @typedef {'light' | 'dark'} Theme */

const system = window.matchMedia('(prefers-color-scheme: light)');
/** @type {Set<(theme: Theme) => void>} */
const listeners = new Set();
/** What the player chose, else null. @type {Theme | null} */
let chosen = known(remembered('theme', ''));

/** @returns {Theme} */
export function theme() {
  return chosen ?? preferred();
}

/** Calls at once and after every change. @param {(theme: Theme) => void} listener @returns {() => void} ends it */
export function onTheme(listener) {
  listeners.add(listener);
  listener(theme());
  return () => { listeners.delete(listener); };
}

/** The other one. Choosing what the system has anyway means to follow the system again. */
function switchTheme() {
  const wanted = theme() === 'light' ? 'dark' : 'light';
  chosen = wanted === preferred() ? null : wanted;
  remember('theme', chosen);
  announce();
}

/** @returns {Theme} */
function preferred() {
  return system.matches ? 'light' : 'dark';
}

/** @param {string} text @returns {Theme | null} */
function known(text) {
  return text === 'light' || text === 'dark' ? text : null;
}

function announce() {
  document.documentElement.dataset.theme = theme();
  for (const button of document.querySelectorAll('[data-switch="theme"]')) button.setAttribute('aria-pressed', String(theme() === 'dark'));
  document.querySelector('meta[name="theme-color"]')?.setAttribute('content', theme() === 'light' ? '#e9f0fa' : '#0d1220');
  for (const listener of listeners) listener(theme());
}

document.documentElement.dataset.theme = theme();
system.addEventListener('change', announce);
window.addEventListener('DOMContentLoaded', () => {
  announce();
  for (const button of document.querySelectorAll('[data-switch="theme"]')) button.addEventListener('click', switchTheme);
});
