//! Every bound of the protocol and the house, each with its reason. Nothing is unbounded.

use std::time::Duration;

/// Bytes of one message from a client: the largest legal one is a hello of about 9 KiB (token and options).
pub const CLIENT_MESSAGE: usize = 16 * 1024;
/// Bytes of one message to a client, as a client should check: a keyframe of some 10,000 rows or a roster of 4,096.
pub const SERVER_MESSAGE: usize = 4 * 1024 * 1024;
/// Characters of a player's name: fits over an avatar.
pub const NAME_CHARS: usize = 24;
/// Bytes of a room id, game name, option key or option value.
pub const TEXT: usize = 64;
/// Bytes of the host in an invitation: the longest domain name and a port.
pub const HOST: usize = 259;
/// Bytes of the text in a close frame: what the WebSocket protocol allows.
pub const CLOSE_TEXT: usize = 123;
/// Properties of a room, told to everyone who comes: a handful to search the list by, not the state of a game.
pub const PROPERTIES: usize = 32;
/// Options in a hello, per list.
pub const OPTIONS: usize = 16;
/// Bytes of a join token: JWTs with a few claims stay below.
pub const TOKEN: usize = 4 * 1024;
/// Bytes of a join token's subject: a long user name, or a digest written out.
pub const SUBJECT: usize = 128;
/// How far the clocks of whoever signs tokens may be off.
pub const TOKEN_SKEW: Duration = Duration::from_secs(30);
/// Bytes of a shared secret at the least, as HS256 demands.
pub const SECRET: usize = 32;
/// Bytes of a file with a key: the largest key is far smaller.
pub const KEY_FILE: u64 = 64 * 1024;
/// Tokens for one join that are remembered until they expire, 50 bytes or so each; more are refused.
pub const USED_TOKENS: usize = 65_536;
/// A token for one join is good for this long at the most, because it must be remembered for so long.
pub const ONCE_WITHIN: Duration = Duration::from_secs(24 * 3600);
/// Newer tokens: one per this long after a burst of three; each costs a signature.
pub const REFRESH_EVERY: Duration = Duration::from_secs(5);
/// Bytes of a resume token.
pub const RESUME: usize = 64;
/// Bytes of a command or of a game event's payload.
pub const BODY: usize = 1024;
/// Characters of a chat line: what fits under a game without covering it.
pub const CHAT_CHARS: usize = 240;
/// Players that one chat line is addressed to, when not to everyone: a party.
pub const CHAT_TO: usize = 16;
/// Runs in one inputs message: more changes than any client makes between two sends.
pub const RUNS: usize = 64;
/// Inputs that one run may stand for: 10 s at the highest rate; older ones have expired anyway.
pub const RUN_LENGTH: u16 = 1200;
/// Inputs that may wait for their tick, or repetitions for their inputs: 10 s at the highest rate, as with a run.
pub const INPUT_LEAD: u32 = 1200;

/// Inputs that a client may claim per second, in percent of the room's ticks: it makes one per tick, by a clock that may be
/// fast ...
pub const INPUT_RATE: u32 = 125;
/// ... and for so long that many may have waited on their way: a connection that brings nothing for longer has ended.
pub const INPUTS_DELAYED: Duration = SILENCE;

/// Runs a seat's pending input holds between two ticks; the oldest go first.
pub const PENDING_RUNS: usize = 64;
/// Commands a seat's pending input holds between two ticks; a client that sends more is over its rate anyway.
pub const PENDING_COMMANDS: usize = 32;
/// Inputs buffered per seat: two ticks of jitter are absorbed, more would be felt as lag.
pub const INPUT_BUFFER: u32 = 3;
/// Bytes of events waiting for one recipient's acknowledgement: a minute of lively chat.
pub const EVENT_LOG: usize = 64 * 1024;
/// Events put into one message; the others follow with the next frame.
pub const EVENTS_PER_MESSAGE: usize = 64;
/// Joins a room answers per tick, so that a rush of players cannot delay the tick.
pub const JOINS_PER_TICK: usize = 32;
/// Joins waiting at a room; more are told to try later.
pub const JOINS_WAITING: usize = 1024;

/// The frame history keeps frames for this long ...
pub const HISTORY_SPAN: Duration = Duration::from_secs(3);
/// ... and at most this many bytes.
pub const HISTORY_BYTES: usize = 16 * 1024 * 1024;
/// The longest chain of deltas in one message; beyond, the keyframe is smaller anyway.
pub const CHAIN: u32 = 32;

/// A connection that has not said hello by then is closed.
pub const HELLO_WITHIN: Duration = Duration::from_secs(5);
/// A client that says nothing at all for this long is gone (half-open connections, frozen machines).
pub const SILENCE: Duration = Duration::from_secs(15);
/// A session whose alarm is due each second and comes this long after the last one was not running: nobody is judged by that.
pub const PAUSE: Duration = Duration::from_secs(3);
/// The server pings a silent connection this often.
pub const PING_EVERY: Duration = Duration::from_secs(5);
/// A client acknowledges at least this often while frames arrive.
pub const ACK_EVERY: Duration = Duration::from_millis(100);
/// Beyond the smallest round trip seen, the oldest unacknowledged frame may be this old before sending is held.
pub const HOLD_MARGIN: Duration = Duration::from_millis(400);
/// Bytes in flight before sending is held, whatever their age.
pub const IN_FLIGHT: usize = 64 * 1024;
/// A client that acknowledges nothing for this long while frames are due is evicted.
pub const PATIENCE: Duration = Duration::from_secs(6);
/// Kernel send buffer per connection: what it hides, the flow control cannot see.
pub const SEND_BUFFER: usize = 16 * 1024;
/// Bytes read from a connection before the others of its thread have their turn: the largest message.
pub const READ_AT_ONCE: usize = CLIENT_MESSAGE;
/// A connection whose session ended may take this long to take its last bytes and hang up.
pub const LINGER: Duration = Duration::from_secs(1);

/// Messages per second and burst. Twice the highest tick rate leaves room for clients that send each input alone.
pub const MESSAGE_RATE: u32 = 240;
/// Pings (of either layer) per second.
pub const PING_RATE: u32 = 10;
/// Commands per second.
pub const COMMAND_RATE: u32 = 20;
/// Chat lines: one per this long after a burst of five; more is shouting.
pub const CHAT_EVERY: Duration = Duration::from_millis(500);
/// Resyncs: one per this long after a burst of three; each costs a keyframe.
pub const RESYNC_EVERY: Duration = Duration::from_secs(2);
/// A client over its rate for this long is closed.
pub const OVER_RATE_FOR: Duration = Duration::from_secs(5);

/// Microseconds of a core per second that the rare messages of one address may cost: chat, joins, keyframes asked for. A chat
/// line in a room of a thousand costs 500; a hundred players behind one address still have a line each in five seconds.
pub const ADDRESS_WORK: u32 = 10_000;
/// ... and for so long they may save it up: a whole party comes at once.
pub const ADDRESS_WORK_SAVED: Duration = Duration::from_secs(20);

/// Connections beside those of sessions: pages, lists, health checks, and whoever is being turned away.
pub const OTHER_CONNECTIONS: usize = 1024;
/// TLS handshakes at once per worker. They are not counted by address yet and take 3 s at the most, so there must be more
/// than a few silent connections can fill.
pub const HANDSHAKES: usize = 2048;
/// Bytes of a request's head: a token and the cookies of a large site fit, and a head is parsed again with each part that comes.
pub const REQUEST_HEAD: usize = 16 * 1024;
/// Bytes of a request's body before the connection ends: none of the routes takes as much, and a client that is told so must
/// be able to finish. What a route takes is its own limit.
pub const REQUEST_BODY: u64 = 1024 * 1024;
/// Bytes behind a request that are read and forgotten while it is answered, so that a client that pipelines gets its one answer and
/// the end of a connection is noticed. With more, the connection ends.
pub const BEHIND_REQUEST: u64 = 1024 * 1024;
/// Addresses whose limits are remembered, 150 bytes or so each. When there are more, only known ones are let in.
pub const ADDRESSES: usize = 65_536;
/// A client that is told to come back because something is full waits this long, and a random time more.
pub const COME_BACK_AFTER: Duration = Duration::from_secs(1);
/// A seat is held this long for a client whose connection was lost: a tunnel, a change of network, a crashed page.
pub const HOLD_SEATS_FOR: Duration = Duration::from_secs(30);
/// The longest hold that may be configured: an hour of idle avatars is an hour in which others find the room full.
pub const LONGEST_HOLD: Duration = Duration::from_secs(3600);
/// ... and this long, if that is less, when the page said that it goes away: enough to reload it.
pub const HOLD_PAGE_FOR: Duration = Duration::from_secs(10);
/// Chat lines that newcomers are told: about what fits a screen ...
pub const CHAT_HISTORY: usize = 50;
/// ... and bytes of them, so that long lines leave room in the event log for what comes.
pub const CHAT_HISTORY_BYTES: usize = 16 * 1024;
/// Commands a client keeps until it hears that the game has seen them: at the highest rate, those of the default hold.
pub const UNSEEN_COMMANDS: usize = 600;

/// Bytes of a trace file: what a browser's viewer opens without trouble; half an hour of a hundred players.
pub const TRACE_BYTES: u64 = 64 * 1024 * 1024;
/// Spans that wait for the trace's writer, which looks every 20 ms: a thousand rooms. More are dropped and counted.
pub const TRACE_SPANS: usize = 8192;

/// Threads give a sign of life, and the watchdog looks, this often: nothing measurable.
pub const BEAT_EVERY: Duration = Duration::from_millis(250);
/// Rounds of the watchdog without a sign of life after which a part is stuck: within two seconds, and longer than a busy
/// machine keeps a thread waiting.
pub const SILENT_ROUNDS: u32 = 5;
/// Bytes of log lines that wait for their writer, beside as many being written: some thousand lines, a second of a log at
/// its most talkative. More are lost and counted.
pub const LOG_BYTES: usize = 1024 * 1024;
/// At the end, the log and the trace may take this long each to write what waits: a stuck disk must not keep the process.
pub const WRITE_OUT_WITHIN: Duration = Duration::from_secs(1);
/// A trace's file must be open within this time; a pipe that nobody reads never is.
pub const TRACE_OPEN_WITHIN: Duration = Duration::from_secs(3);
/// A process that was told to stop ends within this time, whatever is stuck: five seconds for sessions to take their close
/// code, and three for what follows.
pub const SHUTDOWN_WITHIN: Duration = Duration::from_secs(10);

/// Rooms per server.
pub const ROOMS: usize = 10_000;
/// Seats per room.
pub const SEATS: u16 = 4096;
/// A room with nobody in it, not even a spectator, lives this long.
pub const EMPTY_ROOM_FOR: Duration = Duration::from_secs(10);
/// Spectators per room: their seats are numbered after those of players.
pub const SPECTATORS: u16 = 4096;
/// Between the result of a match and the end of its sessions: the result must arrive first, also on a slow link.
pub const END_GRACE: Duration = Duration::from_secs(1);
/// Seats that one reservation promises: a party.
pub const PARTY: usize = 16;
/// Seats promised at a time, over all rooms: each keeps a seat from others for a minute.
pub const RESERVATIONS: usize = 4096;
/// Of those, for requests from one address: some parties of one household, and never all seats of all rooms.
pub const RESERVATIONS_PER_ADDRESS: usize = 4 * PARTY;
/// A promised seat waits this long: the time that a party takes to open its pages.
pub const RESERVED_FOR: Duration = Duration::from_secs(60);
/// Bytes of a request for seats: a game, a room and its options at their longest fit.
pub const RESERVATION: usize = 4 * 1024;
/// Rooms that the operators' page shows, the fullest first.
pub const ADMIN_ROOMS: usize = 200;
/// Rows of a room that the operators' page shows, so that looking does not cost what playing does.
pub const ADMIN_ROWS: usize = 500;
/// Operators who watch at a time: each has a stream of once per second.
pub const ADMIN_WATCHING: usize = 32;
/// Addresses whose wrong admin tokens are remembered; while there are so many, others are judged and not remembered. A
/// token of 32 bytes is not guessed that way, and its owner gets in.
pub const ADMIN_ADDRESSES: usize = 1024;
