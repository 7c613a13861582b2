// A server of Tickwire with apps of the Pusher protocol, and waiting for what must come.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PATIENT = 30_000;

export const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits for what `start` hands to its callback. */
export function told(what, start) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`never came: ${what}`)), PATIENT);
    start((value) => (clearTimeout(timer), resolve(value)));
  });
}

/** Subscribes a client of pusher-js to a channel. Returns the channel, and what its members are told first. */
export function subscribed(of, name) {
  const channel = of.subscribe(name);
  return told(`${name} is subscribed`, (done) => channel.bind('pusher:subscription_succeeded', (data) => done([channel, data])));
}

export async function until(what, done) {
  const begun = Date.now();
  while (!(await done())) {
    assert(Date.now() - begun < PATIENT, `never came true: ${what}`);
    await later(50);
  }
}

export async function test(name, run) {
  await run();
  console.log(`ok: ${name}`);
}

/** A file of outlets with this text. */
export function outlets(text) {
  const file = join(mkdtempSync(join(tmpdir(), 'tickwire-pusher-')), 'outlets.toml');
  writeFileSync(file, text);
  return file;
}

/** Starts the binary; it is killed when this process ends. Returns it and its port. */
export async function serve(binary, file, { port = 0, more = [], wrapper = [] } = {}) {
  const [command, ...before] = [...wrapper, binary];
  const args = [...before, 'serve', '--bind', `127.0.0.1:${port}`, '--outlets', file, ...more];
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  process.on('exit', () => child.kill('SIGKILL'));
  const found = await told('the address of the server', (done) => {
    let text = '';
    child.stdout.on('data', (part) => {
      text += part;
      const address = /localhost:(\d+)/.exec(text);
      if (address) done(Number(address[1]));
    });
  });
  return { child, port: found };
}
