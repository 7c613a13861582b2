//! Authentication: join tokens, the addresses on which limits are counted, certificates.
//!
//! Decides from the keys, lists and clocks that it is given; does no I/O on connections and knows no actors. Sessions and
//! rooms decide what an admitted client may do.

mod address;
mod backend;
mod expiry;
mod keys;
pub(crate) mod names;
mod once;
mod person_keys;
mod text_key;
mod tls;
mod tokens;

pub use address::{Caller, ClientIpConfig, ForwardedHeader};
pub use keys::{KeyError, Keyring, split};
pub use person_keys::PersonKeys;
pub(crate) use person_keys::{PersonMarks, create_private_folder, private_file};
pub(crate) use text_key::TextKey;
pub use tls::Certificate;
pub use tokens::{Audience, Claims, Tokens, VerifiedToken, wall_clock, wall_clock_millis};

#[cfg(test)]
mod tests;
