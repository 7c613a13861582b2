// The worker with the stream of results that all pages of this browser share.

import { MatchesStream } from './matches-stream.js';
import { shareStream } from './shared-stream.js';

shareStream((tell) => new MatchesStream('../api/matches', tell));
