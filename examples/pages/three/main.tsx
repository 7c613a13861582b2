// three.js with react-three-fiber: a mesh for each entity, which React adds and removes, and useFrame moves.

import { Canvas, useFrame } from '@react-three/fiber';
import { StrictMode, useEffect, useRef, useState, useSyncExternalStore } from 'react';
import { createRoot } from 'react-dom/client';
import type { Mesh } from 'three';
import type { Room } from 'tickwire-client';
import { SharedRoom } from 'tickwire-client/shared-room.js';
import { client, steerByKeys } from '../game/client.js';
import type { Dots } from '../game/dots.js';

const shared = new SharedRoom(({ signal }) => client.joinOrCreate('dots', { name: 'three', signal }));

/** The ids of the entities of a kind. React draws again only when one comes or goes. */
function useIds(room: Room<Dots>, kind: keyof Dots['rows']): number[] {
  const [ids, setIds] = useState<number[]>([]);
  useEffect(() => {
    const stopAdding = room.onAdd(kind, ({ id }) => setIds((ids) => [...ids.filter((other) => other !== id), id]));
    const stopRemoving = room.onRemove(kind, ({ id }) => setIds((ids) => ids.filter((other) => other !== id)));
    return () => { stopAdding(); stopRemoving(); };
  }, [room, kind]);
  return ids;
}

function Board({ room }: { room: Room<Dots> }) {
  const meshes = useRef(new Map<number, Mesh>());
  useEffect(() => steerByKeys(room), [room]);
  useFrame(() => {
    // The board's y points down, that of three.js up.
    for (const { id, x, y } of room.view()) meshes.current.get(id)?.position.set(x, -y, 0);
  });
  return useIds(room, 'dot').map((id) => (
    <mesh key={id} ref={(mesh) => void (mesh ? meshes.current.set(id, mesh) : meshes.current.delete(id))}>
      <boxGeometry args={[3.2, 3.2, 3.2]} />
      <meshBasicMaterial color={id === room.entity ? 'crimson' : 'steelblue'} />
    </mesh>
  ));
}

function Page() {
  const room = useSyncExternalStore(shared.subscribe, shared.room);
  return <Canvas flat orthographic camera={{ position: [0, 0, 10], zoom: 5 }}>{room && <Board room={room} />}</Canvas>;
}

createRoot(document.querySelector('#root')!).render(<StrictMode><Page /></StrictMode>);
