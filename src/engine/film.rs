//! What was visible in a room, tick by tick. A film is watched without the game's code and contains no name and no text.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::id::ZoneId;
use crate::snapshot::{DecodeError, Frame, Schema, Zone, delta};
use crate::tick::Tick;

/// A part of a film: the state at one tick and the way to those that follow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reel {
    /// The tick of the first state.
    pub tick: Tick,
    /// The keyframe of each zone that has rows then, ascending.
    keyframes: Vec<(ZoneId, Bytes)>,
    /// For each later tick the deltas of the zones that have rows or have just lost the last one, ascending.
    deltas: Vec<Vec<(ZoneId, Bytes)>>,
}

impl Reel {
    /// A reel that starts with `frame`, which has its rows.
    pub fn starting_with(frame: &Frame) -> Self {
        let zones = frame.zones().iter().filter(|zone| zone.rows() > 0);
        let keyframes = zones.map(|zone| (zone.id(), frame.keyframe(zone).clone())).collect();
        Self { tick: frame.tick(), keyframes, deltas: Vec::new() }
    }

    /// Adds the next frame. Returns the bytes that it takes.
    pub fn push(&mut self, frame: &Frame) -> usize {
        let deltas: Vec<(ZoneId, Bytes)> = frame.zones().iter().map(|zone| (zone.id(), zone.delta().clone())).collect();
        let bytes = deltas.iter().map(|(_, delta)| size_of::<(ZoneId, Bytes)>() + delta.len()).sum();
        self.deltas.push(deltas);
        bytes
    }

    /// The tick of the last state.
    pub fn last(&self) -> Tick {
        self.tick.plus(self.deltas.len() as u32)
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
    /// The reel, and the index of its next delta.
    at: (usize, usize),
    zones: Zones,
}

impl<'a> Projector<'a> {
    /// A projector that shows the first state of the first reel.
    ///
    /// # Errors
    /// A keyframe cannot be read.
    pub fn new(schema: &'a Schema, reels: &'a [Reel]) -> Result<Self, FilmError> {
        let zones = reels.first().map_or(Ok(Zones::new()), |reel| opening(schema, reel))?;
        Ok(Self { schema, reels, at: (0, 0), zones })
    }

    /// The tick that is shown; `None` without a reel.
    pub fn tick(&self) -> Option<Tick> {
        self.reels.get(self.at.0).map(|reel| reel.tick.plus(self.at.1 as u32))
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
        while let Some(reel) = self.reels.get(self.at.0) {
            let Some(deltas) = reel.deltas.get(self.at.1) else {
                if self.at.0 + 1 >= self.reels.len() {
                    return Ok(false);
                }
                self.at = (self.at.0 + 1, 0);
                continue;
            };
            let tick = reel.tick.plus(self.at.1 as u32 + 1);
            let empty = Zone::empty(self.schema);
            for (id, bytes) in deltas {
                let base = self.zones.get(id).unwrap_or(&empty);
                let zone =
                    delta::apply(self.schema, base, bytes).map_err(|error| FilmError { tick, zone: *id, error })?;
                if zone.is_empty() { _ = self.zones.remove(id) } else { _ = self.zones.insert(*id, zone) }
            }
            self.at.1 += 1;
            return Ok(true);
        }
        Ok(false)
    }
}

fn opening(schema: &Schema, reel: &Reel) -> Result<Zones, FilmError> {
    let read = |(id, bytes): &(ZoneId, Bytes)| match delta::read_keyframe(schema, bytes) {
        Ok(zone) => Ok((*id, zone)),
        Err(error) => Err(FilmError { tick: reel.tick, zone: *id, error }),
    };
    reel.keyframes.iter().map(read).collect()
}
