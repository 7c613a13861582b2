//! What lets a client take up its seat again: a token per seat that only this client was told.
//!
//! It is renewed at every entry. The one before stays good until the client was heard from under the new one, so that who
//! never saw the new one is not locked out. Where randomness comes from is the shell's business.

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

    /// Reads what a client presents; `None` when no token looks so.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// As the client is told.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The seat that it is about.
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
    /// What proves it.
    pub token: ResumeToken,
    /// The tick of the state that the client has.
    pub tick: Option<Tick>,
    /// The newest event that it knows; `None` when it has forgotten.
    pub events: Option<Seq>,
}

impl Claim {
    /// What a hello claims; `None` when the token is none of ours.
    pub fn read(resume: &Resume) -> Option<Self> {
        let token = ResumeToken::read(resume.token)?;
        Some(Self { token, tick: resume.tick, events: resume.events })
    }
}

/// The tokens that open one seat.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    token: ResumeToken,
    /// The one before, until the client is heard from under `token`.
    former: Option<ResumeToken>,
    /// Whether the client was ever heard from: otherwise nobody may know any token.
    known: bool,
}

impl Key {
    pub fn new(token: ResumeToken) -> Self {
        Self { token, former: None, known: false }
    }

    /// Whether `presented` is one of them. Takes the same time whichever it is, if any.
    pub fn opens(&self, presented: &ResumeToken) -> bool {
        let former = self.former.map_or(Choice::from(0), |former| former.0.ct_eq(&presented.0));
        (self.token.0.ct_eq(&presented.0) | former).into()
    }

    /// A new token for who entered with `presented`. Others that were given meanwhile open nothing any more.
    pub fn renew(&mut self, presented: ResumeToken, token: ResumeToken) {
        (self.former, self.token) = (Some(presented), token);
    }

    /// The client was heard from under the newest token.
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
        // The welcome with token 2 never arrived: the same claim again.
        key.renew(token(1), token(3));
        assert!(key.opens(&token(1)) && key.opens(&token(3)) && !key.opens(&token(2)));
        key.confirm();
        assert!(key.opens(&token(3)) && !key.opens(&token(1)));
        assert!(!key.opens(&ResumeToken::new(Seat(301), [3; 16])));
    }
}
