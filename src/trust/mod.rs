//! Whom to let in: join tokens, the addresses that limits count by, certificates.
//!
//! Decides by keys, lists and clocks it is given; moves no bytes and knows no actors. What a visitor may then do is the
//! business of sessions and rooms.

mod address;
mod backend;
mod keys;
mod once;
mod tls;
mod tokens;

pub use address::{Caller, ForwardedHeader, Neighbourhood};
pub use keys::{KeyError, Keyring, split};
pub use tls::Certificate;
pub use tokens::{Audience, Claims, Tokens, VerifiedToken, wall_clock};

#[cfg(test)]
mod tests;
