// Measures a connection for `room.stats`. Rates are over the last whole second.

import { countCells } from './grid.js';

const WINDOW_MS = 1000;

export class Meter {
  constructor() {
    /** Where the server wants to know how the game feels. @type {import('./feel-meter.js').FeelMeter | null} */
    this.feel = null;
    /** The least of the last round trips, in milliseconds. */
    this.leastTrip = 0;
    this.up = 0;
    this.down = 0;
    this.frameBytes = 0;
    this.ticks = 0;
    this.since = -Infinity;
    /** Ticks per frame, as requested. */
    this.spacing = 1;
    this.stats = {
      /** Round trip in milliseconds; 0 until measured. */
      ping: 0,
      /** The server's tick of the newest frame. */
      tick: 0,
      /** How many ticks the newest frame is behind the one that should be arriving now. */
      serverTickLag: 0,
      /** Ticks that should have had a frame of their own and had none. */
      heldFrames: 0,
      bytesDownPerSecond: 0,
      bytesUpPerSecond: 0,
      /** Bytes of frames so far, for pages that measure by their own clock. */
      frameBytes: 0,
      /** Bytes of frames per tick and player in the room. */
      bytesPerPlayerTick: 0,
      /** Frames applied. */
      snapshots: 0,
      /** Frames with the own avatar at another place than predicted. */
      corrections: 0,
      /** Zones that a frame left wrong or incomplete, added up over all frames. */
      desyncs: 0,
      /** How many ticks before its turn the newest changed input reached the server, negative when it was late; null when the
       * server has not said. @type {number | null} */
      inputLead: null,
      /** How far in the past other entities are shown, in milliseconds after a frame without delay would have come. */
      interpolationDelay: 0,
      /** The same as seen from the server, with the way of the frame. */
      displayAge: 0,
      /** How far the newest frame is ahead of what is shown of others, in milliseconds; negative when there is no newer one. */
      bufferDepth: 0,
      /** How much later than the fastest frames 99 of 100 come, in milliseconds. */
      lateness: 0,
      /** Rows of the newest frame, in all zones. */
      rows: 0,
      /** Cells of the room's grid with rows ... */
      cells: 0,
      /** ... those of them that are behind the newest frame, because their news wait at the server ... */
      cellsWaiting: 0,
      /** ... with so many rows of each kind, by the kind's name; kinds that never waited are missing ... @type {Record<string, number>} */
      rowsWaiting: {},
      /** ... and how many ticks the one is behind that is furthest behind. */
      oldestCell: 0,
      /** How far the last correction was off, in the units of the field that was off most. */
      correctionSize: 0,
    };
  }

  /**
   * @param {number} advance
   * @param {number} bytes
   * @param {import('./state.js').State} state with that frame
   * @param {import('./grid.js').WorldGrid | null} grid
   */
  frame(advance, bytes, state, grid) {
    this.stats.snapshots += 1;
    this.stats.tick = state.tick;
    countCells(grid, state, this.stats);
    this.stats.heldFrames += Math.max(0, advance - this.spacing);
    this.stats.frameBytes += bytes;
    this.frameBytes += bytes;
    this.ticks += advance;
  }

  /**
   * Closes the window when a second has passed.
   * @param {number} now
   * @param {number} players
   */
  roll(now, players) {
    const span = now - this.since;
    if (span < WINDOW_MS) return;
    if (span !== Infinity) {
      this.stats.bytesDownPerSecond = Math.round((this.down * 1000) / span);
      this.stats.bytesUpPerSecond = Math.round((this.up * 1000) / span);
      this.stats.bytesPerPlayerTick = this.frameBytes / Math.max(1, this.ticks) / Math.max(1, players);
    }
    this.up = this.down = this.frameBytes = this.ticks = 0;
    this.since = now;
  }
}
