//! Join tokens for bots, for servers that admit no guests.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tickwire::server::{Audience, Claims, KeyError, Keyring};

/// Signs a join token for each bot, as the service would that authenticates the players.
#[derive(Clone, Debug)]
pub struct Identities {
    keys: Arc<Keyring>,
    audience: String,
    issuer: Option<String>,
}

impl Identities {
    /// A day longer than the longest run.
    const GOOD_FOR: Duration = Duration::from_secs(2 * 86_400);

    /// Signs with the only key of `keys`, for `audience`, as `issuer` unless that is empty.
    ///
    /// # Errors
    /// The key cannot sign, or there is not exactly one.
    pub fn new(keys: Keyring, audience: &str, issuer: &str) -> Result<Self, KeyError> {
        let issuer = Some(issuer.to_owned()).filter(|issuer| !issuer.is_empty());
        let identities = Self { keys: Arc::new(keys), audience: audience.to_owned(), issuer };
        identities.token(0).map(|_| identities)
    }

    /// The token of bot `number`, whose subject is `bot-NUMBER`.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub(super) fn token(&self, number: u32) -> Result<String, KeyError> {
        let claims = Claims {
            sub: format!("bot-{number}"),
            aud: Some(Audience::One(self.audience.clone())),
            iss: self.issuer.clone(),
            exp: now().saturating_add(Self::GOOD_FOR.as_secs()),
            ..Claims::default()
        };
        self.keys.sign(None, &claims)
    }
}

#[expect(clippy::disallowed_methods, reason = "tokens are dated by the wall clock")]
fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
