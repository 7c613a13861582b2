// What a game in TypeScript writes; it is compiled, never run. Lines that must not compile say so.

import { Client, CommandError, Film, FilmError, LeaveError, clipFromText, clipToText } from 'tickwire-client';
import type { AnyEntity, AnyView, ChatLine, ClientOptions, FilmHeader, FilmRow, JoinSignal, Player, Predictor, Room, SeatStorage } from 'tickwire-client';

declare const storage: SeatStorage;
declare const signal: JoinSignal;
declare class Socket {
  constructor(url: string, protocols: string[]);
}

const options: ClientOptions = { storage, WebSocket: Socket, token: async () => 'abc' };
const client = new Client('wss://example.org/play', options);

export async function play(): Promise<number> {
  const room: Room = (await client.resume({ signal })) ?? (await client.joinOrCreate('toy', { name: 'Ada', options: { map: 'yard' }, signal }));
  const stop: () => void = room.onAdd('avatar', (entity: AnyEntity) => draw(entity.id, entity.x as number));
  room.onChat((line: ChatLine) => draw(line.from, line.tick));
  room.onPlayers((players: Map<number, Player>, change) => draw(players.size, change?.type === 'joined' ? change.player.seat : 0));
  room.onLeave((code: number, reason: string, back: boolean) => draw(code, reason.length + Number(back)));
  room.setInput({ dx: 1, dash: true });
  const tick: number = await room.chat('hi', { to: [1, 2] });
  try {
    const reply: Uint8Array = await room.call(7, new Uint8Array([1]), { timeout: 500 });
    draw(reply.length, tick);
  } catch (error) {
    if (error instanceof CommandError && error.failure === 'refused') draw(0, 0);
    if (error instanceof LeaveError) draw(error.code, error.comeBack ?? 0);
  }
  const predictor: Predictor = { read: (entity) => ({ x: entity.raw('x') }), step: () => {}, copy: (from, to) => { to.x = from.x; } };
  room.usePrediction(predictor);
  for (const view of room.view()) draw(view.id, view.x as number);
  stop();
  const left: Promise<void> = room.leave();
  await left;
  // @ts-expect-error a kind is a number
  room.send('seven', new Uint8Array());
  // @ts-expect-error there is no such option
  await client.create('toy', { nmae: 'Ada' });
  return room.stats.ping;
}

function draw(id: number, x: number): void {
  void [id, x];
}

/** A kill cam: the last seconds once more, by the code that draws the room. */
export function killCam(room: Room, draw: (views: readonly AnyView[]) => void, now: number): FilmHeader | null {
  const clip = room.clip();
  if (!clip) return null;
  let film: Film;
  try {
    film = Film.read(clipFromText(clipToText(clip)));
  } catch (error) {
    if (error instanceof FilmError) return null;
    throw error;
  }
  film.onAdd('avatar', (entity: AnyEntity) => entity.kind);
  film.seek(film.header.first);
  film.play(0.5);
  draw(film.view(now));
  const rows: FilmRow[] = film.rows();
  return rows.length > 0 ? film.header : null;
}
