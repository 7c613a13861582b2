//! The end of a room: whoever waits for it or is in it is told, and what must be told outside leaves before it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use actix::{ActorContext, Context};
use tracing::info;

use super::message::RoomNotice;
use super::room::RoomActor;
use crate::engine::{CloseReason, Host, HostOutput, Occupancy, OverloadStep, Room, RoomOutput};

impl RoomActor {
    /// Ends the room and all its sessions. If the game panics on drop, its hooks are not called again.
    #[expect(clippy::disallowed_methods, reason = "the last message to a session must arrive")]
    pub(super) fn end_room(&mut self, reason: CloseReason, ctx: &mut Context<Self>) {
        let close = reason.close();
        self.forget_stored();
        self.tell_end(&reason);
        self.status.close();
        self.count(Occupancy::default());
        let overloaded = self.room().is_some_and(|room| room.overload_step() > OverloadStep::None);
        self.metrics.counts.rooms_overloaded.dec_by(overloaded.into());
        let mut host = self.host.take();
        host.iter_mut().for_each(Host::end_archive);
        host.iter_mut().for_each(|host| host.refuse_requests(close));
        while let Some(output) = host.as_mut().and_then(Host::poll_output) {
            match output {
                HostOutput::Answer { waiting, .. } => _ = waiting.answer.send(Err(close.into())),
                // Who was removed just before is told why.
                HostOutput::Room(RoomOutput::Freed { seat, reason, .. }) => {
                    if let Some(notices) = self.seats.detach(seat) {
                        notices.do_send(RoomNotice::Closed(reason));
                    }
                }
                HostOutput::Filmed(filmed) => self.keep_filmed(filmed),
                HostOutput::Room(RoomOutput::Tap(entry)) => self.tell(entry),
                HostOutput::Room(RoomOutput::Channel(effect)) => self.files.channels.follow(effect),
                HostOutput::Parted { .. } | HostOutput::CommandsSafe { .. } | HostOutput::Room(_) => {}
            }
        }
        self.leave_channels();
        self.end_journal();
        self.seats.detach_all().for_each(|notices| notices.do_send(RoomNotice::Closed(reason.clone())));
        let room = host.as_ref().map(Host::room);
        self.end_match(room);
        let result = room.and_then(Room::result);
        self.metrics.counts.matches_ended.inc_by(u64::from(result.is_some()));
        info!(reason = close.label(), result_bytes = result, "room ended");
        let tick = room.map_or(0, |room| room.frame().tick().0);
        if catch_unwind(AssertUnwindSafe(|| drop(host))).is_err() {
            self.crashed("drop", tick);
        }
        ctx.stop();
    }
}
