// The golden vector of what a player is shown: a session with the server as the browser client saw it, message by message and picture by
// picture. The Rust client plays the same (tests/display.rs). UPDATE_GOLDEN=1 writes it. Needs the server in lockstep.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import test from 'node:test';

import { Client } from '../../client/index.js';
import { Session } from '../../client/session.js';
import { hex } from '../support/golden.js';
import { other, subject } from './pilots.js';
import { World } from './world.js';

const GOLDEN = new URL('../../../tests/golden/display.json', import.meta.url);
/** Jitter and stalls, some of them too long to be hidden. */
const LINK = { rtt_ms: 80, jitter_ms: 30, stall: { for_ms: 450, every_ms: 4000 } };
const SECONDS = 25;
const OTHERS = 3;
/** The values of one picture in so many are written down. */
const TOLD_EVERY = 8;
const FEEL_DIGEST = 7;

/** Rules that are wrong in most situations, so that there is much to correct; the Rust test has the same. */
const RULES = {
  read: ({ values }) => ({ x: values[0], y: values[1], heading: values[2] }),
  step(state, { heading, run, dash }) {
    const quarter = heading >> 6;
    const way = (run ? 11 : 0) + (dash ? 40 : 0);
    state.heading = heading;
    state.x += quarter === 0 ? way : quarter === 2 ? -way : 0;
    state.y += quarter === 1 ? way : quarter === 3 ? -way : 0;
  },
  copy: (from, to) => Object.assign(to, from),
};

/** Writes down what reaches a client and what it does, each with the moment in microseconds. */
class Recorder {
  constructor(world) {
    this.world = world;
    this.steps = [];
    this.pictures = 0;
  }

  note(...what) {
    this.steps.push([this.world.us, ...what]);
  }

  /** The WebSocket of a machine, listened to. */
  listening(Base) {
    const recorder = this;
    return class extends Base {
      isRecorded = true;

      get onmessage() {
        return this.heard;
      }

      set onmessage(call) {
        this.heard = (event) => {
          recorder.note('message', hex(new Uint8Array(event.data)));
          call(event);
        };
      }

      send(bytes) {
        if (bytes[0] === FEEL_DIGEST) recorder.note('digest', hex(bytes.subarray(2)));
        super.send(bytes);
      }
    };
  }

  listen(room) {
    const { setInput, pressInput } = room;
    const quanta = (values) => Object.entries(values).map(([name, value]) => {
      const column = room.inputs.findIndex((field) => field.name === name);
      return [column, room.inputs[column].shape.type === 'angle' ? Math.round((value / (2 * Math.PI) - Math.floor(value / (2 * Math.PI))) * 256) & 255 : Number(value)];
    });
    room.setInput = (values) => {
      this.note('hold', quanta(values));
      setInput.call(room, values);
    };
    room.pressInput = (values) => {
      this.note('press', quanta(values));
      pressInput.call(room, values);
    };
  }

  picture(room) {
    const views = room.view(this.world.ms);
    const rows = views.map(({ id, values }) => [id, [...values].map((value) => Math.round(value * 1000) / 1000)]);
    const { displayAge, corrections } = room.stats;
    if (this.pictures++ % TOLD_EVERY > 0) this.note('show');
    else this.note('show', rows.sort(([a], [b]) => a - b), Math.round(displayAge * 1000) / 1000, corrections);
  }
}

async function recorded() {
  const world = new World({ seed: 5 });
  const recorder = new Recorder(world);
  for (let seat = 0; seat < OTHERS; seat++) await other(world, Client, { seed: seat + 2, throws: true });
  await world.run(500);
  const { pump } = Session.prototype;
  Session.prototype.pump = function watched(now) {
    if (this.socket.isRecorded) recorder.note('run');
    return pump.call(this, now);
  };
  const machine = world.machine;
  world.machine = (...told) => {
    const made = machine.apply(world, told);
    made.WebSocket = recorder.listening(made.WebSocket);
    return made;
  };
  subject(world, Client, {
    profile: LINK, throws: true, isHectic: true,
    begin: (room) => {
      room.usePrediction(RULES);
      recorder.listen(room);
    },
    draw: (room) => recorder.picture(room),
  });
  await world.run(SECONDS * 1000);
  Session.prototype.pump = pump;
  await world.stop();
  return recorder.steps;
}

test('the vector says what the client shows', async () => {
  const steps = await recorded();
  const text = `[\n${steps.map((step) => JSON.stringify(step)).join(',\n')}\n]\n`;
  if (process.env.UPDATE_GOLDEN) writeFileSync(GOLDEN, text);
  assert.ok(readFileSync(GOLDEN, 'utf8') === text, 'display.json: the client shows something else than the vector');
});
