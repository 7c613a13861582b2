// A small model of a server with one room, on top of the fake one: seats with numbered events that are kept until they are
// acknowledged, claims, closes and what each of them does to a seat, as PROTOCOL.md says. What it sends is told to an
// spectator (`watch`) in the moment in which the client takes it.

import { FakeServer, keyframe } from './server.js';
import { encodeDelivery, encodeFrame, encodeSmall, encodeWelcome } from './wire.js';

/** Events kept for a seat: few, so that seeds lose some. */
const KEPT = 15;
/** Close codes after which a seat is held; see "Resuming". */
const HOLDING = new Set([1001, 1006, 4003, 4008, 4009, 4502]);
/** How long it is held, and how long the server takes to notice a cut by itself. */
const HELD_MS = 30_000;
const NOTICED_MS = 12_000;

const NUMBER = { type: 'int', min: 0, max: 9 };
const SCHEMA = ['ball', 'gem'].map((name) => ({ name, fields: [{ name: 'value', shape: NUMBER, motion: 'hold' }] }));
const INPUTS = [{ name: 'dx', shape: NUMBER, motion: 'hold' }];
/** Entities are bits of a mask: the first half are balls, the others gems. */
export const ENTITIES = 8;

/** The kind and id of each entity of a mask. */
export function entitiesOf(mask) {
  return Array.from({ length: ENTITIES }, (_, bit) => bit).filter((bit) => mask & (1 << bit)).map((bit) => ({ kind: 2 * bit < ENTITIES ? 0 : 1, id: bit + 1 }));
}

/** The part of a frame, by mask: all seeds use the same few. */
const parts = new Map();

function partOf(mask) {
  if (!parts.has(mask)) parts.set(mask, keyframe(SCHEMA, 0, entitiesOf(mask).map((row) => ({ ...row, values: [row.id] }))));
  return parts.get(mask);
}

export class RoomModel {
  #serial = 0;

  /** @param watch `welcome(peer, welcome, take)`, `frame(peer, frame, take)` and `delivery(peer, batch, take)` */
  constructor(time, { latency, holds, steers }, chance, watch) {
    this.time = time;
    this.chance = chance;
    this.watch = watch;
    this.holds = holds;
    this.authority = steers ? 'server' : 'client';
    this.server = new FakeServer(time, { latency, welcome: { inputs: INPUTS } });
    this.server.answersCloses = false;
    this.server.accept = (peer, message) => this.#accept(peer, message);
    this.server.goodbye = (peer, code) => this.#goodbye(peer, code);
    this.room = 'r1';
    this.tick = 100;
    this.mask = 0;
    this.players = new Map();
    this.properties = new Map();
    /** By number; a number is never used twice, so it names a seat for good. */
    this.seats = new Map();
    /** What broke the protocol. */
    this.faults = [];
  }

  /** An event for one seat. */
  emit(seat, body) {
    seat.last += 1;
    seat.log.push({ number: seat.last, tick: this.tick, body });
    while (seat.log.length > Math.max(KEPT, seat.burst)) seat.dropped = seat.log.shift().number;
    return seat.last;
  }

  /** An event for all: `make` is called with the number that it will have. */
  emitAll(make) {
    for (const seat of this.seats.values()) this.emit(seat, make(seat.last + 1, seat));
  }

  /** The next frame of everybody. */
  frame() {
    this.tick += 1;
    for (const seat of this.seats.values()) if (seat.peer && !seat.peer.severed) this.#send(seat);
  }

  /** Ends a connection with a close code. */
  close(seat, code, comeBack = null) {
    const { peer } = seat;
    if (comeBack !== null) peer.send(encodeSmall('comeBack', comeBack));
    peer.close(code);
    peer.isExpired = code === 4502;
    this.#ended(seat, code);
  }

  /** Cuts a connection: the client notices after `ms`, the server at once or when somebody claims the seat. */
  cut(seat, ms, noticed) {
    seat.peer.sever(ms);
    const { peer } = seat;
    const notice = () => seat.peer === peer && this.#ended(seat, 1006);
    if (noticed) notice();
    else this.time.setTimeout(notice, NOTICED_MS);
  }

  /** The room is gone, another one will be made. */
  crash(code) {
    for (const seat of [...this.seats.values()]) {
      seat.peer?.close(code);
      this.#free(seat);
    }
    this.room = `r${Number(this.room.slice(1)) + 1}`;
    this.mask = 0;
    this.players.clear();
    this.properties.clear();
  }

  #accept(peer, message) {
    if (message.type === 'hello') return this.#hello(peer, message);
    const { seat } = peer;
    if (seat?.peer !== peer) return undefined;
    seat.spoke = true;
    seat.old = null;
    if (message.type === 'ping') peer.send(encodeSmall('pong', message.stamp));
    if (message.type === 'command') this.#command(seat, message);
    if (message.ack && message.ack.events !== null) this.#acknowledged(seat, message.ack.events);
    return undefined;
  }

  #acknowledged(seat, number) {
    if (number > seat.sent) this.faults.push(`event ${number} acknowledged, ${seat.sent} sent`);
    while (seat.log.length > 0 && seat.log[0].number <= number) seat.dropped = seat.log.shift().number;
  }

  #command(seat, { seq, body }) {
    if (seq !== seat.commands + 1) this.faults.push(`command ${seq} after ${seat.commands}`);
    seat.commands = seq;
    if (body.type === 'call') this.emit(seat, { reply: { command: seq, done: true, body: body.body } });
  }

  #hello(peer, { join, name, resume, version }) {
    if (version !== 2) this.faults.push(`version ${version}`);
    peer.name = name;
    const elsewhere = (join.type === 'byId' || join.type === 'return') && join.room !== this.room;
    const seat = resume && !elsewhere ? this.#claimed(resume.token) : null;
    if (elsewhere || (join.type === 'return' && !seat)) return peer.close(4504);
    if (seat) return this.#resume(seat, peer, resume);
    this.watch.fresh(peer);
    return this.#seat(peer, name);
  }

  #claimed(token) {
    const same = (other) => other?.join() === token.join();
    return [...this.seats.values()].find((seat) => same(seat.token) || same(seat.old)) ?? null;
  }

  #seat(peer, name) {
    const number = ++this.#serial;
    const seat = { number, name, entity: number, token: null, old: null, last: 0, sent: 0, dropped: 0, log: [], burst: 0, commands: 0, epoch: 0 };
    const player = { seat: number, entity: number, name, away: false };
    this.emitAll(() => ({ joined: player }));
    this.seats.set(number, seat);
    this.players.set(number, player);
    this.#welcome(seat, peer, 'fresh', this.tick, 0);
  }

  #resume(seat, peer, { token, incarnation, tick, events }) {
    if (incarnation !== this.server.welcome.incarnation) this.faults.push(`a claim from incarnation ${incarnation}`);
    if (events === null || events > seat.sent) this.faults.push(`a claim from event ${events}, ${seat.sent} sent`);
    if (tick !== null && tick > this.tick) this.faults.push(`a claim from tick ${tick} at ${this.tick}`);
    if (seat.peer && !seat.peer.severed) seat.peer.close(4511);
    seat.old = token;
    this.#mark(seat, false);
    const known = tick !== null && this.chance.one(0.7);
    this.#welcome(seat, peer, known ? 'state' : 'seat', known ? tick : this.tick, Math.max(events, seat.dropped));
  }

  #welcome(seat, peer, continuity, tick, events) {
    seat.token = this.holds ? Uint8Array.of(seat.number, this.chance.below(256), this.chance.below(256)) : null;
    Object.assign(seat, { peer, spoke: false, sent: Math.max(seat.sent, events) });
    Object.assign(peer, { seat, tick, told: events, commands: seat.commands, epoch: seat.epoch });
    const { number, entity, epoch, commands, last } = seat;
    const welcome = {
      ...this.server.welcome, room: this.room, tick, seat: number, entity, authority: this.authority, epoch, schema: SCHEMA, resume: seat.token, continuity, events,
      listed: last, commands, properties: [...this.properties], players: [...this.players.values()],
    };
    peer.send(encodeWelcome(welcome), (take) => this.watch.welcome(peer, welcome, take));
  }

  #send(seat) {
    const { peer } = seat;
    const items = seat.log.filter(({ number }) => number > peer.told);
    const first = items[0]?.number ?? seat.last + 1;
    const lost = first - 1 - peer.told;
    const correction = peer.epoch === seat.epoch ? null : { epoch: seat.epoch, reason: 1 + (seat.epoch % 9) };
    const commands = peer.commands === seat.commands ? null : seat.commands;
    const events = items.length + lost > 0 ? { first, lost, items: items.map((item) => ({ age: this.tick - item.tick, ...item.body })) } : null;
    const apart = (events || commands !== null) && this.chance.one(0.2);
    if (apart) {
      const delivery = encodeDelivery({ tick: this.tick, commands, events });
      peer.send(delivery, (take) => this.watch.delivery(peer, { first, lost, items }, take));
    }
    const frame = { tick: this.tick, mask: this.mask, correction, ...(apart ? { first, lost: 0, items: [] } : { first, lost, items }) };
    const note = { correction, commands: apart ? null : commands };
    const bytes = encodeFrame({
      stamp: { type: this.tick - peer.tick <= 16 ? 'long' : 'absolute', tick: this.tick, consumed: 0 },
      note: correction || note.commands !== null ? note : null, events: apart ? null : events, zones: [partOf(this.mask)],
    });
    seat.sent = peer.told = seat.last;
    Object.assign(peer, { tick: this.tick, commands: seat.commands, epoch: seat.epoch });
    seat.burst = 0;
    peer.send(bytes, (take) => this.watch.frame(peer, frame, take));
  }

  /** A client's close frame. It is answered when the seat is free, which takes the room a moment. */
  #goodbye(peer, code) {
    const { seat } = peer;
    const own = seat?.peer === peer;
    if (!own) return peer.close(code);
    if (!seat.spoke && seat.old && code === 1000) this.#ended(seat, 1006);
    else this.time.setTimeout(() => seat.peer === peer && this.#ended(seat, code), this.chance.below(60));
    return this.time.setTimeout(() => peer.close(code), 60);
  }

  #ended(seat, code) {
    if (!HOLDING.has(code) || !seat.token || !(seat.spoke || seat.old)) return this.#free(seat);
    seat.peer = null;
    const { token } = seat;
    this.time.setTimeout(() => !seat.peer && seat.token === token && this.#free(seat), code === 1001 ? HELD_MS / 3 : HELD_MS);
    return this.#mark(seat, true);
  }

  #free(seat) {
    if (!this.seats.delete(seat.number)) return;
    this.players.delete(seat.number);
    seat.peer = null;
    this.emitAll(() => ({ left: [seat.number, 1000] }));
  }

  #mark(seat, away) {
    const player = this.players.get(seat.number);
    if (player.away === away) return;
    this.players.set(seat.number, { ...player, away });
    for (const other of this.seats.values()) if (other !== seat) this.emit(other, away ? { disconnected: seat.number } : { reconnected: seat.number });
  }
}
