//! Lag compensation: what players were shown, and the fairness ledger.
//!
//! A game that judges a shot by what its shooter was shown takes time from the victim, who has moved on since. The ledger says
//! for each hit how much.

use std::time::Duration;

use super::room::{Room, RoomOutput};
use crate::game::{Game, PlayerInput};
use crate::id::Seat;
use crate::tick::{Tick, TickRate, ViewTime};
use crate::wire::limits;

/// A hit that a game judged by what its shooter was shown; see [`Context::judged`](crate::Context::judged).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Hit {
    /// The tick at which it was judged.
    pub tick: Tick,
    /// Who shot.
    pub shooter: Seat,
    /// Who was hit.
    pub victim: Seat,
    /// How old the world was that the shooter was shown, and by which the hit was judged.
    pub shooter_behind: Duration,
    /// How old the world was that the victim was shown at the same time; `None` when the victim's client does not tell.
    pub victim_behind: Option<Duration>,
}

/// How many ticks before the newest one a game can rewind.
pub(super) fn rewind_ticks(game: &dyn Game, rate: TickRate) -> u32 {
    let span = game.rewind().min(limits::REWIND);
    if span.is_zero() { 0 } else { rate.ticks_in(span) }
}

impl Room {
    /// Moves the moments that players say they were shown to those of which there are rows, and remembers them for the
    /// ledger. A liar gains no more than the slowest player whom the game allows for.
    pub(super) fn clamp_views(&mut self, inputs: &mut [PlayerInput]) {
        for (input, seated) in inputs.iter_mut().zip(&mut self.seats) {
            let Some(shown) = input.view else { continue };
            seated.shown = Some(shown);
            input.view = self.cx.rows().clamp(shown);
        }
    }

    pub(super) fn judge(&mut self, shooter: Seat, victim: Seat, shown: ViewTime) {
        let tick = self.cx.tick();
        let sixteenths = |shown: ViewTime| (16 * tick.since(shown.tick) - i32::from(shown.sixteenths)).max(0);
        let behind = |shown| self.rate().period() * sixteenths(shown).cast_unsigned() / 16;
        // What was shown long ago says nothing about now.
        let told = |shown: &ViewTime| tick.since(shown.tick).cast_unsigned() <= self.ticks(limits::SHOWN_FOR);
        let victim_shown = self.find(victim).ok().and_then(|index| self.seats[index].shown).filter(told);
        let (shooter_behind, victim_behind) = (behind(shown), victim_shown.map(behind));
        self.outputs.push(RoomOutput::Judged(Hit { tick, shooter, victim, shooter_behind, victim_behind }));
    }
}
