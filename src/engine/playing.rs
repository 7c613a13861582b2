//! What a session does with the messages of a client that has a seat.

use super::bucket::Bucket;
use super::command::Command;
use super::feel::FeelDigest;
use super::frame_sender::{FrameSender, SenderStart};
use super::input_buffer::InputRun;
use super::session::SessionEvent;
use super::spectator::is_spectator;
use crate::game::InputValues;
use crate::id::{CorrectionEpoch, Seq};
use crate::snapshot::InputSchema;
use crate::tick::{Moment, TickRate, ViewTime};
use crate::wire::{Ack, AckedTick, Close, Features, Inputs, NumberedCommand, Resync, Welcome, limits, unpack_runs};

#[derive(Debug)]
pub(super) struct Playing {
    pub sender: FrameSender,
    /// Whether the client makes no inputs.
    pub is_spectator: bool,
    pub schema: InputSchema,
    /// The features that both sides use.
    pub features: Features,
    /// The most 16ths of a tick that a view time may lie back.
    pub view_behind: u16,
    /// The number and values of the newest input. Messages continue from it.
    pub newest_input: Seq,
    pub held: InputValues,
    /// The newest event acknowledged.
    pub events: Seq,
    pub newest_command: Seq,
    /// Inputs that the client may claim to have made.
    pub inputs: Bucket,
    pub commands: Bucket,
    pub chat: Bucket,
    pub resyncs: Bucket,
    pub refreshes: Bucket,
    pub digests: Bucket,
}

impl Playing {
    pub fn new(sender: FrameSender, start: &SenderStart, welcome: &Welcome) -> Self {
        Self {
            sender,
            is_spectator: is_spectator(start.seat),
            schema: welcome.inputs.clone(),
            features: welcome.features,
            view_behind: welcome.rate.per_second() * limits::VIEW_BEHIND,
            newest_input: Seq(0),
            held: welcome.inputs.neutral(),
            events: start.events,
            newest_command: start.commands,
            inputs: input_bucket(welcome.rate),
            commands: Bucket::per_second(limits::COMMAND_RATE),
            chat: Bucket::new(limits::CHAT_EVERY, 5),
            resyncs: Bucket::new(limits::RESYNC_EVERY, 3),
            refreshes: Bucket::new(limits::REFRESH_EVERY, 3),
            digests: Bucket::new(limits::FEEL_EVERY, 2),
        }
    }

    pub fn on_ack(&mut self, now: Moment, ack: Ack) -> Result<Seq, Close> {
        let events = ack.events.unwrap_or(self.events);
        if !self.sender.ack(now, ack.tick) || !self.sender.has_sent_event(events) {
            return Err(Close::BadMessage);
        }
        // An older acknowledgement may come later.
        self.events = if events.is_after(self.events) { events } else { self.events };
        Ok(self.events)
    }

    pub fn on_inputs(&mut self, now: Moment, inputs: &Inputs, runs: &mut Vec<InputRun>) -> Result<Seq, Close> {
        let told_uninvited = inputs.view.is_some() && !self.features.contain(Features::VIEW_TIME);
        if self.is_spectator || told_uninvited {
            return Err(Close::BadMessage);
        }
        let events = self.on_ack(now, inputs.ack)?;
        if inputs.held > 0 {
            runs.push(next_inputs(&mut self.newest_input, inputs.held, inputs.epoch, self.held));
        }
        for run in unpack_runs(&self.schema, inputs) {
            let (count, input) = run.map_err(|_| Close::BadMessage)?;
            self.held = input;
            runs.push(next_inputs(&mut self.newest_input, count, inputs.epoch, input));
        }
        if let Some(behind) = inputs.view {
            // The time is that of the newest input; each one before it was made a tick earlier.
            let tick = match inputs.ack.tick {
                AckedTick::Low(_) => self.sender.flow().acked(),
                AckedTick::Full(tick) => tick,
            };
            let mut view = ViewTime::before(tick, behind.min(self.view_behind));
            for run in runs.iter_mut().rev() {
                run.view = Some(view);
                view = view.earlier(run.count.into());
            }
        }
        Ok(events)
    }

    /// Keeps only the newest input when a client claims more inputs than it had time for. Returns whether it did so.
    ///
    /// # Errors
    /// When the client has claimed too many inputs for too long.
    pub fn clamp_inputs(&mut self, now: Moment, runs: &mut Vec<InputRun>) -> Result<bool, Close> {
        let claimed = runs.iter().map(|run| u32::from(run.count)).sum();
        if self.inputs.take_many(now, claimed) {
            return Ok(false);
        }
        if self.inputs.over_for(now) >= limits::OVER_RATE_FOR {
            return Err(Close::RateLimited);
        }
        let newest = runs.last().filter(|_| self.inputs.take(now)).map(|run| InputRun {
            first: self.newest_input,
            count: 1,
            ..*run
        });
        runs.clear();
        runs.extend(newest);
        Ok(true)
    }

    pub fn on_command(&mut self, now: Moment, numbered: &NumberedCommand) -> Result<SessionEvent, Close> {
        let NumberedCommand { seq, body } = numbered;
        if *seq != self.newest_command.plus(1) {
            return Err(Close::BadMessage);
        }
        // A command must not be lost silently, so a client over the rate is closed at once.
        if !self.commands.take(now) {
            return Err(Close::RateLimited);
        }
        self.newest_command = *seq;
        let command = Command::from(body);
        let shouting = matches!(command, Command::Chat { .. }) && !self.chat.take(now);
        if shouting { Err(Close::RateLimited) } else { Ok(SessionEvent::Command { seq: *seq, command }) }
    }

    /// A digest that comes too early is ignored: nothing depends on it.
    pub fn on_feel(&mut self, now: Moment, body: &[u8]) -> Result<SessionEvent, Close> {
        if !self.features.contain(Features::FEEL_DIGEST) {
            return Err(Close::BadMessage);
        }
        let digest = FeelDigest::read(body).ok_or(Close::BadMessage)?;
        Ok(if self.digests.take(now) { SessionEvent::Feel(digest) } else { SessionEvent::Nothing })
    }

    pub fn on_resync(&mut self, now: Moment, resync: Resync) -> Result<(), Close> {
        if !self.sender.may_know(resync.tick) {
            return Err(Close::BadMessage);
        }
        if !self.resyncs.take(now) {
            return Err(Close::RateLimited);
        }
        self.sender.forget(resync.zone);
        Ok(())
    }
}

/// The rate of inputs that a client may claim in a room of this rate.
fn input_bucket(rate: TickRate) -> Bucket {
    let refill = rate.period() * 100 / limits::INPUT_RATE;
    Bucket::new(refill, rate.ticks_in(limits::INPUTS_DELAYED))
}

/// The next `count` inputs after `newest`, which advances to the last of them.
fn next_inputs(newest: &mut Seq, count: u16, epoch: CorrectionEpoch, input: InputValues) -> InputRun {
    let first = newest.plus(1);
    *newest = newest.plus(count.into());
    InputRun { first, count, epoch, view: None, input }
}
