//! The cost of rare messages, as the limits count it: in microseconds of a core, rounded up.
//!
//! `benches/client_messages` measures the real costs. The cost of frequent messages is bounded by their rate alone.

use super::command::Command;

/// The cost of a command in a room with `players` players. Only chat costs something.
pub fn command_cost(command: &Command, players: usize) -> u32 {
    match command {
        Command::Chat { text, .. } if text.is_empty() => 0,
        Command::Chat { to, .. } if to.is_empty() => chat_cost(players),
        Command::Chat { to, .. } => chat_cost(to.len() + 1),
        Command::Message { .. } | Command::Call { .. } => 0,
    }
}

/// The cost of a chat line to `recipients` recipients.
pub fn chat_cost(recipients: usize) -> u32 {
    price(25_000, 500, recipients)
}

/// The cost of a keyframe of `rows` rows.
pub fn keyframe_cost(rows: usize) -> u32 {
    price(5000, 5000, rows)
}

/// The cost of entering a room with `players` players and leaving it: everyone gets an event for each, and the newcomer
/// gets a list of the players and a keyframe.
pub fn join_cost(players: usize) -> u32 {
    price(50_000, 2000, players).saturating_add(keyframe_cost(players))
}

/// The cost of asking the directory of a cluster where a room is.
pub fn lookup_cost() -> u32 {
    price(100_000, 0, 0)
}

/// `fixed` nanoseconds, and `each` nanoseconds for each of `count`, in microseconds.
fn price(fixed: u64, each: u64, count: usize) -> u32 {
    let nanos = (count as u64).saturating_mul(each).saturating_add(fixed);
    u32::try_from(nanos.div_ceil(1000)).unwrap_or(u32::MAX)
}
