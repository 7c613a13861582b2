// The worker with the stream of the list of rooms that all pages of this browser share.

import { MOST_ROOMS, RoomsStream } from './rooms-stream.js';
import { shareStream } from './shared-stream.js';

shareStream((tell) => new RoomsStream(`../api/rooms/events?limit=${MOST_ROOMS}`, tell));
