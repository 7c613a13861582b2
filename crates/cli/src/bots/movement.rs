//! Whether a bot's inputs do anything: which fields it has driven, and whether its entity has moved.

use super::sight::Sight;
use super::tally::Tally;
use tickwire::engine::Client;
use tickwire::tick::TickRate;
use tickwire::wire::Welcome;

/// What one stay of a bot has shown of it.
#[derive(Debug)]
pub struct Movement {
    neutral: Vec<i32>,
    rate: TickRate,
    /// One bit per input field: whether it had another value than the neutral one.
    driven: u8,
    /// Inputs made.
    made: u32,
    /// What the row of the bot's entity was at first.
    first: Option<Vec<i32>>,
    moved: bool,
}

impl Movement {
    /// Of a bot in the room of this welcome.
    pub fn new(welcome: &Welcome) -> Self {
        let neutral = welcome.inputs.neutral()[..welcome.inputs.fields().len()].to_vec();
        Self { neutral, rate: welcome.rate, driven: 0, made: 0, first: None, moved: false }
    }

    /// The bot makes an input.
    pub fn input(&mut self, input: &[i32]) {
        self.made += 1;
        for (field, (value, neutral)) in input.iter().zip(&self.neutral).enumerate() {
            self.driven |= u8::from(value != neutral) << field;
        }
    }

    /// A frame has arrived at a client that rebuilds the state.
    pub fn look(&mut self, client: &Client, sight: &Sight) {
        if self.moved {
            return;
        }
        let Some(now) = sight.own_motion(client) else { return };
        let first = self.first.get_or_insert_with(|| now.clone());
        self.moved = *first != now;
    }

    /// Adds the stay to the sums. `tries`: whether the bot was to move.
    pub fn count(&self, tries: bool, tally: &mut Tally) {
        tally.driven |= self.driven;
        // Somebody who was there for a moment says nothing about the game.
        let judged = tries && self.first.is_some() && self.made >= u32::from(self.rate.per_second());
        tally.counts.seen += u64::from(judged);
        tally.counts.moved += u64::from(judged && self.moved);
    }
}
