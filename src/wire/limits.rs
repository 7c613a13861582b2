//! Every limit of the protocol and the server, each with its reason. Nothing is unbounded.

mod channels;

use std::time::Duration;

pub use channels::*;

/// Bytes of one message from a client: the largest legal one is a hello of about 13 KiB (token, options and extensions).
pub const CLIENT_MESSAGE: usize = 16 * 1024;
/// Bytes of one message to a client, which clients should check: a keyframe of some 10,000 rows or a roster of 4,096.
pub const SERVER_MESSAGE: usize = 4 * 1024 * 1024;
/// Characters of a player's name, as people count them: fits over an avatar ...
pub const NAME_CHARS: usize = 24;
/// ... and its bytes: scripts whose characters have several parts fit, and a few joined emoji.
pub const NAME_BYTES: usize = 256;
/// Bytes of a name as a client sends it, before it is cut.
pub const RAW_NAME: usize = 384;
/// Bytes of a room id, game name, option key or option value.
pub const TEXT: usize = 64;
/// Bytes of the host in an invitation: the longest domain name and a port.
pub const HOST: usize = 259;
/// Bytes of the text in a close frame: what the WebSocket protocol allows.
pub const CLOSE_TEXT: usize = 123;
/// Properties of a room, sent to every client that enters: a handful to search the list by, not the state of a game.
pub const PROPERTIES: usize = 32;
/// Options in a hello, per list.
pub const OPTIONS: usize = 16;
/// Extensions of a hello or welcome: one for each later feature that needs one ...
pub const EXTENSIONS: usize = 16;
/// ... and bytes of its content.
pub const EXTENSION: usize = 256;
/// Bytes of a digest of how the game felt: a few dozen numbers.
pub const FEEL_DIGEST: usize = 128;
/// Digests: one per this interval after a burst of two; a client sends one in ten seconds.
pub const FEEL_EVERY: Duration = Duration::from_secs(5);
/// Bytes of a join token: JWTs with a few claims are shorter.
pub const TOKEN: usize = 4 * 1024;
/// Bytes of a join token's subject: a long user name, or a digest in hexadecimal.
pub const SUBJECT: usize = 128;
/// How far the clock of a token's issuer may be off.
pub const TOKEN_SKEW: Duration = Duration::from_secs(30);
/// Minimum bytes of a shared secret, as HS256 requires.
pub const SECRET: usize = 32;
/// Bytes of a key file: the largest key is far smaller.
pub const KEY_FILE: u64 = 64 * 1024;
/// Single-use tokens remembered until they expire, about 50 bytes each; further ones are refused.
pub const USED_TOKENS: usize = 65_536;
/// The longest validity of a single-use token, because the server must remember it for that long.
pub const ONCE_WITHIN: Duration = Duration::from_secs(24 * 3600);
/// Newer tokens: one per this interval after a burst of three; each costs a signature check.
pub const REFRESH_EVERY: Duration = Duration::from_secs(5);
/// Bytes of a resume token.
pub const RESUME: usize = 64;
/// Bytes of a command or of a game event's payload.
pub const BODY: usize = 1024;
/// Bytes of the name of an event that a server outside sends into a room, as the Pusher protocol has it ...
pub const SERVER_EVENT_NAME: usize = 200;
/// ... and of its data.
pub const SERVER_EVENT: usize = 10 * 1024;
/// Such events that a room has not answered: what its next ticks can take. Further ones are refused.
pub const SERVER_EVENTS_WAITING: usize = 100;
/// Characters of a chat line, as people count them: what fits under a game without covering it ...
pub const CHAT_CHARS: usize = 240;
/// ... and its bytes.
pub const CHAT_BYTES: usize = 960;
/// Recipients of a chat line that is not for everyone: a party.
pub const CHAT_TO: usize = 16;
/// Runs in one inputs message: more changes than any client makes between two sends.
pub const RUNS: usize = 64;
/// Inputs that one run may stand for: 10 s at the highest rate; older ones have expired anyway.
pub const RUN_LENGTH: u16 = 1200;
/// Inputs that may wait for their tick, or repetitions for their inputs: 10 s at the highest rate, like a run.
pub const INPUT_LEAD: u32 = 1200;

/// How much of a room's past its flight recorder keeps at least: what led to most faults ...
pub const RECORDING_SPAN: Duration = Duration::from_secs(60);
/// ... in segments of this length, each with a checkpoint ...
pub const RECORDING_SEGMENT: Duration = Duration::from_secs(30);
/// ... of this length in rooms with a journal, which replays at most one after a crash ...
pub const JOURNAL_SEGMENT: Duration = Duration::from_secs(10);
/// ... and in bytes at most, whatever the room is: beyond it the recorder keeps less.
pub const RECORDING_BYTES: usize = 16 * 1024 * 1024;
/// From one keyframe of a film to the next: how much is decoded to show any tick.
pub const FILM_KEYFRAMES: Duration = Duration::from_secs(2);

/// Rooms that have ended, and whose ids are remembered for that: no client makes them again. Far more than end within the time
/// in which clients try to come back.
pub const ROOMS_ENDED: usize = 10_000;

/// Persistent rooms that nobody is in: each is a file, and in memory its id, game and options.
pub const ROOMS_ASLEEP: usize = 100_000;

/// Entity ids that a room skips when it recovers from a crash: clients may have seen rows whose record was lost, and their
/// ids must not come back. A room whose safe record is this many entities behind publishes no frames.
pub const SPARE_IDS: u32 = 1 << 16;

/// Entity ids that a room skips when it goes back to a checkpoint: those that it may have used since, many times over.
pub const SPARE_IDS_BEYOND_CHECKPOINT: u32 = 1 << 20;
/// Numbers of events that it skips: more than a seat can have got since its checkpoint.
pub const SPARE_EVENTS: u32 = 1 << 20;

/// The length of a segment of a film: a viewer sees nothing newer.
pub const FILM_SEGMENT: Duration = Duration::from_secs(1);
/// Segments stay for so long after they may be seen ...
pub const FILM_KEPT: Duration = Duration::from_secs(30);
/// ... and a room is filmed for so long after somebody last asked for a part.
pub const FILM_WATCHED: Duration = Duration::from_secs(60);
/// The longest delay of films.
pub const FILM_DELAY: Duration = Duration::from_secs(120);
/// How much of a film, besides its delay, checkpoints have, so that viewers of a room that goes on in another process lack nothing:
/// the time for which they may have been without the server before.
pub const FILM_GOES_ON: Duration = Duration::from_secs(10);
/// How long a request waits for the next segment.
pub const FILM_WAIT: Duration = Duration::from_secs(10);
/// Rooms that are filmed at a time: each keeps its segments, and encodes its rows once more per second.
pub const FILMED_ROOMS: usize = 1000;

/// The parts of the film that is kept of a match: from one keyframe to the next, and what a crash takes at most.
pub const MATCH_FILM_PART: Duration = Duration::from_secs(15);
/// The most bytes of that film; what comes later is not kept.
pub const MATCH_FILM: u64 = 32 * 1024 * 1024;
/// The most bytes of films that wait to be written; further parts are lost, and counted.
pub const MATCH_FILMS_WAITING: usize = 64 * 1024 * 1024;
/// The most bytes of a match's result as JSON; a longer one is not kept.
pub const MATCH_RESULT: usize = 64 * 1024;
/// The most joins of a match of which is known who it was.
pub const MATCH_JOINS: usize = 10_000;
/// Matches that have just ended, for streams of them: so many, and for so long.
pub const MATCHES_RECENT: usize = 256;
/// See [`MATCHES_RECENT`].
pub const MATCHES_RECENT_FOR: Duration = Duration::from_secs(3600);
/// The most matches that one request lists, and files that it reads for that.
pub const MATCHES_LISTED: usize = 100;
/// See [`MATCHES_LISTED`].
pub const MATCHES_READ: usize = 500;

/// Recordings that a game or a desync asks for: one per room in this time, because what is wrong tends to go on.
pub const RECORD_EVERY: Duration = Duration::from_secs(10);

/// How far before the acknowledged tick a player may have been shown the world, in 16ths of a tick for each tick per second:
/// half a second, the longest playout delay of a client.
pub const VIEW_BEHIND: u16 = 8;

/// The longest time that a room keeps rows by which a game judges what a player was shown ...
pub const REWIND: Duration = Duration::from_millis(500);
/// ... and the most rows in all: those of 2,000 players for all of it at 60 ticks per second, or a hundred megabytes.
pub const REWIND_ROWS: usize = 60_000;
/// For so long after they told it, what players were shown counts as what they see.
pub const SHOWN_FOR: Duration = Duration::from_secs(1);

/// Inputs that a client may claim per second, in percent of the room's ticks: a client makes one per tick, by a clock
/// that may run fast.
pub const INPUT_RATE: u32 = 125;
/// Inputs may have been delayed by up to this span: a connection that delivers nothing for longer has ended.
pub const INPUTS_DELAYED: Duration = SILENCE;

/// Runs that a seat's pending input holds between two ticks; the oldest are dropped first.
pub const PENDING_RUNS: usize = 64;
/// Commands that a seat's pending input holds between two ticks; a client that sends more is over its rate anyway.
pub const PENDING_COMMANDS: usize = 32;
/// Inputs buffered per seat: two ticks of jitter are absorbed for every client ...
pub const INPUT_BUFFER: u32 = 3;
/// ... and for those whose inputs come more unevenly, as many as fit in this time: more would be felt as lag by the others.
pub const INPUT_JITTER: Duration = Duration::from_millis(250);
/// Bytes of a game's events waiting for one recipient's acknowledgement; the oldest are dropped first.
pub const EVENT_LOG: usize = 64 * 1024;
/// Bytes of replies waiting for it: a client may make 20 calls per second, and is gone after 6 s without an
/// acknowledgement, but few replies are long.
pub const REPLY_LOG: usize = 64 * 1024;
/// Bytes of chat lines waiting for it: what newcomers get, and a burst of new lines.
pub const CHAT_LOG: usize = 32 * 1024;
/// Bytes of membership, and of properties, that may wait before both are reduced to what decides who is there now and
/// what is set: at most two events per seat, one per property.
pub const MEMBERSHIP_LOG: usize = 16 * 1024;
/// Events put into one message; the others follow with the next frame.
pub const EVENTS_PER_MESSAGE: usize = 64;
/// Joins a room answers per tick, so that a rush of players cannot delay the tick.
pub const JOINS_PER_TICK: usize = 32;
/// ... or so many returns for each of them: a seat that is there costs less, and all players come back at once when a room has moved.
pub const RETURNS_PER_JOIN: usize = 8;
/// Joins waiting at a room; further clients are told to try again later.
pub const JOINS_WAITING: usize = 1024;

/// The frame history keeps frames for at most this long ...
pub const HISTORY_SPAN: Duration = Duration::from_secs(3);
/// ... and at most this many bytes.
pub const HISTORY_BYTES: usize = 16 * 1024 * 1024;
/// Bytes of keyframes of cells per session: what is saved up, and what comes back per second. Who walks needs a few hundred
/// bytes per second; this is for those who jump from place to place to make the server send them.
pub const KEYFRAME_BURST: u32 = 64 * 1024;
/// See above.
pub const KEYFRAME_RATE: u32 = 8 * 1024;
/// The longest that a cell waits when a tick does not fit into a session's budget.
pub const CELLS_WAIT: Duration = Duration::from_millis(500);
/// Cells of all entities that a client shows, with all their samples: 10,000 entities with ten fields at 60 Hz take a fifth of it.
pub const DISPLAY_CELLS: usize = 1 << 25;
/// How long a cell of the grid stays with a player after it went out of view: who walks to and fro along a border then needs
/// no keyframes.
pub const CELLS_LINGER: Duration = Duration::from_secs(1);
/// The longest chain of deltas in one message; beyond that, the keyframe is smaller anyway.
pub const CHAIN: u32 = 32;

/// A connection must send its hello within this time.
pub const HELLO_WITHIN: Duration = Duration::from_secs(5);
/// A client that sends nothing at all for this long is gone (half-open connections, frozen machines).
pub const SILENCE: Duration = Duration::from_secs(15);
/// If two of a session's one-second alarms are this far apart, the session itself was paused: no time limit applies to its
/// client for that gap.
pub const PAUSE: Duration = Duration::from_secs(3);
/// The server pings a silent connection this often.
pub const PING_EVERY: Duration = Duration::from_secs(5);
/// A client acknowledges at least this often while frames arrive.
pub const ACK_EVERY: Duration = Duration::from_millis(100);
/// How much older than the smallest round trip the oldest unacknowledged frame may be before sending is held.
pub const HOLD_MARGIN: Duration = Duration::from_millis(400);
/// Bytes in flight before sending is held, whatever their age.
pub const IN_FLIGHT: usize = 64 * 1024;
/// A client that acknowledges nothing for this long while frames are in flight is removed.
pub const ACK_TIMEOUT: Duration = Duration::from_secs(6);
/// Bytes of the kernel's send buffer per connection: flow control cannot see what is in it.
pub const SEND_BUFFER: usize = 16 * 1024;
/// Bytes read from a connection before its thread turns to other connections: the largest message.
pub const READ_AT_ONCE: usize = CLIENT_MESSAGE;
/// A connection whose session ended gets this long to read its last bytes and close.
pub const LINGER: Duration = Duration::from_secs(1);

/// Messages per second and burst. Twice the highest tick rate leaves room for clients that send each input alone.
pub const MESSAGE_RATE: u32 = 240;
/// Pings per second, of the protocol or the WebSocket.
pub const PING_RATE: u32 = 10;
/// Commands per second.
pub const COMMAND_RATE: u32 = 20;
/// Chat lines: one per this interval after a burst of five; more is spam.
pub const CHAT_EVERY: Duration = Duration::from_millis(500);
/// Bytes per second of chat lines to everyone in a room, with 32 of overhead each: 80 usual lines, more than anybody
/// reads. Lines beyond it are not delivered.
pub const ROOM_CHAT_RATE: u32 = 8 * 1024;
/// ... and in a burst: half a screenful of the longest.
pub const ROOM_CHAT_BURST: u32 = 16 * 1024;
/// Bytes per second of chat lines from one address, and twice as many in a burst: half of what a room takes, so that
/// one address cannot silence the others.
pub const ADDRESS_CHAT_RATE: u32 = 4 * 1024;
/// Resyncs: one per this interval after a burst of three; each costs a keyframe.
pub const RESYNC_EVERY: Duration = Duration::from_secs(2);
/// A client over its rate for this long is closed.
pub const OVER_RATE_FOR: Duration = Duration::from_secs(5);

/// Microseconds of a core per second that the rare messages of one address may cost: chat, joins, requested keyframes.
/// A chat line in a room of 1,000 players costs 525; 100 players behind one address can still send one line each in
/// six seconds.
pub const ADDRESS_WORK: u32 = 10_000;
/// ... and the span for which an address may save them up: a whole party enters at once.
pub const ADDRESS_WORK_SAVED: Duration = Duration::from_secs(20);

/// Connections besides those of sessions: pages, lists, health checks, and clients that are being refused.
pub const OTHER_CONNECTIONS: usize = 1024;
/// Concurrent TLS handshakes per worker, each for up to 3 s. One address may have as many as connections.
pub const HANDSHAKES: usize = 2048;
/// Bytes of a request's head: a token and a large site's cookies fit. A head is parsed again with each part that
/// arrives.
pub const REQUEST_HEAD: usize = 16 * 1024;
/// Bytes of a request's body before the connection ends. No route accepts as many; a client that is refused for its
/// size must be able to finish sending. Each route has its own, lower limit.
pub const REQUEST_BODY: u64 = 1024 * 1024;
/// A request's body may keep the server waiting for this many seconds in all ...
pub const BODY_WAITS: Duration = Duration::from_secs(5);
/// ... and another second for each of these bytes: less than the slowest mobile links carry.
pub const BODY_RATE: u64 = 4 * 1024;
/// A client may keep an answer waiting for this many seconds in all: pages load on bad links, too ...
pub const ANSWER_WAITS: Duration = Duration::from_secs(15);
/// ... and another second for each of these bytes.
pub const ANSWER_RATE: u64 = 1024;
/// Bytes after a request that are read and discarded while it is answered, so that a client that pipelines gets its one
/// answer, and the end of a connection is noticed. With more, the connection ends.
pub const BEHIND_REQUEST: u64 = 1024 * 1024;
/// Addresses and networks that are remembered, about 200 bytes each: three for every connection that the default limit of
/// sessions allows. Beyond that, those with nothing open are forgotten, and further ones share what they may have.
pub const ADDRESSES: usize = 131_072;
/// Refusals of one reason are logged this often: an attacker who is refused must not fill the log.
pub const REFUSALS_LOGGED_EVERY: Duration = Duration::from_secs(60);
/// A client that is told to come back because something is full waits this long, plus a random time.
pub const COME_BACK_AFTER: Duration = Duration::from_secs(1);
/// A seat is held this long after a connection is lost: a tunnel, a change of network, a crashed page.
pub const HOLD_SEATS_FOR: Duration = Duration::from_secs(30);
/// The longest configurable hold: while idle avatars are held for an hour, others find the room full.
pub const LONGEST_HOLD: Duration = Duration::from_secs(3600);
/// A seat is held at most this long when its page announced that it goes away, which is enough to reload it, or when its
/// player never did anything in it.
pub const HOLD_BRIEFLY_FOR: Duration = Duration::from_secs(10);
/// Chat lines that newcomers get: about a screenful ...
pub const CHAT_HISTORY: usize = 50;
/// ... and bytes of those lines, so that long ones leave room in the event log for new events.
pub const CHAT_HISTORY_BYTES: usize = 16 * 1024;
/// Commands that a client keeps until the game has seen them: those of the default hold at the highest rate.
pub const UNSEEN_COMMANDS: usize = 600;

/// Bytes of a trace file: a browser's viewer opens this without trouble; half an hour of 100 players.
pub const TRACE_BYTES: u64 = 64 * 1024 * 1024;
/// Spans that wait for the trace's writer, which runs every 20 ms: 1,000 rooms. More are dropped and counted.
pub const TRACE_SPANS: usize = 8192;

/// How often threads give a sign of life and the watchdog checks them: the cost is not measurable.
pub const BEAT_EVERY: Duration = Duration::from_millis(250);
/// Checks of the watchdog without a sign of life after which a thread or part is stuck: within two seconds, and longer
/// than a busy machine keeps a thread waiting.
pub const SILENT_ROUNDS: u32 = 5;
/// Bytes of log lines that wait for their writer, besides as many being written: some 1,000 lines, a second of a very
/// busy log. More are dropped and counted.
pub const LOG_BYTES: usize = 1024 * 1024;
/// At the end, the log and the trace each get this long to write what waits: a stuck disk must not keep the process.
pub const WRITE_OUT_WITHIN: Duration = Duration::from_secs(1);
/// A trace's file must open within this time; a pipe without a reader never does.
pub const TRACE_OPEN_WITHIN: Duration = Duration::from_secs(3);
/// A process that was told to stop ends within this time, whatever is stuck: 5 s for sessions to get their close code,
/// and 3 s for the rest.
pub const SHUTDOWN_WITHIN: Duration = Duration::from_secs(10);

/// QR codes drawn per second by one HTTP worker, and in a burst: each takes 0.65 ms ...
pub const QR_CODES: u32 = 50;
/// ... and those that a worker keeps, up to 64 KiB each, usually 3.
pub const QR_CODES_KEPT: usize = 64;
/// A page may keep the answer to a CORS preflight for this many seconds: a change of the configuration is noticed soon.
pub const PREFLIGHT_KEPT: u32 = 600;

/// Rooms per server.
pub const ROOMS: usize = 10_000;
/// Seats per room.
pub const SEATS: u16 = 4096;
/// A room with neither players nor spectators lives this long.
pub const EMPTY_ROOM_FOR: Duration = Duration::from_secs(10);
/// Spectators per room: their seats are numbered after those of players.
pub const SPECTATORS: u16 = 4096;
/// Time from a match's result to the end of its sessions: the result must arrive first, even on a slow link.
pub const END_GRACE: Duration = Duration::from_secs(1);
/// Seats per reservation: a party.
pub const PARTY: usize = 16;
/// Seats reserved at a time, over all rooms: each is kept from others for a minute.
pub const RESERVATIONS: usize = 4096;
/// Seats reserved at a time by one address: several parties of one household, but never all seats of all rooms.
pub const RESERVATIONS_PER_ADDRESS: usize = 4 * PARTY;
/// A reserved seat waits this long: the time in which a party opens its pages.
pub const RESERVED_FOR: Duration = Duration::from_secs(60);
/// A room has this long to remember a reservation, or the request is refused: a room may be stuck, and a disk slow.
pub const REMEMBERED_WITHIN: Duration = Duration::from_secs(5);
/// Bytes of a reservation request: a game, a room and its options at their longest fit.
pub const RESERVATION: usize = 4 * 1024;
/// Rooms in a page of the list of rooms, and rooms that a watcher of the list is told of.
pub const ROOMS_LISTED: usize = 1000;
/// Rooms that the operators' page shows, the fullest first.
pub const ADMIN_ROOMS: usize = 200;
/// Rows of a room that the operators' page shows, so that looking does not cost as much as playing.
pub const ADMIN_ROWS: usize = 500;
/// Operators who watch at a time: each has a stream with one update per second.
pub const ADMIN_STREAMS: usize = 32;
/// Addresses whose wrong admin tokens are remembered. Beyond that, further addresses are checked but not remembered:
/// nobody guesses a token of 32 bytes that way, and the token's owner still gets in.
pub const ADMIN_ADDRESSES: usize = 1024;
/// Servers to which a client is sent in a row before it starts again: a room is found in one hop, and moves rarely.
pub const REDIRECTS: usize = 4;
/// A node must answer another one that passes a connection on within this time: they are neighbours, and the client waits.
pub const PASSED_WITHIN: Duration = Duration::from_secs(3);
/// Bytes that a node holds of a connection that it passes on, each way: what a socket does not take is old when it arrives.
pub const PASSED_BYTES: usize = 4 * 1024;
/// When a room has moved, others are told only of clients who are not there after this time: on a slow link, three round trips and a
/// handshake with TLS take as long.
pub const COMES_ALONG_WITHIN: Duration = Duration::from_secs(3);
/// Before a room is handed over to another node, its clients have this long to connect there: a room of 500 had its
/// handshakes with TLS behind it then, on two cores. Connections that have not said hello must live longer.
pub const PREPARE_FOR: Duration = Duration::from_millis(1500);
/// They spread their connections over this time.
pub const PREPARE_WITHIN: Duration = Duration::from_millis(1000);
/// A room that was handed over to another node waits this long for somebody to come there: as long as a seat is held.
pub const HANDED_OVER_FOR: Duration = Duration::from_secs(60);
/// A client that is sent to another server has this long to show its ticket there.
pub const REDIRECTED_FOR: Duration = Duration::from_secs(10);
/// A client that has shown its ticket has this long until its room must have counted it: rooms answer at a tick, but may be stuck.
pub const ARRIVES_WITHIN: Duration = Duration::from_secs(30);
/// Time for the directory of a cluster to hear of the end of a room.
pub const CLUSTER_HEARS_WITHIN: Duration = Duration::from_millis(50);
/// Kinds of rooms whose number of seats a node of a cluster remembers; beyond that it forgets all of them.
pub const ROOM_PLANS: usize = 1024;
/// Bytes of the URL at which clients reach a node of a cluster: a long name, a port and a path.
pub const ADDRESS: usize = 256;
