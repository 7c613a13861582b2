//! Clients that wait for the answer of a room, and what becomes of them.

use std::sync::{Arc, Weak};

use rand::TryRng;
use rand::rngs::SysRng;
use tokio::sync::oneshot;
use tracing::debug;

use super::message::{Applicant, Joined, RoomNotice};
use super::room::RoomActor;
use super::seat_channel::{SeatChannel, SeatHandle};
use crate::engine::{Admitted, CloseReason, SeatSession, Secret, SecretDigest, Waiting, is_spectator};
use crate::wire::{Close, Continuity};

/// A client that waits for the room's answer.
pub(super) struct Waiter {
    pub applicant: Applicant,
    /// Whether the client claims a seat.
    pub claims: bool,
    /// The digest of the ticket with which it came.
    pub ticket: Option<SecretDigest>,
    pub answer: oneshot::Sender<Result<Joined, CloseReason>>,
}

// In a box: a room passes them on with everything else that it requires, most of which is small.
impl Waiting for Box<Waiter> {
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

impl RoomActor {
    pub(super) fn answer(&mut self, waiter: Box<Waiter>, answer: Result<Box<Admitted>, CloseReason>) {
        let is_wanted = waiter.is_wanted();
        let Waiter { applicant, claims, ticket, answer: sender } = *waiter;
        if let Err(reason) = &answer {
            debug!(reason = reason.close().label(), text = reason.text(), "a client was refused");
        }
        if let (Err(_), Some(ticket), false) = (&answer, ticket, is_wanted) {
            return self.give_back(ticket, applicant.expected, applicant.permit);
        }
        let joined = answer.map(|admitted| {
            if claims {
                self.metrics.resumed(admitted.welcome.continuity);
            }
            if admitted.welcome.continuity == Continuity::Fresh {
                self.count_in_match(admitted.welcome.seat);
            }
            self.seat(applicant, *admitted)
        });
        // If the session is gone, the unsent answer drops its seat handle, which records the close reason.
        let _ = sender.send(joined.and_then(|joined| joined.ok_or(Close::RoomClosed.into())));
    }

    #[expect(clippy::disallowed_methods, reason = "the last message to a session must arrive")]
    fn seat(&mut self, applicant: Applicant, admitted: Admitted) -> Option<Joined> {
        let history = self.host.as_ref()?.frames().clone();
        let Applicant { inbox, notices, expected, mut permit, .. } = applicant;
        let Admitted { mut welcome, start, events } = admitted;
        // Its number is the lowest.
        welcome.extensions.splice(0..0, self.recipe.clone());
        let session = SeatSession { seat: welcome.seat, generation: start.seat_generation };
        let channel = SeatChannel::new(session, events, self.status.clone());
        let channel = Arc::new(if self.is_journaled { channel.with_safe_commands(start.commands) } else { channel });
        if let Some(replaced) = self.seats.attach(self.key, channel.clone(), notices, &inbox) {
            replaced.do_send(RoomNotice::Closed(Close::Replaced.into()));
        }
        // A returned player's seat counts on the new address, unless that has too many.
        if !is_spectator(session.seat) && permit.take() {
            self.seats.count(session.seat, permit);
        }
        self.arrived.push(expected);
        Some(Joined { welcome, start, channel: SeatHandle::at(&channel), history })
    }
}

/// The secret of a seat's next token.
pub(super) fn random_secret() -> Secret {
    let mut secret = Secret::default();
    SysRng.try_fill_bytes(&mut secret).expect("the operating system has randomness");
    secret
}
