// The stick and the two buttons for fingers. Shown at the first touch, or at once where there is no mouse.
// The stick comes to the thumb: it is centred where the thumb first touches the lower left of the screen.
// Several fingers work at a time, each held by the element that it first touched.

/** Travel of the knob in CSS pixels, and how far it must move to count. */
const REACH = 46;
const DEAD = 8;

export class Stick {
  /**
   * @param {HTMLElement} layer
   * @param {AbortSignal} signal
   * @param {{press: (what: 'throw' | 'dash') => void, release: () => void}} handlers
   */
  constructor(layer, signal, handlers) {
    /** Radians, while it is bent. @type {number | null} */
    this.direction = null;
    this.stick = part(layer, '#stick');
    this.knob = part(layer, '#stick i');
    /** @type {number | null} */
    this.finger = null;
    /** Where the thumb came down. */
    this.centre = { x: 0, y: 0 };
    const show = () => { layer.hidden = false; };
    if (window.matchMedia('(hover: none) and (pointer: coarse)').matches) show();
    window.addEventListener('pointerdown', (event) => { if (event.pointerType === 'touch') show(); }, { signal });
    this.listen(part(layer, '#pad'), signal);
    connect(part(layer, '#touch-throw'), signal, () => handlers.press('throw'), handlers.release);
    connect(part(layer, '#touch-dash'), signal, () => handlers.press('dash'), () => {});
    this.letGo();
  }

  /** @param {HTMLElement} pad @param {AbortSignal} signal */
  listen(pad, signal) {
    pad.addEventListener('pointerdown', (event) => {
      event.preventDefault();
      if (this.finger !== null) return;
      this.finger = event.pointerId;
      pad.setPointerCapture(event.pointerId);
      this.comeTo(event.clientX, event.clientY);
    }, { signal });
    pad.addEventListener('pointermove', (event) => { if (event.pointerId === this.finger) this.bend(event.clientX, event.clientY); }, { signal });
    for (const end of /** @type {const} */ (['pointerup', 'pointercancel', 'lostpointercapture'])) {
      pad.addEventListener(end, (event) => { if (event.pointerId === this.finger) this.letGo(); }, { signal });
    }
  }

  /** @param {number} x CSS pixels @param {number} y */
  comeTo(x, y) {
    const box = this.stick.getBoundingClientRect();
    this.centre = { x, y };
    this.stick.style.transform = `translate(${x - box.left - box.width / 2}px, ${y - box.top - box.height / 2}px)`;
    this.stick.classList.add('held');
  }

  /** @param {number} x CSS pixels @param {number} y */
  bend(x, y) {
    const [dx, dy] = [x - this.centre.x, y - this.centre.y];
    const far = Math.hypot(dx, dy);
    this.direction = far > DEAD ? Math.atan2(dy, dx) : null;
    const share = far > REACH ? REACH / far : 1;
    this.knob.style.transform = `translate(${dx * share}px, ${dy * share}px)`;
  }

  letGo() {
    this.finger = null;
    this.direction = null;
    this.knob.style.transform = '';
    this.stick.style.transform = '';
    this.stick.classList.remove('held');
  }
}

/**
 * A button for a finger: acts when touched, not when let go.
 * @param {HTMLElement} button @param {AbortSignal} signal @param {() => void} press @param {() => void} release
 */
function connect(button, signal, press, release) {
  button.addEventListener('pointerdown', (event) => {
    event.preventDefault();
    button.classList.add('held');
    press();
  }, { signal });
  for (const end of ['pointerup', 'pointercancel']) {
    button.addEventListener(end, () => {
      button.classList.remove('held');
      release();
    }, { signal });
  }
}

/** @param {HTMLElement} layer @param {string} selector @returns {HTMLElement} */
function part(layer, selector) {
  const element = layer.querySelector(selector);
  if (!(element instanceof HTMLElement)) throw new Error(`the touch controls have no ${selector}`);
  return element;
}
