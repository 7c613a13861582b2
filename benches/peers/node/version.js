// What a server of this folder says first: its port, and the installed versions of the packages that matter.

import { readFileSync } from 'node:fs';

/** @param {number} port @param {...string} names */
export function announce(port, ...names) {
  const versions = names.map((name) => {
    const file = new URL(`node_modules/${name}/package.json`, import.meta.url);
    return `${name} ${JSON.parse(readFileSync(file, 'utf8')).version}`;
  });
  console.log(`listening ${port} ${[...versions, `node ${process.versions.node}`].join(', ')}`);
}
