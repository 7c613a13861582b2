//! How a bot connects, also to the servers where its room goes on.

use std::sync::Arc;
use std::time::Duration;

use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;
use tickwire::engine::cluster::Home;
use tickwire::engine::link::Profile;
use tickwire::wire::{Prepare, Redirect};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::bot_hello::BotHello;
use super::socket::{Ended, Wire};
use super::swarm::Shared;
use super::tally::Failure;

/// How the bot connects.
pub struct Connector {
    pub home: Home,
    profile: Option<Arc<Profile>>,
    seed: u64,
    pub hello: BotHello,
    /// The address at which the room is about to go on, and the connection there.
    ahead: Option<(String, JoinHandle<Result<Wire, Ended>>)>,
}

impl Connector {
    /// For a bot that begins at `url`.
    pub fn new(url: &str, profile: Option<Arc<Profile>>, seed: u64, hello: BotHello) -> Self {
        Self { home: Home::new(url), profile, seed, hello, ahead: None }
    }

    /// A connection to the server where the bot belongs.
    pub async fn open(&self, shared: &Arc<Shared>) -> Result<Wire, Ended> {
        Wire::open(self.home.address(), self.profile.as_deref(), self.seed, shared.clone()).await
    }

    /// Connects to the server at which the room is about to go on, at a time of its own.
    pub fn prepare(&mut self, Prepare { address, within }: Prepare, shared: &Arc<Shared>) {
        let share = f64::from(Pcg32::new(self.seed, 8).next_u32()) / f64::from(u32::MAX);
        let wait = Duration::from_millis(within.into()).mul_f64(share);
        let (url, profile, seed, shared) = (address.clone(), self.profile.clone(), self.seed, shared.clone());
        let connecting = async move {
            sleep(wait).await;
            Wire::open(&url, profile.as_deref(), seed, shared).await
        };
        self.ahead = Some((address, tokio::spawn(connecting)));
    }

    /// A connection to the server that `redirect` names.
    pub async fn follow(&mut self, redirect: &Redirect, shared: &Arc<Shared>) -> Result<Wire, Ended> {
        if !self.home.follow(&redirect.address) {
            return Err(Ended::Failed(Failure::Refused, "too many redirects in a row".to_owned()));
        }
        match self.ahead.take() {
            Some((address, connecting)) if address == redirect.address => match connecting.await {
                Ok(Ok(wire)) => Ok(wire),
                _ => self.open(shared).await,
            },
            _ => self.open(shared).await,
        }
    }
}
