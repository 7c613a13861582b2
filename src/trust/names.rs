//! The names that a server generates: ids of listed rooms, codes of private rooms, tickets for reserved seats.
//!
//! All consist of letters and digits that are hard to confuse, drawn from the operating system's randomness.

use std::borrow::Cow;

use rand::TryRng;
use rand::rngs::SysRng;

/// Length of a listed room's id: 40 random bits, because the id is no secret.
const ID: usize = 8;
/// Length of a code or ticket: 130 random bits cannot be guessed.
const SECRET: usize = 26;
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// An id for a listed room.
pub fn id() -> String {
    letters(ID)
}

/// The id of a new room.
pub fn of_room(private: bool) -> String {
    if private { secret() } else { id() }
}

/// Whether an id may have been generated here, for a private room or for a listed one.
pub fn is_id(id: &str, private: bool) -> bool {
    id.len() == if private { SECRET } else { ID } && id.bytes().all(|byte| ALPHABET.contains(&byte))
}

/// A code that admits whoever knows it: the id of a private room, or a ticket.
pub fn secret() -> String {
    letters(SECRET)
}

/// An id for logs: a code is cut, so that a reader of the log cannot use it.
pub fn for_logs(id: &str) -> Cow<'_, str> {
    match id.get(..4) {
        Some(start) if id.len() > ID => Cow::Owned(format!("{start}...")),
        _ => Cow::Borrowed(id),
    }
}

/// An id for the name of a file, cut like those for logs.
pub fn for_files(id: &str) -> String {
    for_logs(id).chars().filter(char::is_ascii_alphanumeric).collect()
}

/// A seed for a room's random numbers.
pub fn seed() -> u64 {
    SysRng.try_next_u64().expect("the operating system has randomness")
}

fn letters(count: usize) -> String {
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
        assert!(is_id(&id, false) && is_id(&secret, true) && !is_id(&id, true) && !is_id("../../..", false));
        assert_eq!(for_logs(&id), id);
        assert_eq!(for_logs(&secret), format!("{}...", &secret[..4]));
        assert!(!secret.contains(['0', 'o', '1', 'l']), "{secret}");
    }
}
