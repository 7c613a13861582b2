//! How a session enters a room: the directory finds a room, and the room answers at its next tick.

use std::sync::{Arc, Weak};

use actix::Recipient;
use actix_web::rt::time::sleep;

use super::clustering::{Arrive, Sketch};
use super::message::{Applicant, Enter, Joined, Locate, RoomKey, RoomNotice, RoomSlot};
use super::refusals::Refusal;
use super::session_context::SessionContext;
use crate::cluster::Placed;
use crate::engine::{CloseReason, JoinRequest, Limit, work};
use crate::wire::{Close, Join, Redirect, Role, limits};

/// A room may fill or close after the directory chose it; the session then asks for another one.
const ATTEMPTS: usize = 3;

/// Whether another room may admit a client that one has refused.
fn is_passing(close: Close) -> bool {
    matches!(close, Close::RoomFull | Close::RoomClosed | Close::Locked | Close::MatchOver)
}

/// What became of a join.
pub enum Entered {
    /// The client is in this room.
    Here(RoomKey, Box<Joined>),
    /// The room is at another node of the cluster.
    There(Redirect),
}

/// Where a client's room is.
enum Located {
    Here(RoomSlot),
    There(Redirect),
}

/// A one-time token: what identifies it, and for how many seconds it could be used.
pub type Once = ([u8; 32], u64);

/// Enters a room. `notices` reaches the session, and `wanted` is alive while the session wants to enter.
///
/// # Errors
/// The session's close reason: no room admits the client.
pub async fn enter(
    request: JoinRequest,
    once: Option<Once>,
    context: SessionContext,
    notices: Recipient<RoomNotice>,
    wanted: Weak<()>,
) -> Result<Entered, CloseReason> {
    let request = Arc::new(request);
    let again = matches!(request.join, Join::JoinOrCreate { .. } | Join::ById { .. });
    let mut last = CloseReason::from(Close::TryLater);
    for attempt in 0..if again { ATTEMPTS } else { 1 } {
        if attempt > 0 && context.cluster.is_some() {
            // The common directory hears of it first.
            sleep(limits::CLUSTER_HEARS_WITHIN).await;
        }
        if wanted.strong_count() == 0 {
            return Err(Close::Left.into());
        }
        let slot = match locate(&request, &context).await {
            Ok(Located::Here(slot)) => slot,
            Ok(Located::There(redirect)) => return Ok(Entered::There(redirect)),
            Err(reason) if is_passing(reason.close()) && context.cluster.is_some() => {
                last = reason;
                continue;
            }
            Err(reason) => return Err(reason),
        };
        let key = slot.key;
        match enter_slot(slot, &request, once, &context, &notices, &wanted).await {
            Ok(joined) => return Ok(Entered::Here(key, Box::new(joined))),
            Err(reason) if is_passing(reason.close()) => last = reason,
            Err(reason) => return Err(reason),
        }
    }
    // Whoever named no room gets another one later.
    Err(if matches!(request.join, Join::JoinOrCreate { .. }) { Close::TryLater.into() } else { last })
}

/// Finds the room of a client: here, or anywhere in the cluster.
async fn locate(request: &Arc<JoinRequest>, context: &SessionContext) -> Result<Located, CloseReason> {
    let here = || async {
        let located = context.directory.send(Locate(request.clone())).await;
        located.unwrap_or(Err(Close::TryLater.into())).map(Located::Here)
    };
    let Some(cluster) = &context.cluster else { return here().await };
    if !cluster.holds() {
        return Err(Close::TryLater.into());
    }
    let sketch = context.directory.send(Sketch(request.clone())).await;
    let plan = sketch.unwrap_or(Err(Close::TryLater.into()))?;
    match cluster.place(request, plan).await {
        Ok(Placed::There(redirect)) => Ok(Located::There(redirect)),
        Ok(Placed::Here(summons, ticket)) => {
            let origin = match summons.saved && !cluster.owns(&summons.room) {
                true => cluster.origin(&summons.room).await?,
                false => None,
            };
            let arrive = Arrive { request: request.clone(), summons, ticket, origin };
            let arrived = context.directory.send(arrive).await;
            arrived.unwrap_or(Err(Close::TryLater.into())).map(Located::Here)
        }
        // Nobody can tell where other rooms are; this node's own go on until its lease ends.
        Err(reason) if reason.close() == Close::TryLater && request.room().is_some_and(|room| cluster.owns(room)) => {
            here().await
        }
        Err(reason) => Err(reason),
    }
}

async fn enter_slot(
    slot: RoomSlot,
    request: &Arc<JoinRequest>,
    once: Option<Once>,
    context: &SessionContext,
    notices: &Recipient<RoomNotice>,
    wanted: &Weak<()>,
) -> Result<Joined, CloseReason> {
    let RoomSlot { room, mut expected, .. } = slot;
    // A promised seat counted on the address that reserved it, and counts on the player's from now on.
    expected.keep_promise();
    let mut permit = context.gatekeeper.seat_permit(request.address);
    let is_newcomer = request.role == Role::Player && request.claim.is_none();
    if is_newcomer && !permit.take() {
        let refusal = Refusal::Limit(Limit::SeatsPerAddress);
        context.metrics.refusals.count(context.clock.now(), refusal, None);
        return Err(CloseReason::with_text(refusal.close(), refusal.text()));
    }
    // Rooms that move bring all players of an address at once, who have paid for their seats where they took them.
    let is_sent_here =
        context.cluster.is_some() && request.claim.is_some() && matches!(request.join, Join::Reserved { .. });
    if !is_sent_here && !context.gatekeeper.charge(request.address, work::join_cost(expected.players())) {
        return Err(Close::TryLater.into());
    }
    // A token that is good for one join is used up where the seat is given.
    let spent = context.cluster.as_ref().zip(once);
    if let Some((cluster, (mark, lasts))) = spent {
        cluster.spend(mark, lasts).await?;
    }
    let inbox = context.relay.inbox().clone();
    let applicant = Applicant { notices: notices.clone(), inbox, expected, permit, wanted: wanted.clone() };
    let entered = room.send(Enter { request: request.clone(), applicant }).await;
    let entered = entered.unwrap_or(Err(Close::RoomClosed.into()));
    if let (Err(_), Some((cluster, (mark, _)))) = (&entered, spent) {
        cluster.give_back(mark).await;
    }
    entered
}
