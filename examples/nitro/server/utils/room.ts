// Watches a room as a spectator, and keeps a summary of it for the pages.

import type { Peer } from 'crossws';
import WebSocket from 'crossws/websocket'; // Node has one of its own since version 22
import { Client, type Room } from 'tickwire-client';

export interface Summary {
  /** Whether this server has a connection to the room; without one, the rest is as it was last. */
  live: boolean;
  players: { name: string; score: number; away: boolean }[];
  /** The match that ended last. Times are in milliseconds since 1970; `result` is any JSON of the game. */
  last: { players: number; began: number; ended: number; result: unknown } | null;
}

export let summary: Summary = { live: false, players: [], last: null };
/** The pages that are connected. */
export const pages = new Set<Peer>();

/** Watches rooms of a game, one after the other, until it is aborted. */
export async function watchRoom({ url, game }: { url: string; game: string }, signal: AbortSignal) {
  const client = new Client(url, { WebSocket });
  const matches = new URL('api/matches', url.replace(/^ws/, 'http')).href;
  let failure = '';
  while (!signal.aborted) {
    try {
      const found = await $fetch<{ matches: Summary['last'][] }>(matches, { query: { game, limit: 1 }, signal });
      // A room of the game, or a new one. Two frames per second are enough for a summary.
      const room = await client.spectate({ game }, { name: 'pages', rate: 2, signal });
      failure = '';
      show({ last: found.matches[0] ?? summary.last });
      await watched(room, signal);
    } catch (error) {
      if (!signal.aborted && failure !== String(error)) console.warn((failure = String(error)));
    }
    show({ live: false });
    await new Promise((resolve) => setTimeout(resolve, 1000 + 1000 * Math.random()));
  }
}

/** Shows the room until it has ended. The client reconnects by itself, after a restart of its server, too. */
function watched(room: Room, signal: AbortSignal) {
  return new Promise<void>((ended) => {
    const update = () => {
      if (room.connection !== 'online') return show({ live: false });
      const players = Array.from(room.players.values(), ({ name, away, entity }) => (
        { name, away, score: room.state.entities.get(entity)?.score ?? 0 }
      ));
      show({ live: true, players: players.sort((a, b) => b.score - a.score) });
    };
    room.onStateChange(update);
    room.onPlayers(update);
    room.onConnection(update);
    room.onLeave((_code, _reason, comesBack) => { if (!comesBack) ended(); });
    signal.addEventListener('abort', () => room.leave());
    update();
  });
}

/** Sends the pages what has changed, if anything has. */
function show(change: Partial<Summary>) {
  const before = summaryHtml();
  summary = { ...summary, ...change };
  const html = summaryHtml();
  if (html === before) return;
  for (const page of pages) {
    // A page that reads nothing gets the summary when it connects again.
    if ((page.websocket.bufferedAmount ?? 0) > 1 << 16) page.terminate();
    else page.send(html);
  }
}
