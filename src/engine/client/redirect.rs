//! A client that is sent to other servers: the hellos of who can follow, and those at the servers to which redirects lead.

use super::unsent::Unsent;
use super::{Client, Pass};
use crate::id::Seq;
use crate::wire::{ClientMessage, Features, Hello, Join, Redirect, Resume, encode_client};

impl Client {
    /// As [`Self::hello`], of a client that follows redirects: its shell connects to their address, and sends there what
    /// [`Self::follow_redirect`] returns. [`Home`](crate::engine::cluster::Home) bounds how often.
    pub fn hello_following(join: Join, name: &str, player: Vec<(String, String)>, rate: u16) -> Vec<u8> {
        let features = Features::REDIRECT;
        encode_client(&ClientMessage::Hello(Hello { player, rate, features, ..Hello::new(join, name) }))
    }

    /// Begins a connection to the server that a redirect names: with its ticket, and the claim to a seat if the client has one.
    /// Returns the first message.
    pub fn follow_redirect(&mut self, redirect: &Redirect, name: &str, player: Vec<(String, String)>) -> Vec<u8> {
        // Who follows once can follow again.
        self.features = self.features.with(Features::REDIRECT);
        let join = Join::Reserved { ticket: redirect.ticket.clone() };
        let plain = Self::hello_following(join.clone(), name, player.clone(), self.rate);
        self.claim(join, name, player).unwrap_or(plain)
    }

    /// Begins a connection with a claim; see [`Self::resume`].
    pub(super) fn claim(&mut self, join: Join, name: &str, player: Vec<(String, String)>) -> Option<Vec<u8>> {
        let Pass { token, .. } = self.pass.clone()?;
        self.welcome = None;
        self.outbox.clear();
        (self.consumed, self.superseded, self.inputs) = (Seq(0), 0, Unsent::default());
        (self.ack_due, self.awaited) = (false, false);
        let whole = self.has_state && self.lost.is_empty() && self.ticks.values().all(|tick| *tick == self.tick);
        let (tick, events) = (whole.then_some(self.tick), self.remembers.then_some(self.events));
        let (token, incarnation) = (serde_bytes::Bytes::new(&token), self.incarnation);
        let resume = Some(Resume { token, incarnation, tick, events });
        let (rate, features) = (self.rate, self.features);
        Some(encode_client(&ClientMessage::Hello(Hello { features, player, resume, rate, ..Hello::new(join, name) })))
    }
}
