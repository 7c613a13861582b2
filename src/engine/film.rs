//! What was visible in a room, tick by tick. A film is watched without the game's code and contains no name and no text.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::id::ZoneId;
use crate::snapshot::{DecodeError, Frame, Schema, Zone, delta};
use crate::tick::Tick;
use crate::wire::{append, split};

/// A part of a film: the state at one tick and the way to those that follow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reel {
    /// The tick of the first state.
    pub tick: Tick,
    /// The keyframe of each zone that has rows then, ascending.
    keyframes: Vec<(ZoneId, Bytes)>,
    /// How many ticks follow.
    ticks: u32,
    /// For each of them the number of zones that have rows or have just lost the last one, and these zones with their deltas,
    /// ascending. One buffer: most deltas are shorter than a reference to them.
    #[serde(with = "serde_bytes")]
    deltas: Vec<u8>,
}

/// A zone with its delta, as it is written.
type ZoneDelta<'a> = (ZoneId, Cow<'a, serde_bytes::Bytes>);

impl Reel {
    /// A reel that starts with `frame`, which has its rows.
    pub fn starting_with(frame: &Frame) -> Self {
        let zones = frame.zones().iter().filter(|zone| zone.rows() > 0);
        let keyframes = zones.map(|zone| (zone.id(), frame.keyframe(zone).clone())).collect();
        Self { tick: frame.tick(), keyframes, ticks: 0, deltas: Vec::new() }
    }

    /// Adds the next frame. Returns the bytes that it takes.
    pub fn push(&mut self, frame: &Frame) -> usize {
        let before = self.deltas.len();
        append(&(frame.zones().len() as u32), &mut self.deltas);
        for zone in frame.zones() {
            let delta = Cow::Borrowed(serde_bytes::Bytes::new(zone.delta()));
            append::<ZoneDelta>(&(zone.id(), delta), &mut self.deltas);
        }
        self.ticks += 1;
        self.deltas.len() - before
    }

    /// The tick of the last state.
    pub fn last(&self) -> Tick {
        self.tick.plus(self.ticks)
    }
}

/// The state of every zone that has rows.
pub type Zones = BTreeMap<ZoneId, Zone>;

/// Why a film cannot be watched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("tick {}, zone {}: {error}", .tick.0, .zone.0)]
pub struct FilmError {
    /// At which tick.
    pub tick: Tick,
    /// In which zone.
    pub zone: ZoneId,
    /// What is wrong with its bytes.
    pub error: DecodeError,
}

/// Shows a film state by state. The reels follow each other; each must start with the last tick of the one before.
#[derive(Debug)]
pub struct Projector<'a> {
    schema: &'a Schema,
    reels: &'a [Reel],
    /// The reel, the ticks of it that were shown, and where the next one begins.
    at: (usize, u32, usize),
    zones: Zones,
}

impl<'a> Projector<'a> {
    /// A projector that shows the first state of the first reel.
    ///
    /// # Errors
    /// A keyframe cannot be read.
    pub fn new(schema: &'a Schema, reels: &'a [Reel]) -> Result<Self, FilmError> {
        let zones = reels.first().map_or(Ok(Zones::new()), |reel| opening(schema, reel))?;
        Ok(Self { schema, reels, at: (0, 0, 0), zones })
    }

    /// The tick that is shown; `None` without a reel.
    pub fn tick(&self) -> Option<Tick> {
        self.reels.get(self.at.0).map(|reel| reel.tick.plus(self.at.1))
    }

    /// The state that is shown.
    pub fn zones(&self) -> &Zones {
        &self.zones
    }

    /// Shows the next state. Returns whether there was one.
    ///
    /// # Errors
    /// The film is damaged here.
    pub fn advance(&mut self) -> Result<bool, FilmError> {
        let is_over = |at: usize, shown: u32| self.reels.get(at).is_some_and(|reel| shown >= reel.ticks);
        while is_over(self.at.0, self.at.1) && self.at.0 + 1 < self.reels.len() {
            self.at = (self.at.0 + 1, 0, 0);
        }
        let Some(reel) = self.reels.get(self.at.0).filter(|reel| self.at.1 < reel.ticks) else { return Ok(false) };
        let tick = reel.tick.plus(self.at.1 + 1);
        let cut = |_| FilmError { tick, zone: ZoneId(0), error: DecodeError::Truncated };
        let empty = Zone::empty(self.schema);
        let (count, mut rest) = split::<u32>(reel.deltas.get(self.at.2..).unwrap_or_default()).map_err(cut)?;
        for _ in 0..count {
            let ((id, bytes), after) = split::<ZoneDelta>(rest).map_err(cut)?;
            rest = after;
            let base = self.zones.get(&id).unwrap_or(&empty);
            let zone = delta::apply(self.schema, base, &bytes).map_err(|error| FilmError { tick, zone: id, error })?;
            if zone.is_empty() { _ = self.zones.remove(&id) } else { _ = self.zones.insert(id, zone) }
        }
        self.at = (self.at.0, self.at.1 + 1, reel.deltas.len() - rest.len());
        Ok(true)
    }
}

fn opening(schema: &Schema, reel: &Reel) -> Result<Zones, FilmError> {
    let read = |(id, bytes): &(ZoneId, Bytes)| match delta::read_keyframe(schema, bytes) {
        Ok(zone) => Ok((*id, zone)),
        Err(error) => Err(FilmError { tick: reel.tick, zone: *id, error }),
    };
    reel.keyframes.iter().map(read).collect()
}
