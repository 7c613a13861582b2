//! The link to a room as a QR code. Links lead only to the host that the request was addressed to, so nobody can create
//! codes for other sites here. The page checks whether the room exists.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};
use serde::Deserialize;

use crate::engine::Bucket;
use crate::tick::Moment;
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

/// The codes that one worker has drawn. Whoever asks for ever new ones is refused, not the players: a bound per address would
/// have to share the budget of chat and joins, which a page of another site could then use up.
pub struct Drawings {
    kept: RefCell<BTreeMap<String, Bytes>>,
    drawing: RefCell<Bucket>,
}

impl Default for Drawings {
    fn default() -> Self {
        let each = Duration::from_secs(1) / limits::QR_CODES;
        Self { kept: RefCell::default(), drawing: RefCell::new(Bucket::new(each, limits::QR_CODES)) }
    }
}

impl Drawings {
    /// An SVG of the code for `link`; `None` when too many have been drawn.
    ///
    /// # Errors
    /// When the link is too long for a code.
    pub fn draw(&self, now: Moment, link: String) -> Option<Result<Bytes, String>> {
        let mut kept = self.kept.borrow_mut();
        if let Some(svg) = kept.get(&link) {
            return Some(Ok(svg.clone()));
        }
        if !self.drawing.borrow_mut().take(now) {
            return None;
        }
        // A code on a screen is neither torn nor dirty; larger modules help more than redundancy.
        let code = match QrCode::with_error_correction_level(&link, EcLevel::L) {
            Ok(code) => code,
            Err(error) => return Some(Err(format!("no code: {error}"))),
        };
        let svg = Bytes::from(code.render::<svg::Color>().module_dimensions(1, 1).build());
        if kept.len() >= limits::QR_CODES_KEPT {
            kept.clear();
        }
        kept.insert(link, svg.clone());
        Some(Ok(svg))
    }
}

/// The link to `room` on the server addressed as `host`. The page is at the path `base`: empty, or the path
/// at which the rooms are mounted.
///
/// # Errors
/// Fails if `room`, `host` or `base` is invalid. The text names the value and says what is
/// accepted.
pub fn link(scheme: Scheme, host: &str, base: &str, room: &str) -> Result<String, String> {
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
    Ok(format!("{scheme}://{host}{base}/?room={room}"))
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rooms_of_this_server_are_drawn() {
        for host in ["localhost:8080", "[::1]:8080", "play.example", "192.168.1.7"] {
            assert!(link(Scheme::Http, host, "/game", "ab12cd34").is_ok(), "{host}");
        }
        for host in ["", "evil.example/?x=", "a b", "user@host", "h\u{e4}us.example", &"h".repeat(300)] {
            assert!(link(Scheme::Http, host, "/game", "ab12cd34").is_err(), "{host}");
        }
        assert!(link(Scheme::Http, "localhost", "/a?b", "ab12cd34").is_err());
        for room in ["", "a&b", "a/b", "\u{202e}", "<svg>", &"r".repeat(65)] {
            assert!(link(Scheme::Https, "localhost", "", room).is_err(), "{room}");
        }
    }

    #[test]
    fn the_longest_link_fits() {
        let link = link(Scheme::Https, &"h".repeat(253), &"p".repeat(64), &"r".repeat(64)).expect("a link");
        let svg = Drawings::default().draw(Moment(0), link).expect("the first").expect("a code");
        assert!(svg.len() < 64 * 1024, "{} bytes", svg.len());
    }

    #[test]
    fn few_codes_are_drawn_at_a_time_and_known_ones_cost_nothing() {
        let drawings = Drawings::default();
        let drawn = |second: u64, count: usize| {
            let draw = |number: &usize| drawings.draw(Moment(1_000_000 * second), format!("{second} {number}"));
            (0..count).filter(|number| draw(number).is_some()).count()
        };
        assert_eq!(drawn(1, 1000), limits::QR_CODES as usize);
        assert!((0..1000).all(|_| drawings.draw(Moment(1_000_000), "1 0".to_owned()).is_some()));
        assert_eq!(drawn(2, 1000), limits::QR_CODES as usize);
        assert!(drawings.kept.borrow().len() <= limits::QR_CODES_KEPT);
    }
}
