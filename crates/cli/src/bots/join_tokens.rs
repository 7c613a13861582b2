//! Join tokens for bots, for servers that admit no guests. This file knows no keys: the caller signs.

use std::fmt;
use std::sync::Arc;

/// Signs the join token of each bot, as the service does that authenticates the players.
#[derive(Clone)]
pub struct JoinTokens(Arc<dyn Fn(u32) -> Result<String, String> + Send + Sync>);

impl JoinTokens {
    /// `sign` returns the token of a bot by its number; called for each stay. The error says why there is none.
    pub fn new(sign: impl Fn(u32) -> Result<String, String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(sign))
    }

    /// The token of bot `number`.
    ///
    /// # Errors
    /// Those of the caller.
    pub fn sign(&self, number: u32) -> Result<String, String> {
        (self.0)(number)
    }
}

impl fmt::Debug for JoinTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JoinTokens")
    }
}
