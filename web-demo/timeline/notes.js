// What running a recording again told about its ticks: inputs, names, commands, hashes and differences. The command writes these
// notes (`tickwire replay --open`), because it has the game and the keys; a film alone has none of it.

/**
 * @typedef {{ error: string | null, hashes: [number, [number, number][]][], inputs: [number, number, number[]][],
 *   commands: [number, number | null, string][], names: [number, number, string][], difference: [number, string] | null,
 *   panicked: [number, string] | null }} RawNotes
 */

/** @template T */
class Steps {
  constructor() {
    /** By seat, ascending by place. @type {Map<number, { place: number, value: T }[]>} */
    this.bySeat = new Map();
  }

  /** @param {number} seat @param {number} place @param {T} value */
  add(seat, place, value) {
    const steps = this.bySeat.get(seat) ?? [];
    this.bySeat.set(seat, steps);
    steps.push({ place, value });
  }

  /** The newest value at a place. @param {number} seat @param {number} place @returns {T | null} */
  at(seat, place) {
    const steps = this.bySeat.get(seat) ?? [];
    let low = 0;
    for (let high = steps.length; low < high;) {
      const middle = (low + high) >> 1;
      if (steps[middle].place <= place) low = middle + 1;
      else high = middle;
    }
    return low > 0 ? steps[low - 1].value : null;
  }
}

export class Notes {
  /** @param {import('../client/film.js').Film} film @param {RawNotes | null} raw */
  constructor(film, raw) {
    /** Whether there are any. */
    this.known = raw !== null;
    this.error = raw?.error ?? null;
    /** @type {Steps<number[]>} */ this.inputs = new Steps();
    /** @type {Steps<string>} */ this.names = new Steps();
    /** @type {{ place: number, seat: number | null, text: string }[]} */ this.commands = [];
    /** Places that were compared when it was run again. @type {number[]} */ this.compared = [];
    /** @type {{ place: number, text: string }[]} */ this.faults = [];
    const place = (/** @type {number} */ tick) => Math.min(film.length, Math.max(0, (tick - film.header.first) | 0));
    for (const [tick, seat, values] of raw?.inputs ?? []) this.inputs.add(seat, place(tick), values);
    for (const [tick, seat, name] of raw?.names ?? []) this.names.add(seat, place(tick), name);
    for (const [tick, seat, text] of raw?.commands ?? []) this.commands.push({ place: place(tick), seat, text });
    for (const [tick] of raw?.hashes ?? []) this.compared.push(place(tick));
    if (raw?.difference) this.faults.push({ place: place(raw.difference[0]), text: `run again, it differs: ${raw.difference[1]}` });
    if (raw?.panicked) this.faults.push({ place: place(raw.panicked[0]), text: `the game panicked in ${raw.panicked[1]}` });
  }

  /** What a player is called. @param {number} seat @param {number} place */
  nameOf(seat, place) {
    return this.names.at(seat, place) || `Player ${seat}`;
  }

  /** What a player did, in words. @param {import('../client/film.js').Film} film @param {number} seat @param {number} place */
  inputOf(film, seat, place) {
    const values = this.inputs.at(seat, place);
    return values ? film.inputs.map(({ name, shape }, field) => (
      shape.type === 'bool' ? (values[field] ? name : '') : `${name} ${shape.type === 'enum' ? shape.labels[values[field]] : values[field]}`
    )).filter(Boolean).join(', ') : '';
  }
}
