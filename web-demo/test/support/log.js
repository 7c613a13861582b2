// What a page hears of a room, as a list.

export function watch(room) {
  const log = [];
  room.onLeave((code, reason, back) => log.push(`leave ${code} ${back}`));
  room.onConnection((state) => log.push(state));
  room.onReconnect(() => log.push('back'));
  room.onResume(() => log.push('resumed'));
  room.onGap((lost) => log.push(`gap ${lost}`));
  return log;
}

/** Entities that came and went, and how often any changed. */
export function watchEntities(room) {
  const log = [];
  room.onAdd('*', ({ id }) => log.push(`+${id}`));
  room.onChange('*', ({ id }) => log.push(`~${id}`));
  room.onRemove('*', ({ id }) => log.push(`-${id}`));
  return log;
}

/** Whether a promise is settled, and as what. */
export function outcome(promise) {
  const seen = { value: 'pending' };
  promise.then((value) => (seen.value = value), (error) => (seen.value = error.failure ?? error.name));
  return seen;
}
