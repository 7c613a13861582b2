// What the own avatar does besides moving, such as a throw or a pickup: told to the page as soon as an input means it, and later
// confirmed by the page, which sees the server's entity or message, or withdrawn. Owns no clock.
//
// An input has one number, counted by the prediction. Its event is known when the input is foreseen, before it is made.

import { Listeners } from './listeners.js';

/** Milliseconds after which an event that nothing has confirmed is withdrawn, however late the server is. */
const PATIENCE_MS = 1000;

/**
 * @template [T=any]
 */
export class PredictedEvent {
  /** @type {'pending' | 'confirmed' | 'withdrawn'} */ status = 'pending';
  /** Whether a frame includes its input. */
  decided = false;
  /** @type {Listeners<[PredictedEvent<T>]>} */ #settled = new Listeners();

  /** @param {number} input @param {T} what what the predictor's step returned @param {number} at milliseconds on the client's clock */
  constructor(input, what, at) {
    this.input = input;
    this.what = what;
    this.at = at;
  }

  /** The server's entity or message shows that it happened. Returns false when it is not pending any more. */
  confirm() {
    return this.settle('confirmed');
  }

  /** The page knows that it did not happen. Returns false when it is not pending any more. */
  withdraw() {
    return this.settle('withdrawn');
  }

  /** Called once, when it is confirmed or withdrawn: `status` says which. @param {(event: PredictedEvent<T>) => void} listener */
  onSettled(listener) {
    return this.#settled.add(listener);
  }

  /** @param {'confirmed' | 'withdrawn'} status */
  settle(status) {
    if (this.status !== 'pending') return false;
    this.status = status;
    this.#settled.emit(this);
    return true;
  }
}

export class PredictedEvents {
  /** Pending ones, oldest first. @type {PredictedEvent[]} */
  pending = [];
  /** What the page has to be told. @type {{ event: PredictedEvent, withdrawn: boolean }[]} */
  #news = [];
  /** The newest input whose event was told: the page may settle an event before its input is made, and is not told again. */
  #newest = 0;

  /** @param {(event: PredictedEvent) => void} tell of a new event */
  constructor(tell) {
    this.tell = tell;
  }

  /**
   * The prediction has applied an input, or foresees it.
   * @param {number} input its number
   * @param {unknown} what the event; nothing when it is false, null or undefined
   * @param {number} at milliseconds
   */
  foresee(input, what, at) {
    const known = this.pending.find((event) => event.input === input);
    if (known && !what) {
      this.#news.push({ event: known, withdrawn: true });
      // The page may change its mind once more.
      this.#newest = input - 1;
    }
    if (known || !what || input <= this.#newest) return;
    this.#newest = input;
    const event = new PredictedEvent(input, what, at);
    this.pending.push(event);
    this.#news.push({ event, withdrawn: false });
  }

  /** An input was applied again, on the server's state. @param {number} input @param {unknown} what as of `foresee` */
  replayed(input, what) {
    const known = what ? undefined : this.pending.find((event) => event.input === input);
    if (known) this.#news.push({ event: known, withdrawn: true });
  }

  /** A frame includes the inputs up to this one: the page may confirm their events until the next frame. @param {number} input */
  included(input) {
    for (const event of this.pending) {
      if (event.input > input) continue;
      if (event.decided) this.#news.push({ event, withdrawn: true });
      event.decided = true;
    }
  }

  /** @param {number} now milliseconds */
  expire(now) {
    for (const event of this.pending) if (now - event.at > PATIENCE_MS) this.#news.push({ event, withdrawn: true });
    this.flush();
  }

  /** Nothing is predicted any more. */
  stop() {
    for (const event of this.pending) this.#news.push({ event, withdrawn: true });
    this.flush();
  }

  /** Calls the page, which may do anything. */
  flush() {
    if (this.pending.length === 0 && this.#news.length === 0) return;
    const news = this.#news;
    this.#news = [];
    for (const { event, withdrawn } of news) {
      if (withdrawn) event.withdraw();
      else this.tell(event);
    }
    this.pending = this.pending.filter(({ status }) => status === 'pending');
  }
}
