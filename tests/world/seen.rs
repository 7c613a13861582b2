//! Counts of what the oracle compared: a run without leaps, keyframes or losses would prove little.

use tickwire::engine::Arrived;

/// What was compared, to know that a run had something to compare.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    pub frames: u64,
    pub leaps: u64,
    pub keyframes: u64,
    pub events: u64,
    pub lost_events: u64,
    pub superseded: u64,
    pub corrections: u64,
}

impl Seen {
    pub fn note(&mut self, arrived: &Arrived, keyframe: bool) {
        self.frames += 1;
        self.leaps += u64::from(arrived.advance > 1);
        self.keyframes += u64::from(keyframe);
        self.events += arrived.events.len() as u64;
        self.lost_events += u64::from(arrived.lost);
        self.superseded += u64::from(arrived.superseded);
        self.corrections += u64::from(arrived.correction.is_some());
    }
}

impl std::ops::AddAssign for Seen {
    fn add_assign(&mut self, other: Self) {
        self.frames += other.frames;
        self.leaps += other.leaps;
        self.keyframes += other.keyframes;
        self.events += other.events;
        self.lost_events += other.lost_events;
        self.superseded += other.superseded;
        self.corrections += other.corrections;
    }
}
