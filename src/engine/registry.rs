//! Which room a client enters.
//!
//! The decisions are functions of a [`RoomRegistry`], of the reservations and of the request. One server's registry is a
//! map; several servers may share one.

use std::collections::BTreeMap;

use super::close_reason::CloseReason;
use super::join_request::JoinRequest;
use super::reservations::Reservations;
use super::vacancies::JoinKind;
use crate::tick::{Moment, TickRate};
use crate::wire::{Close, Join, Role, limits};

/// The rooms among which a client can be placed.
pub trait RoomRegistry {
    /// Identifies a room; never reused.
    type Key: Copy;
    /// A place that a room keeps for a client until it arrives or this is dropped.
    type Pending;

    /// The open room with this id, listed or not.
    fn find(&self, id: &str) -> Option<Self::Key>;

    /// The listed rooms of a game with exactly these options that may have a place for such a client, in the order in which
    /// they are filled. Rooms that have ended or are full may be among them: they refuse to be announced to.
    fn matching(
        &self,
        game: &str,
        options: &BTreeMap<String, String>,
        kind: JoinKind,
    ) -> impl Iterator<Item = Self::Key>;

    /// The game of a room; `None` when the room is gone.
    fn game(&self, room: Self::Key) -> Option<&str>;

    /// Announces a client to a room.
    ///
    /// # Errors
    /// Why the room would refuse the client.
    fn announce(&self, room: Self::Key, kind: JoinKind) -> Result<Self::Pending, Close>;
}

/// Where a client or a party belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placement<K, P> {
    /// Into this room, which keeps these places.
    Room(K, P),
    /// Into a new room.
    Create {
        /// The game's name.
        game: String,
        /// The room's options.
        options: BTreeMap<String, String>,
    },
}

/// Finds the room of a client. A ticket is used up by this.
///
/// # Errors
/// Why no room admits the client.
pub fn place<R: RoomRegistry>(
    rooms: &R,
    reservations: &mut Reservations<R::Key, R::Pending>,
    now: Moment,
    request: &JoinRequest,
    most_spectators: u16,
) -> Result<Placement<R::Key, R::Pending>, CloseReason> {
    let only_game = request.only_game.as_deref();
    check_role(request.role, most_spectators)?;
    let kind = JoinKind::from(request.role);
    match &request.join {
        Join::ById { room } => {
            let room = suitable(rooms, room, only_game)?;
            // A returning player has a seat even in a full room. Only the room can tell whether the claim is valid.
            let kind = if request.claim.is_some() { JoinKind::Returning } else { kind };
            Ok(Placement::Room(room, rooms.announce(room, kind)?))
        }
        Join::Return { room } => {
            let room = suitable(rooms, room, only_game)?;
            let pending = rooms.announce(room, JoinKind::Returning).map_err(|_| Close::NoSuchRoom)?;
            Ok(Placement::Room(room, pending))
        }
        Join::JoinOrCreate { game, options } => {
            first_of(rooms, game, options.iter().cloned().collect(), kind, |room| rooms.announce(room, kind).ok())
        }
        Join::Create { game, options } => {
            Ok(Placement::Create { game: game.clone(), options: options.iter().cloned().collect() })
        }
        Join::Reserved { ticket } => {
            // A ticket stays valid when its bearer may not use it.
            if let Some(room) = reservations.room_of(ticket) {
                suits(rooms, room, only_game)?;
            }
            let wanted = "the ticket is not known, used or older than a minute: reserve again";
            let redeemed = reservations.redeem(now, ticket);
            let (room, pending) = redeemed.ok_or_else(|| CloseReason::with_text(Close::NoSuchRoom, wanted))?;
            Ok(Placement::Room(room, pending))
        }
    }
}

/// Finds a room for a whole party of `seats` players.
///
/// # Errors
/// Why no room admits the party.
pub fn place_party<R: RoomRegistry>(
    rooms: &R,
    join: &Join,
    seats: usize,
    only_game: Option<&str>,
) -> Result<Placement<R::Key, Vec<R::Pending>>, CloseReason> {
    match join {
        Join::ById { room } => {
            let room = suitable(rooms, room, only_game)?;
            Ok(Placement::Room(room, announce_party(rooms, room, seats)?))
        }
        Join::JoinOrCreate { game, options } => {
            let announce = |room| announce_party(rooms, room, seats).ok();
            first_of(rooms, game, options.iter().cloned().collect(), JoinKind::Newcomer, announce)
        }
        Join::Create { game, options } => {
            Ok(Placement::Create { game: game.clone(), options: options.iter().cloned().collect() })
        }
        Join::Reserved { .. } | Join::Return { .. } => Err(Close::NoSuchRoom.into()),
    }
}

/// Announces a whole party, or nobody.
///
/// # Errors
/// Why the room would refuse some of them.
pub fn announce_party<R: RoomRegistry>(rooms: &R, room: R::Key, seats: usize) -> Result<Vec<R::Pending>, Close> {
    (0..seats).map(|_| rooms.announce(room, JoinKind::Newcomer)).collect()
}

fn suitable<R: RoomRegistry>(rooms: &R, id: &str, only_game: Option<&str>) -> Result<R::Key, Close> {
    let room = rooms.find(id).ok_or(Close::NoSuchRoom)?;
    suits(rooms, room, only_game).map(|()| room)
}

/// Checks that the room runs the only game that the client's token is valid for, if there is one.
fn suits<R: RoomRegistry>(rooms: &R, room: R::Key, only_game: Option<&str>) -> Result<(), Close> {
    let is_other = |only| rooms.game(room).is_some_and(|game| game != only);
    if only_game.is_some_and(is_other) { Err(Close::BadToken) } else { Ok(()) }
}

/// The first matching room that announces whoever asks, or else a new room.
fn first_of<R: RoomRegistry, P>(
    rooms: &R,
    game: &str,
    options: BTreeMap<String, String>,
    kind: JoinKind,
    announce: impl Fn(R::Key) -> Option<P>,
) -> Result<Placement<R::Key, P>, CloseReason> {
    check_public(&options)?;
    let found = rooms.matching(game, &options, kind).find_map(|room| Some((room, announce(room)?)));
    Ok(match found {
        Some((room, pending)) => Placement::Room(room, pending),
        None => Placement::Create { game: game.to_owned(), options },
    })
}

/// Checks that a room with these options can be found.
///
/// # Errors
/// It is private, or nobody can tell.
pub fn check_public(options: &BTreeMap<String, String>) -> Result<(), CloseReason> {
    if RoomOptions::is_private(options).map_err(|why| CloseReason::with_text(Close::NoSuchRoom, &why))? {
        let wanted = "a private room is created, or joined by its code; it cannot be found";
        return Err(CloseReason::with_text(Close::NoSuchRoom, wanted));
    }
    Ok(())
}

/// Checks that spectators are let in at all, so that no room is made for one who is then refused.
///
/// # Errors
/// They are not.
pub fn check_role(role: Role, most_spectators: u16) -> Result<(), CloseReason> {
    if role == Role::Spectator && most_spectators == 0 {
        return Err(CloseReason::with_text(Close::Forbidden, "spectators are not let in here"));
    }
    Ok(())
}

/// The place with the least load; the first one of equals.
pub fn least_loaded(loads: impl IntoIterator<Item = usize>) -> Option<usize> {
    loads.into_iter().enumerate().min_by_key(|(_, load)| *load).map(|(index, _)| index)
}

/// The options that every game has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoomOptions {
    /// `tick_rate`: ticks per second.
    pub rate: TickRate,
    /// `capacity`: the wanted number of seats.
    pub capacity: Option<u16>,
    /// `private`: whether the room is not listed.
    pub private: bool,
    /// `persistent`: whether the room shall outlive its players.
    pub persistent: bool,
}

impl RoomOptions {
    /// Reads the options of a new room; `rate` is for rooms whose creator named none, and other rates may be up to `most`.
    ///
    /// # Errors
    /// Names the option, its value and what would be right.
    pub fn read(options: &BTreeMap<String, String>, rate: TickRate, most: TickRate) -> Result<Self, String> {
        let rate = match options.get("tick_rate") {
            None => rate,
            Some(text) => {
                let number = text.parse().map_err(|_| format!("tick_rate {text:?}: must be 1 to {}", TickRate::MAX))?;
                let wanted = TickRate::new(number).map_err(|error| error.to_string())?;
                let most = most.per_second();
                if number > most && wanted != rate {
                    return Err(format!("tick_rate {text:?}: at most {most} here (setting: most_tick_rate)"));
                }
                wanted
            }
        };
        let capacity = options.get("capacity").map(|text| match text.parse() {
            Ok(seats @ 1..=limits::SEATS) => Ok(seats),
            _ => Err(format!("capacity {text:?}: must be 1 to {}", limits::SEATS)),
        });
        let (private, persistent) = (Self::is_private(options)?, flag(options, "persistent")?);
        Ok(Self { rate, capacity: capacity.transpose()?, private, persistent })
    }

    /// Whether a room with these options is not listed.
    pub(super) fn is_private(options: &BTreeMap<String, String>) -> Result<bool, String> {
        flag(options, "private")
    }
}

fn flag(options: &BTreeMap<String, String>, name: &str) -> Result<bool, String> {
    let read = |text: &String| text.parse().map_err(|_| format!("{name} {text:?}: must be true or false"));
    options.get(name).map_or(Ok(false), read)
}
