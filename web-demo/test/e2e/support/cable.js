// A cable that can be pulled out: a TCP proxy that a test cuts and mends. While it is cut, connections die without a
// goodbye and new ones are refused. Connections can also be stranded, as when a device changes its network: nothing passes any
// more, and neither end is told. What travels is not touched.

import { once } from 'node:events';
import { connect, createServer } from 'node:net';

export class Cable {
  /** @param {import('node:net').Server} listener @param {Set<import('node:net').Socket>} sockets */
  constructor(listener, sockets) {
    this.listener = listener;
    this.sockets = sockets;
    this.isCut = false;
    this.url = `http://127.0.0.1:${listener.address().port}`;
  }

  /** @param {number} port where the server listens */
  static async to(port) {
    const sockets = new Set();
    const listener = createServer((near) => {
      if (cable.isCut) {
        near.resetAndDestroy();
        return;
      }
      const far = connect(port, '127.0.0.1');
      for (const [from, to] of [[near, far], [far, near]]) {
        sockets.add(from);
        from.setNoDelay(true);
        from.pipe(to);
        from.on('error', () => to.destroy());
        from.on('close', () => {
          sockets.delete(from);
          to.destroy();
        });
      }
    });
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const cable = new Cable(listener, sockets);
    return cable;
  }

  /** Connections that are there go silent; new ones work. */
  strand() {
    for (const socket of this.sockets) {
      socket.unpipe();
      socket.resume();
    }
  }

  cut() {
    this.isCut = true;
    for (const socket of this.sockets) socket.resetAndDestroy();
  }

  mend() {
    this.isCut = false;
  }

  close() {
    this.cut();
    this.listener.close();
  }
}
