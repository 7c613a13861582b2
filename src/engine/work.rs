//! What rare messages cost the server, as the limits count it: in microseconds of a core, rounded up.
//!
//! `benches/client_messages` measures what they really cost. What usual messages cost is bounded by their rate alone.

use super::command::Ask;

/// What a client asks of a room with so many players; only chat is rare.
pub fn command(ask: &Ask, players: usize) -> u32 {
    match ask {
        Ask::Chat { to, .. } if to.is_empty() => chat(players),
        Ask::Chat { to, .. } => chat(to.len() + 1),
        Ask::Tell { .. } | Ask::Call { .. } => 0,
    }
}

/// A chat line that so many hear.
pub fn chat(recipients: usize) -> u32 {
    price(15_000, 500, recipients)
}

/// A keyframe of so many rows.
pub fn keyframe(rows: usize) -> u32 {
    price(5000, 5000, rows)
}

/// Coming into a room with so many players, and leaving it: all are told twice, and the newcomer gets a list of them and a
/// keyframe.
pub fn join(players: usize) -> u32 {
    price(50_000, 2000, players).saturating_add(keyframe(players))
}

/// `fixed` nanoseconds, and `each` for every one of `count`.
fn price(fixed: u64, each: u64, count: usize) -> u32 {
    let nanos = (count as u64).saturating_mul(each).saturating_add(fixed);
    u32::try_from(nanos.div_ceil(1000)).unwrap_or(u32::MAX)
}
