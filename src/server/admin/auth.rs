//! Authenticates operators by a token. Tokens are compared in constant time; wrong ones are limited per address.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use subtle::ConstantTimeEq;

use crate::engine::Address;
use crate::server::secret::Secret;
use crate::tick::Moment;
use crate::wire::limits;

/// The penalty of a wrong token: after a burst of [`FAILURES`], an address may try once per this time.
pub const FAILURE_COSTS: Duration = Duration::from_secs(5);
/// Wrong tokens that an address may send at once, for typing errors.
const FAILURES: u32 = 5;

/// Authenticates requests to the operators' page.
#[derive(Debug)]
pub struct AdminAuth {
    token: Secret,
    /// When the debt of each address that sent wrong tokens is paid.
    debts: Mutex<BTreeMap<Address, Moment>>,
    watching: Arc<AtomicUsize>,
}

/// The outcome of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    Granted,
    /// There is no operators' page.
    Absent,
    Refused,
    TooOften,
}

/// Counts a live stream of an operator until it is dropped.
#[derive(Debug)]
pub struct Watching(Arc<AtomicUsize>);

impl AdminAuth {
    /// Accepts `token`; nothing if it is empty.
    pub fn new(token: Secret) -> Self {
        Self { token, debts: Mutex::default(), watching: Arc::default() }
    }

    /// Whether there is an operators' page.
    pub fn is_open(&self) -> bool {
        !self.token.reveal().is_empty()
    }

    /// Authenticates a request. The right token is always accepted: pages of other sites can send requests without one,
    /// and neighbours wrong ones, from the operator's address. A token of 32 bytes is not guessed, at whatever rate.
    pub fn judge(&self, now: Moment, address: Option<Address>, token: Option<&str>) -> Entry {
        if !self.is_open() {
            return Entry::Absent;
        }
        // Without a token nothing is guessed.
        let Some(token) = token else { return Entry::Refused };
        if token.as_bytes().ct_eq(self.token.reveal().as_bytes()).into() {
            return Entry::Granted;
        }
        // A connection that is closed already has no peer.
        let Some(address) = address else { return Entry::Refused };
        let mut debts = self.debts.lock();
        debts.retain(|_, paid| *paid > now);
        let debt = debts.get(&address).copied().unwrap_or(now);
        let is_full = debts.len() >= limits::ADMIN_ADDRESSES && !debts.contains_key(&address);
        if is_full || debt.since(now) > FAILURE_COSTS * (FAILURES - 1) {
            return Entry::TooOften;
        }
        debts.insert(address, debt.plus(FAILURE_COSTS));
        Entry::Refused
    }

    /// Counts a live stream, if fewer than the limit are open.
    pub fn watch(&self) -> Option<Watching> {
        let watching = Watching(self.watching.clone());
        let before = self.watching.fetch_add(1, Ordering::Relaxed);
        (before < limits::ADMIN_STREAMS).then_some(watching)
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "correct horse battery staple, twice over";

    fn at(second: u64) -> Moment {
        Moment(1_000_000 * second)
    }

    #[test]
    fn wrong_tokens_are_limited_per_address() {
        let auth = AdminAuth::new(Secret::from(TOKEN.to_owned()));
        let (mallory, ada) = (Address(1), Address(2));
        let answers: Vec<Entry> = (0..7).map(|_| auth.judge(at(1), Some(mallory), Some("guess"))).collect();
        assert_eq!(answers[..5], [Entry::Refused; 5]);
        assert_eq!(answers[5..], [Entry::TooOften; 2]);
        assert_eq!(auth.judge(at(1), Some(mallory), Some(TOKEN)), Entry::Granted, "the right one always is");
        assert_eq!(auth.judge(at(1), Some(ada), Some(TOKEN)), Entry::Granted);
        assert_eq!(auth.judge(at(6), Some(mallory), Some(TOKEN)), Entry::Granted);
        assert_eq!(auth.judge(at(6), Some(mallory), Some("guess")), Entry::Refused);
        assert_eq!(auth.judge(at(6), Some(mallory), Some("guess")), Entry::TooOften);
        // Images of other sites' pages, for instance.
        let answers: Vec<Entry> = (0..100).map(|_| auth.judge(at(6), Some(ada), None)).collect();
        assert_eq!(answers, [Entry::Refused; 100]);
        assert_eq!(auth.judge(at(6), Some(ada), Some("guess")), Entry::Refused);
        assert_eq!(auth.judge(at(60), Some(ada), Some(&TOKEN[1..])), Entry::Refused);
        assert_eq!(auth.debts.lock().len(), 1, "what is paid is forgotten");
    }

    #[test]
    fn strangers_without_number_keep_no_operator_out_and_are_not_remembered() {
        let auth = AdminAuth::new(Secret::from(TOKEN.to_owned()));
        for stranger in 0..limits::ADMIN_ADDRESSES {
            assert_eq!(auth.judge(at(1), Some(Address(stranger as u128)), Some("guess")), Entry::Refused);
        }
        let ada = Some(Address(u128::MAX));
        assert_eq!(auth.judge(at(1), ada, Some("guess")), Entry::TooOften);
        assert_eq!(auth.judge(at(1), ada, Some(TOKEN)), Entry::Granted);
        assert_eq!(auth.debts.lock().len(), limits::ADMIN_ADDRESSES);
        assert_eq!(auth.judge(at(7), ada, Some("guess")), Entry::Refused, "the others have paid");
    }

    #[test]
    fn without_a_token_there_is_nothing() {
        let auth = AdminAuth::new(Secret::default());
        assert_eq!(auth.judge(at(1), Some(Address(1)), Some("")), Entry::Absent);
    }

    #[test]
    fn places_to_watch_from_are_bounded_and_come_back() {
        let auth = AdminAuth::new(Secret::from(TOKEN.to_owned()));
        let places: Vec<_> = (0..limits::ADMIN_STREAMS).map(|_| auth.watch().expect("a place")).collect();
        assert!(auth.watch().is_none());
        drop(places);
        assert!(auth.watch().is_some());
    }
}
