// The page: which of its two screens shows, how a room is entered and left, and
// what the address says. The lobby chooses, play.js plays; both are told from
// here.

import { Client, WatchError } from '../client/index.js';
import { isSolid, parseMap } from './arena.js';
import { Backdrop } from './backdrop.js';
import { Chat } from './chat.js';
import { explainError } from './closes.js';
import { byId } from './dom.js';
import { watchFilm } from './film-room.js';
import { Lobby, optionsFor } from './lobby.js';
import { chosenSocket } from './network.js';
import { Play } from './play.js';
import { tabStorage } from './settings.js';
import { Sound } from './sound.js';

/** @typedef {import('./types.js').Room} Room */
/** @typedef {import('./types.js').Ground} Ground */
/** @typedef {import('./lobby.js').Choice | {how: 'seat', id: string | null}} Choice `seat`: the one that this tab had, or else that room */

/** A field without walls, for rooms without a map of their own. */
const MEADOW = { width: 112, height: 72, solid: () => false };

const query = new URLSearchParams(location.search);
const backdrop = new Backdrop(byId('backdrop', HTMLCanvasElement));
const lobby = new Lobby((choice) => { void enter(choice); }, query);
const sound = new Sound();
/** @type {Play | null} */
let play = null;
let entering = false;
/** @type {Client} */
let client;

/** @param {Choice} choice @returns {Promise<boolean>} whether a room was entered */
async function enter(choice) {
  if (entering) return false;
  entering = true;
  lobby.setBusy(true);
  lobby.setError('');
  leave();
  try {
    const room = await join(choice);
    if (room) await show(room);
    return room !== null;
  } catch (error) {
    showLobby();
    lobby.setError(explainError(error));
    return false;
  } finally {
    entering = false;
    lobby.setBusy(false);
  }
}

/** @param {Choice} choice @returns {Promise<Room | null>} null when there is nothing to come back to */
async function join(choice) {
  const name = lobby.name();
  let room;
  if (choice.how === 'seat') {
    room = await resume(choice.id) ?? (choice.id === null ? null : await client.joinById(choice.id, { name }));
  } else if (choice.how === 'room') {
    room = await client.joinById(choice.id, { name });
  } else if (choice.how === 'watch') {
    room = await look(choice.id, name);
  } else {
    const options = optionsFor(choice.game, choice.map);
    room = await (choice.how === 'new'
      ? client.create(choice.game, { name, options })
      : client.joinOrCreate(choice.game, { name, options }));
  }
  // Views get their fields from the welcome, which no static type can know.
  return /** @type {Room | null} */ (/** @type {unknown} */ (room));
}

/** As a film; as a spectator where there is none, and where the address asks to see the room without delay. @param {string} id @param {string} name */
async function look(id, name) {
  if (query.get('live') === '1') return client.spectate(id, { name });
  try {
    return await watchFilm(id);
  } catch (error) {
    if (!(error instanceof WatchError)) throw error;
    return client.spectate(id, { name });
  }
}

/** The seat of this tab, unless it is in another room than the one asked for. @param {string | null} id */
async function resume(id) {
  const room = await client.resume();
  if (!room || id === null || room.id === id) return room;
  room.leave();
  return null;
}

/** @param {Room} room */
async function show(room) {
  const chat = new Chat(room);
  const ground = await loadGround(room).catch((error) => {
    chat.stop();
    room.leave();
    throw error;
  });
  lobby.close();
  backdrop.stop();
  document.body.dataset.screen = 'game';
  setAddress(room);
  play = new Play(room, ground, sound, chat, {
    lobby: showLobby,
    moved: setAddress,
    join: ({ id }) => { void enter({ how: 'room', id }); },
    again: (left, sameSeat) => {
      if (left.role === 'spectator') void enter({ how: 'watch', id: left.id });
      else void enter(sameSeat ? { how: 'seat', id: left.id } : { how: 'any', game: left.game, map: left.properties.map ?? '' });
    },
  });
  /** @type {any} */ (window).tickwire = { room, client, play };
  play.start();
}

/** @param {Room} room @returns {Promise<Ground>} */
async function loadGround(room) {
  const name = room.properties.map;
  if (!name) return MEADOW;
  const answer = await fetch(`assets/maps/${encodeURIComponent(name)}.txt`);
  if (answer.ok) {
    const tiles = parseMap(await answer.text());
    return { width: tiles.width, height: tiles.height, solid: (tx, ty) => isSolid(tiles, tx, ty), tiles };
  }
  if (room.authority === 'client') return MEADOW;
  throw new Error(`the map ${name} is missing`);
}

function leave() {
  if (!play) return;
  play.stop();
  play.room.leave();
  play = null;
}

function showLobby() {
  leave();
  setAddress(null);
  document.body.dataset.screen = 'lobby';
  backdrop.start();
  lobby.open();
}

/**
 * Puts the room into the address, so that it can be shared; the name stays with this browser.
 * @param {Room | null} room
 */
function setAddress(room) {
  const url = new URL(location.href);
  url.searchParams.delete('name');
  for (const key of ['room', 'watch']) url.searchParams.delete(key);
  if (room) url.searchParams.set(room.role === 'spectator' ? 'watch' : 'room', room.id);
  history.replaceState(null, '', url);
}

/** The seat that a reload left, else what the address asks for: a room, or with `auto` any room, also when that one is gone. */
async function begin() {
  const watched = query.get('watch');
  if (watched !== null) {
    await enter({ how: 'watch', id: watched });
    return;
  }
  if (await enter({ how: 'seat', id: query.get('room') })) return;
  if (query.get('auto') === '1') await enter({ how: 'any', game: lobby.game, map: lobby.map });
}

/** Over the network that the address asks for. */
async function start() {
  showLobby();
  lobby.setBusy(true);
  let socket;
  /** @type {unknown} */
  let wrong = null;
  try {
    socket = await chosenSocket(query);
  } catch (error) {
    wrong = error;
  }
  client = new Client(new URL('play', location.href).href.replace('http', 'ws'), { storage: tabStorage(), WebSocket: socket });
  lobby.setBusy(false);
  await begin();
  if (wrong && !play) lobby.setError(explainError(wrong));
}

void start();
