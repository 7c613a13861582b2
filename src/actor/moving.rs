//! Rooms that move to another node of a cluster. If their node stops, or an operator says so, the room stands still, its state is
//! handed over, and everybody in it is told where it goes on. If their node fails, others go on from its journal.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use actix::fut::ready;
use actix::{ActorFutureExt, AsyncContext, Context, Handler, Message, Recipient, ResponseActFuture, WrapFuture};
use tokio::time::sleep;
use tracing::{error, info, warn};

use super::directory::Directory;
use super::journaling::is_needed;
use super::message::{RoomKey, RoomNotice};
use super::names;
use super::recovery::Revived;
use super::room::RoomActor;
use crate::cluster::{Cluster, Heir, Origin};
use crate::engine::cluster::{Summons, digest};
use crate::engine::{Checkpoint, CloseReason, Host, JoinRequest, Room};
use crate::id::Incarnation;
use crate::store::FoundRoom;
use crate::tick::Tick;
use crate::wire::{Close, Prepare, Redirect, limits};

/// To a room: go on at another node. Returns the WebSocket URL of that node, or why the room does not go on there.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<String, String>")]
pub struct MoveRoom {
    /// This server as a node.
    pub cluster: Arc<Cluster>,
    /// Whether the room ends where it cannot go on elsewhere.
    pub or_end: bool,
}

impl RoomActor {
    /// What the room goes on from at another node, if somebody has a seat to come to and its game is saved.
    fn freeze(&mut self) -> Option<Checkpoint> {
        let packed = catch_unwind(AssertUnwindSafe(|| {
            // What clients have sent until now is part of the room.
            self.collect_inputs();
            self.host.as_mut().filter(|host| is_needed(host.room())).and_then(Host::checkpoint)
        }));
        packed.unwrap_or_else(|_| {
            self.crashed("save", self.room().map_or(0, |room| room.frame().tick().0));
            None
        })
    }

    /// Lets everybody in the room connect to the node that is to get it. Returns how long to wait for them.
    #[expect(clippy::disallowed_methods, reason = "one message per session, and it must arrive")]
    fn prepare_all(&self, heir: Option<&Heir>) -> Duration {
        let Some(Heir { address, .. }) = heir.filter(|_| self.seats.sessions() > 0) else { return Duration::ZERO };
        let within = limits::PREPARE_WITHIN.as_millis() as u32;
        for notices in self.seats.recipients() {
            notices.do_send(RoomNotice::Moving(Prepare { address: address.clone(), within }));
        }
        limits::PREPARE_FOR
    }

    /// Gives the room to another node, if its game is saved and somebody has a seat to come to.
    fn hand_over(
        &mut self,
        cluster: Arc<Cluster>,
        heir: Option<Heir>,
        or_end: bool,
        ctx: &mut Context<Self>,
    ) -> ResponseActFuture<Self, Result<String, String>> {
        if self.is_moving {
            heir.iter().for_each(|heir| cluster.forget_heir(heir));
            return Box::pin(ready(Err("it is about to go on elsewhere".to_owned())));
        }
        let Some(checkpoint) = self.freeze() else {
            heir.iter().for_each(|heir| cluster.forget_heir(heir));
            if or_end {
                self.end_room(Close::Draining.into(), ctx);
            }
            return Box::pin(ready(Err("nobody has a seat in it, or its game is not saved".to_owned())));
        };
        self.is_moving = true;
        let (id, saved) = (checkpoint.config().id.clone(), checkpoint.encode());
        let tickets: Vec<String> = (0..self.seats.sessions()).map(|_| names::secret()).collect();
        let digests: Vec<String> = tickets.iter().map(|ticket| digest(ticket)).collect();
        let asked = async move {
            let answer = cluster.hand_over(&id, heir.as_ref(), &saved, &digests).await;
            heir.iter().for_each(|heir| cluster.forget_heir(heir));
            answer
        };
        Box::pin(asked.into_actor(self).map(move |address, act, ctx| {
            act.span.clone().in_scope(|| match address {
                Ok(address) => {
                    act.redirect_all(&address, tickets, ctx);
                    Ok(address)
                }
                Err(why) => act.go_on_or_end(why, or_end, ctx),
            })
        }))
    }

    /// No node has taken the room.
    fn go_on_or_end(&mut self, why: Close, or_end: bool, ctx: &mut Context<Self>) -> Result<String, String> {
        // Otherwise nobody can tell whose the room is.
        let is_own = why == Close::RoomFull;
        if or_end || !is_own {
            warn!(why = why.label(), "the room goes on at no other node, so it ends");
            self.end_room(Close::Draining.into(), ctx);
        }
        self.is_moving = false;
        Err(if is_own { "no other node takes it".to_owned() } else { format!("the cluster says: {}", why.text()) })
    }

    /// The room is not this node's any more. If it was written to a journal, another node goes on with it.
    pub(super) fn leave_to_others(&mut self) {
        if self.journal.is_some() {
            self.files.tap.iter_mut().for_each(|tap| tap.is_kept = true);
            self.files.matches.goes_on = true;
        }
    }

    /// The room is another node's now.
    #[expect(clippy::disallowed_methods, reason = "the last message to a session must arrive")]
    fn redirect_all(&mut self, address: &str, tickets: Vec<String>, ctx: &mut Context<Self>) {
        info!(address, sessions = tickets.len(), "the room goes on at another node");
        self.metrics.counts.rooms_moved.inc();
        let at_tick = self.room().map_or(Tick(0), |room| room.frame().tick().plus(1));
        for (notices, ticket) in self.seats.detach_all().zip(tickets) {
            notices.do_send(RoomNotice::Moved(Redirect { address: address.to_owned(), ticket, at_tick }));
        }
        self.files.tap.iter_mut().for_each(|tap| tap.is_kept = true);
        self.end_room(Close::Redirected.into(), ctx);
    }
}

impl Handler<MoveRoom> for RoomActor {
    type Result = ResponseActFuture<Self, Result<String, String>>;

    /// Clients connect to the other node while the room goes on here; then it stands still until the other node has it.
    fn handle(&mut self, MoveRoom { cluster, or_end }: MoveRoom, _: &mut Context<Self>) -> Self::Result {
        let chosen = {
            let cluster = cluster.clone();
            async move { cluster.choose_heir().await }
        };
        let prepared = chosen.into_actor(self).then(|heir, act, _| {
            let wait = act.prepare_all(heir.as_ref());
            async move {
                sleep(wait).await;
                heir
            }
            .into_actor(act)
        });
        Box::pin(prepared.then(move |heir, act, ctx| {
            let span = act.span.clone();
            span.in_scope(|| act.hand_over(cluster, heir, or_end, ctx))
        }))
    }
}

/// To the directory: a room of a node that is gone shall go on here.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct TakeOver(Summons, Origin);

impl Directory {
    /// Lets rooms of nodes that are gone go on here.
    pub(super) fn take_fallen(&self, ctx: &Context<Self>) {
        let directory: Recipient<TakeOver> = ctx.address().recipient();
        if let Some(cluster) = &self.config.cluster {
            // If the mailbox is full, the room comes again after the next beat.
            cluster.on_fallen(move |summons, origin| _ = directory.try_send(TakeOver(summons, origin)));
        }
    }

    /// Whether a room goes on here. One that moved away may come back.
    pub(super) fn goes_on_here(&self, room: &str) -> bool {
        let listed = self.rooms.by_id(room).and_then(|key| self.rooms.get(key));
        listed.is_some_and(|listed| !listed.status.is_closed())
    }

    /// Lets a room go on here that was at another node. `request`: of whom it is for, if that is a client.
    pub(super) fn go_on(
        &mut self,
        summons: &Summons,
        origin: Option<Origin>,
        request: Option<&JoinRequest>,
    ) -> Result<RoomKey, CloseReason> {
        let incarnation = Incarnation(summons.incarnation);
        let revived = match origin {
            None => return Err(Close::TryLater.into()),
            Some(Origin::New) => return self.make_summoned(summons, request),
            Some(Origin::Lost) => Err("nothing is left of it".to_owned()),
            Some(Origin::Checkpoint(saved)) => self.revive_handed_over(&saved, incarnation).map(Some),
            Some(Origin::Journal(found)) => self.revive_fallen(&found, incarnation),
        };
        let room = names::for_logs(&summons.room);
        match revived {
            Ok(Some(revived)) => {
                info!(%room, "a room of another node goes on here");
                return Ok(self.start_revived(revived));
            }
            Ok(None) => info!(%room, "a room of a node that is gone had ended"),
            Err(why) => {
                error!(%room, why, "a room of another node cannot go on");
                self.metrics.counts.rooms_lost.inc();
            }
        }
        self.report_end(summons);
        Err(Close::RoomClosed.into())
    }

    fn revive_handed_over(&self, saved: &[u8], incarnation: Incarnation) -> Result<Revived, String> {
        let checkpoint = Checkpoint::decode(saved).map_err(|error| error.to_string())?;
        let revived = self.revive(checkpoint, Some(incarnation), |checkpoint, game| {
            Room::restore(checkpoint, game).map(|room| Some((room, None))).map_err(|error| error.to_string())
        })?;
        revived.ok_or_else(|| "it has ended".to_owned())
    }

    fn revive_fallen(&self, found: &FoundRoom, incarnation: Incarnation) -> Result<Option<Revived>, String> {
        let checkpoint = Checkpoint::decode(&found.checkpoint).map_err(|error| error.to_string())?;
        let revived = self.revive_crashed(found, checkpoint, Some(incarnation))?;
        self.metrics.counts.rooms_taken_over.inc_by(u64::from(revived.is_some()));
        Ok(revived)
    }
}

impl Handler<TakeOver> for Directory {
    type Result = ();

    fn handle(&mut self, TakeOver(summons, origin): TakeOver, _: &mut Context<Self>) {
        if !self.draining && !self.goes_on_here(&summons.room) {
            // Why it cannot go on is logged.
            let _ = self.go_on(&summons, Some(origin), None);
        }
    }
}
