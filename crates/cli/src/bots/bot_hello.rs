//! The first message of a bot: its room, its name, and its join token if it needs one.

use super::schedule::Job;
use super::socket::Ended;
use super::tally::Failure;
use tickwire::engine::{Client, Display};
use tickwire::wire::{ClientMessage, Features, Hello, Join, Redirect, encode_client};

/// What a bot says of itself at each connection of a stay.
#[derive(Debug)]
pub struct BotHello {
    name: String,
    player: Vec<(String, String)>,
    rate: u16,
    token: Option<String>,
    features: Features,
}

impl BotHello {
    /// That of a bot with these options of its own.
    pub fn new(job: &Job, player: Vec<(String, String)>) -> Result<Self, Ended> {
        let token = job.tokens.as_ref().map(|tokens| tokens.sign(job.number)).transpose();
        let token = token.map_err(|error| Ended::Failed(Failure::Refused, error))?;
        let screen = if job.has_screen { Display::FEATURES } else { Features::NONE };
        let features = Features::REDIRECT.with(Features::PREPARE).with(Features::DENSE_LIST).with(screen);
        Ok(Self { name: job.name.clone(), player, rate: job.rate, token, features })
    }

    /// The message to the server to which the room of `client` has moved, with the claim to its seat.
    pub fn claim(&self, client: &mut Client, redirect: &Redirect) -> Vec<u8> {
        client.follow_redirect(redirect, &self.name, self.player.clone())
    }

    /// What the bot knows: it follows redirects, and may have a screen.
    pub fn features(&self) -> Features {
        self.features
    }

    /// The message.
    pub fn to_bytes(&self, join: Join) -> Vec<u8> {
        let (features, player, rate) = (self.features, self.player.clone(), self.rate);
        let token = self.token.as_deref();
        encode_client(&ClientMessage::Hello(Hello { features, player, rate, token, ..Hello::new(join, &self.name) }))
    }
}
