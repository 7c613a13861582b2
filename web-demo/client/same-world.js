// Whether a room goes on after a reconnect, or its picture begins anew.

/**
 * Whether a welcome describes the world that a room shows already, at a later tick.
 * @param {import('./room.js').Room<any>} room
 * @param {import('./messages.js').Welcome} welcome
 */
export function isSameWorld(room, welcome) {
  const world = ({ id = '', rate = 0, schema = /** @type {unknown} */ ([]), inputs = /** @type {unknown} */ ([]) }) => (
    JSON.stringify([id, rate, schema, inputs]));
  return room.state.precedes(welcome) && world({ ...welcome, id: welcome.room }) === world(room);
}
