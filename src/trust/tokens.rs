//! Verifies join tokens: JSON Web Tokens, signed by the service that authenticates the players.
//!
//! A token names the player (`sub`), the expiry time (`exp`), the server (`aud`), and optionally a room, a game and a name.
//! The client of an invalid token receives close code 4501, or 4502 if only its time is wrong. The log gets the reason,
//! never the token.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};
use tracing::debug;

use super::backend;
use super::keys::Keyring;
use super::once::{Use, Used};
use crate::wire::{Close, Join, limits};

/// The claims of a token. Times are in seconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The issuer's id for the player, 1 to 128 bytes.
    pub sub: String,
    /// The servers that the token is for.
    pub aud: Option<Audience>,
    /// The issuer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
    /// When the token expires, in seconds since 1970.
    pub exp: u64,
    /// When the token becomes valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<u64>,
    /// The player's name; overrides the name in the hello.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// If set, the token is valid for this room only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<String>,
    /// If set, the token is valid for rooms of this game only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub game: Option<String>,
    /// The token's unique id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
    /// Whether the token is valid for one join only; needs `jti`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub once: bool,
    /// Whether the token is for watching only: it admits spectators, not players.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub spectator: bool,
}

/// One audience or several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    /// One audience.
    One(String),
    /// Several audiences, of which this server must be one.
    Several(Vec<String>),
}

/// A valid token.
#[derive(Debug)]
pub struct VerifiedToken {
    /// The player's id.
    pub subject: String,
    /// The player's name, as the issuer wrote it.
    pub name: Option<String>,
    /// If set, the token is valid for this room only.
    pub room: Option<String>,
    /// If set, the token is valid for rooms of this game only.
    pub game: Option<String>,
    /// Whether the token is for watching only.
    pub only_watches: bool,
    /// Time until the token expires; zero during the allowed clock skew.
    pub expires_in: Duration,
    /// Time for which the token is accepted: until it expires, plus the allowed clock skew.
    pub good_for: Duration,
    used: Option<Use>,
}

/// Verifies tokens.
pub struct Tokens {
    keys: Keyring,
    hs256: Validation,
    eddsa: Validation,
    guests: bool,
    used: Arc<Used>,
}

impl Tokens {
    /// Verifies tokens for `audience` with `keys`; an empty `issuer` accepts any issuer. With `guests`, clients without a
    /// token are admitted as well. Without keys, every client is a guest and tokens are ignored.
    pub fn new(keys: Keyring, audience: &str, issuer: &str, guests: bool) -> Self {
        backend::install();
        let rules = |algorithm| {
            let mut rules = Validation::new(algorithm);
            rules.set_audience(&[audience]);
            rules.set_required_spec_claims(&["exp", "sub", "aud"]);
            if !issuer.is_empty() {
                rules.set_issuer(&[issuer]);
                rules.required_spec_claims.insert("iss".to_owned());
            }
            // Times are checked in `admit`, where `now` is an argument and can be tested.
            rules.validate_exp = false;
            rules.leeway = 0;
            rules
        };
        let (hs256, eddsa) = (rules(Algorithm::HS256), rules(Algorithm::EdDSA));
        Self { keys, hs256, eddsa, guests, used: Arc::default() }
    }

    /// Verifies a client's token at `now`, in seconds since 1970. `None`: the client is a guest.
    ///
    /// # Errors
    /// [`Close::BadToken`], [`Close::TokenExpired`], or [`Close::TryLater`] when the record of used one-time tokens is
    /// full.
    pub fn judge(&self, token: Option<&str>, now: u64) -> Result<Option<VerifiedToken>, Close> {
        match token {
            _ if self.keys.is_empty() => Ok(None),
            None if self.guests => Ok(None),
            None => Err(refused("no token was sent")),
            Some(token) => self.read(token, now).map(Some),
        }
    }

    fn read(&self, token: &str, now: u64) -> Result<VerifiedToken, Close> {
        if token.len() > limits::TOKEN {
            return Err(refused("it is too long"));
        }
        let header = decode_header(token).map_err(|error| refused(reason(&error)))?;
        if header.crit.is_some() {
            return Err(refused("its header has critical extensions"));
        }
        let key = self.keys.find(header.kid.as_deref()).ok_or_else(|| refused("no key has this kid"))?;
        let rules = if key.algorithm == Algorithm::EdDSA { &self.eddsa } else { &self.hs256 };
        let read = decode::<Claims>(token, &key.decoding, rules).map_err(|error| refused(reason(&error)))?;
        self.admit(read.claims, header.kid.as_deref(), now)
    }

    /// Checks the claims of a token whose signature, audience and issuer are valid.
    fn admit(&self, claims: Claims, kid: Option<&str>, now: u64) -> Result<VerifiedToken, Close> {
        let skew = limits::TOKEN_SKEW.as_secs();
        let good_until = claims.exp.saturating_add(skew);
        if good_until <= now || claims.nbf.is_some_and(|from| from > now.saturating_add(skew)) {
            debug!(why = "it is expired or not valid yet", "token refused");
            return Err(Close::TokenExpired);
        }
        if !(1..=limits::SUBJECT).contains(&claims.sub.len()) {
            return Err(refused("its subject is empty or too long"));
        }
        let used = match (claims.once, &claims.jti) {
            (false, _) => None,
            (true, Some(jti)) if claims.exp <= now.saturating_add(limits::ONCE_WITHIN.as_secs()) => {
                let mut digest = Context::new(&SHA256);
                // Each part is prefixed with its length, so that no two pairs have the same encoding.
                for part in [kid.unwrap_or(""), jti] {
                    digest.update(&(part.len() as u64).to_le_bytes());
                    digest.update(part.as_bytes());
                }
                let mark = digest.finish().as_ref().try_into().expect("SHA-256 has 32 bytes");
                Some(self.used.take(mark, good_until, now).inspect_err(|_| debug!("one-time token refused"))?)
            }
            (true, Some(_)) => return Err(refused("it is a one-time token that is valid for too long")),
            (true, None) => return Err(refused("it is a one-time token without jti")),
        };
        Ok(VerifiedToken {
            subject: claims.sub,
            name: claims.name,
            room: claims.room,
            game: claims.game,
            only_watches: claims.spectator,
            expires_in: Duration::from_secs(claims.exp.saturating_sub(now)),
            good_for: Duration::from_secs(good_until - now),
            used,
        })
    }
}

impl VerifiedToken {
    /// Whether the token permits `join`. If `join` names a room by its id, the room's game must still be compared.
    pub fn allows(&self, join: &Join) -> bool {
        let (room, game) = match join {
            Join::ById { room } | Join::Return { room } => (Some(room), None),
            Join::JoinOrCreate { game, .. } | Join::Create { game, .. } => (None, Some(game)),
            Join::Reserved { .. } => (None, None),
        };
        (self.room.is_none() || self.room.as_ref() == room) && (game.is_none() || self.plays(game))
    }

    /// Whether the token is valid for the room in which its bearer already is.
    pub fn allows_staying(&self, room: &str, game: &str) -> bool {
        self.room.as_deref().is_none_or(|only| only == room) && self.plays(Some(&game.to_owned()))
    }

    /// Records that the token admitted its bearer, which uses up a one-time token.
    pub fn keep(&mut self) {
        self.used.iter_mut().for_each(Use::keep);
    }

    /// Of a one-time token: what identifies it, and for how many seconds it could be used.
    pub fn once(&self) -> Option<([u8; 32], u64)> {
        self.used.as_ref().map(|used| (used.mark(), self.good_for.as_secs() + 1))
    }

    fn plays(&self, game: Option<&String>) -> bool {
        self.game.is_none() || self.game.as_ref() == game
    }
}

/// Seconds since 1970. Only token times use the wall clock.
#[expect(
    clippy::disallowed_methods,
    reason = "the times in a token are wall-clock times; sessions end by the monotonic clock"
)]
pub fn wall_clock() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Milliseconds since 1970, to date what systems outside are told.
#[expect(clippy::disallowed_methods, reason = "nothing is decided by it")]
pub fn wall_clock_millis() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

fn refused(why: &str) -> Close {
    debug!(why, "token refused");
    Close::BadToken
}

/// The fault of a token, in words that contain nothing of it.
fn reason(error: &Error) -> &'static str {
    match error.kind() {
        ErrorKind::InvalidSignature => "its signature is wrong",
        ErrorKind::InvalidAlgorithm | ErrorKind::UnsupportedAlgorithm => "its algorithm is not that of its key",
        ErrorKind::InvalidAudience => "it is for another audience",
        ErrorKind::InvalidIssuer => "it is from another issuer",
        ErrorKind::MissingRequiredClaim(_) => "exp, sub, aud or iss is missing",
        _ => "it is not a valid token",
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("keys", &self.keys).field("guests", &self.guests).finish_non_exhaustive()
    }
}
