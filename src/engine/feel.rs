//! How the game felt at a client: what its pictures did, as it sums them up every ten seconds (PROTOCOL.md).

use std::time::Duration;

/// How the game was drawn at a client in the last ten seconds or more. Each figure is as rough as a byte makes it, and
/// the largest one stands for all that are larger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeelDigest {
    /// How long it covers.
    pub span: Duration,
    /// Pictures per second.
    pub pictures: u8,
    /// Pictures that came 50 ms or more after the one before.
    pub long_pictures: u8,
    /// Entities that moved in one picture much farther than they do.
    pub jumps: u8,
    /// Entities that moved against their way.
    pub moves_back: u8,
    /// The coefficient of variation of the ways per picture, in 64ths.
    pub stutter: u8,
    /// How old what was shown of others was: the median ...
    pub age: Duration,
    /// ... and the 99th percentile.
    pub age_p99: Duration,
    /// The longest time without a newer frame, beyond those that were there to show.
    pub silence: Duration,
    /// Corrections of the own entity.
    pub corrections: u8,
    /// The largest of them, in 16ths of a unit.
    pub largest_correction: u8,
    /// The least round trip.
    pub round_trip: Duration,
    /// How much later than the fastest frames 99 of 100 came.
    pub lateness: Duration,
}

/// Why a game felt bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FeelCause {
    /// The player's link: frames came late, or not at all.
    Link,
    /// The player's machine: it did not draw in time.
    Machine,
    /// The game or the server: frames came in time and were drawn, and yet something jumped.
    Server,
}

impl FeelCause {
    /// Its name in JSON and in metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Machine => "machine",
            Self::Server => "server",
        }
    }
}

impl FeelDigest {
    /// Entities go on for a quarter of a second without a newer frame; who waits much longer sees them stand still.
    const FROZEN: Duration = Duration::from_millis(400);
    /// Frames that come so late are not made up for.
    const LATE: Duration = Duration::from_millis(250);
    /// One long picture in so many is too many.
    const LONG_ONE_IN: u32 = 50;

    /// Reads the body of a digest. Later versions may append bytes. `None`: it is too short.
    pub fn read(body: &[u8]) -> Option<Self> {
        let [span, pictures, long_pictures, jumps, moves_back, stutter, age, age_p99, silence, rest @ ..] = body else {
            return None;
        };
        let [corrections, largest_correction, round_trip, lateness, ..] = rest else { return None };
        let ms = |byte: &u8, each: u64| Duration::from_millis(u64::from(*byte) * each);
        Some(Self {
            span: ms(span, 1000),
            pictures: *pictures,
            long_pictures: *long_pictures,
            jumps: *jumps,
            moves_back: *moves_back,
            stutter: *stutter,
            age: ms(age, 4),
            age_p99: ms(age_p99, 8),
            silence: ms(silence, 16),
            corrections: *corrections,
            largest_correction: *largest_correction,
            round_trip: ms(round_trip, 4),
            lateness: ms(lateness, 4),
        })
    }

    /// How bad it felt, to sort players by: 0 where nothing was wrong. A second of standing still counts as ten jumps.
    pub fn pain(&self) -> u32 {
        let frozen = self.silence.saturating_sub(Self::FROZEN).as_millis() as u32 / 100;
        let long = if self.draws_late() { u32::from(self.long_pictures) / 4 } else { 0 };
        u32::from(self.jumps) + u32::from(self.moves_back) / 4 + frozen + long
    }

    /// Why it felt bad; `None` where it did not.
    pub fn cause(&self) -> Option<FeelCause> {
        let is_late = self.silence > Self::FROZEN || self.lateness > Self::LATE;
        match () {
            () if self.pain() == 0 => None,
            () if is_late => Some(FeelCause::Link),
            () if self.draws_late() => Some(FeelCause::Machine),
            () => Some(FeelCause::Server),
        }
    }

    fn draws_late(&self) -> bool {
        let drawn = u32::from(self.pictures) * self.span.as_secs() as u32;
        u32::from(self.long_pictures) * Self::LONG_ONE_IN > drawn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten seconds at 60 pictures per second, 120 ms old, over a link of 20 ms.
    const GOOD: [u8; 13] = [10, 60, 0, 0, 0, 3, 30, 16, 4, 2, 1, 5, 3];

    fn with(changes: &[(usize, u8)]) -> FeelDigest {
        let mut body = GOOD;
        changes.iter().for_each(|(index, value)| body[*index] = *value);
        FeelDigest::read(&body).expect("thirteen bytes")
    }

    #[test]
    fn a_digest_is_read_with_what_later_versions_append_and_refused_when_it_is_too_short() {
        let digest = with(&[]);
        assert_eq!((digest.age, digest.age_p99), (Duration::from_millis(120), Duration::from_millis(128)));
        assert_eq!((digest.silence, digest.round_trip), (Duration::from_millis(64), Duration::from_millis(20)));
        assert_eq!(FeelDigest::read(&[&GOOD[..], &[1, 2, 3]].concat()), Some(digest));
        assert_eq!(FeelDigest::read(&GOOD[..12]), None);
        assert_eq!((digest.pain(), digest.cause()), (0, None));
    }

    #[test]
    fn what_felt_bad_has_a_cause() {
        let cause = |changes: &[(usize, u8)]| with(changes).cause();
        assert_eq!(cause(&[(8, 40)]), Some(FeelCause::Link), "640 ms without a frame");
        assert_eq!(cause(&[(3, 2), (12, 80)]), Some(FeelCause::Link), "jumps, because frames came 320 ms late");
        assert_eq!(cause(&[(2, 40)]), Some(FeelCause::Machine), "40 of 600 pictures were long");
        assert_eq!(cause(&[(2, 8)]), None, "8 of 600 are few");
        assert_eq!(cause(&[(3, 1)]), Some(FeelCause::Server), "something jumped, and all came in time");
    }

    #[test]
    fn more_of_what_is_bad_is_more_pain() {
        let pains =
            [with(&[]), with(&[(3, 1)]), with(&[(3, 9)]), with(&[(3, 9), (8, 100)])].map(|digest| digest.pain());
        assert!(pains.is_sorted_by(|a, b| a < b), "{pains:?}");
    }
}
