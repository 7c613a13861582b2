//! How a session enters a room: the directory finds a room, and the room answers at its next tick.

use std::sync::{Arc, Weak};

use actix::Recipient;

use super::message::{Applicant, End, Enter, Joined, Locate, RoomKey, RoomSlot};
use super::refusals::Refusal;
use super::session_context::SessionContext;
use crate::engine::{CloseReason, JoinRequest, Limit, work};
use crate::wire::{Close, Join, Role};

/// A room may fill or close after the directory chose it; the session then asks for another one.
const ATTEMPTS: usize = 3;

/// Whether another room may admit a client that one has refused.
fn is_passing(close: Close) -> bool {
    matches!(close, Close::RoomFull | Close::RoomClosed | Close::Locked | Close::MatchOver)
}

/// Enters a room. `end` reaches the session, and `wanted` is alive while the session wants to enter.
///
/// # Errors
/// The session's close reason: no room admits the client.
pub async fn enter(
    request: JoinRequest,
    context: SessionContext,
    end: Recipient<End>,
    wanted: Weak<()>,
) -> Result<(RoomKey, Joined), CloseReason> {
    let request = Arc::new(request);
    let again = matches!(request.join, Join::JoinOrCreate { .. } | Join::ById { .. });
    let mut last = CloseReason::from(Close::TryLater);
    for _ in 0..if again { ATTEMPTS } else { 1 } {
        if wanted.strong_count() == 0 {
            return Err(Close::Left.into());
        }
        let located = context.directory.send(Locate(request.clone())).await;
        let RoomSlot { key, room, mut expected } = located.unwrap_or(Err(Close::TryLater.into()))?;
        // A promised seat counted on the address that reserved it, and counts on the player's from now on.
        expected.keep_promise();
        let mut permit = context.gatekeeper.seat_permit(request.address);
        let is_newcomer = request.role == Role::Player && request.claim.is_none();
        if is_newcomer && !permit.take() {
            let refusal = Refusal::Limit(Limit::SeatsPerAddress);
            context.metrics.refusals.count(context.clock.now(), refusal, None);
            return Err(CloseReason::with_text(refusal.close(), refusal.text()));
        }
        if !context.gatekeeper.charge(request.address, work::join_cost(expected.players())) {
            return Err(Close::TryLater.into());
        }
        let (relay, publish) = (context.relay.key(), context.relay.publish());
        let applicant = Applicant { end: end.clone(), relay, publish, expected, permit, wanted: wanted.clone() };
        match room.send(Enter { request: request.clone(), applicant }).await.unwrap_or(Err(Close::RoomClosed.into())) {
            Ok(joined) => return Ok((key, joined)),
            Err(reason) if is_passing(reason.close()) => last = reason,
            Err(reason) => return Err(reason),
        }
    }
    Err(last)
}
