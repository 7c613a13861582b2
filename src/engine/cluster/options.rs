//! Small decisions around the directory: the text of a room's options, and where a client goes that is sent from node to node.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::wire::limits;

/// The options of a room as one text, by which rooms with the same options are found. Read it with [`serde_json`].
pub fn canonical(options: &BTreeMap<String, String>) -> String {
    // Maps of texts can always be written.
    serde_json::to_string(options).unwrap_or_default()
}

/// What the directory knows of a ticket, which it must not be able to use: half of its SHA-256, in hexadecimal digits.
pub fn digest(ticket: &str) -> String {
    Sha256::digest(ticket.as_bytes()).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// Where a client connects: the address that it was given at first, or the one that it was sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    first: String,
    sent_to: Option<String>,
    hops: usize,
}

impl Home {
    /// A client that knows one address.
    pub fn new(address: impl Into<String>) -> Self {
        Self { first: address.into(), sent_to: None, hops: 0 }
    }

    /// The address to connect to now.
    pub fn address(&self) -> &str {
        self.sent_to.as_deref().unwrap_or(&self.first)
    }

    /// A server sends the client on. Returns `false` when that has happened too often in a row; the client then starts again,
    /// after a while.
    pub fn follow(&mut self, address: &str) -> bool {
        self.hops += 1;
        if self.hops > limits::REDIRECTS {
            self.restart();
            return false;
        }
        self.sent_to = Some(address.to_owned());
        true
    }

    /// The client was admitted: its next connection begins here.
    pub fn arrived(&mut self) {
        self.hops = 0;
    }

    /// This address leads nowhere any more: the next connection begins at the first one.
    pub fn restart(&mut self) {
        (self.sent_to, self.hops) = (None, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_have_one_text_each() {
        let options = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        assert_eq!(canonical(&options(&[])), "{}");
        assert_eq!(canonical(&options(&[("b", "2"), ("a", "\"")])), r#"{"a":"\"","b":"2"}"#);
    }

    #[test]
    fn nobody_is_sent_around_for_ever() {
        let mut home = Home::new("ws://a");
        for _ in 0..limits::REDIRECTS {
            assert!(home.follow("ws://b"));
        }
        assert_eq!(home.address(), "ws://b");
        assert!(!home.follow("ws://c"));
        assert_eq!(home.address(), "ws://a");
        assert!(home.follow("ws://b"), "it counts anew");
        home.arrived();
        assert_eq!(home.address(), "ws://b", "whoever lost the connection tries there first");
        home.restart();
        assert_eq!(home.address(), "ws://a");
    }
}
