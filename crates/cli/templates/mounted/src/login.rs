//! The login: knows the players, and signs the join token with which they enter rooms.

use std::time::{Duration, SystemTime};

use actix_web::{HttpResponse, web};
use tickwire::server::{Audience, Claims, Keyring};

/// How long a token is good for. A page gets another one before that.
const GOOD_FOR: Duration = Duration::from_secs(600);

/// Signs join tokens.
pub struct Login {
    keys: Keyring,
    audience: String,
}

impl Login {
    /// Signs with the only key of `keys`, for servers that are called `audience`.
    pub fn new(keys: Keyring, audience: &str) -> Self {
        Self { keys, audience: audience.to_owned() }
    }

    /// The token of a player who has logged in: `sub` is what the game knows the player by, and `name` what others see.
    fn token(&self, player: &str) -> Result<String, String> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_err(|error| error.to_string())?;
        let claims = Claims {
            sub: player.to_owned(),
            aud: Some(Audience::One(self.audience.clone())),
            exp: (now + GOOD_FOR).as_secs(),
            name: Some(player.to_owned()),
            ..Claims::default()
        };
        self.keys.sign(None, &claims).map_err(|error| error.to_string())
    }
}

/// `POST /login` with a player's name. Here your app checks who that is, by a password or a session of its own.
pub async fn login(login: web::Data<Login>, name: String) -> HttpResponse {
    let name = name.trim();
    if name.is_empty() || name.len() > 32 {
        return HttpResponse::BadRequest().content_type("text/plain").body("a name has 1 to 32 bytes");
    }
    match login.token(name) {
        Ok(token) => HttpResponse::Ok().content_type("text/plain").body(token),
        Err(error) => HttpResponse::InternalServerError().content_type("text/plain").body(error),
    }
}
