//! Webhooks of the Pusher protocol: an app's servers learn who comes and goes in channels.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tracing::warn;
use ureq::Agent;

use super::signature::Signer;

/// Events that may wait. Further ones are lost.
const WAITING: usize = 10_000;
/// Most events of a request.
const BATCH: usize = 100;
/// How long events are collected for one request.
const COLLECT: Duration = Duration::from_millis(50);
/// How often a request is tried, with pauses of a second, two, four and so on.
const ATTEMPTS: u32 = 6;

/// The webhooks of an app.
pub struct Hooks(SyncSender<Value>);

impl Hooks {
    /// Starts the thread that sends.
    ///
    /// # Errors
    /// The address is wrong, or there is no thread.
    pub fn start(url: &str, key: &str, signer: Signer) -> Result<Self, String> {
        if !url.starts_with("https://") && !url.starts_with("http://") {
            return Err(format!("webhook = {url:?} must begin with https:// or http://"));
        }
        let (sender, receiver) = sync_channel(WAITING);
        let (url, key) = (url.to_owned(), key.to_owned());
        let run = move || send_all(&receiver, &url, &key, &signer);
        thread::Builder::new().name("pusher-hooks".to_owned()).spawn(run).map_err(|error| error.to_string())?;
        Ok(Self(sender))
    }

    /// Sends an event soon.
    pub fn push(&self, event: Value) {
        if self.0.try_send(event).is_err() {
            warn!("too many webhooks wait; one is lost");
        }
    }
}

fn send_all(receiver: &Receiver<Value>, url: &str, key: &str, signer: &Signer) {
    let agent =
        Agent::config_builder().max_redirects(0).timeout_global(Some(Duration::from_secs(10))).build().new_agent();
    while let Ok(first) = receiver.recv() {
        let mut events = vec![first];
        while let Some(next) = (events.len() < BATCH).then(|| receiver.recv_timeout(COLLECT).ok()).flatten() {
            events.push(next);
        }
        let body = json!({ "time_ms": now(), "events": events }).to_string();
        let signature = signer.sign(body.as_bytes());
        for attempt in 0..ATTEMPTS {
            let request = agent.post(url).header("content-type", "application/json").header("x-pusher-key", key);
            let Err(why) = request.header("x-pusher-signature", &signature).send(&body[..]) else { break };
            if attempt + 1 == ATTEMPTS {
                warn!(%why, events = events.len(), "webhooks are lost");
            } else {
                thread::sleep(Duration::from_secs(1 << attempt));
            }
        }
    }
}

/// Milliseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "receivers are told when it happened")]
fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
