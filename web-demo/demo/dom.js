// Two small words for talking to the page: find an element of a kind by its id, and make one with
// text. Text is only ever text: nothing here reads HTML, so whatever other players wrote stays
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
