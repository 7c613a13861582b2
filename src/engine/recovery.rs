//! Rebuilds a room after a crash, from the newest checkpoint and the inputs in its journal; or from the checkpoint alone, when
//! these inputs cannot be run again.

use std::sync::Arc;

use super::checkpoint::{Checkpoint, RestoreError};
use super::close_reason::CloseReason;
use super::journal::{JournalEntry, Proof};
use super::recording::{Inputs, Recording, Rerun, Start};
use super::room::{Room, RoomOutput};
use super::room_input::RoomInput;
use super::tap::TapEntry;
use crate::game::Game;
use crate::tick::Tick;

/// A room that was rebuilt.
#[derive(Debug)]
pub struct Recovery {
    /// The room after the last input of its journal.
    pub room: Room,
    /// Why the room ended there, if it did: it must not go on.
    pub over: Option<CloseReason>,
    /// What a [tap](super::Host::with_tap) told since the checkpoint, or was about to tell.
    pub entries: Vec<Arc<TapEntry>>,
}

/// Why a room cannot be rebuilt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecoverError {
    /// The checkpoint is damaged, or the game cannot load its part.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// Inputs are missing.
    #[error("the inputs from byte {expected} on are missing; the next ones are from byte {found}")]
    Gap {
        /// The end of the inputs so far.
        expected: u64,
        /// Where the next entry begins.
        found: u64,
    },
    /// An entry has bytes that are no input.
    #[error("no input can be read {rest} bytes before byte {upto}")]
    Malformed {
        /// The end of the entry.
        upto: u64,
        /// Bytes that are left of it.
        rest: usize,
    },
    /// The same inputs led to other rows than before.
    #[error("the replay differs at tick {}: its rows have the hash {found:08x} instead of {expected:08x}", .tick.0)]
    Differs {
        /// The tick.
        tick: Tick,
        /// The hash in the journal.
        expected: u32,
        /// The hash of the replay.
        found: u32,
    },
}

/// Restores a room around `game` from its newest `checkpoint`, at which `from` bytes were recorded, and applies the inputs
/// that the journal has of the time after it. What they lead to was either told before the crash or will be told to clients
/// that come back, so it has no effect here.
///
/// # Errors
/// The journal does not lead to the state that the room had.
pub fn recover(
    checkpoint: Checkpoint,
    from: u64,
    tail: &[JournalEntry],
    game: Box<dyn Game>,
) -> Result<Recovery, RecoverError> {
    let mut room = Room::restore(checkpoint, game)?;
    room.tapped = true;
    let (mut expected, mut over, mut outputs, mut entries) = (from, None, Vec::new(), Vec::new());
    for entry in tail {
        if entry.from != expected {
            return Err(RecoverError::Gap { expected, found: entry.from });
        }
        expected = entry.upto();
        let mut rest = &entry.inputs[..];
        while !rest.is_empty() {
            let malformed = RecoverError::Malformed { upto: expected, rest: rest.len() };
            let (input, others) = RoomInput::split_from(rest).map_err(|_| malformed)?;
            rest = others;
            let is_tick = matches!(input, RoomInput::Tick);
            room.apply(input, &mut outputs);
            if is_tick && room.film.is_some() {
                room.film_tick();
                room.take_film_events();
            }
            for output in outputs.drain(..) {
                match output {
                    RoomOutput::Over(reason) => _ = over.get_or_insert(reason),
                    RoomOutput::Tap(entry) => entries.push(entry),
                    _ => {}
                }
            }
        }
        if let Some(Proof { tick, hash }) = entry.proof {
            let mine = Proof::of(room.frame());
            if (mine.tick, mine.hash) != (tick, hash) {
                return Err(RecoverError::Differs { tick, expected: hash, found: mine.hash });
            }
        }
    }
    if let Some(reason) = &over {
        room.tap_end(reason);
        room.drain_outputs(&mut outputs);
        let ending = outputs
            .into_iter()
            .filter_map(|output| if let RoomOutput::Tap(entry) = output { Some(entry) } else { None });
        entries.extend(ending);
    }
    room.tapped = false;
    Ok(Recovery { room, over, entries })
}

/// A room that went back to its checkpoint.
#[derive(Debug)]
pub struct GoneBack {
    /// The room.
    pub room: Room,
    /// How many ticks it lost ...
    pub ticks: u32,
    /// ... and how many commands, and events of servers, that the game had seen in them.
    pub commands: u32,
}

/// Restores a room around `game` from its newest `checkpoint`, without the ticks that followed: they cannot be run again
/// by this game. What can be kept without the game is: clients come back with the tokens that they have, who left stays
/// away, seats stay reserved, and the orders of operators hold. The clients are told that they lost events.
///
/// # Errors
/// The checkpoint is damaged, or the game cannot load its part.
pub fn go_back(checkpoint: Checkpoint, tail: &[JournalEntry], game: Box<dyn Game>) -> Result<GoneBack, RestoreError> {
    // Viewers may have seen what is lost, so the film begins anew.
    let checkpoint = checkpoint.without_film();
    let mut back = GoneBack { room: Room::restore(checkpoint, game)?, ticks: 0, commands: 0 };
    back.room.lose_events();
    for entry in tail {
        let mut rest = &entry.inputs[..];
        while let Some((input, others)) =
            Some(rest).filter(|rest| !rest.is_empty()).and_then(|rest| RoomInput::split_from(rest).ok())
        {
            rest = others;
            back.lose(input);
        }
    }
    Ok(back)
}

impl GoneBack {
    fn lose(&mut self, input: RoomInput) {
        match input {
            RoomInput::Tick => self.ticks += 1,
            RoomInput::Command { .. } | RoomInput::ServerEvent { .. } => self.commands += 1,
            RoomInput::Return(back) => self.room.renew_key(&back),
            RoomInput::Confirmed { seat } => self.room.confirm(seat),
            // Who was told that they are gone, and who may not come back.
            RoomInput::Disconnected { close, .. } if close.keeps_seat() => {}
            RoomInput::Disconnected { .. }
            | RoomInput::Kick { .. }
            | RoomInput::Lock(_)
            | RoomInput::Close(_)
            | RoomInput::Overload { .. }
            | RoomInput::Reserve { .. } => _ = self.room.apply(input, &mut Vec::new()),
            // Who used a ticket after the checkpoint has lost the seat, and may come again.
            RoomInput::Redeemed { .. }
            | RoomInput::Enter(_)
            | RoomInput::Inputs { .. }
            | RoomInput::EventsArrived { .. }
            | RoomInput::Recovered { .. }
            | RoomInput::ChannelNews(_)
            | RoomInput::Moved { .. }
            | RoomInput::Woke { .. } => {}
        }
    }
}

/// What a journal has of a room that cannot be rebuilt, as a recording without a film.
pub fn evidence(checkpoint: Checkpoint, tail: &[JournalEntry], reason: &str) -> Recording {
    let last = tail.iter().rev().find_map(|entry| entry.proof).map_or(checkpoint.tick(), |proof| proof.tick);
    let header = checkpoint.header(reason, last);
    let inputs = tail.iter().flat_map(|entry| entry.inputs.iter().copied()).collect();
    let rerun = Rerun::Possible(Box::new(Inputs { start: Start::Checkpoint(Box::new(checkpoint)), inputs }));
    Recording { header, rerun, film: Vec::new() }
}
