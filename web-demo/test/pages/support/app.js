// An example app of its own: a copy of its folder in which its packages are installed, and the client as it would be published.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));
const QUIET = ['--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'];
const MADE = ['node_modules', 'dist', '.nitro', '.output'];
const run = promisify(execFile);

/**
 * Installs and builds one of `examples`, by its scripts. Returns the folder, which is the caller's to remove.
 * @param {string} example @param {string[]} scripts
 */
export async function build(example, scripts) {
  const folder = await mkdtemp(join(tmpdir(), `tickwire-${example}-`));
  await cp(join(ROOT, 'examples', example), folder, { recursive: true, filter: (path) => !MADE.includes(basename(path)) });
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder], { cwd: join(ROOT, 'web-demo/client') });
  const [{ filename }] = JSON.parse(stdout.slice(stdout.indexOf('[\n')));
  await run('npm', ['ci', ...QUIET], { cwd: folder });
  await run('npm', ['install', '--no-save', ...QUIET, join(folder, filename)], { cwd: folder });
  for (const script of scripts) {
    await run('npm', ['run', script], { cwd: folder }).catch(({ stdout: told, stderr }) => assert.fail(`${told}\n${stderr}`));
  }
  return folder;
}
