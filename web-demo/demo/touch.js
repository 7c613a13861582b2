// The stick and the two buttons for fingers. Shown at the first touch, or at once where
// there is no mouse. Several fingers work at a time, each held by the element that it
// first touched.

/** Travel of the knob in CSS pixels, and how far it must move to count. */
const REACH = 46;
const DEAD = 10;

export class Stick {
  /**
   * @param {HTMLElement} layer
   * @param {AbortSignal} signal
   * @param {{press: (what: 'throw' | 'dash') => void, release: () => void}} handlers
   */
  constructor(layer, signal, handlers) {
    /** @type {number | null} */
    this.direction = null;
    const pad = layer.querySelector('#stick');
    const knob = layer.querySelector('#stick i');
    this.knob = knob instanceof HTMLElement ? knob : null;
    /** @type {number | null} */
    this.finger = null;
    const show = () => { layer.hidden = false; };
    if (window.matchMedia('(hover: none) and (pointer: coarse)').matches) show();
    window.addEventListener('pointerdown', (event) => { if (event.pointerType === 'touch') show(); }, { signal });

    if (pad instanceof HTMLElement) this.listen(pad, signal);
    const throwing = layer.querySelector('#touch-throw');
    const dashing = layer.querySelector('#touch-dash');
    throwing?.addEventListener('pointerdown', (event) => { event.preventDefault(); handlers.press('throw'); }, { signal });
    throwing?.addEventListener('pointerup', handlers.release, { signal });
    throwing?.addEventListener('pointercancel', handlers.release, { signal });
    dashing?.addEventListener('pointerdown', (event) => { event.preventDefault(); handlers.press('dash'); }, { signal });
  }

  /** @param {HTMLElement} pad @param {AbortSignal} signal */
  listen(pad, signal) {
    pad.addEventListener('pointerdown', (event) => {
      event.preventDefault();
      this.finger = event.pointerId;
      pad.setPointerCapture(event.pointerId);
      this.bend(pad, event);
    }, { signal });
    pad.addEventListener('pointermove', (event) => { if (event.pointerId === this.finger) this.bend(pad, event); }, { signal });
    for (const end of ['pointerup', 'pointercancel', 'lostpointercapture']) pad.addEventListener(end, () => this.letGo(), { signal });
  }

  /** @param {HTMLElement} pad @param {PointerEvent} event */
  bend(pad, event) {
    const box = pad.getBoundingClientRect();
    const x = event.clientX - box.left - box.width / 2;
    const y = event.clientY - box.top - box.height / 2;
    const far = Math.hypot(x, y);
    this.direction = far > DEAD ? Math.atan2(y, x) : null;
    const share = far > REACH ? REACH / far : 1;
    if (this.knob) this.knob.style.transform = `translate(${x * share}px, ${y * share}px)`;
  }

  letGo() {
    this.finger = null;
    this.direction = null;
    if (this.knob) this.knob.style.transform = '';
  }
}
