//! Directions in 256 parts of a turn, as integers: 0 is +x, 64 is +y, which points down on a screen.
//!
//! Platforms disagree about the last bits of sines; a table of constants is the same in every language. The browser's copy
//! is in `web-demo/demo/arena.js`.

use tickwire::snapshot::direction;

/// Parts of a turn.
pub const TURN: i32 = 256;
/// The value that represents a cosine of 1.
pub const ONE: i32 = direction::ONE;

/// The cosine of `heading` (modulo a turn) in parts of [`ONE`].
pub fn cosine(heading: i32) -> i32 {
    direction::cosine(heading << 8)
}

/// The sine of `heading` (modulo a turn) in parts of [`ONE`].
pub fn sine(heading: i32) -> i32 {
    cosine(heading - TURN / 4)
}

/// The heading nearest to the direction of (`dx`, `dy`); 0 if both are 0.
pub fn heading_of(dx: i32, dy: i32) -> i32 {
    let along = |heading| i64::from(cosine(heading)) * i64::from(dx) + i64::from(sine(heading)) * i64::from(dy);
    // Within the right quarter turn the projection rises and then falls, so bisection finds its maximum.
    let mut low = match (dx >= 0, dy >= 0) {
        (true, true) => 0,
        (false, true) => 64,
        (false, false) => 128,
        (true, false) => 192,
    };
    let mut high = low + 64;
    while low < high {
        let middle = (low + high) / 2;
        if along(middle) >= along(middle + 1) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low & (TURN - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_a_circle() {
        for heading in 0..TURN {
            let length = (cosine(heading).pow(2) + sine(heading).pow(2)).isqrt();
            assert!((length - ONE).abs() <= 1, "heading {heading} has length {length}");
            assert_eq!(cosine(heading), -cosine(heading + TURN / 2));
        }
    }

    #[test]
    fn headings_are_found_again() {
        for heading in 0..TURN {
            assert_eq!(heading_of(cosine(heading), sine(heading)), heading);
            assert_eq!(heading_of(cosine(heading) / 16, sine(heading) / 16), heading);
        }
        assert_eq!(heading_of(0, 0), 0);
        assert_eq!(heading_of(0, -1), 192);
    }
}
