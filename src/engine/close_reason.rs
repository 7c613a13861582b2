//! How a session ends: a [`Close`], and a text of its own where the usual text does not say enough.
//!
//! The text goes into the close frame and may be shown to the player, so it is sanitized and bounded here. Logs and
//! metrics contain only the close.

use serde::{Deserialize, Serialize};

use super::sanitize::sanitize;
use crate::wire::{Close, limits};

/// A close and its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloseReason {
    close: Close,
    words: Option<Box<str>>,
}

impl CloseReason {
    /// Replaces the usual text by `words`, sanitized and cut to fit a close frame. Empty words keep the usual text.
    pub fn with_text(close: Close, words: &str) -> Self {
        let words = sanitize(words, limits::CLOSE_TEXT, limits::CLOSE_TEXT);
        Self { close, words: (!words.is_empty()).then(|| words.into()) }
    }

    /// The close: code, label and usual text.
    pub fn close(&self) -> Close {
        self.close
    }

    /// The text for the close frame, at most [`limits::CLOSE_TEXT`] bytes.
    pub fn text(&self) -> &str {
        self.words.as_deref().unwrap_or(self.close.text())
    }
}

impl From<Close> for CloseReason {
    fn from(close: Close) -> Self {
        Self { close, words: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_tidied_and_fit_a_close_frame() {
        assert_eq!(CloseReason::from(Close::Kicked).text(), Close::Kicked.text());
        assert_eq!(CloseReason::with_text(Close::Kicked, " \n ").text(), Close::Kicked.text());
        assert_eq!(CloseReason::with_text(Close::Kicked, "be\u{202e}have\n now").text(), "behave now");
        for wide in ["x", "é", "雪", "🌨"] {
            let reason = CloseReason::with_text(Close::Kicked, &wide.repeat(500));
            assert!((120..=123).contains(&reason.text().len()), "{}", reason.text());
        }
    }
}
