//! What one viewer has seen of a film, and whether anything of it is missing, comes twice or is wrong.

use tickwire::engine::film::Projector;
use tickwire::engine::recording::Recording;

use super::tally::Tally;

/// Checks that the segments of a film follow each other.
#[derive(Debug, Default)]
pub struct Witness {
    /// Whether it decodes every state, or reads only where segments begin.
    decodes: bool,
    /// The start of the room and the tick with which the newest segment begins.
    newest: Option<(u64, u32)>,
    /// The ticks of a segment, once two were seen.
    length: Option<u32>,
    /// The last tick of the newest segment and the hashes of its zones then.
    end: Option<(u32, Hashes)>,
}

/// The hash of each zone that has rows.
type Hashes = Vec<(u16, u32)>;

impl Witness {
    /// A viewer who decodes every state, if `decodes`, and who has seen nothing yet.
    pub fn new(decodes: bool) -> Self {
        Self { decodes, ..Self::default() }
    }

    /// Whether it needs the bytes of segments.
    pub fn decodes(&self) -> bool {
        self.decodes
    }

    /// The start of the room and the first tick of the newest segment.
    pub fn newest(&self) -> Option<(u64, u32)> {
        self.newest
    }

    /// The start of the room and the first tick of the segment that comes next, if it is known where the newest ends.
    pub fn next(&self) -> Option<(u64, u32)> {
        Some((self.newest?.0, self.end.as_ref()?.0))
    }

    /// A segment has come that begins there.
    pub fn comes(&mut self, (incarnation, first): (u64, u32), tally: &mut Tally) {
        tally.segments += 1;
        let Some(known) = self.newest.replace((incarnation, first)) else { return };
        if (incarnation, first) <= known {
            tally.twice += 1;
        } else if incarnation == known.0 && !self.decodes {
            let step = first - known.1;
            tally.missing += u64::from(*self.length.get_or_insert(step) != step);
        }
    }

    /// The bytes of the segment that came last. If all that matters is where it ends, one viewer decodes it for all.
    pub fn see(&mut self, file: &[u8], tally: &mut Tally) {
        if !self.decodes
            && let Some(end) = self.newest.and_then(|place| tally.end_of(place))
        {
            self.end = Some((end, Hashes::new()));
            return;
        }
        match Self::states(file) {
            Ok((first, opening, end, states)) => {
                tally.states += states;
                self.newest.into_iter().for_each(|place| tally.ends(place, end.0));
                if let Some((tick, hashes)) = self.end.replace(end).filter(|_| self.decodes) {
                    tally.missing += u64::from(first.wrapping_sub(tick).cast_signed().max(0).cast_unsigned());
                    tally.twice += u64::from(tick.wrapping_sub(first).cast_signed().max(0).cast_unsigned());
                    tally.wrong += u64::from(first == tick && hashes != opening);
                }
            }
            Err(why) => {
                tally.wrong += 1;
                tally.fault(why);
            }
        }
    }

    /// Decodes all states: the first tick with its hashes, the last one with its, and how many there are.
    fn states(file: &[u8]) -> Result<(u32, Hashes, (u32, Hashes), u64), String> {
        let segment = Recording::decode(file).map_err(|error| error.to_string())?;
        let mut projector = Projector::new(&segment.header.schema, &segment.film).map_err(|error| error.to_string())?;
        let hashes = |projector: &Projector<'_>| -> Hashes {
            projector.zones().iter().map(|(id, zone)| (id.0, zone.hash())).collect()
        };
        let (first, last) = segment.header.ticks;
        let (opening, mut states) = (hashes(&projector), 1);
        while projector.advance().map_err(|error| error.to_string())? {
            states += 1;
        }
        match projector.tick() {
            Some(tick) if tick == last => Ok((first.0, opening, (last.0, hashes(&projector)), states)),
            _ => Err(format!("a segment that ends with tick {} leads elsewhere", last.0)),
        }
    }
}
