//! How a session enters a room: the directory finds a room, and the room answers at its next tick.

use std::sync::Weak;

use actix::Recipient;

use super::message::{End, JoinRequest, Joined, Locate, RoomKey, RoomSlot};
use super::session_context::SessionContext;
use crate::engine::{Address, CloseReason, Visit, work};
use crate::wire::{Close, Join};

/// A request to enter a room, and how to reach its session.
pub struct Joining {
    pub visit: Visit,
    /// The verified identity.
    pub identity: Option<String>,
    /// The only game that the client may play.
    pub only_game: Option<String>,
    /// The address on which a new room and the cost of joining are counted.
    pub maker: Option<Address>,
    pub end: Recipient<End>,
    /// Alive while the session wants to enter.
    pub wanted: Weak<()>,
}

impl Joining {
    /// A room may fill or close after the directory chose it; the session then asks for another one.
    const ATTEMPTS: usize = 3;

    /// Enters a room.
    ///
    /// # Errors
    /// The session's close reason: no room admits the player.
    pub async fn enter(self, context: SessionContext) -> Result<(RoomKey, Joined), CloseReason> {
        let again = matches!(self.visit.join, Join::JoinOrCreate { .. } | Join::ById { .. });
        let mut last = Close::TryLater;
        for _ in 0..if again { Self::ATTEMPTS } else { 1 } {
            if self.wanted.strong_count() == 0 {
                return Err(Close::Left.into());
            }
            let located = context.directory.send(self.question()).await;
            let RoomSlot { key, room, expected } = located.unwrap_or(Err(Close::TryLater.into()))?;
            if !context.gatekeeper.charge(self.maker, work::join(expected.players())) {
                return Err(Close::TryLater.into());
            }
            let Visit { name, player, claim, role, .. } = self.visit.clone();
            let request = JoinRequest {
                name,
                identity: self.identity.clone(),
                player,
                claim,
                only_back: matches!(self.visit.join, Join::Return { .. }),
                role,
                wanted: self.wanted.clone(),
                relay: context.relay.key(),
                publish: context.relay.publish(),
                end: self.end.clone(),
                expected,
            };
            match room.send(request).await.unwrap_or(Err(Close::RoomClosed)) {
                Ok(joined) => return Ok((key, joined)),
                Err(close @ (Close::RoomFull | Close::RoomClosed | Close::Locked | Close::MatchOver)) => last = close,
                Err(close) => return Err(close.into()),
            }
        }
        Err(last.into())
    }

    fn question(&self) -> Locate {
        let Visit { join, role, claim, .. } = &self.visit;
        let (only_game, maker) = (self.only_game.clone(), self.maker);
        Locate { join: join.clone(), role: *role, only_game, maker, claims: claim.is_some() }
    }
}
