// How many connections and messages an app of the Pusher protocol carries: idle connections, listeners of channels, and a server that sends
// batches. Counts what each listener gets, and how long it took. scripts/pusher-load gives each side a core.
//
// node load.js PORT PID, with IDLE, CHANNELS, LISTENERS (per channel), RATE (messages per second) and SECONDS from the environment.

import { createHash, createHmac, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';

const [port, pid] = process.argv.slice(2).map(Number);
const setting = (name, otherwise) => Number(process.env[name] ?? otherwise);
const [idle, channels, listeners] = [setting('IDLE', 5000), setting('CHANNELS', 100), setting('LISTENERS', 10)];
const [rate, seconds] = [setting('RATE', 1000), setting('SECONDS', 30)];
const app = { id: '1001', key: 'tickwirekey', secret: 'a secret of the app' };
/** Events of a batch, as many as the protocol allows. */
const BATCH = 10;
const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function memory() {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)[1]);
}

/** Seconds of a core that the process has used. */
function used(of) {
  const fields = readFileSync(`/proc/${of}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Opens a connection; `onText` gets each message. Resolves when the server has greeted it, and answered its subscription. */
function open(channel, onText) {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let [rest, greeted] = [Buffer.alloc(0), false];
    socket.on('error', reject);
    socket.on('close', () => { gone++; reject(new Error('the server closed a connection')); });
    socket.write(`GET /app/${app.key}?protocol=7 HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n`
      + `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\nSec-WebSocket-Version: 13\r\n\r\n`);
    socket.on('data', (part) => {
      rest = rest.length ? Buffer.concat([rest, part]) : part;
      if (!greeted) {
        const end = rest.indexOf('\r\n\r\n');
        if (end < 0) return;
        [greeted, rest] = [true, rest.subarray(end + 4)];
        if (channel) say(socket, JSON.stringify({ event: 'pusher:subscribe', data: { channel } }));
      }
      while (rest.length >= 2) {
        const long = rest[1] === 126;
        const start = long ? 4 : 2;
        if (rest.length < start) return;
        const end = start + (long ? rest.readUInt16BE(2) : rest[1]);
        if (rest.length < end) return;
        const text = rest.latin1Slice(start, end);
        rest = rest.subarray(end);
        if (text.includes(channel ? 'subscription_succeeded' : 'connection_established')) resolve(socket);
        else if (text.includes('"event":"m"')) onText?.(text);
      }
    });
  });
}

/** Sends a text of fewer than 126 bytes. */
function say(socket, text) {
  const bytes = Buffer.from(text);
  // A mask of zeros changes nothing.
  socket.write(Buffer.concat([Buffer.from([0x81, 128 | bytes.length, 0, 0, 0, 0]), bytes]));
}

/** Sends a batch, signed as the SDKs do. */
function send(batch) {
  const body = JSON.stringify({ batch });
  const path = `/apps/${app.id}/batch_events`;
  const md5 = createHash('md5').update(body).digest('hex');
  const query = `auth_key=${app.key}&auth_timestamp=${Math.floor(Date.now() / 1000)}&auth_version=1.0&body_md5=${md5}`;
  const signature = createHmac('sha256', app.secret).update(`POST\n${path}\n${query}`).digest('hex');
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const sent = request({ host: '127.0.0.1', port, path: `${path}?${query}&auth_signature=${signature}`, method: 'POST', headers, agent }, (answer) => {
      answer.resume().on('end', () => (answer.statusCode === 200 ? resolve() : reject(new Error(`the answer is ${answer.statusCode}`))));
    });
    sent.on('error', reject).end(body);
  });
}

const agent = new Agent({ keepAlive: false });
let gone = 0;
const before = memory();
for (let made = 0; made < idle; made += 50) {
  await Promise.all(Array.from({ length: Math.min(50, idle - made) }, () => open()));
}
await later(2000);
const perConnection = (memory() - before) / Math.max(1, idle);

let [received, doubled] = [0, 0];
const times = [];
for (let number = 0; number < channels * listeners; number += 50) {
  await Promise.all(Array.from({ length: Math.min(50, channels * listeners - number) }, (_, at) => {
    const seen = new Set();
    return open(`c${(number + at) % channels}`, (text) => {
      const [count, sent] = text.slice(text.indexOf('"data":"') + 8).split(/[ "]/, 2).map(Number);
      if (seen.has(count)) doubled++;
      else received++;
      seen.add(count);
      times.push(performance.now() - sent);
    });
  }));
}

const counts = new Array(channels).fill(0);
let [messages, failed, channel] = [0, 0, 0];
const [begun, usedBefore, usedHere] = [performance.now(), used(pid), used(process.pid)];
for (let batches = 0; performance.now() - begun < seconds * 1000; batches++) {
  const due = begun + (batches * BATCH * 1000) / rate;
  if (due > performance.now()) await later(due - performance.now());
  const batch = Array.from({ length: BATCH }, () => {
    channel = (channel + 1) % channels;
    return { channel: `c${channel}`, name: 'm', data: `${counts[channel]++} ${performance.now().toFixed(3)}` };
  });
  messages += BATCH;
  send(batch).catch(() => { failed++; });
}
const span = (performance.now() - begun) / 1000;
const [cpu, here] = [(used(pid) - usedBefore) / span, (used(process.pid) - usedHere) / span];
await later(3000);

times.sort((one, two) => one - two);
const at = (share) => times[Math.min(times.length - 1, Math.floor(times.length * share))]?.toFixed(1);
const lost = messages * listeners - received;
const passed = lost === 0 && doubled === 0 && failed === 0 && gone === 0 && messages >= 0.98 * rate * seconds;
console.log(`${passed ? 'passed' : 'FAILED'}: ${idle} idle connections, ${(messages / span).toFixed(0)} messages/s to ${channels} channels of ${listeners}: `
  + `${(100 * cpu).toFixed(0)} % of a core (clients ${(100 * here).toFixed(0)} %), ${perConnection.toFixed(1)} KiB per idle connection, `
  + `lost ${lost} of ${messages * listeners}, doubled ${doubled}, refused ${failed}, closed ${gone}, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`);
process.exit(passed ? 0 : 1);
