//! The way by which servers outside send events into rooms, for routes of embedders.

use std::fmt;

use actix::Addr;

use super::mount::Mount;
use crate::actor::{Directory, Find, NotTaken, ServerEvent};
use crate::wire::limits;

/// Sends events of other servers into the rooms of this one, as far as their games
/// [take them](crate::Game::server_event). Routes that [`Server::routes`](crate::Server::routes) adds find it as
/// `web::Data<ServerEvents>`, and [`Mount::server_events`] has it. Who may send is decided by whoever calls it.
#[derive(Clone)]
pub struct ServerEvents(Addr<Directory>);

impl ServerEvents {
    /// Sends an event into the room with this id: a name of 1 to [`limits::SERVER_EVENT_NAME`] bytes, and data of at most
    /// [`limits::SERVER_EVENT`]. Returns when the game has taken it and, with [`Config::data`](crate::Config::data), a crash of
    /// the server does not undo it: some ticks later. A sender that hears nothing does not know, and sends it again; events
    /// that must count once have a number that the game keeps.
    ///
    /// # Errors
    /// Why the room has not taken it.
    pub async fn send(&self, room: &str, name: &str, data: &str) -> Result<(), NotTaken> {
        if !(1..=limits::SERVER_EVENT_NAME).contains(&name.len()) || data.len() > limits::SERVER_EVENT {
            return Err(NotTaken::TooLong);
        }
        let found = self.0.send(Find(room.to_owned())).await.ok().flatten().ok_or(NotTaken::NoSuchRoom)?;
        let event = ServerEvent { name: name.to_owned(), data: data.to_owned() };
        found.send(event).await.unwrap_or(Err(NotTaken::NoSuchRoom))
    }
}

impl fmt::Debug for ServerEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerEvents")
    }
}

impl Mount {
    /// The way by which other servers send events into the rooms.
    pub fn server_events(&self) -> ServerEvents {
        ServerEvents(self.directory.clone())
    }
}
