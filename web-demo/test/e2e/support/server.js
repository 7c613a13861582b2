// A real server for one test file: starts the release binary on a free port with the pages of this work tree, reads the
// address that it prints, and stops it politely (SIGTERM, exit code 0) or not (SIGKILL). Knows nothing of browsers.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));
export const BINARY = process.env.TICKWIRE_BIN ?? `${ROOT}target/release/tickwire`;
const STARTS_WITHIN_MS = 10_000;
const STOPS_WITHIN_MS = 15_000;

export class GameServer {
  /** @param {import('node:child_process').ChildProcess} child @param {number} port */
  constructor(child, port) {
    this.child = child;
    this.port = port;
    this.ended = once(child, 'exit');
    this.url = `http://127.0.0.1:${port}`;
  }

  /**
   * @param {number} [port] 0 picks a free one @param {Record<string, string>} [variables]
   * @param {string[]} [pages] flags: the pages of this work tree by default
   */
  static async start(port = 0, variables = {}, pages = ['--dev', ROOT]) {
    const child = spawn(BINARY, ['--bind', `127.0.0.1:${port}`, ...pages], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, TICKWIRE_LOG: process.env.TICKWIRE_LOG ?? 'warn', ...variables },
    });
    // Rejects when there is no such binary.
    await once(child, 'spawn');
    const late = setTimeout(() => child.kill('SIGKILL'), STARTS_WITHIN_MS);
    // A test that fails midway must not leave a server behind.
    process.once('exit', () => child.kill('SIGKILL'));
    try {
      for await (const line of createInterface({ input: child.stdout })) {
        const address = /serving at http:\/\/\S+:(\d+)/.exec(line);
        if (address) return new GameServer(child, Number(address[1]));
      }
    } finally {
      clearTimeout(late);
    }
    throw new Error(`${BINARY} ended without an address`);
  }

  async stop() {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.kill('SIGTERM');
    const late = setTimeout(() => this.child.kill('SIGKILL'), STOPS_WITHIN_MS);
    const [code, signal] = await this.ended;
    clearTimeout(late);
    assert.deepEqual({ code, signal }, { code: 0, signal: null }, 'the server drains and exits cleanly');
  }

  async kill() {
    this.child.kill('SIGKILL');
    await this.ended;
  }

  /** The rooms as the list has them. */
  async rooms() {
    return (await fetch(`${this.url}/api/rooms`)).json();
  }
}
