// The matches that have ended, newest first: the list once, then each match from the server's event stream. Runs in a page, or in the
// worker that all pages of a browser share.

/**
 * @typedef {{ id: number, room: string, game: string, began: number, ended: number, players: number, result: unknown, film: string | null }} Match
 *   times in milliseconds since 1970
 * @typedef {{ state: 'connecting' | 'live' | 'absent', matches: Match[] }} BoardFeed `absent`: nobody may see results here
 */

export const SHOWN = 6;
/** A dropped stream comes back by itself, a refused one is tried again after this long. */
const RETRY_MS = 3000;
/** A server without results seldom gets them. */
const ABSENT_MS = 60_000;

export class MatchesStream {
  /** @type {BoardFeed} */
  feed = { state: 'connecting', matches: [] };
  /** @type {EventSource | null} */
  #source = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retry;
  /** Answers to older questions are not taken. */
  #asked = 0;

  /**
   * @param {string} url of the list; the stream is below it
   * @param {(feed: BoardFeed) => void} tell called for each change
   */
  constructor(url, tell) {
    this.url = url;
    this.tell = tell;
  }

  open() {
    if (this.#source) return;
    const source = new EventSource(`${this.url}/events`);
    this.#source = source;
    // Matches that ended while there was no stream are in the list, however many they were.
    source.onopen = () => { void this.#list(); };
    source.addEventListener('match', ({ data }) => this.#add([JSON.parse(data)]));
    source.onerror = () => {
      if (this.feed.state === 'live') this.#set({ state: 'connecting' });
      if (source.readyState !== EventSource.CLOSED) return;
      this.#source = null;
      void this.#list();
    };
  }

  close() {
    clearTimeout(this.#retry);
    this.#asked += 1;
    this.#source?.close();
    this.#source = null;
    this.feed = { state: 'connecting', matches: [] };
  }

  async #list() {
    const asked = ++this.#asked;
    /** @type {BoardFeed['state']} */
    let state = 'connecting';
    try {
      const answer = await fetch(`${this.url}?limit=${SHOWN}`);
      const list = answer.ok ? await answer.json() : null;
      if (asked !== this.#asked) return;
      if (list) this.#add(list.matches);
      if (list && this.#source) state = 'live';
      else if ([401, 403, 404].includes(answer.status)) state = 'absent';
    } catch {
      // The server is away.
    }
    if (asked !== this.#asked) return;
    this.#set({ state });
    if (!this.#source) this.#again(state === 'absent' ? ABSENT_MS : RETRY_MS);
  }

  /** @param {number} ms */
  #again(ms) {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.open(), ms);
  }

  /** @param {Match[]} matches */
  #add(matches) {
    const known = new Map([...this.feed.matches, ...matches].map((match) => [match.id, match]));
    this.#set({ state: 'live', matches: [...known.values()].sort((a, b) => b.id - a.id).slice(0, SHOWN) });
  }

  /** @param {Partial<BoardFeed>} change */
  #set(change) {
    this.feed = { ...this.feed, ...change };
    this.tell(this.feed);
  }
}
