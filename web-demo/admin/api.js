// Questions and orders to the server, each with the operator's token in its header: no cookie, so
// no other page can ask in an operator's name. The token is kept in memory only.

/**
 * How an outlet does: entries that it has not got yet, and how old the oldest is in milliseconds.
 * @typedef {{ name: string, lag: number, lag_millis: number, delivered: number, dropped: number, retries: number, dead_letters: number, trouble: string }} Sink
 */
/**
 * How films of rooms go out: viewers, segments that they were sent, how late lately, and how many slow viewers did not get.
 * @typedef {{ outlet: 'events' | 'segments', viewers: number, sent: number, lag_micros: number, skipped: number }} FilmOutlet
 */
/** How everything is. @typedef {{ at: number, totals: Totals, rooms: Health[], more: number, sinks: Sink[], film: FilmOutlet[] }} Vitals */
/**
 * @typedef {{ players: number, away: number, spectators: number, rooms: number, sessions: number, ticks: number,
 *   late_ticks: number, skipped_ticks: number, bytes_sent: number, bytes_received: number, frames_sent: number,
 *   holds: number, endings: Record<string, number> }} Totals
 * @typedef {{ id: string, game: string, players: number, capacity: number, spectators: number, locked: boolean,
 *   rate: number, properties: Record<string, string>, private: boolean, away: number, tick_mean: number,
 *   tick_worst: number, film: { events: number, segments: number } }} Health
 * @typedef {{ pain: number, cause: 'link' | 'machine' | 'server' | null, jumps: number, moves_back: number, age_p99: number, silence: number,
 *   round_trip: number, long_pictures: number }} Feel
 * @typedef {{ seat: number, entity: number, name: string, away: boolean, feel: Feel | null }} Player
 * @typedef {{ file: string, time: number, why: string, bytes: number, room?: string, game?: string, reason?: string,
 *   seconds?: number }} Recording
 * @typedef {{ name: string, address: string, version: string, epoch: number, lease_left: number, rooms: number, players: number,
 *   load: number, draining: boolean, takeover: boolean }} ClusterNode milliseconds, thousandths
 * @typedef {{ name: string, shape: string | Record<string, any> }} Field
 * @typedef {{ name: string, fields: Field[] }} Kind
 * @typedef {{ zone: number, kind: number, id: number, values: number[] }} Row
 * @typedef {{ tick: number, locked: boolean, players: Player[], kinds: Kind[], rows: Row[], more: number }} Inside
 */

/** An answer that is no success. */
export class Refusal extends Error {
  /** @param {number} status @param {string} text */
  constructor(status, text) {
    super(text.trim() || `the server answered ${status}`);
    this.status = status;
  }
}

export class Api {
  /** @param {string} token */
  constructor(token) {
    this.headers = { authorization: `Bearer ${token}` };
  }

  /** @param {string} path @param {RequestInit} [options] @returns {Promise<Response>} */
  async ask(path, options = {}) {
    const response = await fetch(`api/${path}`, {
      cache: 'no-store', credentials: 'omit', redirect: 'error', ...options, headers: { ...this.headers, ...options.headers },
    });
    if (!response.ok) throw new Refusal(response.status, await response.text());
    return response;
  }

  /** A room from inside. @param {string} id @returns {Promise<Inside>} */
  async inside(id) {
    return (await this.ask(`rooms/${encodeURIComponent(id)}/frame`)).json();
  }

  /** The nodes of the cluster; none where the server is alone. @returns {Promise<ClusterNode[]>} */
  async nodes() {
    return (await this.ask('nodes')).json();
  }

  /** @param {string} id @param {'kick' | 'lock' | 'close' | 'move'} verb @param {object} body */
  async order(id, verb, body) {
    const headers = { 'content-type': 'application/json' };
    await this.ask(`rooms/${encodeURIComponent(id)}/${verb}`, { method: 'POST', headers, body: JSON.stringify(body) });
  }

  /** Has the last minute of a room recorded. @param {string} id @returns {Promise<string>} the name of the file */
  async record(id) {
    const response = await this.ask(`rooms/${encodeURIComponent(id)}/recording`, { method: 'POST' });
    return (await response.json()).file;
  }

  /** The recordings in the folder, newest first. @returns {Promise<Recording[]>} */
  async recordings() {
    return (await this.ask('recordings')).json();
  }

  /** @param {string} file @returns {Promise<ArrayBuffer>} */
  async recording(file) {
    return (await this.ask(`recordings/${encodeURIComponent(file)}`)).arrayBuffer();
  }

  /**
   * Listens to how everything is, until the stream ends or the signal says so.
   * @param {AbortSignal} signal
   * @param {(vitals: Vitals) => void} hear
   */
  async listen(signal, hear) {
    const { body } = await this.ask('events', { signal });
    if (!body) return;
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    /** By id. @type {Map<string, Health>} */
    const known = new Map();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      text += value;
      const events = text.split('\n\n');
      text = events.pop() ?? '';
      for (const event of events) {
        if (!event.startsWith('data: ')) continue;
        const { gone, ...vitals } = /** @type {Vitals & { gone: string[] }} */ (JSON.parse(event.slice(6)));
        for (const id of gone) known.delete(id);
        for (const room of vitals.rooms) known.set(room.id, room);
        hear({ ...vitals, rooms: [...known.values()].sort((a, b) => b.players - a.players) });
      }
    }
  }
}
