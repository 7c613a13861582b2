//! Names that the directory gives: ids of rooms, codes of private ones, tickets for reserved seats.
//!
//! All are letters and digits that cannot be mistaken for each other, drawn from the operating system.

use std::borrow::Cow;

use rand::TryRng;
use rand::rngs::SysRng;

/// Letters of the id of a listed room: 40 random bits, for a name that is no secret.
const ID: usize = 8;
/// Letters of what is as good as a key: 130 random bits cannot be guessed.
const SECRET: usize = 26;

/// An id for a room that is listed.
pub fn id() -> String {
    letters(ID)
}

/// A code that lets in who knows it: the id of a private room, a ticket.
pub fn secret() -> String {
    letters(SECRET)
}

/// An id as logs may show it: a code is cut so that a reader of logs cannot use it.
pub fn for_logs(id: &str) -> Cow<'_, str> {
    match id.get(..4) {
        Some(start) if id.len() > ID => Cow::Owned(format!("{start}...")),
        _ => Cow::Borrowed(id),
    }
}

/// A number to make a room's randomness of.
pub fn seed() -> u64 {
    SysRng.try_next_u64().expect("the operating system has randomness")
}

fn letters(count: usize) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut random = vec![0; count];
    SysRng.try_fill_bytes(&mut random).expect("the operating system has randomness");
    random.into_iter().map(|byte| char::from(ALPHABET[usize::from(byte & 31)])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_long_and_not_shown_in_full() {
        let (id, secret) = (id(), secret());
        assert_eq!((id.len(), secret.len()), (8, 26));
        assert_eq!(for_logs(&id), id);
        assert_eq!(for_logs(&secret), format!("{}...", &secret[..4]));
        assert!(!secret.contains(['0', 'o', '1', 'l']), "{secret}");
    }
}
