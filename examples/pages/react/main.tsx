// React: one room for all components, joined once under StrictMode, too.

import { StrictMode, useEffect, useSyncExternalStore } from 'react';
import { createRoot } from 'react-dom/client';
import { SharedRoom } from 'tickwire-client/shared-room.js';
import { client, pixel, steerByKeys } from '../game/client.js';

const shared = new SharedRoom(({ signal }) => client.joinOrCreate('dots', { name: 'React', signal }));
const useRoom = () => useSyncExternalStore(shared.subscribe, shared.room);
/** For components that show what is in the room: once more for each frame. */
const useFrame = () => useSyncExternalStore(shared.subscribe, shared.frame);

function Board() {
  const room = useRoom();
  useFrame();
  useEffect(() => { if (room) steerByKeys(room); }, [room]);
  if (!room) return <p>{shared.error() ? String(shared.error()) : 'Joining ...'}</p>;
  return room.view().map(({ id, x, y }) => (
    <i key={id} style={{ left: pixel(x) - 8, top: pixel(y) - 8, background: id === room.entity ? 'crimson' : 'steelblue' }} />
  ));
}

createRoot(document.querySelector('#root')!).render(<StrictMode><Board /></StrictMode>);
