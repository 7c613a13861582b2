// Who was hit by whom: the arena's only event. Events of other games may have its number.

/** The number of the event. */
export const HIT = 0;

const decoder = new TextDecoder();

/**
 * The seats in the event's body, `[thrower, victim]`; null for the event of another game.
 * @param {Uint8Array} body
 * @returns {{ thrower: number, victim: number } | null}
 */
export function readHit(body) {
  try {
    const [thrower, victim] = JSON.parse(decoder.decode(body));
    return Number.isInteger(thrower) && Number.isInteger(victim) ? { thrower, victim } : null;
  } catch {
    return null;
  }
}
