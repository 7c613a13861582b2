//! A log in one line, for programs that have no subscriber of their own.

use std::io::IsTerminal;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

/// Writes what Tickwire and the game log to standard error from now on, a line per event: warnings and errors of all, and what
/// Tickwire itself says at the level `info`. The variable `RUST_LOG` says otherwise, such as `RUST_LOG=tickwire=debug,mygame=trace,warn`.
/// Does nothing if the program has a `tracing` subscriber already.
///
/// A log that is written like this waits for its reader. For production, the guide's page on
/// [embedding](crate::guide::embedding#in-an-actix-web-app) says what a subscriber needs; the command `tickwire` has such a one.
pub fn log() {
    const USUAL: &str = "tickwire=info,warn";
    let named = std::env::var("RUST_LOG").unwrap_or_default();
    let (filter, wrong) = match named.parse::<Targets>() {
        Ok(filter) if !named.is_empty() => (filter, None),
        Ok(_) => (USUAL.parse().unwrap_or_default(), None),
        Err(error) => (USUAL.parse().unwrap_or_default(), Some(error)),
    };
    // Colours are for people: in a file they are noise.
    let colours = std::io::stderr().is_terminal();
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(colours);
    // Fails only if there is a subscriber.
    let _ = tracing_subscriber::registry().with(lines.with_filter(filter)).try_init();
    if let Some(error) = wrong {
        tracing::warn!(RUST_LOG = named, %error, "must be a filter such as info, or tickwire=debug,warn");
    }
}
