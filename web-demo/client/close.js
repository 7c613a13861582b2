// The endings of sessions: close code, label and text, as on the server (a golden vector keeps the two equal). A client
// reconnects after codes 4000 to 4499, and after those of a server that stops and of a lost connection.

/** @type {ReadonlyMap<number, readonly [label: string, text: string]>} */
export const CLOSES = new Map([
  [1000, ['left', 'left the room']],
  [1001, ['going_away', 'the server is going away']],
  [1002, ['protocol', 'websocket protocol error']],
  [1003, ['unsupported', 'this endpoint takes binary messages only']],
  [1006, ['lost', 'the connection was lost']],
  [1007, ['bad_utf8', 'text is not utf-8']],
  [1009, ['too_big', 'message too big or fragmented']],
  [1011, ['room_crashed', 'the room failed and was closed']],
  [1013, ['try_later', 'the server is full, try again later']],
  [4001, ['draining', 'the server is draining, come back']],
  [4003, ['heartbeat_lost', 'nothing was heard for too long']],
  [4008, ['slow_consumer', 'frames were not taken for too long']],
  [4009, ['rate_limited', 'too many messages']],
  [4010, ['store_failed', "the room's journal cannot be written, come back"]],
  [4011, ['lease_lost', 'this server may not run the room any more, come back']],
  [4012, ['redirected', 'the room is at another server']],
  [4500, ['bad_message', 'malformed or unexpected message']],
  [4501, ['bad_token', 'the token was refused']],
  [4503, ['forbidden', 'not allowed']],
  [4504, ['no_such_room', 'no such room or game']],
  [4505, ['room_full', 'the room is full']],
  [4506, ['version', 'protocol version not supported, reload the page']],
  [4507, ['kicked', 'removed from the room']],
  [4508, ['cheating', 'too many impossible moves']],
  [4511, ['replaced', 'playing in another window']],
  [4512, ['room_closed', 'the room was closed']],
  [4502, ['token_expired', 'the token has expired, get a new one']],
  [4510, ['idle', 'nothing was done for too long']],
  [4513, ['locked', 'the room is locked']],
  [4514, ['match_over', 'the match is over']],
  [4515, ['room_lost', 'the room could not be recovered after a crash of its server']],
]);

/** The connection ended without a close frame. */
export const LOST = 1006;
export const LEFT = 1000;
export const GOING_AWAY = 1001;
export const PROTOCOL = 1002;
/** Sent by a client that may soon be back, since browsers do not let pages send 1001. */
export const AWAY = 4100;
export const NO_SUCH_ROOM = 4504;
export const TOKEN_EXPIRED = 4502;
/** Another connection has the seat now. */
export const REPLACED = 4511;
export const MATCH_OVER = 4514;
/** The room cannot be joined (again), but another room of its game may: no such room, full, closed, locked, lost. */
export const ROOM_UNAVAILABLE = new Set([4504, 4505, 4512, 4513, 4515]);

/**
 * Whether a client whose session ended with this code should reconnect by itself.
 * @param {number} code
 */
export function invitesBack(code) {
  return code === 1001 || code === 1006 || (code >= 1011 && code <= 1013) || (code >= 4000 && code <= 4499);
}

/**
 * The ending for a socket's close code: codes that Tickwire does not send (such as 1005, no code given) count as a lost
 * connection.
 * @param {number} code
 */
export function meaning(code) {
  return CLOSES.has(code) || code >= 1011 ? code : LOST;
}

/** A join that was refused, or a connection that ended before the welcome. */
export class LeaveError extends Error {
  /**
   * @param {number} code
   * @param {string} [reason] the text of the server, if it sent one
   * @param {number | null} [comeBack] the delay before a new attempt that the server asked for, in milliseconds, if any
   */
  constructor(code, reason, comeBack = null) {
    const [label, text] = CLOSES.get(code) ?? ['unknown', `closed with code ${code}`];
    super(reason || text);
    this.name = 'LeaveError';
    this.code = code;
    this.label = label;
    this.text = reason || text;
    this.comeBack = comeBack;
  }
}
