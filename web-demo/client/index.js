// The public surface of the Tickwire client. Everything else in this folder may change.

export { Client } from './client.js';
export { CLOSES, LeaveError, invitesBack } from './close.js';
export { DecodeError } from './reader.js';
export { Room } from './room.js';
