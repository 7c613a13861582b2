//! Refused clients: the reasons, the setting that decides each, their counts, and a log that a flood of refusals cannot fill.
//!
//! Who is refused is decided in `gatekeeper` and by the HTTP layer, which also makes the answers.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use tracing::warn;

use crate::engine::Limit;
use crate::tick::Moment;
use crate::wire::{Close, limits};

/// Why a request or connection is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A limit has been reached.
    Limit(Limit),
    /// The server is draining.
    Draining,
    /// The server does not go by the name in `Host`.
    Host,
    /// Pages of this origin may not connect.
    Origin,
    /// Requests without an origin may not connect.
    NoOrigin,
    /// The request at `/play` is no valid handshake.
    Handshake,
    /// The address drew too many QR codes.
    Drawing,
    /// An operator's token is wrong.
    AdminToken,
}

impl Refusal {
    /// The metric label.
    fn label(self) -> &'static str {
        match self {
            Self::Limit(Limit::Connections) => "connections",
            Self::Limit(Limit::ConnectionsPerAddress) => "connections_per_address",
            Self::Limit(Limit::SeatsPerAddress) => "seats_per_address",
            Self::Limit(Limit::HandshakesPerAddress) => "handshakes_per_address",
            Self::Limit(Limit::ViewersPerAddress) => "viewers_per_address",
            Self::Limit(Limit::Sessions) => "sessions",
            Self::Limit(Limit::Attempts) => "attempts",
            Self::Limit(Limit::Addresses) => "addresses",
            Self::Draining => "draining",
            Self::Host => "host",
            Self::Origin => "origin",
            Self::NoOrigin => "no_origin",
            Self::Handshake => "handshake",
            Self::Drawing => "drawing",
            Self::AdminToken => "admin_token",
        }
    }

    /// The setting that decides, for operators.
    fn setting(self) -> &'static str {
        match self {
            Self::Limit(Limit::Connections | Limit::Sessions) => "most_sessions",
            Self::Limit(
                Limit::ConnectionsPerAddress
                | Limit::SeatsPerAddress
                | Limit::HandshakesPerAddress
                | Limit::ViewersPerAddress,
            ) => "connections_per_address, or trusted_proxies if this address is a proxy's",
            Self::Limit(Limit::Attempts) => "attempts_per_address, or trusted_proxies if this address is a proxy's",
            Self::Limit(Limit::Addresses) => "most_sessions: fewer leave fewer addresses to remember",
            Self::Draining => "none: the server was told to stop",
            Self::Host => "hosts",
            Self::Origin => "origins",
            Self::NoOrigin => "require_origin",
            Self::Handshake => "none: a proxy must pass Upgrade and Connection on (deploy/PROXIES.md)",
            Self::Drawing => "none: the work that one address may cause is limited",
            Self::AdminToken => "admin_token",
        }
    }

    /// The close reason of a session that is refused for this.
    pub fn close(self) -> Close {
        match self {
            Self::Limit(_) | Self::Drawing => Close::TryLater,
            Self::Draining => Close::Draining,
            Self::Host | Self::Origin | Self::NoOrigin | Self::Handshake | Self::AdminToken => Close::Forbidden,
        }
    }

    /// What the client is told. Fits into a close frame.
    pub fn text(self) -> &'static str {
        match self {
            Self::Limit(Limit::Connections | Limit::Addresses) => "too many connections at the moment",
            Self::Limit(Limit::ConnectionsPerAddress | Limit::HandshakesPerAddress) => {
                "too many connections from this address"
            }
            Self::Limit(Limit::SeatsPerAddress) => "too many seats are taken by or held for this address",
            Self::Limit(Limit::ViewersPerAddress) => "too many viewers of films at this address",
            Self::Limit(Limit::Sessions) => "no new sessions at the moment",
            Self::Limit(Limit::Attempts) => "too many attempts from this address",
            Self::Draining => "no new sessions: the server is stopping",
            Self::Host => "this server does not go by the name in Host (setting: hosts)",
            Self::Origin => "pages of this origin may not connect (setting: origins)",
            Self::NoOrigin => "requests without an origin may not connect (setting: require_origin)",
            Self::Handshake => "no WebSocket handshake",
            Self::Drawing => "too much work for this address at the moment",
            Self::AdminToken => "wrong token",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

/// When a reason was last logged, and how many refusals since then were not.
#[derive(Debug)]
struct Logged {
    at: Moment,
    unlogged: u64,
}

/// Counts and logs refusals.
#[derive(Debug)]
pub struct Refusals {
    counts: Family<Reason, Counter<u64, AtomicU64>>,
    forwarding_ignored: Counter<u64, AtomicU64>,
    /// One entry per reason.
    logged: Mutex<BTreeMap<&'static str, Logged>>,
    forwarding_logged: AtomicBool,
}

impl Refusals {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let (counts, forwarding_ignored) = (Family::default(), Counter::default());
        registry.register("refusals", "Connections and requests refused, by reason", counts.clone());
        let help =
            "Requests with a forwarding header that was ignored, because trusted_proxies does not list their peer";
        registry.register("forwarding_ignored", help, forwarding_ignored.clone());
        let (logged, forwarding_logged) = (Mutex::default(), AtomicBool::new(false));
        Self { counts, forwarding_ignored, logged, forwarding_logged }
    }

    /// Counts a refusal, and logs it unless the same reason was logged within the last minute. `asked` is the value that was
    /// refused, such as an origin, if there is one; the client chose it. Clients' addresses are not logged.
    pub fn count(&self, now: Moment, refusal: Refusal, asked: Option<&[u8]>) {
        let reason = refusal.label();
        self.counts.get_or_create(&Reason { reason }).inc();
        let Some(unlogged) = self.is_due(now, reason) else { return };
        let asked = asked.map(|asked| String::from_utf8_lossy(&asked[..asked.len().min(limits::HOST)]).into_owned());
        let (setting, text) = (refusal.setting(), refusal.text());
        warn!(reason, setting, ?asked, unlogged, "a client was refused: {text}");
    }

    /// Whether a reason may be logged now; then the number of refusals since its last line.
    fn is_due(&self, now: Moment, reason: &'static str) -> Option<u64> {
        let mut logged = self.logged.lock();
        match logged.get_mut(reason) {
            Some(last) if now.since(last.at) < limits::REFUSALS_LOGGED_EVERY => {
                last.unlogged += 1;
                None
            }
            last => {
                let unlogged = last.map_or(0, |last| last.unlogged);
                logged.insert(reason, Logged { at: now, unlogged: 0 });
                Some(unlogged)
            }
        }
    }

    /// Counts a request whose forwarding header is ignored, and logs the first one.
    pub fn ignore_forwarding(&self, peer: impl fmt::Display, header: &'static str) {
        self.forwarding_ignored.inc();
        if !self.forwarding_logged.swap(true, Ordering::Relaxed) {
            warn!(
                %peer, header, setting = "trusted_proxies, forwarded_header",
                "a forwarding header was ignored; if the peer is your proxy, all clients behind it count as one address"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_logged_once_a_minute_with_the_number_of_the_others() {
        let refusals = Refusals::new(&mut Registry::default());
        let at = |second: u64| Moment(1_000_000 * second);
        assert_eq!(refusals.is_due(at(1), "host"), Some(0));
        assert!((0..1000).all(|_| refusals.is_due(at(60), "host").is_none()));
        assert_eq!(refusals.is_due(at(60), "origin"), Some(0), "reasons do not wait for each other");
        assert_eq!(refusals.is_due(at(61), "host"), Some(1000));
        assert_eq!(refusals.is_due(at(200), "host"), Some(0));
    }

    #[test]
    fn what_clients_are_told_fits_into_a_close_frame() {
        for refusal in [Refusal::Host, Refusal::Origin, Refusal::NoOrigin, Refusal::Drawing] {
            assert!(refusal.text().len() <= limits::CLOSE_TEXT, "{refusal:?}");
        }
    }
}
