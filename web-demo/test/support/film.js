// Films for tests: the golden recording of the command's tests, and how to change a recording without breaking its checksums.

import { readFileSync } from 'node:fs';

import { sha256 } from '../../client/digest.js';

const FOLDER = new URL('../../../crates/cli/tests/golden/', import.meta.url);

export function goldenRecording() {
  return new Uint8Array(readFileSync(new URL('arena.tickrec', FOLDER)));
}

/** By tick, the hash of each zone as the server had it. */
export function goldenHashes() {
  return new Map(JSON.parse(readFileSync(new URL('arena.hashes.json', FOLDER), 'utf8')));
}

/** The blocks of a recording: `{ kind, content }`, the content as a view. */
export function blocksOf(file) {
  const blocks = [];
  const view = new DataView(file.buffer, file.byteOffset);
  for (let at = 8; at < file.length;) {
    const length = view.getUint32(at + 1, true);
    blocks.push({ kind: String.fromCharCode(file[at]), content: file.subarray(at + 13, at + 13 + length) });
    at += 13 + length;
  }
  return blocks;
}

/** A recording of these blocks, with right checksums. */
export function fileOf(blocks) {
  const parts = [Buffer.from('tickrec\x01', 'latin1')];
  for (const { kind, content } of blocks) {
    const head = Buffer.alloc(13);
    head[0] = kind.charCodeAt(0);
    head.writeUInt32LE(content.length, 1);
    head.set(sha256(Buffer.concat([head.subarray(0, 1), content])).subarray(0, 8), 5);
    parts.push(head, content);
  }
  return new Uint8Array(Buffer.concat(parts));
}
