// Watches a room without being in it: its film, fetched in parts of a second, which any cache may carry.

import { Backoff } from './backoff.js';
import { Film } from './film.js';
import { Listeners } from './listeners.js';
import { markRaw } from './proxies.js';

/** How long before the newest tick the picture should be when a part arrives, in seconds: what a late part may take. */
const SLACK = 0.4;
/** Beyond that the film runs a little faster, and below it slower. */
const HURRY = 0.05;
/** Who is so many seconds behind has not looked, and is brought to the present. */
const LOST = 4;
/** A room that has ended is asked for once more after this time, in milliseconds: its server may only be restarting. */
const ASK_AGAIN_MS = 3000;

/**
 * @typedef {{ incarnation: number, segments: number[], next: number | null, delay: number }} FilmIndex
 * @typedef {{ incarnation: number, tick: number }} Place
 * @typedef {{ ok: boolean, status: number, redirected?: boolean, url?: string, json(): Promise<any>, arrayBuffer(): Promise<ArrayBuffer> }} Answer
 * @typedef {(address: string, how: any) => Promise<Answer>} Fetch as that of browsers and Node
 * @typedef {{ fetch?: Fetch, now?: () => number, token?: string }} WatchOptions `now`: milliseconds, `performance.now` by default; `token`:
 *   for rooms whose game wants one of spectators
 * @typedef {'live' | 'waiting' | 'unreachable' | 'ended'} WatchStatus
 */

/** There is no film to watch. */
export class WatchError extends Error {
  /** @param {string} text */
  constructor(text) {
    super(text);
    this.name = 'WatchError';
  }
}

/**
 * Watches the room whose film is at `address`, such as `https://play.example/api/rooms/ID/film`. Resolves when the first part is there.
 * Rejects with a WatchError when there is no such room, or nobody may watch it.
 * @param {string} address @param {WatchOptions} [options]
 * @returns {Promise<WatchedRoom>}
 */
export async function watch(address, options = {}) {
  const source = new Source(address, options.fetch ?? globalThis.fetch.bind(globalThis), options.token);
  let index = await source.index();
  for (;;) {
    if (!index) throw new WatchError(`${address}: there is no such room, or nobody may watch it`);
    const first = index.segments.at(-1) ?? index.next;
    if (first === null) throw new WatchError(`${address}: the room has ended`);
    const bytes = await source.part({ incarnation: index.incarnation, tick: first });
    if (bytes) return new WatchedRoom(source, Film.read(bytes), index.delay, options.now ?? (() => performance.now()));
    index = await source.index();
  }
}

/** A room that is watched. Draw `film.view(now)` as the views of a room. */
export class WatchedRoom {
  /** Plays by itself, some seconds behind the players. */
  film;
  /** The delay of the film, in milliseconds, beside the length of a part. */
  delay;
  ended = false;

  #source;
  #now;
  /** When the newest part came. */
  #arrivedAt;
  /** Whether the last request failed. */
  #failed = false;
  /** @type {Listeners<[]>} */ #endings = new Listeners();

  /** @param {Source} source @param {Film} film @param {number} delay @param {() => number} now */
  constructor(source, film, delay, now) {
    this.#source = source;
    this.film = film;
    this.delay = delay;
    this.#now = now;
    this.#arrivedAt = now();
    film.growing = true;
    film.play(1 - HURRY);
    this.#follow();
  }

  /**
   * What the film shows: the room (`live`), or its last picture, because the next part has not come (`waiting`), the server does not
   * answer (`unreachable`) or the room is over (`ended`).
   * @returns {WatchStatus}
   */
  get status() {
    const { film } = this;
    if (film.moment < film.length) return 'live';
    if (this.ended) return 'ended';
    return this.#failed ? 'unreachable' : 'waiting';
  }

  /** How long ago the room was as the film shows it, in milliseconds: the delay, the part, and what is late. */
  get age() {
    const { film } = this;
    return this.delay + ((film.length - film.moment) * 1000) / film.rate + this.#now() - this.#arrivedAt;
  }

  /** The room has ended, and all of its film is here. @param {() => void} listener */
  onEnd(listener) {
    return this.#endings.add(listener);
  }

  /** Fetches no further parts. */
  close() {
    this.#source.close();
    this.film.growing = false;
  }

  async #follow() {
    const backoff = new Backoff(Math.random);
    let failing = 0;
    let endings = 0;
    /** @type {Place | null} */
    let at = this.#end;
    while (!this.#source.closed) {
      let wait = 0;
      try {
        const bytes = at && await this.#source.part(at);
        if (bytes) {
          this.#add(bytes);
          backoff.reset();
          failing = endings = 0;
          this.#failed = false;
          at = this.#end;
          continue;
        }
        const index = await this.#source.index();
        at = index && this.#next(index);
        this.#failed = false;
        endings = at ? 0 : endings + 1;
        if (endings > 1) return this.#finish();
        if (!at) wait = ASK_AGAIN_MS;
      } catch (error) {
        if (this.#source.closed) return;
        this.#failed = true;
        endings = 0;
      }
      // Whatever a server answers, it is not asked again at once.
      wait ||= backoff.next(1, failing);
      failing += wait;
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }

  /** Where the film ends so far. @returns {Place} */
  get #end() {
    const { incarnation, last } = this.film.header;
    return { incarnation, tick: last };
  }

  /** The part to fetch after this one; null when there is none. @param {FilmIndex} index @returns {Place | null} */
  #next({ incarnation, segments, next }) {
    const end = this.#end;
    const newest = segments.at(-1) ?? next;
    const goesOn = incarnation === end.incarnation;
    if (goesOn && (next === end.tick || segments.includes(end.tick))) return end;
    if (newest === null || (goesOn && next === null)) return null;
    return { incarnation, tick: newest };
  }

  #finish() {
    this.ended = true;
    this.film.growing = false;
    this.#endings.emit();
  }

  /** @param {Uint8Array} bytes */
  #add(bytes) {
    const { film } = this;
    this.#arrivedAt = this.#now();
    const ahead = (film.length - film.moment) / film.rate;
    film.append(bytes);
    film.speed = ahead > SLACK + 0.2 ? 1 + HURRY : ahead < SLACK - 0.2 ? 1 - HURRY : 1;
    const behind = (film.length - film.moment) / film.rate;
    if (behind > LOST) film.seek(film.header.last - Math.ceil(film.rate * (1 + SLACK)) >>> 0);
    if (!film.playing) film.play(film.speed);
  }
}

markRaw(WatchedRoom);

/** Where the parts are. */
class Source {
  closed = false;
  #abort = new AbortController();

  /** @param {string} address @param {Fetch} ask @param {string} [token] */
  constructor(address, ask, token) {
    this.address = address.replace(/\/+$/, '');
    this.ask = ask;
    this.headers = token === undefined ? undefined : { authorization: `Bearer ${token}` };
  }

  close() {
    this.closed = true;
    this.#abort.abort();
  }

  /** What there is; null when there is no film. @returns {Promise<FilmIndex | null>} */
  async index() {
    return (await this.#get('', 'no-cache'))?.json() ?? null;
  }

  /** Waits for the next part; null when it will not be there. Where the room went on elsewhere, the server sends on. @param {Place} place @returns {Promise<Uint8Array | null>} */
  async part({ incarnation, tick }) {
    const answer = await this.#get(`/${incarnation}/${tick}`, 'default');
    return answer && new Uint8Array(await answer.arrayBuffer());
  }

  /** @param {string} path @param {string} cache */
  async #get(path, cache) {
    const answer = await this.ask(this.address + path, { cache, credentials: 'omit', headers: this.headers, signal: this.#abort.signal });
    if (answer.ok) {
      // A room that moved: its other parts are there as well.
      const there = answer.redirected ? answer.url?.match(/^.*\/film(?=\/\d+\/\d+|[?]|$)/) : null;
      if (there) this.address = there[0];
      return answer;
    }
    if (answer.status === 404 || answer.status === 403) return null;
    const why = answer.status === 401 ? 'watching this room takes a token' : `the server answered ${answer.status}`;
    throw new WatchError(`${this.address}${path}: ${why}`);
  }
}
