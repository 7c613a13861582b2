// From a URL to a welcome: opens the socket, says hello and hands over the socket with the welcome, or says why not.
// What happens after the welcome is the session's business.

import { LOST, LeaveError, meaning } from './close.js';
import { PROTOCOL_VERSION, SUBPROTOCOL, decodeServer, encodeClient } from './messages.js';

/** A server that has not answered the hello by then is not there. */
const WELCOME_WITHIN_MS = 10_000;
const PROTOCOL = 1002;
const VERSION = 4506;

/**
 * What the client needs of its surroundings; tests bring their own.
 * @typedef {{
 *   url: string,
 *   WebSocket: new (url: string, protocols: string[]) => WebSocket,
 *   now: () => number,
 *   random: () => number,
 *   setTimeout: (call: () => void, ms: number) => any,
 *   clearTimeout: (timer: any) => void,
 * }} Environment
 *
 * @typedef {{ join: import('./messages.js').Join, name: string, player: import('./messages.js').Pairs,
 *   rate: number }} Request `rate`: frames per second, 0 for one per tick
 */

/**
 * @param {Environment} env
 * @param {Request} request
 * @param {(socket: WebSocket, welcome: import('./messages.js').Welcome) => void} welcomed takes over the socket at once,
 *   since the next message may follow immediately
 * @param {(error: LeaveError) => void} refused
 * @returns {() => void} gives up without a word
 */
export function connect(env, request, welcomed, refused) {
  const socket = new env.WebSocket(env.url, [SUBPROTOCOL]);
  socket.binaryType = 'arraybuffer';
  /** @param {LeaveError} error */
  const fail = (error) => {
    abandon(socket, error.code === LOST ? 1000 : 4500);
    env.clearTimeout(timer);
    refused(error);
  };
  const timer = env.setTimeout(() => fail(new LeaveError(LOST)), WELCOME_WITHIN_MS);
  socket.onopen = () => {
    socket.onerror = () => {};
    socket.send(encodeClient(hello(request)));
  };
  // Outside of browsers, a socket that never opened may report an error and no close.
  socket.onerror = () => fail(new LeaveError(LOST));
  socket.onclose = ({ code, reason }) => {
    env.clearTimeout(timer);
    refused(new LeaveError(meaning(code), reason));
  };
  socket.onmessage = ({ data }) => {
    const message = decoded(new Uint8Array(data));
    if (message?.type !== 'welcome') return fail(new LeaveError(PROTOCOL));
    if (message.version !== PROTOCOL_VERSION) return fail(new LeaveError(VERSION));
    env.clearTimeout(timer);
    welcomed(socket, message);
  };
  return () => {
    env.clearTimeout(timer);
    abandon(socket, 1000);
  };
}

/**
 * Closes a socket whose events no longer matter.
 * @param {WebSocket} socket
 * @param {number} code
 */
export function abandon(socket, code) {
  socket.onopen = socket.onmessage = socket.onclose = null;
  // Some implementations report the failure of a socket that is closed while connecting; nobody is interested.
  socket.onerror = () => {};
  socket.close(code);
}

/** @param {Uint8Array} bytes */
function decoded(bytes) {
  try {
    return decodeServer(bytes);
  } catch {
    return null;
  }
}

/** @param {Request} request @returns {import('./messages.js').Hello} */
function hello({ join, name, player, rate }) {
  return { type: 'hello', version: PROTOCOL_VERSION, join, role: 'player', name, player, resume: null, token: null, rate };
}
