// A film: what was visible in a room, tick by tick, without the game's code. A page shows it as it shows a room: entities with
// callbacks, players, messages, and views to draw.
//
// Places within a film are counted in ticks since its first one, because the server's ticks may wrap.

import { readClip } from './clip.js';
import { isRecording, readFilmFile } from './film-file.js';
import { FilmEvents } from './film-events.js';
import { FilmPresence } from './film-presence.js';
import { FilmZones, ShownZones, reelAt } from './film-zones.js';
import { bindMembers, markRaw } from './proxies.js';
import { ViewCache } from './view-cache.js';

/**
 * @typedef {import('./events-wire.js').EventBody} EventBody
 * @typedef {import('./room.js').AnyView} AnyView
 * @typedef {{ tick: number, event: EventBody }} FilmEvent
 * @typedef {import('./film-zones.js').FilmRow} FilmRow
 */

/** More ticks at once than this are skipped, without the callbacks in between. */
const MOST_STEPS = 64;
/** Ticks that seem to pass in a seek, so that nothing is interpolated across it. */
const CUT = 2 ** 12;

export class Film extends FilmEvents {
  /** @type {import('./film-file.js').FilmHeader} */ header;
  /** What everybody was told, in order. @type {readonly FilmEvent[]} */ events = [];
  /** The entity that the page follows, as the own one of a room; 0 for none. */
  entity = 0;
  /** Ticks of the film that pass in one tick's time; 2 is twice as fast. */
  speed = 1;
  playing = false;
  /** Whether more is to come: at its end a playing film waits for it. */
  growing = false;
  /** As of a room, for code that draws both: views lag behind nothing. */
  stats = Object.freeze({ interpolationDelay: 0 });

  /** @type {import('./film-file.js').Reel[]} */ #reels = [];
  /** @type {FilmZones} */ #zones;
  /** @type {ShownZones} */ #shown;
  #presence = new FilmPresence();
  #views = new ViewCache();
  #length = 0;
  /** The place up to which all is applied, and the moment that views show, at most a tick before. */
  #index = 0;
  #moment = 0;
  /** @type {number | null} */ #viewedAt = null;
  /** The seat whose zones are shown; null for everything. @type {number | null} */ #seat = null;

  /**
   * Reads a recording or a shared clip, and shows its first tick. Throws a FilmError, which names the byte, when it is damaged.
   * @param {Uint8Array} bytes
   */
  static read(bytes) {
    return new Film(bytes, isRecording(bytes) ? readFilmFile(bytes) : readClip(bytes));
  }

  /**
   * Use `Film.read`.
   * @param {Uint8Array} bytes
   * @param {{ header: import('./film-file.js').FilmHeader, reels: import('./film-file.js').Reel[] }} file
   */
  constructor(bytes, { header, reels }) {
    super();
    bindMembers(this);
    this.header = header;
    [this.#zones, this.#shown] = this.#open(bytes, { header, reels });
    this.#jump(0);
  }

  /** @param {Uint8Array} bytes @param {{ header: import('./film-file.js').FilmHeader, reels: import('./film-file.js').Reel[] }} file @returns {[FilmZones, ShownZones]} */
  #open(bytes, { header, reels }) {
    this.header = header;
    this.#reels = reels;
    this.#length = 0;
    this.events = [];
    this.#grow(reels);
    const { schema, rate, first, incarnation } = header;
    this.state.reset(/** @type {import('./messages.js').Welcome} */ ({ schema, rate, tick: first, incarnation }));
    const zones = new FilmZones(this.state.plans, reels, bytes);
    const shown = new ShownZones(zones);
    this.state.zones = shown;
    return [zones, shown];
  }

  /** @param {readonly import('./film-file.js').Reel[]} reels */
  #grow(reels) {
    const told = reels.flatMap(({ at, changes }) => changes.flatMap(({ at: after, change }) => (
      change.type === 'event' ? { tick: this.#tickOf(at + after), event: change.event } : [])));
    this.events = [...this.events, ...told];
    this.#length += reels.reduce((sum, { ticks }) => sum + ticks, 0);
  }

  /**
   * Adds a part to a growing film. What does not follow on what there is replaces it: the film shows the first tick of it. A room
   * that went on in another process goes on where it was. Parts before the one that is shown are forgotten.
   * @param {Uint8Array} bytes as of `Film.read`
   */
  append(bytes) {
    const { header, reels } = readFilmFile(bytes);
    if (header.incarnation < this.header.incarnation || header.first !== this.header.last) {
      [this.#zones, this.#shown] = this.#open(bytes, { header, reels });
      this.#jump(0);
      return;
    }
    for (const reel of reels) reel.at += this.#length;
    this.#reels.push(...reels);
    this.#grow(reels);
    Object.assign(this.header, { incarnation: header.incarnation, last: header.last });
    while (this.#reels.length > 2 && this.#reels[1].at <= this.#index) this.#reels.shift();
    const first = this.#tickOf(this.#reels[0].at);
    this.events = this.events.filter(({ tick }) => ((tick - first) >>> 0) < 2 ** 31);
  }

  get game() {
    return this.header.game;
  }

  get id() {
    return this.header.room;
  }

  /** Ticks per second. */
  get rate() {
    return this.header.rate;
  }

  get schema() {
    return this.header.schema;
  }

  get inputs() {
    return this.header.inputs;
  }

  /** Ticks after the first one. */
  get length() {
    return this.#length;
  }

  /** The tick of the entities, of which views show the moment before. */
  get tick() {
    return this.#tickOf(this.#index);
  }

  /** The place of that tick: how many ticks after the first one it is. */
  get place() {
    return this.#index;
  }

  /** The moment that views show, as a place with a fraction. */
  get moment() {
    return this.#moment;
  }

  /** The players, by seat. A film has no names. */
  get players() {
    return this.#presence.players;
  }

  /** All taken seats with the zones that they see; those from 4096 on are spectators'. */
  get seats() {
    return this.#presence.seats;
  }

  /** The properties of the room. */
  get properties() {
    return this.#presence.properties;
  }

  /** The seat whose zones are shown; null for everything. */
  get seat() {
    return this.#seat;
  }

  /** Keyframes and deltas that were decoded so far. */
  get decoded() {
    return this.#zones.decoded;
  }

  /** The place of a tick; throws a RangeError when the film does not show it. @param {number} tick */
  placeOf(tick) {
    const place = (tick - this.header.first) >>> 0;
    if (Number.isInteger(tick) && place <= this.#length && place >= this.#reels[0].at) return place;
    throw new RangeError(`tick ${tick} is not in the film: it has ${this.#tickOf(this.#reels[0].at)} to ${this.header.last}`);
  }

  /** Shows a tick. What was told on the way there is not told again. @param {number} tick */
  seek(tick) {
    this.#jump(this.placeOf(tick));
  }

  /**
   * Shows an earlier or later tick, with the messages of that tick. Returns whether there is one.
   * @param {number} [ticks]
   */
  step(ticks = 1) {
    const place = Math.min(this.#length, Math.max(this.#reels[0].at, this.#index + ticks));
    if (place === this.#index) return false;
    if (ticks === 1) this.#advance();
    else this.#jump(place);
    this.#moment = this.#index;
    return true;
  }

  /** Plays from the present moment on, as `view` is called. At the end it stops. @param {number} [speed] */
  play(speed = this.speed) {
    if (!(speed > 0 && speed <= MOST_STEPS)) throw new RangeError(`speed is ${speed}; it must be above 0, and ${MOST_STEPS} at most`);
    this.speed = speed;
    this.playing = true;
    this.#viewedAt = null;
  }

  pause() {
    this.playing = false;
  }

  /** Shows only what a seat saw, or everything (null). @param {number | null} seat */
  watch(seat) {
    this.#seat = seat;
    this.#jump(this.#index);
  }

  /**
   * The views to draw now, as those of a room. While the film plays, time passes by these calls. The array and its views are
   * reused by the next call.
   * @param {number} nowMs of any clock
   * @returns {readonly AnyView[]}
   */
  view(nowMs) {
    if (this.playing && this.#viewedAt !== null) this.#pass(((nowMs - this.#viewedAt) * this.rate * this.speed) / 1000);
    this.#viewedAt = nowMs;
    const { state } = this;
    return this.#views.show(state, state.elapsed - (this.#index - this.#moment), null, nowMs);
  }

  /** The rows of all zones at the tick that is shown, whatever seat is watched. @returns {FilmRow[]} */
  rows() {
    return this.#zones.rows();
  }

  /** The hash of each zone that has rows, ascending by zone, as the server computes it. @returns {[number, number][]} */
  hashes() {
    return this.#zones.hashes();
  }

  /** What the deltas between two ticks cost, by kind and field. @param {number} from @param {number} to */
  costs(from, to) {
    return this.#zones.costs(this.placeOf(from), this.placeOf(to));
  }

  /** How many bytes of deltas led to a tick, by zone. @param {number} [tick] */
  bytesAt(tick = this.tick) {
    return this.#zones.bytesAt(this.placeOf(tick)).map(({ zone, bytes }) => ({ zone, bytes: bytes.length }));
  }

  #tickOf(/** @type {number} */ place) {
    return (this.header.first + place) % 2 ** 32;
  }

  /** @param {number} ticks that pass */
  #pass(ticks) {
    const moment = Math.min(this.#length, this.#moment + Math.max(0, ticks));
    const place = Math.ceil(moment);
    if (place - this.#index > MOST_STEPS) this.#jump(Math.floor(moment));
    while (this.#index < place) this.#advance();
    this.#moment = moment;
    if (moment === this.#length && !this.growing) this.playing = false;
  }

  /** @param {number} place */
  #jump(place) {
    this.#zones.seek(place);
    const reel = reelAt(this.#reels, place);
    this.#presence.open(reel);
    for (const { at, change } of reel.changes) if (reel.at + at <= place) this.#presence.apply(change);
    for (const { zone } of this.#zones.zones.values()) zone.forgetPlaced();
    this.#index = this.#moment = place;
    const { state } = this;
    state.forget({ tick: this.tick, incarnation: this.header.incarnation });
    this.#show(CUT);
    this.listeners.players.emit(this.players, null);
    this.listeners.seek.emit();
  }

  /** Shows the next tick. */
  #advance() {
    const reel = reelAt(this.#reels, this.#index);
    this.#zones.seek(this.#index + 1);
    this.#index += 1;
    /** @type {EventBody[]} */
    const events = [];
    for (const { at, change } of reel.changes) {
      if (reel.at + at !== this.#index) continue;
      this.#presence.apply(change);
      if (change.type === 'event') events.push(change.event);
    }
    this.#show(1);
    for (const event of events) this.#emit(event);
  }

  /** @param {number} advance */
  #show(advance) {
    this.#shown.only = this.#seat === null ? null : new Set(this.seats.get(this.#seat)?.zones);
    this.state.apply({ tick: this.tick, advance }, []);
    this.state.announce();
  }

  /** @param {EventBody} event */
  #emit(event) {
    if (event.type === 'game') this.listeners.message.emit(event.kind, event.body, { kind: event.kind, tick: this.tick });
    if (event.type === 'joined' || event.type === 'left' || event.type === 'disconnected' || event.type === 'reconnected') {
      this.listeners.players.emit(this.players, event);
    }
  }
}

markRaw(Film);
