//! The link to a room as a QR code. Links lead only to the host that the request was addressed to, so nobody can create
//! codes for other sites here. The page checks whether the room exists.

use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};
use serde::Deserialize;

use crate::wire::limits;

/// The query of a request. The page sends its scheme, because a proxy may hide from the server whether TLS was used.
#[derive(Deserialize)]
pub struct Asked {
    /// The scheme of the page's address.
    pub scheme: Scheme,
}

/// The scheme of a page.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    Http,
    Https,
}

/// Draws an SVG of the link to `room` on the server addressed as `host`. The page is at the path `base`: empty, or the path
/// at which the rooms are mounted.
///
/// # Errors
/// Fails if `room`, `host` or `base` is invalid, or too long for a QR code. The text names the value and says what is
/// accepted.
pub fn invitation(scheme: Scheme, host: &str, base: &str, room: &str) -> Result<String, String> {
    if room.is_empty() || room.len() > limits::TEXT || !room.bytes().all(is_plain) {
        return Err(format!("{room:?} is no room id: letters, digits, - and _, at most {} of them", limits::TEXT));
    }
    let named = host.bytes().all(|byte| is_plain(byte) || b".:[]".contains(&byte));
    if host.is_empty() || host.len() > limits::HOST || !named {
        return Err(format!("the header Host is {host:?}: it should be a name or an address"));
    }
    if base.len() > limits::TEXT || !base.bytes().all(|byte| is_plain(byte) || b"/.~".contains(&byte)) {
        return Err(format!("the path {base:?}: letters, digits and -_.~/ only, at most {} of them", limits::TEXT));
    }
    let scheme = match scheme {
        Scheme::Http => "http",
        Scheme::Https => "https",
    };
    let link = format!("{scheme}://{host}{base}/?room={room}");
    // A code on a screen is neither torn nor dirty; larger modules help more than redundancy.
    let code = QrCode::with_error_correction_level(link, EcLevel::L).map_err(|error| format!("no code: {error}"))?;
    Ok(code.render::<svg::Color>().module_dimensions(1, 1).build())
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::{Scheme, invitation};

    #[test]
    fn only_rooms_of_this_server_are_drawn() {
        for host in ["localhost:8080", "[::1]:8080", "play.example", "192.168.1.7"] {
            assert!(invitation(Scheme::Http, host, "/game", "ab12cd34").is_ok(), "{host}");
        }
        for host in ["", "evil.example/?x=", "a b", "user@host", "h\u{e4}us.example", &"h".repeat(300)] {
            assert!(invitation(Scheme::Http, host, "/game", "ab12cd34").is_err(), "{host}");
        }
        assert!(invitation(Scheme::Http, "localhost", "/a?b", "ab12cd34").is_err());
        for room in ["", "a&b", "a/b", "\u{202e}", "<svg>", &"r".repeat(65)] {
            assert!(invitation(Scheme::Https, "localhost", "", room).is_err(), "{room}");
        }
    }

    #[test]
    fn the_longest_link_fits() {
        let svg = invitation(Scheme::Https, &"h".repeat(253), &"p".repeat(64), &"r".repeat(64)).expect("a code");
        assert!(svg.len() < 64 * 1024, "{} bytes", svg.len());
    }
}
