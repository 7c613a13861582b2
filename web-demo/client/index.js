// The public surface of the Tickwire client. Everything else in this folder may change.

export { Client } from './client.js';
export { clipFromText, clipToText } from './clip-link.js';
export { CLOSES, LeaveError, invitesBack } from './close.js';
export { CommandError } from './outbox.js';
export { Film } from './film.js';
export { FilmError } from './film-error.js';
export { DecodeError } from './reader.js';
export { Room } from './room.js';
export { WatchError, watch } from './watch.js';

/**
 * @typedef {import('./game.js').GameTypes} GameTypes
 * @typedef {import('./game.js').AnyGame} AnyGame
 * @typedef {import('./client.js').OptionValues} OptionValues
 * @typedef {import('./abort.js').JoinSignal} JoinSignal
 * @typedef {import('./token.js').TokenSource} TokenSource
 * @typedef {import('./seat-store.js').SeatStorage} SeatStorage
 * @typedef {import('./room-events.js').ChatLine} ChatLine
 * @typedef {import('./room-events.js').ConnectionState} ConnectionState
 * @typedef {import('./room-events.js').PlayerChange} PlayerChange
 * @typedef {import('./events-wire.js').Player} Player
 * @typedef {import('./state.js').AnyEntity} AnyEntity
 * @typedef {import('./room.js').AnyView} AnyView
 * @typedef {import('./grid.js').WorldGrid} WorldGrid
 * @typedef {import('./grid.js').HeldCell} HeldCell
 * @typedef {import('./film.js').FilmEvent} FilmEvent
 * @typedef {import('./film.js').FilmRow} FilmRow
 * @typedef {import('./film-file.js').FilmHeader} FilmHeader
 * @typedef {import('./watch.js').WatchedRoom} WatchedRoom
 * @typedef {import('./watch.js').WatchOptions} WatchOptions
 * @typedef {import('./film-file.js').FilmSeat} FilmSeat
 * @typedef {import('./inputs.js').InputValues} InputValues
 */

/**
 * @template [S=any]
 * @template {GameTypes} [G=AnyGame]
 * @typedef {import('./prediction.js').Predictor<S, G>} Predictor
 */

/**
 * @template [T=any]
 * @typedef {import('./predicted-events.js').PredictedEvent<T>} PredictedEvent
 */

/**
 * @template {GameTypes} [G=AnyGame]
 * @typedef {import('./client.js').ClientOptions<G>} ClientOptions
 */

/**
 * @template {GameTypes} [G=AnyGame]
 * @typedef {import('./client.js').JoinOptions<G>} JoinOptions
 */

/**
 * @template {GameTypes} [G=AnyGame]
 * @typedef {import('./game.js').GameModule<G>} GameModule
 */
