//! Limits of channels between rooms.

/// Bytes of the name of a channel: one of the Pusher protocol and the name of its app ...
pub const CHANNEL_NAME: usize = 256;
/// ... of a message there: what a server may send by that protocol, written as JSON twice ...
pub const CHANNEL_BODY: usize = 48 * 1024;
/// ... of a member's id, which is often the subject of a token ...
pub const CHANNEL_MEMBER: usize = 128;
/// ... and of what there is to know of a member: a name, a picture, a few numbers.
pub const CHANNEL_MEMBER_INFO: usize = 4096;
/// ... which is less if a game tells it, because rooms keep it in their journals.
pub const CHANNEL_INFO: usize = 256;
/// Channels that a room listens to: a lobby, a party, some friends.
pub const CHANNELS_PER_ROOM: usize = 16;
/// Members of channels by one room: every seat in two.
pub const CHANNEL_MEMBERS_PER_ROOM: usize = 8192;
/// Messages that a room publishes per second: lines of a chat, results, calls for players. All nodes read all of them.
pub const CHANNEL_MESSAGES_PER_SECOND: u32 = 20;
/// News of channels that wait for a room: what comes within a few ticks. Then some are lost, and the room is told so ...
pub const CHANNEL_NEWS_WAITING: usize = 512;
/// ... and how many of them a tick takes, each of which is a call of the game.
pub const CHANNEL_NEWS_PER_TICK: usize = 64;
/// Members that a room is told of when it begins to listen.
pub const CHANNEL_NEWS_MEMBERS: usize = 1024;
/// Messages that wait until Redis has them, for seconds in which it is away. Further ones are refused.
pub const CHANNEL_MESSAGES_WAITING: usize = 4096;
/// Bytes of these messages.
pub const CHANNEL_BYTES_WAITING: usize = 16 * 1024 * 1024;
/// Members of all channels that a server announces, some 300 bytes each. Further ones are not announced.
pub const CHANNEL_PRESENCES: usize = 100_000;
