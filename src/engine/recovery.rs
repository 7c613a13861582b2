//! Rebuilds a room after a crash, from the newest checkpoint and the inputs in its journal.

use super::checkpoint::{Checkpoint, RestoreError};
use super::close_reason::CloseReason;
use super::journal::{JournalEntry, Proof};
use super::recording::{Inputs, Recording, Rerun, Start};
use super::room::{Room, RoomOutput};
use super::room_input::RoomInput;
use crate::game::Game;
use crate::tick::Tick;

/// A room that was rebuilt.
#[derive(Debug)]
pub struct Recovery {
    /// The room after the last input of its journal.
    pub room: Room,
    /// Why the room ended there, if it did: it must not go on.
    pub over: Option<CloseReason>,
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
    let (mut expected, mut over, mut outputs) = (from, None, Vec::new());
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
            room.apply(input, &mut outputs);
            for output in outputs.drain(..) {
                if let RoomOutput::Over(reason) = output {
                    over.get_or_insert(reason);
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
    Ok(Recovery { room, over })
}

/// What a journal has of a room that cannot be rebuilt, as a recording without a film.
pub fn evidence(checkpoint: Checkpoint, tail: &[JournalEntry], reason: &str) -> Recording {
    let last = tail.iter().rev().find_map(|entry| entry.proof).map_or(checkpoint.tick(), |proof| proof.tick);
    let header = checkpoint.header(reason, last);
    let inputs = tail.iter().flat_map(|entry| entry.inputs.iter().copied()).collect();
    let rerun = Rerun::Possible(Box::new(Inputs { start: Start::Checkpoint(Box::new(checkpoint)), inputs }));
    Recording { header, rerun, film: Vec::new() }
}
