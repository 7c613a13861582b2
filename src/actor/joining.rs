//! A player's way to a seat: the directory finds a room, the room answers at its next tick.

use std::sync::Weak;

use actix::Recipient;

use super::message::{End, JoinRequest, Joined, Locate, RoomKey, RoomSlot};
use super::session_context::SessionContext;
use crate::engine::{Address, CloseReason, Visit, work};
use crate::wire::{Close, Join};

/// Who wants to enter, and how to reach their session.
pub struct Joining {
    pub visit: Visit,
    /// Who they proved to be.
    pub identity: Option<String>,
    /// The only game that they may play.
    pub only_game: Option<String>,
    /// What a new room, and the cost of coming in, count by.
    pub maker: Option<Address>,
    pub end: Recipient<End>,
    /// Lives as long as the session wants to enter.
    pub wanted: Weak<()>,
}

impl Joining {
    /// A room may close its door while a player is on the way; then another one is looked for.
    const ATTEMPTS: usize = 3;

    /// Enters a room.
    ///
    /// # Errors
    /// How the session ends: no room takes the player.
    pub async fn enter(self, context: SessionContext) -> Result<(RoomKey, Joined), CloseReason> {
        let again = matches!(self.visit.join, Join::JoinOrCreate { .. } | Join::ById { .. });
        let mut last = Close::TryLater;
        for _ in 0..if again { Self::ATTEMPTS } else { 1 } {
            if self.wanted.strong_count() == 0 {
                return Err(Close::Left.into());
            }
            let located = context.directory.send(self.question()).await;
            let RoomSlot { key, room, expected } = located.unwrap_or(Err(Close::TryLater.into()))?;
            if !context.gatekeeper.may_cost(self.maker, work::join(expected.players())) {
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
