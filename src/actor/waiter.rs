//! Clients that wait for the answer of a room.

use std::sync::Weak;

use rand::TryRng;
use rand::rngs::SysRng;
use tokio::sync::oneshot;

use super::message::{Applicant, Joined};
use crate::engine::{CloseReason, Secret, SecretDigest, Waiting};
use crate::wire::Close;

/// A client that waits for the room's answer.
pub(super) struct Waiter {
    pub applicant: Applicant,
    /// Whether the client claims a seat.
    pub claims: bool,
    /// The digest of the ticket with which it came.
    pub ticket: Option<SecretDigest>,
    pub answer: oneshot::Sender<Result<Joined, CloseReason>>,
}

impl Waiting for Waiter {
    fn is_wanted(&self) -> bool {
        Weak::strong_count(&self.applicant.wanted) > 0
    }

    fn is_reserved(&self) -> bool {
        self.applicant.expected.is_reserved()
    }

    fn becomes_newcomer(&mut self, capacity: u16) -> Result<(), Close> {
        // A valid claim takes no further seat; this one has turned out to be void.
        if !self.applicant.permit.take() {
            return Err(Close::TryLater);
        }
        self.applicant.expected.becomes_newcomer(capacity.into())
    }
}

/// The secret of a seat's next token.
pub(super) fn random_secret() -> Secret {
    let mut secret = Secret::default();
    SysRng.try_fill_bytes(&mut secret).expect("the operating system has randomness");
    secret
}
