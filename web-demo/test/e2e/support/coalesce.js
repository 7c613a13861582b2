// A proxy that gathers what the server sends and passes it on in one write, as some proxies and busy machines do. What the
// client sends passes at once.

import { once } from 'node:events';
import { connect, createServer } from 'node:net';

/**
 * @param {number} port where the server listens
 * @param {number} ms from the first byte to the write
 * @returns {Promise<{ url: string, close: () => void }>}
 */
export async function coalescing(port, ms) {
  const sockets = new Set();
  const listener = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    near.pipe(far);
    gather(far, near, ms);
    for (const [socket, other] of [[near, far], [far, near]]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => other.destroy());
      socket.on('close', () => sockets.delete(socket));
    }
    near.on('close', () => far.destroy());
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  return {
    url: `http://127.0.0.1:${listener.address().port}`,
    close: () => {
      listener.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** @param {import('node:net').Socket} from @param {import('node:net').Socket} to @param {number} ms */
function gather(from, to, ms) {
  let gathered = [];
  let timer = null;
  const pass = () => {
    timer = null;
    if (to.writable) to.write(Buffer.concat(gathered));
    gathered = [];
  };
  from.on('data', (bytes) => {
    gathered.push(bytes);
    timer ??= setTimeout(pass, ms);
  });
  from.on('end', () => {
    clearTimeout(timer);
    pass();
    to.end();
  });
}
