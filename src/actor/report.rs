//! What a room reports: its occupancy, the duration of its ticks, the costs of its deltas, its crashes.
//!
//! All reports go into the shared status and the metrics, without messages.

use std::io;
use std::time::Duration;

use tokio::sync::oneshot;
use tracing::{error, warn};

use super::names;
use super::recordings::Why;
use super::room::RoomActor;
use super::status::TickTimes;
use crate::engine::{Host, Occupancy, OverloadStep};
use crate::snapshot::Frame;
use crate::tick::Moment;
use crate::wire::limits;

/// The duration of the ticks of the current second.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timing {
    ticks: u32,
    sum: Duration,
    worst: Duration,
}

impl RoomActor {
    /// Records the duration of a tick.
    pub(super) fn took(&mut self, span: Duration) {
        self.metrics.counts.ticks.inc();
        self.metrics.tick_duration.observe(span);
        let Timing { ticks, sum, worst } = self.timing;
        self.timing = Timing { ticks: ticks + 1, sum: sum + span, worst: worst.max(span) };
        let rate = self.room().map_or(1, |room| room.rate().per_second());
        if self.timing.ticks >= u32::from(rate) {
            let Timing { ticks, sum, worst } = std::mem::take(&mut self.timing);
            self.status.set_tick_times(TickTimes { mean: sum / ticks, worst });
        }
    }

    /// Judges the load of the ticks from `start` to `now`, and lets the room save work if it is too much.
    pub(super) fn judge_load(&mut self, start: Moment, now: Moment, is_late: bool) {
        let Some(step) = self.ladder.ticked(now, now.since(start), is_late) else { return };
        let Some(host) = &mut self.host else { return };
        let before = host.room().overload_step();
        host.overload(step);
        let change = i64::from(step > OverloadStep::None) - i64::from(before > OverloadStep::None);
        self.metrics.counts.rooms_overloaded.inc_by(change);
        warn!(step = step.number(), "the room's ticks take too long, or no longer: it saves work by this step");
        self.follow_outputs();
    }

    /// Counts the values that were outside their range; names the first of them where somebody writes the game.
    pub(super) fn report_saturation(&mut self, frame: &Frame) {
        if frame.saturated() == 0 {
            return;
        }
        self.metrics.counts.values_saturated.inc_by(frame.saturated());
        let Some(first) = frame.first_saturated().filter(|_| cfg!(debug_assertions) && !self.told_saturation) else {
            return;
        };
        self.told_saturation = true;
        warn!("{}; it was clamped, and others of this room are only counted", first.describe(frame.schema()));
    }

    /// Publishes what the list of rooms shows besides the occupancy.
    pub(super) fn report_listing(&self) {
        if let Some(room) = self.room() {
            self.status.set_listing(room.properties().to_vec(), room.shut());
        }
    }

    /// Publishes the occupancy.
    pub(super) fn report_occupancy(&mut self) {
        let Some(occupancy) = self.host.as_ref().map(Host::occupancy) else { return };
        self.count(occupancy);
        self.give_back_unused();
    }

    /// Updates status and metrics to these counts.
    pub(super) fn count(&mut self, occupancy: Occupancy) {
        if occupancy == self.counted && self.arrived.is_empty() && self.left.is_empty() {
            return;
        }
        let before = std::mem::replace(&mut self.counted, occupancy);
        self.status.set_occupancy(occupancy, self.arrived.drain(..), self.left.drain(..));
        self.metrics.counts.players.inc_by(occupancy.players as i64 - before.players as i64);
        self.metrics.counts.seats_held.inc_by(occupancy.away as i64 - before.away as i64);
        self.metrics.counts.spectators.inc_by(occupancy.spectators as i64 - before.spectators as i64);
    }

    /// Once per second, measures the costs of this tick's delta. The frame has been sent already.
    pub(super) fn explain(&mut self, before: &Frame, frame: &Frame) {
        let Some(room) = self.host.as_ref().map(Host::room) else { return };
        let second = i32::from(room.rate().per_second());
        if room.players() == 0 || frame.tick().since(self.explained) < second {
            return;
        }
        self.explained = frame.tick();
        let (game, mut unsent) = (&room.config().game, self.status.unsent());
        self.metrics.unsent.count(game, frame.schema(), &unsent);
        if let Some(profiler) = &mut *self.status.profiler() {
            profiler.sample(before, frame, room.players(), &unsent);
            self.metrics.explain(game, profiler, &mut self.spending);
        }
        unsent.clear();
    }

    /// Records the last minute of the room, if there is a folder for recordings. What is wrong with the game or a client is
    /// recorded at most once in a while, because it tends to go on. `written` gets the name of the file.
    ///
    /// # Errors
    /// Why there is no recording.
    pub(super) fn record(
        &mut self,
        why: Why,
        reason: &str,
        written: Option<oneshot::Sender<io::Result<String>>>,
    ) -> Result<(), String> {
        let recordings = self.files.recordings.as_ref().ok_or("there is no folder for recordings: set recordings")?;
        let now = self.clock.now();
        let repeats = matches!(why, Why::Desync | Why::Game);
        if repeats && self.recorded_at.is_some_and(|at| now.since(at) < limits::RECORD_EVERY) {
            return Err("the room was recorded a moment ago".to_owned());
        }
        let recording = self.host.as_ref().and_then(|host| host.recording(reason)).ok_or("the room has ended")?;
        self.recorded_at = Some(now);
        if !recordings.write(recording, why, written) {
            self.metrics.counts.recordings_lost.inc();
            return Err("too many recordings wait to be written".to_owned());
        }
        Ok(())
    }

    pub(super) fn crashed(&self, hook: &'static str, tick: u32) {
        self.metrics.crashed(hook);
        let room = self.room().map(|room| names::for_logs(&room.config().id).into_owned());
        error!(room, tick, hook, "the game panicked; the room is closed");
    }
}
