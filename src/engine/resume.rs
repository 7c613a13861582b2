//! Resume tokens: each lets one client take up its seat again, and only that client gets it.
//!
//! The token is renewed at every entry. The previous token stays valid until the client sends a message under the new
//! one, so that a client that never got the new one is not locked out. The shell supplies the randomness.

use std::fmt;

use subtle::{Choice, ConstantTimeEq};

use crate::id::{Seat, Seq};
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
    /// The tick of the client's state.
    pub tick: Option<Tick>,
    /// The newest event that the client knows; `None` when it has forgotten.
    pub events: Option<Seq>,
}

impl Claim {
    /// Reads the claim of a hello; `None` when its token is malformed.
    pub fn read(resume: &Resume) -> Option<Self> {
        let token = ResumeToken::read(resume.token)?;
        Some(Self { token, tick: resume.tick, events: resume.events })
    }
}

/// The tokens that open one seat.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    token: ResumeToken,
    /// The previous token, until the client sends a message under `token`.
    former: Option<ResumeToken>,
    /// Whether the client ever sent a message; otherwise it may not know any token.
    known: bool,
}

impl Key {
    pub fn new(token: ResumeToken) -> Self {
        Self { token, former: None, known: false }
    }

    /// Whether `presented` is one of the tokens. The time taken does not depend on which one it is, if any.
    pub fn opens(&self, presented: &ResumeToken) -> bool {
        let former = self.former.map_or(Choice::from(0), |former| former.0.ct_eq(&presented.0));
        (self.token.0.ct_eq(&presented.0) | former).into()
    }

    /// Sets a new token for a client that entered with `presented`. Any token issued in between opens nothing any more.
    pub fn renew(&mut self, presented: ResumeToken, token: ResumeToken) {
        (self.former, self.token) = (Some(presented), token);
    }

    /// Records that the client sent a message under the newest token.
    pub fn confirm(&mut self) {
        (self.former, self.known) = (None, true);
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
        assert_eq!(format!("{token:?}"), "ResumeToken(Seat(300), ..)");
    }

    #[test]
    fn the_former_token_is_good_until_the_newer_is_known_to_have_arrived() {
        let mut key = Key::new(token(1));
        key.confirm();
        key.renew(token(1), token(2));
        assert!(key.opens(&token(1)) && key.opens(&token(2)) && !key.opens(&token(3)));
        // The welcome with token 2 never arrived: the client makes the same claim again.
        key.renew(token(1), token(3));
        assert!(key.opens(&token(1)) && key.opens(&token(3)) && !key.opens(&token(2)));
        key.confirm();
        assert!(key.opens(&token(3)) && !key.opens(&token(1)));
        assert!(!key.opens(&ResumeToken::new(Seat(301), [3; 16])));
    }
}
