//! What a welcome tells about the grid of a room whose players see only what is around them: an extension, for clients that
//! draw it or check what they see. Decoding needs none of it.

use serde::{Deserialize, Serialize};

use super::codec::{append, split};
use super::hello::{Extension, Welcome};
use crate::id::ZoneId;

/// The grid of a room, and how far its players see. Cells are numbered row by row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorldGrid {
    /// The zone of the first cell.
    pub first: ZoneId,
    /// The least position, in quanta.
    pub origin: [i32; 2],
    /// The side of a cell, in quanta.
    pub side: i32,
    /// The number of columns and of rows.
    pub size: [u16; 2],
    /// How far players see, in quanta.
    pub sight: i32,
    /// How far beyond their sight they get rows, at least, in quanta.
    pub margin: i32,
}

impl WorldGrid {
    /// The number of the extension.
    pub const NUMBER: u16 = 2;

    /// The grid of a welcome, if it tells one.
    pub fn of(welcome: &Welcome) -> Option<Self> {
        let (_, content) = welcome.extensions.iter().find(|(number, _)| *number == Self::NUMBER)?;
        split(content).ok().filter(|(_, rest)| rest.is_empty()).map(|(grid, _)| grid)
    }

    /// The entry of a welcome.
    pub fn extension(&self) -> Extension {
        let mut content = Vec::new();
        append(self, &mut content);
        (Self::NUMBER, content.into())
    }
}
