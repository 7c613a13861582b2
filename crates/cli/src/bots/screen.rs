//! The screen of a bot that rebuilds the state: what a player would see, and how that feels.
//!
//! It draws 60 rendered frames per second without a timer: whenever the bot wakes up, the rendered frames that were due meanwhile are
//! drawn from what had arrived by then.

use std::time::Duration;

use tickwire::engine::{Client, ClientEvent, Display, FeelDigest};
use tickwire::tick::Moment;

/// The screen of one stay.
#[derive(Debug)]
pub struct Screen {
    display: Display,
    /// When the next rendered frame is due.
    next: Moment,
    /// Which measurement the digest that is being made belongs to.
    begun: u32,
}

impl Screen {
    const PICTURE: Duration = Duration::from_micros(16_667);
    /// After such a pause the rendered frames in it would say nothing.
    const PAUSE: Duration = Duration::from_secs(1);

    /// The screen of a client that has been welcomed.
    pub fn new(client: &Client, now: Moment) -> Option<Self> {
        Some(Self { display: Display::new(client, now)?, next: now, begun: 0 })
    }

    /// Draws the rendered frames that were due until now.
    pub fn draw(&mut self, now: Moment) {
        if now.since(self.next) > Self::PAUSE {
            self.next = now;
        }
        while self.next <= now {
            // What is drawn, nobody looks at; it is measured.
            self.display.show(self.next).for_each(drop);
            self.next = self.next.plus(Self::PICTURE);
        }
    }

    /// Handles what the client has just received.
    pub fn on_event(&mut self, client: &Client, event: &ClientEvent, now: Moment) {
        self.draw(now);
        self.display.on_event(client, event, now);
    }

    /// Gives the client what it is to send. Returns how the last ten seconds felt, when they are over; what was drawn before
    /// the measurement with the number `begun` is left out.
    pub fn prepare(&mut self, client: &mut Client, now: Moment, begun: u32) -> Option<FeelDigest> {
        self.draw(now);
        if std::mem::replace(&mut self.begun, begun) != begun {
            self.display.feel(now);
        }
        self.display.prepare(client, now)
    }

    /// How the time since the last digest felt; `None` when it is too short to tell.
    pub fn end(&mut self, now: Moment) -> Option<FeelDigest> {
        self.draw(now);
        self.display.feel(now).filter(|digest| digest.span >= Duration::from_secs(1))
    }
}
