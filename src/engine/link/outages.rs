//! The outages of a link: when its stalls and cuts are.

use std::collections::VecDeque;
use std::time::Duration;

use rand_pcg::Pcg32;

use super::{Outage, micros, unit};
use crate::tick::Moment;

/// The periods of one kind of outage, drawn as far ahead as needed.
#[derive(Clone, Debug)]
pub(super) struct Outages {
    kind: Option<Outage>,
    random: Pcg32,
    /// Ascending and disjoint: start and end.
    windows: VecDeque<(Moment, Moment)>,
    /// Windows are drawn up to this moment.
    drawn: Moment,
}

impl Outages {
    pub(super) fn new(kind: Option<Outage>, now: Moment, random: Pcg32) -> Self {
        let mut outages = Self { kind, random, windows: VecDeque::new(), drawn: now };
        if let Some(kind) = kind {
            // The first outage may come at any time, as if the link had existed before.
            let lead = kind.every_ms * 1000.0 * unit(&mut outages.random);
            outages.push(now.plus(micros(lead)), kind);
        }
        outages
    }

    /// The first window that touches `from..=to`.
    pub(super) fn strikes(&mut self, from: Moment, to: Moment) -> Option<(Moment, Moment)> {
        let kind = self.kind?;
        while self.drawn <= to {
            self.draw(kind);
        }
        self.windows.iter().find(|(start, end)| *start <= to && from < *end).copied()
    }

    /// The first window that is not forgotten.
    pub(super) fn next(&mut self) -> Option<(Moment, Moment)> {
        if self.windows.is_empty() {
            self.draw(self.kind?);
        }
        self.windows.front().copied()
    }

    pub(super) fn forget(&mut self, now: Moment) {
        while self.windows.pop_front_if(|(_, end)| *end <= now).is_some() {}
    }

    fn draw(&mut self, kind: Outage) {
        let gap = kind.every_ms * 1000.0 * (0.5 + unit(&mut self.random));
        self.push(self.drawn.plus(micros(gap)), kind);
    }

    fn push(&mut self, start: Moment, kind: Outage) {
        // At least one microsecond, so that drawing gets ahead whatever the profile.
        let end = start.plus(micros(kind.for_ms * 1000.0).max(Duration::from_micros(1)));
        self.windows.push_back((start, end));
        self.drawn = end;
    }
}
