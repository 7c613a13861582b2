//! Everything that changes a room, as data.
//!
//! [`Room::apply`](super::Room::apply) is the only way to change a room, and its input contains all that the change
//! depends on besides the room itself: what was random, what the client claimed, and what was measured outside. The
//! same room and the same list of inputs therefore give the same frames, events, welcomes and refusals, byte for byte.
//!
//! Secrets are not inputs: resume tokens and tickets enter as digests.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::close_reason::CloseReason;
use super::command::Command;
use super::input_buffer::InputRun;
use super::resume::SecretDigest;
use crate::game::ChannelNews;
use crate::id::{Incarnation, Seat, Seq, ZoneId};
use crate::tick::{Tick, ViewTime};
use crate::wire::{Close, Role, WireError, append, split};

/// Everything that changes a room. The enum is append-only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RoomInput {
    /// A client asks to enter. The room answers.
    Enter(Enter),
    /// A client claims the seat that it had before. The room answers.
    Return(Return),
    /// Inputs of a player for the ticks to come.
    Inputs {
        /// The player's seat.
        seat: Seat,
        /// Equal inputs in a row.
        run: InputRun,
    },
    /// A client's command.
    Command {
        /// The client's seat.
        seat: Seat,
        /// The command's number; a number that is not newer than the last one has no effect.
        seq: Seq,
        /// The command.
        command: Command,
    },
    /// The client of this seat sent its first message on its connection, so it knows its newest token.
    Confirmed {
        /// The client's seat.
        seat: Seat,
    },
    /// Events have arrived at their recipient.
    EventsArrived {
        /// The recipient's seat.
        seat: Seat,
        /// The number of the newest one.
        upto: Seq,
    },
    /// A connection has ended. The seat is held or freed.
    Disconnected {
        /// The seat.
        seat: Seat,
        /// How the connection ended.
        close: Close,
    },
    /// An operator removes a player or spectator at the next tick.
    Kick {
        /// The seat.
        seat: Seat,
        /// The reason that the client gets.
        reason: CloseReason,
    },
    /// An operator locks or unlocks the room.
    Lock(
        /// Whether to lock it.
        bool,
    ),
    /// An operator ends the room at the next tick.
    Close(
        /// The reason that every client gets.
        CloseReason,
    ),
    /// The next tick is computed.
    Tick,
    /// The room goes on in another process: it has this incarnation from now on, and no client is connected.
    Recovered {
        /// Greater than all before.
        incarnation: Incarnation,
        /// How many entity ids to skip: clients may know ids that the room does not remember.
        spare_ids: u32,
    },
    /// The room wakes up, before anybody enters.
    Woke {
        /// How long it slept, in milliseconds.
        elapsed: u64,
    },
    /// Seats are reserved. [`RoomOutput::Reserved`](super::RoomOutput::Reserved) says that their tickets may be given away.
    Reserve {
        /// The digests of the tickets.
        tickets: Vec<SecretDigest>,
        /// For how many ticks they are good.
        ticks: u32,
    },
    /// A client has come with a ticket, which is used up.
    Redeemed {
        /// The digest of the ticket.
        ticket: SecretDigest,
        /// The client's seat; `None` if it was refused.
        seat: Option<Seat>,
    },
    /// The room's ticks take too long, or no longer: it saves as much work as this step says.
    Overload {
        /// The number of an [`OverloadStep`](super::OverloadStep).
        step: u8,
    },
    /// A server outside of the room sent an event. [`RoomOutput::ServerEvent`](super::RoomOutput::ServerEvent) has the game's
    /// answer.
    ServerEvent {
        /// The name of the event.
        name: String,
        /// Its data, usually JSON.
        data: String,
    },
    /// Something has happened in a channel between rooms.
    ChannelNews(ChannelNews),
    /// The room goes on in another process, as all clients were told: they are on their way, and nobody is told that they are not
    /// connected meanwhile.
    Moved {
        /// Greater than all before.
        incarnation: Incarnation,
    },
}

/// Appends inputs as [`append`] would.
fn append_run(seat: Seat, run: &InputRun, record: &mut Vec<u8>) {
    /// The number of the variant.
    const INPUTS: u8 = 2;
    let InputRun { first, count, epoch, view, input } = run;
    record.push(INPUTS);
    append_number(seat.0.into(), record);
    append_number(first.0, record);
    append_number((*count).into(), record);
    record.push(epoch.0);
    record.push(view.is_some().into());
    if let Some(ViewTime { tick, sixteenths }) = view {
        append_number(tick.0, record);
        record.push(*sixteenths);
    }
    // Zigzag: small negative numbers are short, too.
    input.iter().for_each(|value| append_number(((value << 1) ^ (value >> 31)).cast_unsigned(), record));
}

/// Appends a number as [`append`] would: in one byte if it is below 251, otherwise in two or four after a mark.
fn append_number(number: u32, record: &mut Vec<u8>) {
    const TWO: u8 = 251;
    const FOUR: u8 = 252;
    match (u8::try_from(number), u16::try_from(number)) {
        (Ok(short), _) if short < TWO => record.push(short),
        (_, Ok(word)) => {
            let [low, high] = word.to_le_bytes();
            record.extend_from_slice(&[TWO, low, high]);
        }
        _ => {
            let [a, b, c, d] = number.to_le_bytes();
            record.extend_from_slice(&[FOUR, a, b, c, d]);
        }
    }
}

/// A client that enters, without a claim to a seat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enter {
    /// The role to enter in.
    pub role: Role,
    /// The verified identity; `None` for guests.
    pub identity: Option<String>,
    /// Sanitized and bounded.
    pub name: String,
    /// Options of the player.
    pub options: BTreeMap<String, String>,
    /// Whether a seat was reserved for the player, which lets them into a locked room.
    pub reserved: bool,
    /// The digest of the secret that opens the seat for a returning client; `None` if nothing shall open it.
    pub secret: Option<SecretDigest>,
}

/// A client that claims the seat that it had before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Return {
    /// The claimed seat.
    pub seat: Seat,
    /// The digest of the secret that the client presents.
    pub presented: SecretDigest,
    /// The verified identity; `None` for guests.
    pub identity: Option<String>,
    /// The newest event that the client knows; `None` when it has forgotten.
    pub events: Option<Seq>,
    /// The state that the client has, if frames can continue from it.
    pub base: Option<Base>,
    /// The digest of the secret that opens the seat next time.
    pub secret: SecretDigest,
}

/// A past frame from which a returning client continues.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// The tick of the frame.
    pub tick: Tick,
    /// The zones of which the client has rows of that tick, ascending.
    pub zones: Vec<ZoneId>,
}

impl RoomInput {
    /// What a room keeps of the input although it goes back to a checkpoint (see [`go_back`](super::go_back)), without
    /// anything personal.
    pub(super) fn open_part(&self) -> Option<Self> {
        match self {
            Self::Return(back) => {
                Some(Self::Return(Return { identity: None, events: None, base: None, ..back.clone() }))
            }
            Self::Confirmed { .. }
            | Self::Disconnected { .. }
            | Self::Kick { .. }
            | Self::Lock(_)
            | Self::Close(_)
            | Self::Reserve { .. }
            | Self::Overload { .. }
            | Self::Tick => Some(self.clone()),
            _ => None,
        }
    }

    /// Appends the input to a record of a room. Inputs follow each other without separators.
    pub fn append_to(&self, record: &mut Vec<u8>) {
        match self {
            // Nearly all inputs. The encoder of the others takes several times as long, and tests compare both.
            Self::Inputs { seat, run } => append_run(*seat, run, record),
            _ => append(self, record),
        }
    }

    /// Reads the first input of a record. Returns it and the rest of the record.
    ///
    /// # Errors
    /// The bytes are not an input in its canonical form.
    pub fn split_from(record: &[u8]) -> Result<(Self, &[u8]), WireError> {
        split(record)
    }
}

#[cfg(test)]
mod tests {
    use rand_pcg::Pcg32;
    use rand_pcg::rand_core::Rng;

    use super::*;
    use crate::id::CorrectionEpoch;

    #[test]
    fn runs_of_inputs_are_written_as_everything_else() {
        let mut random = Pcg32::new(1, 2);
        // Of all lengths.
        let mut number = || random.next_u32() >> (random.next_u32() % 32);
        for _ in 0..20_000 {
            let view =
                number().is_multiple_of(2).then(|| ViewTime { tick: Tick(number()), sixteenths: number() as u8 });
            let input = std::array::from_fn(|_| number().cast_signed() ^ -i32::from(number().is_multiple_of(2)));
            let (first, count, epoch) = (Seq(number()), number() as u16, CorrectionEpoch(number() as u8));
            let run = InputRun { first, count, epoch, view, input };
            let input = RoomInput::Inputs { seat: Seat(number() as u16), run };
            let (mut quick, mut usual) = (Vec::new(), Vec::new());
            input.append_to(&mut quick);
            append(&input, &mut usual);
            assert_eq!(quick, usual, "{input:?}");
            assert_eq!(RoomInput::split_from(&quick), Ok((input, &[][..])));
        }
    }
}
