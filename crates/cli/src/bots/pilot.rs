//! What bots do: their behaviours, and the trait for bots that know their game.

use std::fmt;
use std::sync::Arc;

use tickwire::typed::Input;
use tickwire::wire::{EventBody, Welcome};

use super::actions::Actions;
use super::headless::Seen;
use super::recording::Path;

/// A bot's behaviour.
#[derive(Clone, Debug)]
pub enum Behaviour {
    /// Walks about: the direction drifts at random, by up to half a turn per second. Fields that are no direction change
    /// at random.
    Wander,
    /// Steers to the nearest other entity of its own kind.
    Chase,
    /// Does nothing.
    Idle,
    /// Walks recorded paths once, one position per client tick.
    Follow(Arc<Path>),
    /// Plays as a pilot of the game's own decides.
    Own(PilotFactory),
}

impl Behaviour {
    /// Plays as the pilot decides that `make` returns for the number of the bot. A bot that rejoins gets another pilot.
    pub fn own<P: Pilot + Send + 'static>(make: impl Fn(u32) -> P + Send + Sync + 'static) -> Self {
        Self::Own(PilotFactory(Arc::new(move |number| Box::new(make(number)))))
    }
}

/// Makes the pilot of each bot; see [`Behaviour::own`].
#[derive(Clone)]
pub struct PilotFactory(Arc<dyn Fn(u32) -> Box<dyn Pilot + Send> + Send + Sync>);

impl PilotFactory {
    /// The pilot of bot `number`.
    pub(super) fn make(&self, number: u32) -> Box<dyn Pilot + Send> {
        (self.0)(number)
    }
}

impl fmt::Debug for PilotFactory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PilotFactory")
    }
}

/// Decides what one simulated player does. Give it to [`play`](super::play), to a swarm as [`Behaviour::own`], or drive it
/// from a [playtest](tickwire::testing::Player::steer) with [`Seen::of`].
///
/// ```
/// use tickwire::KindId;
/// use tickwire_cli::bots::{Pilot, Seen};
///
/// /// Walks to the middle of the board and stays there.
/// struct Homesick;
///
/// impl Pilot for Homesick {
///     fn input(&mut self, seen: &Seen<'_>) -> Option<Vec<i32>> {
///         let dot = seen.own(KindId(0))?; // gone: leave the room
///         Some(vec![-dot[0].signum(), -dot[1].signum()])
///     }
/// }
/// ```
pub trait Pilot {
    /// Called when the room has admitted the player. The welcome has the schemas of rows and inputs, the rate, the player's
    /// seat and entity.
    fn joined(&mut self, welcome: &Welcome) {
        let _ = welcome;
    }

    /// Returns the input of the next client tick, one value per input field, in quanta and within its range; `None` leaves
    /// the room. Called once per tick, from the first frame on. [`input_values`] makes it of the game's own type.
    fn input(&mut self, seen: &Seen<'_>) -> Option<Vec<i32>>;

    /// Called after each input: asks for commands, calls and chat.
    fn act(&mut self, seen: &Seen<'_>, actions: &mut Actions) {
        let _ = (seen, actions);
    }

    /// Called for each event, exactly once and in order: chat, players who join or leave, events of the game.
    fn event(&mut self, event: &EventBody<'_>) {
        let _ = event;
    }
}

/// An input of the game's own type as a pilot returns it: one value per field, in quanta.
pub fn input_values<I: Input>(input: &I) -> Vec<i32> {
    input.to_values()[..I::NOTES.len()].to_vec()
}
