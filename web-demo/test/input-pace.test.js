// How the client's ticks follow the input lead: against a server that counts waiting inputs, in virtual time.

import assert from 'node:assert/strict';
import test from 'node:test';

import { InputPace } from '../client/input-pace.js';
import { random } from './support/random.js';

/** Inputs that arrive `delay` after they are made; the server takes the n-th at tick n and tells leads as PROTOCOL.md says. */
function play({ seconds = 120, rtt = 100, delay, start = 0 }) {
  const pace = new InputPace(50);
  let due = start;
  let told = 0;
  let sinceTold = 16;
  let moved = 0;
  const leads = [];
  const news = [];
  const moves = [];
  for (let tick = 0, input = 0; tick < seconds * 20; tick++) {
    const now = tick * 50;
    for (let snap = pace.snap(now); snap !== 0; snap -= Math.sign(snap)) {
      if (snap < 0) due += 50;
      else input += 1;
    }
    for (; due <= now; input++) {
      const span = pace.next(due);
      moves.push(50 - span);
      moved += 50 - span;
      const arrival = due + delay(due);
      // The first is meant for the tick a round trip after it was made.
      const lead = Math.floor((input * 50 + rtt - arrival) / 50);
      leads.push({ at: due, lead });
      if (input % 5 === 0) {
        pace.changed = true;
        news.push({ at: arrival + rtt / 2, lead });
      }
      due += span;
    }
    sinceTold += 1;
    let lead = null;
    while (news.length > 0 && news[0].at <= now) {
      const newest = news.shift().lead;
      if (sinceTold >= 16 && newest !== told) [lead, told, sinceTold] = [newest, newest, 0];
    }
    pace.frame(lead, now, rtt);
  }
  return { leads, moves, moved };
}

const after = (leads, ms) => leads.filter(({ at }) => at > ms).map(({ lead }) => lead);
const share = (leads, of) => leads.filter(of).length / leads.length;

test('inputs that are late are made earlier, until few are', () => {
  const next = random(1);
  const { leads } = play({ delay: () => 80 + next() * 60 });
  assert.ok(share(leads.slice(0, 100).map(({ lead }) => lead), (lead) => lead < 0) > 0.3);
  assert.ok(share(after(leads, 60_000), (lead) => lead < 0) < 0.1);
  assert.ok(share(after(leads, 60_000), (lead) => lead > 1) < 0.1);
});

test('inputs that wait are made later', () => {
  const { leads, moves } = play({ delay: () => 60, start: -200 });
  assert.ok(leads[0].lead >= 4, `${leads[0].lead}`);
  assert.ok(after(leads, 60_000).every((lead) => lead === 0 || lead === 1), `${new Set(after(leads, 60_000))}`);
  assert.ok(moves.every((by) => Math.abs(by) <= 5 + 1e-9), 'by a tenth at most');
});

test('it does not hunt: after it has settled, nothing moves', () => {
  for (const offset of [-450, -120, -60, 10, 90]) {
    const { moves } = play({ delay: () => 90, rtt: 180, start: offset });
    assert.ok(moves.slice(1200).every((by) => by === 0), `from ${offset}`);
    const turns = moves.filter((by) => by !== 0).filter((by, index, all) => index > 0 && Math.sign(by) !== Math.sign(all[index - 1]));
    assert.ok(turns.length <= 1, `${turns.length} turns from ${offset}`);
  }
});

test('one stall changes nothing', () => {
  const { moved } = play({ delay: (at) => (at > 20_000 && at < 20_300 ? 60 + 20_300 - at : 60) });
  assert.equal(moved, 0);
});

test('beyond ten ticks it snaps', () => {
  const { leads, moves } = play({ delay: (at) => (at > 20_000 ? 800 : 60), seconds: 60 });
  assert.ok(after(leads, 26_000).every((lead) => lead >= -1), `${Math.min(...after(leads, 26_000))}`);
  assert.ok(moves.every((by) => Math.abs(by) <= 5 + 1e-9));
});

test('what the client delays itself is not made up for', () => {
  const pace = new InputPace(50);
  for (let tick = 0, lead = -1; tick < 400; tick++) {
    pace.makes(tick * 50 - (tick % 20 === 0 ? 120 : 5), tick * 50);
    pace.changed = true;
    pace.frame(tick % 16 === 0 ? (lead = -3 - lead) : null, tick * 50, 40);
    assert.equal(pace.next(tick * 50), 50);
  }
});
