//! What a room does when its ticks overrun: first it sends fewer frames, then players see less far, then nobody new is
//! admitted. No room ends and no event is dropped because of it.
//!
//! [`OverloadLadder`] decides on a step outside of the room, from measured times; the step enters the room as an input. All
//! clients are told by a property of the room.

use std::time::Duration;

use super::room::Room;
use crate::tick::Moment;

/// How far a room has gone to save work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum OverloadStep {
    /// It does everything.
    #[default]
    None,
    /// Clients get every second frame.
    FewerFrames,
    /// And players of a large world see two thirds as far.
    ShorterSight,
    /// And nobody new is admitted.
    NoJoins,
}

impl OverloadStep {
    const ALL: [Self; 4] = [Self::None, Self::FewerFrames, Self::ShorterSight, Self::NoJoins];

    /// The step with this number: as it is told, from 0 to 3. Greater numbers are the last step.
    pub fn from_number(number: u8) -> Self {
        Self::ALL[usize::from(number).min(Self::ALL.len() - 1)]
    }

    /// Its number, from 0 to 3.
    pub fn number(self) -> u8 {
        self as u8
    }
}

/// Decides when a room takes a step, from how long its ticks take.
#[derive(Clone, Debug)]
pub struct OverloadLadder {
    step: OverloadStep,
    /// When the current span of judgement began, what ticks cost in it, and whether ticks came late.
    began: Moment,
    spent: Duration,
    is_late: bool,
    /// Spans in a row that were too much, and that were little enough for the step before.
    heavy: u32,
    light: u32,
}

impl OverloadLadder {
    /// The property that tells clients the step: `1` to `3`, absent while there is no overload.
    pub const PROPERTY: &str = "overload";
    /// How often the load is judged.
    const SPAN: Duration = Duration::from_secs(1);
    /// Per mille of the time between two ticks: more is too much, and less is little enough to take a step back.
    const TOO_MUCH: u128 = 850;
    const LITTLE: u128 = 400;
    /// Per mille of the time between two ticks: a room that does less is late because of other rooms of its thread, which
    /// nothing that it saves would help. If such rooms refused newcomers, each newcomer would need yet another room.
    const SHARE: u128 = 20;
    /// Spans in a row until a step is taken, and until one is taken back.
    const UP_AFTER: u32 = 2;
    const DOWN_AFTER: u32 = 8;

    /// Starts at the step that a room is at.
    pub fn new(now: Moment, step: OverloadStep) -> Self {
        Self { step, began: now, spent: Duration::ZERO, is_late: false, heavy: 0, light: 0 }
    }

    /// Records a tick, which cost `spent`, and whether it, or one before it, came more than a period late. Returns the step
    /// if it has changed. Lateness counts for rooms that have a share in it.
    pub fn ticked(&mut self, now: Moment, spent: Duration, is_late: bool) -> Option<OverloadStep> {
        self.spent += spent;
        self.is_late |= is_late;
        let span = now.since(self.began);
        if span < Self::SPAN {
            return None;
        }
        let load = self.spent.as_micros() * 1000 / span.as_micros().max(1);
        let (is_late, before) = (std::mem::take(&mut self.is_late), self.step);
        (self.began, self.spent) = (now, Duration::ZERO);
        let is_late = is_late && load >= Self::SHARE;
        self.heavy = if load > Self::TOO_MUCH || is_late { self.heavy + 1 } else { 0 };
        self.light = if load < Self::LITTLE && !is_late { self.light + 1 } else { 0 };
        if self.heavy >= Self::UP_AFTER {
            (self.step, self.heavy) = (OverloadStep::from_number(self.step.number() + 1), 0);
        } else if self.light >= Self::DOWN_AFTER {
            (self.step, self.light) = (OverloadStep::from_number(self.step.number().saturating_sub(1)), 0);
        }
        (self.step != before).then_some(self.step)
    }
}

impl Room {
    /// Saves as much work as `step` says from the next tick on.
    pub(super) fn overload(&mut self, step: OverloadStep) {
        self.set_overload(step);
        let value = if step == OverloadStep::None { String::new() } else { step.number().to_string() };
        self.cx.try_set_property(OverloadLadder::PROPERTY, &value);
        self.apply_effects();
    }

    /// As after a restart, which clients need not be told.
    pub(super) fn set_overload(&mut self, step: OverloadStep) {
        self.overload = step;
        self.views.iter_mut().for_each(|views| views.shorten(step >= OverloadStep::ShorterSight));
    }

    /// How much work the room saves.
    pub fn overload_step(&self) -> OverloadStep {
        self.overload
    }

    /// For how many ticks there is one frame for clients.
    pub(super) fn ticks_per_frame(&self) -> u8 {
        if self.overload >= OverloadStep::FewerFrames { 2 } else { 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The steps after so many seconds with ticks at 20 Hz that cost so many milliseconds.
    fn steps(ladder: &mut OverloadLadder, from: u64, seconds: u64, ms: u64) -> Vec<u8> {
        let mut taken = Vec::new();
        for tick in from * 20 + 1..=(from + seconds) * 20 {
            let step = ladder.ticked(Moment(tick * 50_000), Duration::from_millis(ms), false);
            taken.extend(step.map(OverloadStep::number));
        }
        taken
    }

    #[test]
    fn steps_are_taken_one_by_one_and_taken_back_slowly() {
        let mut ladder = OverloadLadder::new(Moment(0), OverloadStep::None);
        assert_eq!(steps(&mut ladder, 0, 30, 40), [0; 0], "four fifths of a tick are no overload");
        assert_eq!(steps(&mut ladder, 30, 3, 48), [1]);
        assert_eq!(steps(&mut ladder, 33, 60, 30), [0; 0], "neither too much nor little");
        assert_eq!(steps(&mut ladder, 93, 20, 48), [2, 3]);
        assert_eq!(steps(&mut ladder, 113, 30, 10), [2, 1, 0]);
    }

    #[test]
    fn late_ticks_are_too_much_for_a_room_with_a_share_in_them() {
        let late = |spent: u64| {
            let mut ladder = OverloadLadder::new(Moment(0), OverloadStep::None);
            let spent = Duration::from_micros(spent);
            let steps = (1..=100).filter_map(|tick| ladder.ticked(Moment(tick * 50_000), spent, tick % 20 == 3));
            steps.map(OverloadStep::number).collect::<Vec<_>>()
        };
        assert_eq!(late(1000), [1, 2]);
        assert_eq!(late(900), [0; 0], "the other rooms of the thread are too much");
    }
}
