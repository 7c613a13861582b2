// Vue: the room in a reactive object. Vue does not observe what is in a room; `frame` says that something has changed.

import { createApp, h, onUnmounted, reactive } from 'vue';
import { SharedRoom } from 'tickwire-client/shared-room.js';
import { client, pixel, steerByKeys } from '../game/client.js';

const shared = new SharedRoom(({ signal }) => client.joinOrCreate('dots', { name: 'Vue', signal }));

createApp({
  setup() {
    const game = reactive({ room: shared.room(), frame: 0 });
    const stop = shared.subscribe(() => {
      const room = shared.room();
      if (room && !game.room) steerByKeys(room);
      Object.assign(game, { room, frame: shared.frame() });
    });
    onUnmounted(stop);
    return () => {
      const { room, frame } = game;
      if (!room) return h('p', 'Joining ...');
      const dots = room.view().map(({ id, x, y }) => h('i', {
        key: id,
        style: { left: `${pixel(x) - 8}px`, top: `${pixel(y) - 8}px`, background: id === room.entity ? 'crimson' : 'steelblue' },
      }));
      return h('div', { 'data-frame': frame }, dots);
    };
  },
}).mount('#root');
