//! Records which one-time tokens were used, until they expire.
//!
//! The record is bounded: when it is full, further one-time tokens are refused, because a forgotten token could be used
//! again. Each process keeps its own record.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::wire::{Close, limits};

/// Identifies a token: a digest of its key's `kid` and its `jti`.
pub type Mark = [u8; 32];

/// The used tokens.
#[derive(Debug, Default)]
pub struct Used(Mutex<Marks>);

#[derive(Debug, Default)]
struct Marks {
    /// Each with the second at which the token becomes invalid.
    until: BTreeMap<Mark, u64>,
    /// When expired entries were last removed, in seconds since 1970.
    swept: u64,
}

/// A use of a token. Undone when it is dropped before [`Self::keep`], so that a failed join does not use up the token.
#[derive(Debug)]
pub struct Use {
    used: Arc<Used>,
    mark: Mark,
    kept: bool,
}

impl Used {
    const SWEEP_EVERY: u64 = 60;

    /// Marks a token as used.
    ///
    /// # Errors
    /// When the token was used before, or when the record is full.
    pub fn take(self: &Arc<Self>, mark: Mark, until: u64, now: u64) -> Result<Use, Close> {
        let mut marks = self.0.lock();
        if marks.until.contains_key(&mark) {
            return Err(Close::BadToken);
        }
        if now.abs_diff(marks.swept) >= Self::SWEEP_EVERY {
            marks.until.retain(|_, until| *until > now);
            marks.swept = now;
        }
        if marks.until.len() >= limits::USED_TOKENS {
            return Err(Close::TryLater);
        }
        marks.until.insert(mark, until);
        Ok(Use { used: self.clone(), mark, kept: false })
    }
}

impl Use {
    /// Identifies the token.
    pub fn mark(&self) -> Mark {
        self.mark
    }

    /// Makes the use permanent: the token admitted its bearer.
    pub fn keep(&mut self) {
        self.kept = true;
    }
}

impl Drop for Use {
    fn drop(&mut self) {
        if !self.kept {
            self.used.0.lock().until.remove(&self.mark);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(number: usize) -> Mark {
        let mut mark = [0; 32];
        mark[..8].copy_from_slice(&number.to_le_bytes());
        mark
    }

    #[test]
    fn one_use_each_unless_it_came_to_nothing() {
        let used = Arc::new(Used::default());
        let mut first = used.take(mark(1), 100, 10).expect("unused");
        assert_eq!(used.take(mark(1), 100, 10).err(), Some(Close::BadToken));
        first.keep();
        drop(first);
        assert_eq!(used.take(mark(1), 100, 11).err(), Some(Close::BadToken));
        drop(used.take(mark(2), 100, 11).expect("unused"));
        used.take(mark(2), 100, 11).expect("given back");
    }

    #[test]
    fn memory_is_bounded_and_comes_back() {
        let used = Arc::new(Used::default());
        for number in 0..limits::USED_TOKENS {
            used.take(mark(number), 100, 10).expect("room for it").keep();
        }
        assert_eq!(used.take(mark(usize::MAX), 100, 10).err(), Some(Close::TryLater));
        used.take(mark(usize::MAX), 200, 101).expect("the others have expired");
        assert!(used.0.lock().until.is_empty(), "and the last one was given back");
    }
}
