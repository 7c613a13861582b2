//! Recorded movement for bots to follow: CSV with the columns `frame,entity,x_m,y_m`, metres, one frame per client tick.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;

use serde::Deserialize;

/// The positions of one recorded entity, frame by frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    entity: u64,
    /// In metres.
    positions: Vec<(f64, f64)>,
}

impl Path {
    /// A path of `entity` through `positions`, in metres.
    pub fn new(entity: u64, positions: Vec<(f64, f64)>) -> Self {
        Self { entity, positions }
    }

    /// The entity's number in the recording.
    pub fn entity(&self) -> u64 {
        self.entity
    }

    /// The number of positions.
    pub fn len(&self) -> usize {
        self.positions.len()
    }

    /// Whether there are no positions.
    pub fn is_empty(&self) -> bool {
        self.positions.is_empty()
    }

    /// A position in metres.
    pub fn position(&self, index: usize) -> Option<(f64, f64)> {
        self.positions.get(index).copied()
    }
}

/// Why a recording cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The file does not have the expected columns.
    #[error("recording: {0}")]
    Csv(#[from] csv::Error),
    /// Frames of an entity are missing or out of order.
    #[error("recording: frame {frame} of entity {entity} does not follow its frame before")]
    Gap {
        /// The entity.
        entity: u64,
        /// The frame.
        frame: u64,
    },
    /// There is no entity to follow.
    #[error("recording: no entity is left to follow")]
    Empty,
}

#[derive(Deserialize)]
struct Row {
    frame: u64,
    entity: u64,
    x_m: f64,
    y_m: f64,
}

/// Reads the paths of all entities except those in `skip`, in the order of entity numbers.
///
/// # Errors
/// See [`RecordingError`].
pub fn read_paths(source: impl Read, skip: &[u64]) -> Result<Vec<Arc<Path>>, RecordingError> {
    let mut paths: BTreeMap<u64, (u64, Vec<(f64, f64)>)> = BTreeMap::new();
    for row in csv::Reader::from_reader(source).into_deserialize() {
        let Row { frame, entity, x_m, y_m } = row?;
        if skip.contains(&entity) {
            continue;
        }
        let (next, positions) = paths.entry(entity).or_insert((frame, Vec::new()));
        if frame != *next {
            return Err(RecordingError::Gap { entity, frame });
        }
        *next = frame + 1;
        positions.push((x_m, y_m));
    }
    if paths.is_empty() {
        return Err(RecordingError::Empty);
    }
    Ok(paths.into_iter().map(|(entity, (_, positions))| Arc::new(Path::new(entity, positions))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_by_entity() {
        let text = "frame,entity,x_m,y_m\n0,4,1.5,2\n0,9,3,4\n1,4,1.75,2\n1,9,3,4\n";
        let paths = read_paths(text.as_bytes(), &[9]).expect("a good recording");
        assert_eq!(paths, [Arc::new(Path::new(4, vec![(1.5, 2.0), (1.75, 2.0)]))]);
        assert!(matches!(read_paths(text.as_bytes(), &[4, 9]), Err(RecordingError::Empty)));
    }

    #[test]
    fn gaps_and_wrong_columns_are_named() {
        let gap = read_paths("frame,entity,x_m,y_m\n0,4,1,2\n2,4,1,2\n".as_bytes(), &[]).expect_err("a gap");
        assert_eq!(gap.to_string(), "recording: frame 2 of entity 4 does not follow its frame before");
        assert!(read_paths("a,b\n1,2\n".as_bytes(), &[]).is_err());
    }
}
