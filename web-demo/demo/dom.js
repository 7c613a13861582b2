// Small words for talking to the page: find an element of a kind by its id, make one with text, or
// a player's mark. Text is only ever text: nothing here reads HTML, so whatever other players wrote stays
// harmless. No state, no events.

/**
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
export function byId(id, type) {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new Error(`the page has no #${id}`);
  return element;
}

/** @param {string} tag @param {string} className @param {string} text @returns {HTMLElement} */
export function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.textContent = text;
  return element;
}

const SVG = 'http://www.w3.org/2000/svg';

/** A small picture of one shape; names and lines beside it say the same in words. @param {string} path @param {string} fill @returns {SVGElement} */
export function makeMark(path, fill) {
  const picture = document.createElementNS(SVG, 'svg');
  picture.setAttribute('class', 'mark');
  picture.setAttribute('viewBox', '0 0 24 24');
  picture.setAttribute('aria-hidden', 'true');
  const shape = document.createElementNS(SVG, 'path');
  shape.setAttribute('d', path);
  shape.setAttribute('fill', fill);
  picture.append(shape);
  return picture;
}
