// From a URL to a welcome: waits for seats that are being left, gets the token, opens the socket, sends the hello, follows
// redirects to other servers, and hands over the socket with the welcome, or reports an error. After the welcome, session.js
// takes over.

import { LEFT, LOST, LeaveError, PROTOCOL, ROOM_UNAVAILABLE, meaning } from './close.js';
import { REDIRECTS } from './limits.js';
import { abandon } from './pending-leaves.js';
import { FEATURES, PROTOCOL_VERSION, RECIPE, SUBPROTOCOLS, decodeServer, encodeClient } from './messages.js';
import { bytesOf } from './reader.js';
import { currentToken } from './token.js';

/** A server that has not answered the hello within this time counts as unreachable. */
const WELCOME_WITHIN_MS = 10_000;
/** How long to wait before the first server is asked again, because the one that it named did not admit the client. */
const AGAIN_AFTER_MS = 1000;
const VERSION = 4506;
const TRY_LATER = 1013;
/** A `readyState`. */
const OPEN = 1;
/** Where the server of a socket is. @type {WeakMap<Socket, string>} */
const addresses = new WeakMap();

/** The URL of the server that welcomed this socket. @param {Socket} socket */
export function addressOf(socket) {
  return addresses.get(socket) ?? null;
}

/**
 * The part of a WebSocket that the client uses.
 * @typedef {{
 *   binaryType: string,
 *   readonly readyState: number,
 *   onopen: ((event: any) => void) | null,
 *   onmessage: ((event: any) => void) | null,
 *   onclose: ((event: any) => void) | null,
 *   onerror: ((event: any) => void) | null,
 *   send(bytes: Uint8Array): void,
 *   close(code?: number): void,
 * }} Socket
 *
 * The environment of a client; tests pass their own.
 * @typedef {{
 *   url: string,
 *   WebSocket: new (url: string, protocols: string[]) => Socket,
 *   now: () => number,
 *   random: () => number,
 *   setTimeout: (call: () => void, ms: number) => any,
 *   clearTimeout: (timer: any) => void,
 *   game?: import('./game.js').GameModule<any> | null,
 *   seats: import('./seat-store.js').SeatStore,
 *   leaves: import('./pending-leaves.js').PendingLeaves,
 *   page: import('./page-events.js').PageEvents | null,
 *   network: import('./page-events.js').PageEvents | null,
 * }} Environment
 *
 * @typedef {{ join: import('./messages.js').Join, role: 'player' | 'spectator', name: string,
 *   player: import('./messages.js').Pairs, rate: number, token: import('./token.js').TokenSource | null,
 *   recipe?: Uint8Array | null }} Request
 *   `rate`: frames per second, 0 for one per tick; `recipe`: how a server that lost the room in a restart makes it again
 * @typedef {import('./messages.js').Welcome} Welcome
 */

/**
 * @param {Environment} env
 * @param {Request} request
 * @param {import('./messages.js').Resume | null} resume the claim to a seat held before
 * @param {(socket: Socket, welcome: Welcome) => void} welcomed takes over the socket at once, since the next message may
 *   follow immediately
 * @param {(error: Error) => void} refused a LeaveError, or an error of the token's function or of the socket's constructor
 * @param {Promise<unknown> | null} [after] what the attempt waits for: by default all pending leaves
 * @param {string} [from] the URL to begin with: by default that of the client
 * @param {Socket | null} [ahead] a connection to it on which no hello was said
 * @returns {() => Promise<void>} cancels the attempt without calling back; resolves when the server has freed the seat that it
 *   may have assigned already
 */
export function connect(env, request, resume, welcomed, refused, after = env.leaves.pending, from = env.url, ahead = null) {
  let cancel = () => Promise.resolve();
  let cancelled = false;
  /** @param {Error} error */
  const failed = (error) => {
    if (!cancelled) refused(error);
  };
  /** @param {string | null} token */
  const begin = (token) => {
    if (cancelled) return;
    try {
      cancel = travel(env, from, { ...hello(request), resume, token }, welcomed, refused, ahead);
    } catch (error) {
      // A token that is a string is handed over synchronously, but the caller does not expect an answer yet.
      queueMicrotask(() => failed(/** @type {Error} */ (error)));
    }
  };
  const ask = () => {
    if (!cancelled) currentToken(request.token, begin, failed);
  };
  if (after) after.then(ask);
  else ask();
  return () => {
    cancelled = true;
    return cancel();
  };
}

/**
 * Goes where the servers of a cluster send the client. If one of them does not admit it after all, for its ticket expired or the
 * server has ended, the client asks the first server again.
 * @param {Environment} env
 * @param {string} from
 * @param {import('./messages.js').Hello} greeting
 * @param {(socket: Socket, welcome: Welcome) => void} welcomed
 * @param {(error: Error) => void} refused
 * @param {Socket | null} ahead
 * @returns {() => Promise<void>}
 */
function travel(env, from, greeting, welcomed, refused, ahead) {
  let hops = 0;
  let cancel = () => Promise.resolve();
  /** @param {string} url @param {import('./messages.js').Hello} hello @param {Socket | null} [ready] */
  const go = (url, hello, ready = null) => {
    cancel = open(env, url, ready, hello, welcomed, (error) => {
      const hasTicket = hello !== greeting && ROOM_UNAVAILABLE.has(error.code);
      const isStale = url !== env.url && (error.code === LOST || hasTicket);
      if (!isStale || hops >= REDIRECTS) refused(error);
      else again();
    }, ({ address, ticket }) => {
      hops += 1;
      if (hops > REDIRECTS) {
        refused(new LeaveError(TRY_LATER));
        return;
      }
      // Whoever wants its seat and no other says so again; the other server has it.
      const join = greeting.join.type === 'return' ? greeting.join : /** @type {const} */ ({ type: 'reserved', ticket });
      try {
        go(address, { ...greeting, join, extensions: [] });
      } catch (error) {
        refused(/** @type {Error} */ (error));
      }
    });
  };
  const again = () => {
    hops += 1;
    const timer = env.setTimeout(() => go(env.url, greeting), AGAIN_AFTER_MS);
    cancel = () => {
      env.clearTimeout(timer);
      return Promise.resolve();
    };
  };
  go(from, greeting, ahead);
  return () => cancel();
}

/**
 * @param {Environment} env
 * @param {string} url
 * @param {Socket | null} ready an open connection to it, if it still is
 * @param {import('./messages.js').Hello} greeting
 * @param {(socket: Socket, welcome: Welcome) => void} welcomed
 * @param {(error: LeaveError) => void} refused
 * @param {(redirect: import('./messages.js').Redirect) => void} redirected
 * @returns {() => Promise<void>}
 */
function open(env, url, ready, greeting, welcomed, refused, redirected) {
  const isReady = ready?.readyState === OPEN;
  const socket = isReady ? /** @type {Socket} */ (ready) : new env.WebSocket(url, SUBPROTOCOLS);
  addresses.set(socket, url);
  socket.binaryType = 'arraybuffer';
  /** @type {number | null} */
  let comeBack = null;
  /** @param {number} code */
  const end = (code) => {
    env.clearTimeout(timer);
    // After its hello, the client may have a seat.
    return env.leaves.close(socket, code);
  };
  /** @param {LeaveError} error */
  const fail = (error) => {
    end(error.code === LOST ? LEFT : 4500);
    refused(error);
  };
  const timer = env.setTimeout(() => fail(new LeaveError(LOST)), WELCOME_WITHIN_MS);
  const greet = () => {
    socket.onerror = () => {};
    socket.send(encodeClient(greeting));
  };
  socket.onopen = greet;
  // Outside of browsers, a socket that never opened may report an error and no close.
  socket.onerror = () => {
    env.clearTimeout(timer);
    abandon(socket, LEFT);
    refused(new LeaveError(LOST));
  };
  socket.onclose = ({ code, reason }) => {
    env.clearTimeout(timer);
    refused(new LeaveError(meaning(code), reason, comeBack));
  };
  socket.onmessage = ({ data }) => {
    const message = decoded(data);
    if (message?.type === 'comeBack') {
      comeBack = message.after;
      return;
    }
    if (message?.type === 'redirect') {
      env.clearTimeout(timer);
      // There is no seat here that could be left.
      abandon(socket, LEFT);
      redirected(message);
      return;
    }
    if (message?.type !== 'welcome') return fail(new LeaveError(PROTOCOL));
    if (message.version !== PROTOCOL_VERSION) return fail(new LeaveError(VERSION));
    env.clearTimeout(timer);
    welcomed(socket, message);
  };
  if (isReady) greet();
  return () => end(LEFT);
}

/** @param {unknown} data */
function decoded(data) {
  try {
    return decodeServer(bytesOf(data));
  } catch {
    return null;
  }
}

/** @param {Request} request @returns {import('./messages.js').Hello} */
function hello({ join, role, name, player, rate, recipe = null }) {
  return {
    type: 'hello', version: PROTOCOL_VERSION, features: FEATURES, join, role, name, player, resume: null, token: null, rate,
    extensions: recipe && join.type === 'byId' ? [[RECIPE, recipe]] : [],
  };
}
