//! What the film of an hour of a clip takes in the archive of matches.

use std::sync::Arc;

use tickwire::engine::film::{Presence, Reel};
use tickwire::snapshot::Frame;

/// The distances between keyframes for which it is told, in seconds: those of the archive, and of recordings.
const KEYFRAMES: [u32; 2] = [15, 2];

/// About what a part takes in a file beside its keyframes and deltas.
const PART: usize = 80;

/// Adds up a film.
#[derive(Default)]
pub(super) struct Film {
    reel: Option<Reel>,
    ticks: u32,
    deltas: usize,
    openings: usize,
}

impl Film {
    /// Adds the next frame, which has its rows.
    pub fn push(&mut self, frame: &Arc<Frame>) {
        // What a part takes beside its deltas.
        self.openings += Reel::starting_with(frame, Presence::default()).weight() + PART;
        match &mut self.reel {
            Some(reel) => {
                self.deltas += reel.push(frame);
                self.ticks += 1;
            }
            None => self.reel = Some(Reel::starting_with(frame, Presence::default())),
        }
    }

    /// The bytes of an hour at `rate` ticks per second, for each distance between keyframes in seconds.
    pub fn per_hour(&self, rate: u16) -> Vec<(u32, f64)> {
        let (ticks, hour) = (f64::from(self.ticks.max(1)), 3600.0);
        let deltas = self.deltas as f64 / ticks * f64::from(rate) * hour;
        let opening = self.openings as f64 / (ticks + 1.0);
        KEYFRAMES.map(|seconds| (seconds, deltas + opening * hour / f64::from(seconds))).to_vec()
    }
}
