//! Every way in which a session ends, once: close code, label and text. The label is the log field and the metric
//! label; the text goes into the close frame and may be shown to the player. Codes 4000 to 4499 invite the client to
//! reconnect, 4500 to 4999 do not. The list is append-only.

use serde::{Deserialize, Serialize};

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Close {
    /// The player left.
    Left,
    /// The other side is going away: sent by pages that are closed or reloaded, and by proxies that stop.
    GoingAway,
    /// The WebSocket protocol was broken.
    Protocol,
    /// A text message on a binary endpoint.
    Unsupported,
    /// Text that is not UTF-8.
    BadUtf8,
    /// A message over the size limit, or in fragments.
    TooBig,
    /// The room's game failed.
    RoomCrashed,
    /// A limit of the server has been reached; try again later.
    TryLater,
    /// The server is draining; reconnect to its successor.
    Draining,
    /// Nothing arrived for too long.
    HeartbeatLost,
    /// Frames were not acknowledged for too long.
    SlowConsumer,
    /// Too many messages for too long.
    RateLimited,
    /// The transport ended without a close frame. Never sent; a label only.
    Lost,
    /// A message that the protocol does not allow.
    BadMessage,
    /// The join token was refused.
    BadToken,
    /// Not allowed, or sent from a page that is not allowed.
    Forbidden,
    /// No such room or game, or an option the game refuses.
    NoSuchRoom,
    /// The room has no free seat.
    RoomFull,
    /// A protocol version the server does not speak.
    Version,
    /// Removed by the game or an operator.
    Kicked,
    /// Too many impossible moves.
    Cheating,
    /// A newer session took the seat.
    Replaced,
    /// The room was closed.
    RoomClosed,
    /// The join token has expired.
    TokenExpired,
    /// The player did nothing for too long.
    Idle,
    /// The room is locked.
    Locked,
    /// The match is over.
    MatchOver,
    /// The room's journal cannot be written; the room may go on after a restart of the server.
    StoreFailed,
    /// The room ended with its server, and could not be recovered.
    RoomLost,
    /// The lease of this node of a cluster has ended, and its rooms with it.
    LeaseLost,
    /// The client was told which server of the cluster has its room.
    Redirected,
}

impl Close {
    /// All of them, in the order in which they were added.
    pub const ALL: [Self; 31] = [
        Self::Left,
        Self::GoingAway,
        Self::Protocol,
        Self::Unsupported,
        Self::BadUtf8,
        Self::TooBig,
        Self::RoomCrashed,
        Self::TryLater,
        Self::Draining,
        Self::HeartbeatLost,
        Self::SlowConsumer,
        Self::RateLimited,
        Self::Lost,
        Self::BadMessage,
        Self::BadToken,
        Self::Forbidden,
        Self::NoSuchRoom,
        Self::RoomFull,
        Self::Version,
        Self::Kicked,
        Self::Cheating,
        Self::Replaced,
        Self::RoomClosed,
        Self::TokenExpired,
        Self::Idle,
        Self::Locked,
        Self::MatchOver,
        Self::StoreFailed,
        Self::RoomLost,
        Self::LeaseLost,
        Self::Redirected,
    ];

    /// The WebSocket close code.
    pub fn code(self) -> u16 {
        self.row().0
    }

    /// The name in logs and metrics.
    pub fn label(self) -> &'static str {
        self.row().1
    }

    /// The text in the close frame, at most 123 bytes.
    pub fn text(self) -> &'static str {
        self.row().2
    }

    /// Whether the client should reconnect by itself.
    pub fn invites_back(self) -> bool {
        matches!(self.code(), 1001 | 1006 | 1011..=1013 | 4000..=4499)
    }

    /// Whether the room holds the seat of a player whose session ends this way. It does not when the player left,
    /// misbehaved or was removed, nor when the room itself ended.
    pub fn keeps_seat(self) -> bool {
        use Close::{GoingAway, HeartbeatLost, Lost, RateLimited, SlowConsumer, TokenExpired};
        matches!(self, Lost | HeartbeatLost | SlowConsumer | RateLimited | GoingAway | TokenExpired)
    }

    fn row(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::Left => (1000, "left", "left the room"),
            Self::GoingAway => (1001, "going_away", "the server is going away"),
            Self::Protocol => (1002, "protocol", "websocket protocol error"),
            Self::Unsupported => (1003, "unsupported", "this endpoint takes binary messages only"),
            Self::BadUtf8 => (1007, "bad_utf8", "text is not utf-8"),
            Self::TooBig => (1009, "too_big", "message too big or fragmented"),
            Self::RoomCrashed => (1011, "room_crashed", "the room failed and was closed"),
            Self::TryLater => (1013, "try_later", "the server is full, try again later"),
            Self::Draining => (4001, "draining", "the server is draining, come back"),
            Self::HeartbeatLost => (4003, "heartbeat_lost", "nothing was heard for too long"),
            Self::SlowConsumer => (4008, "slow_consumer", "frames were not taken for too long"),
            Self::RateLimited => (4009, "rate_limited", "too many messages"),
            Self::Lost => (1006, "lost", "the connection was lost"),
            Self::BadMessage => (4500, "bad_message", "malformed or unexpected message"),
            Self::BadToken => (4501, "bad_token", "the token was refused"),
            Self::Forbidden => (4503, "forbidden", "not allowed"),
            Self::NoSuchRoom => (4504, "no_such_room", "no such room or game"),
            Self::RoomFull => (4505, "room_full", "the room is full"),
            Self::Version => (4506, "version", "protocol version not supported, reload the page"),
            Self::Kicked => (4507, "kicked", "removed from the room"),
            Self::Cheating => (4508, "cheating", "too many impossible moves"),
            Self::Replaced => (4511, "replaced", "playing in another window"),
            Self::RoomClosed => (4512, "room_closed", "the room was closed"),
            Self::TokenExpired => (4502, "token_expired", "the token has expired, get a new one"),
            Self::Idle => (4510, "idle", "nothing was done for too long"),
            Self::Locked => (4513, "locked", "the room is locked"),
            Self::MatchOver => (4514, "match_over", "the match is over"),
            Self::StoreFailed => (4010, "store_failed", "the room's journal cannot be written, come back"),
            Self::RoomLost => (4515, "room_lost", "the room could not be recovered after a crash of its server"),
            Self::LeaseLost => (4011, "lease_lost", "this server may not run the room any more, come back"),
            Self::Redirected => (4012, "redirected", "the room is at another server"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seat_is_kept_only_for_who_is_invited_back() {
        // A client whose token expired may reconnect, too, with a new token.
        let comes_back = |close: &Close| close.invites_back() || *close == Close::TokenExpired;
        assert!(Close::ALL.iter().all(|close| !close.keeps_seat() || comes_back(close)));
        let thrown_out = [Close::Left, Close::Kicked, Close::Cheating, Close::BadMessage, Close::Replaced];
        assert!(thrown_out.iter().all(|close| !close.keeps_seat()));
    }

    #[test]
    fn codes_and_labels_are_unique_and_texts_fit_a_close_frame() {
        for (index, close) in Close::ALL.iter().enumerate() {
            assert!(close.text().len() <= 123);
            for other in &Close::ALL[..index] {
                assert_ne!(close.code(), other.code());
                assert_ne!(close.label(), other.label());
            }
        }
    }
}
