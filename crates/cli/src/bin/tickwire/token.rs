//! `tickwire token`: signs a join token for testing, with a key of the configuration. In production, the service that
//! authenticates the players signs them.

use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use clap::Args;
use tickwire::server::{Audience, Claims, Keyring};
use tickwire_cli::bots::JoinTokens;

use crate::config_keys::Flags;
use crate::misused;
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
    /// Make the token good for watching only
    #[arg(long)]
    spectator: bool,
    /// The key to sign with, if there are several
    #[arg(long)]
    kid: Option<String>,
    #[command(flatten)]
    pub flags: Flags,
}

/// Prints a token.
pub fn run(args: &TokenArgs) -> ExitCode {
    let config = match Settings::load(&args.flags) {
        Ok(settings) => settings.config,
        Err(error) => return misused(&error),
    };
    let keys = match config.keyring() {
        Ok(keys) if keys.is_empty() => {
            return misused("there is no key: set token_keys (--token-key KID=FILE) or TICKWIRE_TOKEN_SECRET");
        }
        Ok(keys) => keys,
        Err(error) => return misused(&error),
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
        spectator: args.spectator,
    };
    match keys.sign(args.kid.as_deref(), &claims) {
        Ok(token) => crate::say(format!("{token}\n").as_bytes()),
        Err(error) => misused(&error.to_string()),
    }
}

/// Signs the join tokens of bots, if there is a key: one of `keys`, as `KID=FILE`, or a secret in the variable of the server's.
///
/// # Errors
/// One line that says what is wrong with the key.
pub fn for_bots(keys: &[String], audience: &str, issuer: &str) -> Result<Option<JoinTokens>, String> {
    let secret = std::env::var("TICKWIRE_TOKEN_SECRET").unwrap_or_default();
    let keys = Keyring::read(&secret, keys).map_err(|error| error.to_string())?;
    if keys.is_empty() {
        return Ok(None);
    }
    let (audience, issuer) = (audience.to_owned(), issuer.to_owned());
    let tokens = JoinTokens::new(move |number| {
        let claims = Claims {
            sub: format!("bot-{number}"),
            aud: Some(Audience::One(audience.clone())),
            iss: Some(issuer.clone()).filter(|issuer| !issuer.is_empty()),
            exp: now().saturating_add(TOKENS_GOOD_FOR.as_secs()),
            ..Claims::default()
        };
        keys.sign(None, &claims).map_err(|error| error.to_string())
    });
    // A key that cannot sign is bad usage, not a fault of the server.
    tokens.sign(0).map(|_| Some(tokens))
}

/// A day more than the longest run.
const TOKENS_GOOD_FOR: Duration = Duration::from_secs(2 * 86_400);

/// Seconds since 1970.
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
