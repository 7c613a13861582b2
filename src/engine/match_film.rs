//! The files of the archive of matches.
//!
//! An ended match is a file with what is known of it, followed by its film. While a match goes on, its film grows in another file:
//! blocks as in recordings, of which a crash may cut off the last one.
//!
//! A kept film has fewer keyframes than a recording, and says once who has which seat; what follows from that is left out until
//! somebody wants to watch it.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::camera::FilmPart;
use super::film::{Change, Presence, Reel};
use super::recording::{Blocks, Header, MAGIC, Recording, RecordingError, Rerun, append, read};
use crate::game::saved;
use crate::wire::split;

/// What the file of an ended match starts with ...
const MATCH: &[u8; 8] = b"tickend\x01";
/// ... and that of one that goes on.
const GOING: &[u8; 8] = b"tickrun\x01";

/// Bytes of the mark of a person.
pub type PersonMark = [u8; 16];

/// What is known of an ended match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatchRecord {
    /// Its number. Later ones have greater numbers.
    pub number: u64,
    /// The room's id; shortened where the id alone admits to a private room.
    pub room: String,
    /// The game's name.
    pub game: String,
    /// Whether the room was private.
    pub private: bool,
    /// The last start of the room.
    pub incarnation: u64,
    /// When the room was made, in milliseconds since 1970.
    pub began: u64,
    /// When it ended.
    pub ended: u64,
    /// How many players took a seat.
    pub players: u64,
    /// Marks of the persons among them, from which nobody without their keys can tell who they are.
    pub persons: Vec<PersonMark>,
    /// The result.
    pub result: SavedResult,
    /// Whether a film follows.
    pub has_film: bool,
}

/// The result of a match, as JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SavedResult {
    /// It ended without one.
    #[default]
    None,
    /// Nobody in the match has an identity.
    Open(ByteBuf),
    /// Sealed for everybody who was in it.
    Sealed(ByteBuf),
}

impl MatchRecord {
    /// The file of the match. `film`: as it is kept, or nothing.
    pub fn encode(&self, film: &[u8]) -> Vec<u8> {
        let mut file = MATCH.to_vec();
        append(&mut file, b'M', &saved::encode(self));
        file.extend(film);
        file
    }

    /// Reads what is known, of which the beginning of a file is enough. Also returns where the film begins.
    ///
    /// # Errors
    /// The bytes are no beginning of such a file, or damaged.
    pub fn decode(beginning: &[u8]) -> Result<(Self, usize), RecordingError> {
        if !beginning.starts_with(MATCH) {
            return Err(RecordingError::Magic);
        }
        let mut blocks = Blocks { file: beginning, at: MATCH.len() };
        let record = blocks.content(b'M')?;
        Ok((record, blocks.at))
    }
}

/// A film as it is kept.
#[derive(Serialize, Deserialize)]
struct KeptFilm {
    header: Header,
    /// Each part, and whether it starts with the seats and properties to which the one before leads.
    parts: Vec<(bool, Reel)>,
}

impl Recording {
    /// The film as the archive of matches keeps it, without what it takes to run it again.
    pub fn encode_kept(&self) -> Vec<u8> {
        let mut before = None;
        let keep = |reel: &Reel| {
            let follows = before.as_ref() == Some(&reel.presence);
            before = presence_after(reel).ok();
            let mut kept = reel.clone();
            if follows {
                kept.presence = Presence::default();
            }
            (follows, kept)
        };
        let parts = self.film.iter().map(keep).collect();
        let mut bytes = Vec::new();
        append(&mut bytes, b'K', &saved::encode(&KeptFilm { header: self.header.clone(), parts }));
        bytes
    }

    /// Reads what [`Self::encode_kept`] wrote.
    ///
    /// # Errors
    /// The bytes are damaged.
    pub fn decode_kept(bytes: &[u8]) -> Result<Self, RecordingError> {
        let KeptFilm { header, parts } = Blocks { file: bytes, at: 0 }.content(b'K')?;
        let mut film: Vec<Reel> = Vec::with_capacity(parts.len());
        for (follows, mut reel) in parts {
            if let Some(before) = film.last().filter(|_| follows) {
                reel.presence = presence_after(before)?;
            }
            film.push(reel);
        }
        Ok(Self { header, rerun: Rerun::Unknown, film })
    }

    /// The film as a file that can be watched, with the keyframes that it has: smaller than by [`Self::encode`], and it takes longer
    /// to get to a tick.
    pub fn encode_film(&self) -> Vec<u8> {
        let mut file = MAGIC.to_vec();
        append(&mut file, b'H', &saved::encode(&self.header));
        append(&mut file, b'F', &saved::encode(&self.film));
        append(&mut file, b'E', &[]);
        file
    }
}

impl Reel {
    /// About how many bytes it takes.
    pub fn weight(&self) -> usize {
        let keyframes = self.keyframes.iter().map(|(_, bytes)| bytes.len()).sum::<usize>();
        keyframes + self.deltas.len() + self.changes.len()
    }
}

/// To which seats and properties a part leads.
fn presence_after(reel: &Reel) -> Result<Presence, RecordingError> {
    let (mut presence, mut rest) = (reel.presence.clone(), &reel.changes[..]);
    while !rest.is_empty() {
        let damaged = |_| RecordingError::Damaged(0);
        let (_, after) = split::<u32>(rest).map_err(damaged)?;
        let (change, after) = split::<Change>(after).map_err(damaged)?;
        presence.apply(&change);
        rest = after;
    }
    Ok(presence)
}

/// How a match begins, or goes on in another process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatchBeginning {
    /// The room's id, as in [`MatchRecord`].
    pub room: String,
    /// Whether the room is private.
    pub private: bool,
    /// When that was, in milliseconds since 1970.
    pub began: u64,
    /// What the film is about.
    pub header: Header,
}

impl MatchBeginning {
    /// The beginning of the file, or of what is appended to it.
    pub fn encode(&self, is_first: bool) -> Vec<u8> {
        let mut file = if is_first { GOING.to_vec() } else { Vec::new() };
        append(&mut file, b'B', &saved::encode(self));
        file
    }
}

/// What is appended when a player joins: the identity as it is sealed, or nothing of a guest.
pub fn encode_join(sealed: &[u8]) -> Vec<u8> {
    let mut block = Vec::new();
    append(&mut block, b'P', sealed);
    block
}

/// What is appended for a part of the film.
pub fn encode_part(part: &FilmPart) -> Vec<u8> {
    let mut block = Vec::new();
    append(&mut block, b'F', &saved::encode(part));
    block
}

/// A match that goes on, or was left behind by a process that crashed.
#[derive(Clone, Debug)]
pub struct GoingMatch {
    /// How it began, with the header of the newest film.
    pub beginning: MatchBeginning,
    /// Who joined: sealed identities; empty for guests.
    pub joins: Vec<Vec<u8>>,
    /// The film, as it was kept.
    pub film: Vec<FilmPart>,
    /// The bytes of the file that are whole. What follows was cut off by a crash, or is damaged.
    pub whole: usize,
}

impl GoingMatch {
    /// Reads the file, as far as it is whole.
    ///
    /// # Errors
    /// Not even the beginning can be read.
    pub fn decode(file: &[u8]) -> Result<Self, RecordingError> {
        if !file.starts_with(GOING) {
            return Err(RecordingError::Magic);
        }
        let mut blocks = Blocks { file, at: GOING.len() };
        let beginning = blocks.content(b'B')?;
        let mut going = Self { beginning, joins: Vec::new(), film: Vec::new(), whole: blocks.at };
        while going.take(&mut blocks).is_ok() {
            going.whole = blocks.at;
        }
        Ok(going)
    }

    fn take(&mut self, blocks: &mut Blocks) -> Result<(), RecordingError> {
        let at = blocks.at;
        match blocks.next()? {
            (b'B', bytes) => {
                let MatchBeginning { header, .. } = read(at, bytes)?;
                let is_same = |old: &Header| (&old.schema, old.rate) == (&header.schema, header.rate);
                if !is_same(&self.beginning.header) {
                    // Another build shows something else, and a film has one schema.
                    self.film.clear();
                }
                self.beginning.header = header;
            }
            (b'P', sealed) => self.joins.push(sealed.to_vec()),
            (b'F', bytes) => self.film.push(read(at, bytes)?),
            _ => return Err(RecordingError::Damaged(at)),
        }
        Ok(())
    }

    /// The film as a recording; `None` without one. After a crash, parts may be missing: the longest stretch is shown.
    pub fn recording(mut self) -> Option<Recording> {
        let mut stretches: Vec<Vec<FilmPart>> = Vec::new();
        for part in self.film.drain(..) {
            match stretches.last_mut() {
                Some(stretch) if stretch.last().is_some_and(|last| last.reel.last() == part.reel.tick) => {
                    stretch.push(part);
                }
                _ => stretches.push(vec![part]),
            }
        }
        let length = |stretch: &Vec<FilmPart>| {
            let ends = stretch.first().zip(stretch.last());
            ends.map_or(0, |(first, last)| last.reel.last().since(first.reel.tick))
        };
        let longest = stretches.into_iter().max_by_key(length)?;
        let (first, last) = (longest.first()?.reel.tick, longest.last()?.reel.last());
        let incarnation = longest.last()?.incarnation;
        let header = Header { incarnation, room: self.beginning.room, ticks: (first, last), ..self.beginning.header };
        let film: Vec<Reel> = longest.into_iter().map(|part| part.reel).collect();
        Some(Recording { header, rerun: Rerun::Unknown, film })
    }
}
