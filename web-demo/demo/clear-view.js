// How far the picture must be moved aside so that nothing lies over one place of it. Knows neither map nor page.

/** @typedef {{left: number, top: number, right: number, bottom: number}} Box CSS pixels */

/**
 * The least way by which a box comes out from under all panels, and stays on the screen; none where there is no such way.
 * @param {Box} box @param {readonly Box[]} panels @param {{width: number, height: number}} screen
 * @returns {{x: number, y: number}}
 */
export function wayOut({ left, top, right, bottom }, panels, screen) {
  // What is off the screen anyway need not come onto it.
  const box = { left: Math.max(0, left), top: Math.max(0, top), right: Math.min(screen.width, right), bottom: Math.min(screen.height, bottom) };
  const none = { x: 0, y: 0 };
  if (!panels.some((panel) => overlap(box, panel, none))) return none;
  const across = [0, ...panels.flatMap((panel) => [panel.left - box.right, panel.right - box.left])];
  const down = [0, ...panels.flatMap((panel) => [panel.top - box.bottom, panel.bottom - box.top])];
  let best = none;
  let least = Infinity;
  for (const x of across) {
    for (const y of down) {
      const far = Math.hypot(x, y);
      if (far >= least || !within(box, screen, x, y) || panels.some((panel) => overlap(box, panel, { x, y }))) continue;
      [best, least] = [{ x, y }, far];
    }
  }
  return best;
}

/** @param {Box} box @param {Box} panel @param {{x: number, y: number}} moved */
function overlap(box, panel, { x, y }) {
  return box.left + x < panel.right && box.right + x > panel.left && box.top + y < panel.bottom && box.bottom + y > panel.top;
}

/** @param {Box} box @param {{width: number, height: number}} screen @param {number} x @param {number} y */
function within(box, { width, height }, x, y) {
  return box.left + x >= 0 && box.right + x <= width && box.top + y >= 0 && box.bottom + y <= height;
}
