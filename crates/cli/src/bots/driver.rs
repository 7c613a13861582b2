//! Who decides the inputs of a bot of a swarm: the autopilot, or a pilot of the game's own.

use super::actions::Outgoing;
use super::autopilot::{Autopilot, View};
use super::headless::Seen;
use super::pilot::{Behaviour, Pilot};
use super::sight::Sight;
use tickwire::engine::Client;
use tickwire::tick::Moment;
use tickwire::wire::{EventBody, Welcome};

/// Decides the inputs of one bot.
pub enum Driver {
    /// Plays any game.
    Auto(Autopilot),
    /// Knows its game.
    Own {
        /// The pilot.
        pilot: Box<dyn Pilot + Send>,
        /// The commands and chat that it asked for.
        outgoing: Outgoing,
    },
}

/// What a bot does at a tick.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// It makes this input.
    Input(Vec<i32>),
    /// It makes none yet.
    Wait,
    /// It leaves the room.
    Leave,
}

impl Driver {
    /// The driver of bot `number` in the room of this welcome.
    pub fn new(behaviour: &Behaviour, number: u32, welcome: &Welcome, seed: u64) -> Self {
        let Behaviour::Own(factory) = behaviour else {
            let Welcome { inputs, authority, rate, .. } = welcome;
            return Self::Auto(Autopilot::new(behaviour.clone(), inputs, *authority, *rate, seed));
        };
        let mut pilot = factory.make(number);
        pilot.joined(welcome);
        Self::Own { pilot, outgoing: Outgoing::default() }
    }

    /// Whether it needs the state for its decisions.
    pub fn looks(&self) -> bool {
        match self {
            Self::Auto(pilot) => pilot.looks(),
            Self::Own { .. } => true,
        }
    }

    /// Whether it has finished its recording.
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Auto(pilot) if pilot.is_done())
    }

    /// Handles a correction by the server.
    pub fn on_correction(&mut self) {
        if let Self::Auto(pilot) = self {
            pilot.on_correction();
        }
    }

    /// Handles events.
    pub fn on_events(&mut self, events: &[EventBody<'_>]) {
        if let Self::Own { pilot, .. } = self {
            events.iter().for_each(|event| pilot.event(event));
        }
    }

    /// Decides at a tick.
    ///
    /// # Errors
    /// The pilot asks for what the game or the session does not admit; the text says for what.
    pub fn decide(&mut self, now: Moment, client: &mut Client, sight: &Sight) -> Result<Decision, String> {
        match self {
            Self::Auto(pilot) => {
                let view = if pilot.looks() { sight.look(client) } else { View::default() };
                Ok(pilot.next(&view).map_or(Decision::Wait, Decision::Input))
            }
            Self::Own { pilot, outgoing } => {
                let Some(seen) = Seen::of(client).filter(|seen| seen.has_state()) else { return Ok(Decision::Wait) };
                let Some(input) = pilot.input(&seen) else { return Ok(Decision::Leave) };
                if !seen.welcome().inputs.admits(&input) {
                    return Err(seen.explain(&input));
                }
                pilot.act(&seen, outgoing.actions());
                outgoing.pass_on(now, client).map_err(|error| error.to_string())?;
                Ok(Decision::Input(input))
            }
        }
    }
}
