// What it costs that rooms outlive a crash: `node --experimental-websocket web-demo/test/bench/durability.js [ROOMS] [SECONDS]`.
// For each durability it starts the release binary, fills rooms with five bots each, and measures the server's CPU per room and
// tick, the bytes that the journal takes per room and minute, and how long a line of chat takes back to its author. Without
// `data` nothing waits for a disk. `TICKWIRE_BIN` names another binary.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { Client } from '../../client/index.js';
import { BINARY, GameServer } from '../e2e/support/server.js';

const ROOMS = Number(process.argv[2] ?? 100);
const SECONDS = Number(process.argv[3] ?? 30);
const TALKERS = 20;
/** Of the kernel's clock, in which /proc counts. */
const JIFFY_MS = 10;
const TICKS_PER_MINUTE = 20 * 60;

/** The CPU time of a process, in milliseconds. */
function cpu(pid) {
  const [, after] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ');
  const fields = after.split(' ');
  return (Number(fields[11]) + Number(fields[12])) * JIFFY_MS;
}

async function metric(server, name) {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)`, 'm').exec(text)?.[1] ?? 0);
}

/** Says something every two seconds in a room of its own, and notes how long that takes. */
async function talk(server, times, until) {
  const client = new Client(`${server.url.replace('http', 'ws')}/play`);
  const room = await client.create('arena', { name: 'talker' });
  let heard = () => {};
  room.onChat(() => heard());
  while (performance.now() < until) {
    const came = new Promise((resolve) => { heard = resolve; });
    const before = performance.now();
    room.chat('a line');
    await came;
    times.push(performance.now() - before);
    await sleep(1900 + Math.random() * 200);
  }
  room.leave();
}

function at(times, share) {
  times.sort((a, b) => a - b);
  return times[Math.floor(share * (times.length - 1))].toFixed(1);
}

async function measure(durability) {
  const data = durability === 'none' ? null : await mkdtemp(join(tmpdir(), 'durability-'));
  const variables = { TICKWIRE_LOG: 'error', ...(data && { TICKWIRE_DATA: data, TICKWIRE_DURABILITY: durability }) };
  const server = await GameServer.start(0, variables);
  const bots = spawn(BINARY, ['bots', '--url', `${server.url.replace('http', 'ws')}/play`, '--rooms', String(ROOMS),
    '--players', String(5 * ROOMS), '--duration', String(SECONDS + 15), '--verify', '1'], { stdio: 'ignore' });
  const ended = once(bots, 'exit');
  while (await metric(server, 'tickwire_players') < 5 * ROOMS) await sleep(200);
  await sleep(3000);
  const { pid } = server.child;
  const look = async () => ({
    cpu: cpu(pid), ticks: await metric(server, 'tickwire_ticks_total'), bytes: await metric(server, 'tickwire_journal_written_bytes_total'),
  });
  const before = await look();
  const times = [];
  const until = performance.now() + SECONDS * 1000;
  await Promise.all(Array.from({ length: TALKERS }, () => talk(server, times, until)));
  const after = await look();
  const ticks = after.ticks - before.ticks;
  const micros = ((after.cpu - before.cpu) * 1000 / ticks).toFixed(1);
  const bytes = ((after.bytes - before.bytes) / (ticks / TICKS_PER_MINUTE) / 1000).toFixed(1);
  console.log(`${durability}: ${micros} us of CPU per room and tick, ${bytes} kB per room and minute; a line of chat comes back after `
    + `${at(times, 0.5)} ms at p50, ${at(times, 0.99)} ms at p99 (${times.length} lines)`);
  bots.kill('SIGTERM');
  await ended;
  await server.stop();
  if (data) await rm(data, { recursive: true });
}

for (const durability of ['none', 'process', 'disk']) await measure(durability);
