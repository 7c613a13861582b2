// Words for talking to this page: find an element by id, make one with text and children. Text is
// only ever text, so whatever players or games wrote stays harmless.

/**
 * @template {Element} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
export function find(id, type) {
  const found = document.getElementById(id);
  if (found instanceof type) return found;
  throw new TypeError(`#${id} is no ${type.name}`);
}

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {string} [className]
 * @param {...(Node | string)} content
 * @returns {HTMLElementTagNameMap[K]}
 */
export function build(tag, className = '', ...content) {
  const built = document.createElement(tag);
  built.className = className;
  built.append(...content);
  return built;
}

/** Writes text only where it changed, so that selections and screen readers are left in peace. @param {Element} element @param {string} text */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
