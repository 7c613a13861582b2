//! `tickwire token`: signs a join token for testing, with a key of the configuration. In production, the service that
//! authenticates the players signs them.

use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use clap::Args;
use tickwire::server::{Audience, Claims};

use crate::config_keys::Flags;
use crate::fail;
use crate::settings::Settings;

/// The claims of the token.
#[derive(Args)]
pub struct TokenArgs {
    /// The player's id, by which the game knows the player
    #[arg(long, value_name = "SUBJECT")]
    sub: String,
    /// The player's name; overrides the name that the client sends
    #[arg(long)]
    name: Option<String>,
    /// Make the token valid for this room only
    #[arg(long, value_name = "ID")]
    room: Option<String>,
    /// Make the token valid for rooms of this game only
    #[arg(long)]
    game: Option<String>,
    /// How long the token is valid, such as 90s, 10m, 1h or 7d
    #[arg(long = "for", value_name = "SPAN", default_value = "1h", value_parser = span)]
    good_for: Duration,
    /// Make the token valid for one join, with this unique id
    #[arg(long, value_name = "JTI")]
    once: Option<String>,
    /// The key to sign with, if there are several
    #[arg(long)]
    kid: Option<String>,
    #[command(flatten)]
    flags: Flags,
}

/// Prints a token.
pub fn run(args: &TokenArgs) -> ExitCode {
    let config = match Settings::load(&args.flags) {
        Ok(settings) => settings.config,
        Err(error) => return fail(&error),
    };
    let keys = match config.keyring() {
        Ok(keys) if keys.is_empty() => return fail("there is no key: set token_keys or token_secret"),
        Ok(keys) => keys,
        Err(error) => return fail(&error),
    };
    let claims = Claims {
        sub: args.sub.clone(),
        aud: Some(Audience::One(config.token_audience.clone())),
        iss: Some(config.token_issuer.clone()).filter(|issuer| !issuer.is_empty()),
        exp: now().saturating_add(args.good_for.as_secs()),
        nbf: None,
        name: args.name.clone(),
        room: args.room.clone(),
        game: args.game.clone(),
        jti: args.once.clone(),
        once: args.once.is_some(),
    };
    match keys.sign(args.kid.as_deref(), &claims) {
        Ok(token) => crate::say(format!("{token}\n").as_bytes()),
        Err(error) => fail(&error.to_string()),
    }
}

#[expect(clippy::disallowed_methods, reason = "tokens are dated by the wall clock")]
fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn span(text: &str) -> Result<Duration, String> {
    let wanted = || "must be a whole number and s, m, h or d, such as 90s or 1h".to_owned();
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wanted)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(wanted()),
    };
    let number: u32 = number.parse().map_err(|_| wanted())?;
    Ok(Duration::from_secs(u64::from(number) * seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read() {
        assert_eq!(span("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(span("2h"), Ok(Duration::from_secs(7200)));
        for bad in ["", "h", "1", "1.5h", "-1h", "1é", "1w"] {
            assert!(span(bad).is_err(), "{bad}");
        }
    }
}
