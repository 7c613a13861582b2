//! Tokens that are good for one join: which were used, until they expire.
//!
//! Bounded: when too many are remembered, further ones are refused, because forgetting one would let it in again. Kept
//! by this process only.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::wire::{Close, limits};

/// What stands for a token: a digest of its key's name and its `jti`.
pub type Mark = [u8; 32];

/// The used ones.
#[derive(Debug, Default)]
pub struct Used(Mutex<Marks>);

#[derive(Debug, Default)]
struct Marks {
    /// With the second from which on nobody can use it any more.
    until: BTreeMap<Mark, u64>,
    /// When the expired ones were last forgotten.
    swept: u64,
}

/// A use. Given back when dropped before it was [kept](Self::keep), so that a full room costs nobody their token.
#[derive(Debug)]
pub struct Use {
    used: Arc<Used>,
    mark: Mark,
    kept: bool,
}

impl Used {
    const SWEEP_EVERY: u64 = 60;

    /// Uses the token that `mark` stands for.
    ///
    /// # Errors
    /// When it was used, or when too many are remembered.
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
    /// The token let its bearer in.
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
