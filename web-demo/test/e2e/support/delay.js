// A long cable: a TCP proxy that passes bytes on after a fixed time in each direction, so that a test on one machine sees
// what prediction and interpolation are for. Order is kept and nothing is lost; jitter and loss are not its business.

import { once } from 'node:events';
import { connect, createServer } from 'node:net';

/**
 * @param {number} port where the server listens
 * @param {number} ms each way
 * @returns {Promise<{ url: string, close: () => void }>}
 */
export async function longCable(port, ms) {
  const sockets = new Set();
  const listener = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    pass(near, far, ms);
    pass(far, near, ms);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => sockets.delete(socket));
    }
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
function pass(from, to, ms) {
  from.on('data', (bytes) => setTimeout(() => to.writable && to.write(bytes), ms));
  from.on('end', () => setTimeout(() => to.end(), ms));
  from.on('close', () => setTimeout(() => to.destroy(), ms));
}
