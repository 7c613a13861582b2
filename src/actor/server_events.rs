//! Events of servers outside of a room: they wait for its tick, and their senders for the record of it.

use std::collections::VecDeque;

use actix::{Handler, Message, ResponseFuture};
use tokio::sync::oneshot;

use super::room::RoomActor;
use crate::game::Refused;
use crate::wire::limits;

/// To a room: a server outside sends an event. The answer comes when the game has taken it and the room will not lose it.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), NotTaken>")]
pub struct ServerEvent {
    pub name: String,
    pub data: String,
}

/// Why a room has not taken the event of a server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotTaken {
    /// No room of this id runs on this server, or it ended meanwhile.
    #[error("no room of this id runs on this server")]
    NoSuchRoom,
    /// Too many events wait for the room.
    #[error("too many events wait for the room; try again later")]
    TooMany,
    /// Its name or its data is too long.
    #[error("a name has 1 to {} bytes, and data at most {}", limits::SERVER_EVENT_NAME, limits::SERVER_EVENT)]
    TooLong,
    /// The game does not take it, for this reason.
    #[error("{0}")]
    Refused(Refused),
}

type Answer = oneshot::Sender<Result<(), Refused>>;

/// The events of a room and their senders.
#[derive(Debug, Default)]
pub(super) struct ServerEvents {
    /// Since the last tick.
    new: Vec<(ServerEvent, Answer)>,
    /// The senders of those that the room has, oldest first.
    waiting: VecDeque<Answer>,
}

impl ServerEvents {
    fn push(&mut self, event: ServerEvent, answer: Answer) -> Result<(), NotTaken> {
        if self.new.len() + self.waiting.len() >= limits::SERVER_EVENTS_WAITING {
            return Err(NotTaken::TooMany);
        }
        self.new.push((event, answer));
        Ok(())
    }

    /// The oldest sender is told what the game says.
    pub fn answer(&mut self, taken: Result<(), Refused>) {
        // Whether it still listens makes no difference.
        self.waiting.pop_front().map(|answer| answer.send(taken));
    }
}

impl RoomActor {
    pub(super) fn collect_server_events(&mut self) {
        let Some(host) = &mut self.host else { return };
        for (event, answer) in self.server_events.new.drain(..) {
            self.server_events.waiting.push_back(answer);
            host.server_event(event.name, event.data);
        }
    }
}

impl Handler<ServerEvent> for RoomActor {
    type Result = ResponseFuture<Result<(), NotTaken>>;

    fn handle(&mut self, event: ServerEvent, _: &mut Self::Context) -> Self::Result {
        let (answer, told) = oneshot::channel();
        let queued = match self.host {
            Some(_) => self.server_events.push(event, answer),
            None => Err(NotTaken::NoSuchRoom),
        };
        Box::pin(async move {
            queued?;
            // A room that ends first answers nobody.
            told.await.map_err(|_| NotTaken::NoSuchRoom)?.map_err(NotTaken::Refused)
        })
    }
}
