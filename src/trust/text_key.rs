//! Keys for many short texts, each sealed under a number of its own.

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};

/// Bytes of a key.
const KEY: usize = 32;

/// A key that seals texts. The same number must not be used for two of them.
pub struct TextKey(LessSafeKey);

impl TextKey {
    /// Draws a key. Returns it with its bytes.
    ///
    /// # Panics
    /// When the operating system has no randomness.
    pub fn draw() -> (Self, [u8; KEY]) {
        let mut bytes = [0; KEY];
        SystemRandom::new().fill(&mut bytes).expect("the operating system has randomness");
        (Self::of(bytes), bytes)
    }

    /// The key with these bytes; `None` when there are too few or too many.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::of)
    }

    fn of(bytes: [u8; KEY]) -> Self {
        Self(LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, &bytes).expect("the length is the cipher's")))
    }

    /// Seals a text.
    pub fn seal(&self, number: u64, text: &[u8]) -> Vec<u8> {
        let mut sealed = text.to_vec();
        let done = self.0.seal_in_place_append_tag(nonce(number), Aad::empty(), &mut sealed);
        done.expect("the text is shorter than the cipher's limit");
        sealed
    }

    /// Opens a text; `None` when it was sealed with another key or number, or changed.
    pub fn open(&self, number: u64, sealed: &[u8]) -> Option<Vec<u8>> {
        let mut text = sealed.to_vec();
        let length = self.0.open_in_place(nonce(number), Aad::empty(), &mut text).ok()?.len();
        text.truncate(length);
        Some(text)
    }
}

fn nonce(number: u64) -> Nonce {
    let mut bytes = [0; NONCE_LEN];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    Nonce::assume_unique_for_key(bytes)
}
