//! Resume tokens: each lets one client take up its seat again, and only that client gets it.
//!
//! The token is renewed at every entry. The previous token stays valid until the client sends a message under the new
//! one, so that a client that never got the new one is not locked out. The shell supplies the randomness. The room
//! knows digests only, so its inputs can be recorded.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use crate::id::{Incarnation, Seat, Seq};
use crate::tick::Tick;
use crate::wire::Resume;

/// Random bytes of one token: 128 bits cannot be guessed.
pub type Secret = [u8; 16];

/// Names a seat and proves the right to it. Opaque to clients; compared in constant time; never logged.
#[derive(Clone, Copy)]
pub struct ResumeToken([u8; ResumeToken::LEN]);

impl ResumeToken {
    const LEN: usize = size_of::<Seat>() + size_of::<Secret>();

    /// The token for `seat`.
    pub fn new(seat: Seat, secret: Secret) -> Self {
        let mut bytes = [0; Self::LEN];
        bytes[..2].copy_from_slice(&seat.0.to_le_bytes());
        bytes[2..].copy_from_slice(&secret);
        Self(bytes)
    }

    /// Reads the token that a client presents; `None` when it has the wrong length.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The bytes that the client gets.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The seat that the token names.
    pub fn seat(&self) -> Seat {
        Seat(u16::from_le_bytes([self.0[0], self.0[1]]))
    }

    /// The digest of the token's secret.
    pub fn digest(&self) -> SecretDigest {
        SecretDigest::of(&self.0[size_of::<Seat>()..])
    }
}

impl PartialEq for ResumeToken {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for ResumeToken {}

impl fmt::Debug for ResumeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ResumeToken").field(&self.seat()).finish_non_exhaustive()
    }
}

/// The claim to a seat held before, and what the client still knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The proof of the claim.
    pub token: ResumeToken,
    /// The incarnation of the room that the rest belongs to.
    pub incarnation: Incarnation,
    /// The tick of the client's state.
    pub tick: Option<Tick>,
    /// The newest event that the client knows; `None` when it has forgotten.
    pub events: Option<Seq>,
}

impl Claim {
    /// Reads the claim of a hello; `None` when its token is malformed.
    pub fn read(resume: &Resume) -> Option<Self> {
        let token = ResumeToken::read(resume.token)?;
        Some(Self { token, incarnation: resume.incarnation, tick: resume.tick, events: resume.events })
    }
}

/// The SHA-256 of a token's secret: it recognises the secret and does not tell it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SecretDigest([u8; 32]);

impl SecretDigest {
    /// The digest of `secret`.
    pub fn of(secret: &[u8]) -> Self {
        Self(Sha256::digest(secret).into())
    }
}

impl fmt::Debug for SecretDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretDigest(..)")
    }
}

/// The secrets that open one seat, as digests.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Key {
    newest: SecretDigest,
    /// The previous secret, until the client sends a message under the newest.
    former: Option<SecretDigest>,
    /// Whether the client ever sent a message; otherwise it may not know any token.
    known: bool,
}

impl Key {
    pub fn new(secret: SecretDigest) -> Self {
        Self { newest: secret, former: None, known: false }
    }

    /// Whether `presented` is one of the secrets. The time taken does not depend on which one it is, if any.
    pub fn opens(&self, presented: &SecretDigest) -> bool {
        let former = self.former.map_or(Choice::from(0), |former| former.0.ct_eq(&presented.0));
        (self.newest.0.ct_eq(&presented.0) | former).into()
    }

    /// Sets a new secret for a client that entered with `presented`. Any secret issued in between opens nothing any
    /// more.
    pub fn renew(&mut self, presented: SecretDigest, secret: SecretDigest) {
        (self.former, self.newest) = (Some(presented), secret);
    }

    /// Records that the client sent a message under the newest token.
    pub fn confirm(&mut self) {
        (self.former, self.known) = (None, true);
    }

    /// Whether a confirmation would change anything.
    pub fn awaits_confirmation(&self) -> bool {
        self.former.is_some() || !self.known
    }

    pub fn is_known(&self) -> bool {
        self.known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(secret: u8) -> ResumeToken {
        ResumeToken::new(Seat(300), [secret; 16])
    }

    #[test]
    fn a_token_is_read_as_it_was_written_and_not_shown() {
        let token = token(7);
        assert_eq!((ResumeToken::read(token.bytes()), token.seat()), (Some(token), Seat(300)));
        assert_eq!(ResumeToken::read(&token.bytes()[1..]), None);
        assert_eq!(ResumeToken::read(&[0; 19]), None);
        assert_eq!(format!("{token:?} {:?}", token.digest()), "ResumeToken(Seat(300), ..) SecretDigest(..)");
        assert_eq!(token.digest(), SecretDigest::of(&[7; 16]), "the seat is no secret");
    }

    #[test]
    fn the_former_token_is_good_until_the_newer_is_known_to_have_arrived() {
        let digest = |secret| token(secret).digest();
        let mut key = Key::new(digest(1));
        key.confirm();
        key.renew(digest(1), digest(2));
        assert!(key.opens(&digest(1)) && key.opens(&digest(2)) && !key.opens(&digest(3)));
        // The welcome with token 2 never arrived: the client makes the same claim again.
        key.renew(digest(1), digest(3));
        assert!(key.opens(&digest(1)) && key.opens(&digest(3)) && !key.opens(&digest(2)));
        key.confirm();
        assert!(key.opens(&digest(3)) && !key.opens(&digest(1)));
    }
}
