// The arrow keys as a direction.

const held = new Set<string>();

/** Calls `steer` whenever the direction changes. */
export function onDirection(steer: (right: number, down: number) => void): void {
  const axis = (less: string, more: string) => Number(held.has(more)) - Number(held.has(less));
  const tell = () => steer(axis('ArrowLeft', 'ArrowRight'), axis('ArrowUp', 'ArrowDown'));
  addEventListener('keydown', ({ key }) => { held.add(key); tell(); });
  addEventListener('keyup', ({ key }) => { held.delete(key); tell(); });
  addEventListener('blur', () => { held.clear(); tell(); });
}
