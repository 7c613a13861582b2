//! Recorded movement: CSV with the columns `frame`, `entity` and then any numeric fields, in the game's own units.
//!
//! Errors name the line and column, and what is accepted. `replay` decides how values are quantised.

use std::collections::BTreeSet;
use std::io::Read;

use csv::{ReaderBuilder, StringRecord, Trim};

/// One entity of one frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The entity's number.
    pub entity: u64,
    /// One value per field, in the game's units.
    pub values: Vec<f64>,
}

/// Movement, frame by frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Clip {
    /// The names of the fields, in column order.
    pub fields: Vec<String>,
    /// The entities of each frame, in the order of the file.
    pub frames: Vec<Vec<Sample>>,
}

/// Why a file cannot be used. Each text names the place and what is accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClipError {
    /// The header is incomplete.
    #[error("line 1: {0}")]
    Header(String),
    /// A cell is not valid in its column.
    #[error("line {line}, column {column:?}: {what}")]
    Cell {
        /// The line number, counted from 1, the header included.
        line: u64,
        /// The column's name.
        column: String,
        /// The fault, and what is accepted.
        what: String,
    },
    /// A row is not valid as a whole.
    #[error("line {line}: {what}")]
    Row {
        /// The line number, counted from 1, the header included.
        line: u64,
        /// The fault, and what is accepted.
        what: String,
    },
    /// There are too few frames to measure.
    #[error("at least two frames are needed, found {0}")]
    TooShort(usize),
}

/// A clip has at most this many fields.
const MAX_FIELDS: usize = 16;

impl Clip {
    /// Reads CSV: a header with `frame`, `entity` and one or more fields, then rows in frame order.
    ///
    /// # Errors
    /// See [`ClipError`].
    pub fn read(source: impl Read) -> Result<Self, ClipError> {
        let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).trim(Trim::All).from_reader(source);
        let mut records = reader.records();
        let header = match records.next() {
            Some(record) => record.map_err(|error| unreadable(&error))?,
            None => return Err(ClipError::Header("the file is empty: start with frame,entity,x,y".to_owned())),
        };
        let fields = read_header(&header)?;
        let mut rows = Rows { header, frames: Vec::new(), frame: None, seen: BTreeSet::new() };
        for record in records {
            rows.add(&record.map_err(|error| unreadable(&error))?)?;
        }
        let Rows { frames, .. } = rows;
        if frames.len() < 2 { Err(ClipError::TooShort(frames.len())) } else { Ok(Self { fields, frames }) }
    }

    /// The mean number of entities per frame.
    pub fn entities(&self) -> f64 {
        self.frames.iter().map(Vec::len).sum::<usize>() as f64 / self.frames.len().max(1) as f64
    }
}

fn unreadable(error: &csv::Error) -> ClipError {
    let line = error.position().map_or(1, csv::Position::line);
    ClipError::Row { line, what: format!("not readable as CSV in UTF-8: {error}") }
}

fn read_header(header: &StringRecord) -> Result<Vec<String>, ClipError> {
    let wrong = |what: String| Err(ClipError::Header(what));
    let name = |index: usize| header.get(index).unwrap_or_default().trim_start_matches('\u{feff}');
    for (index, wanted) in ["frame", "entity"].into_iter().enumerate() {
        if name(index) != wanted {
            return wrong(format!("column {} is {:?}: must be {wanted:?}", index + 1, name(index)));
        }
    }
    let fields: Vec<String> = header.iter().skip(2).map(str::to_owned).collect();
    if fields.is_empty() || fields.len() > MAX_FIELDS {
        return wrong(format!("{} columns after frame,entity: 1 to {MAX_FIELDS} fields are needed", fields.len()));
    }
    for (index, field) in fields.iter().enumerate() {
        if field.is_empty() || field.len() > 32 {
            return wrong(format!("column {}: a name of 1 to 32 bytes is needed, found {field:?}", index + 3));
        }
        if fields[..index].contains(field) {
            return wrong(format!("column {}: {field:?} is there twice", index + 3));
        }
    }
    Ok(fields)
}

/// Collects rows into frames.
struct Rows {
    header: StringRecord,
    frames: Vec<Vec<Sample>>,
    /// The number of the frame being read.
    frame: Option<i64>,
    /// The entities that are in it already.
    seen: BTreeSet<u64>,
}

impl Rows {
    fn add(&mut self, record: &StringRecord) -> Result<(), ClipError> {
        let line = record.position().map_or(0, csv::Position::line);
        if record.len() != self.header.len() {
            let what = format!("{} columns: must be {} as in the header", record.len(), self.header.len());
            return Err(ClipError::Row { line, what });
        }
        let cell = |index: usize, what: String| ClipError::Cell { line, column: self.header[index].to_owned(), what };
        let frame: i64 = record[0].parse().map_err(|_| cell(0, format!("{:?}: must be a whole number", &record[0])))?;
        let entity: u64 =
            record[1].parse().map_err(|_| cell(1, format!("{:?}: must be a whole number from 0", &record[1])))?;
        let mut values = Vec::with_capacity(record.len() - 2);
        for index in 2..record.len() {
            let value: f64 = record[index].parse().unwrap_or(f64::NAN);
            if !value.is_finite() {
                return Err(cell(index, format!("{:?}: must be a number such as 12.5", &record[index])));
            }
            values.push(value);
        }
        match self.frame {
            Some(newest) if frame < newest => {
                return Err(cell(0, format!("{frame} comes after {newest}: rows must be sorted by frame")));
            }
            Some(newest) if frame == newest => {}
            _ => {
                self.frame = Some(frame);
                self.seen.clear();
                self.frames.push(Vec::new());
            }
        }
        if !self.seen.insert(entity) {
            return Err(cell(1, format!("{entity} is in frame {frame} twice: one row per entity and frame")));
        }
        self.frames.last_mut().expect("a frame was begun").push(Sample { entity, values });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> String {
        Clip::read(text.as_bytes()).expect_err("must be refused").to_string()
    }

    #[test]
    fn a_clip_has_frames_of_samples() {
        let clip = Clip::read("frame,entity,x,y\n10, 7, 1.5, -2\n10,3,0,0\n12,7,1.75,-2\n".as_bytes()).expect("a clip");
        assert_eq!(clip.fields, ["x", "y"]);
        assert_eq!(clip.frames.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(clip.frames[1][0], Sample { entity: 7, values: vec![1.75, -2.0] });
    }

    #[test]
    fn faults_say_where_and_what_would_be_right() {
        assert_eq!(fault(""), "line 1: the file is empty: start with frame,entity,x,y");
        assert_eq!(fault("tick,entity,x\n"), "line 1: column 1 is \"tick\": must be \"frame\"");
        assert_eq!(fault("frame,entity\n"), "line 1: 0 columns after frame,entity: 1 to 16 fields are needed");
        assert_eq!(fault("frame,entity,x,x\n"), "line 1: column 4: \"x\" is there twice");
        let rows = |rows: &str| fault(&format!("frame,entity,x\n0,1,2\n{rows}\n"));
        assert_eq!(rows("1,1,abc"), "line 3, column \"x\": \"abc\": must be a number such as 12.5");
        assert_eq!(rows("1,1,inf"), "line 3, column \"x\": \"inf\": must be a number such as 12.5");
        assert_eq!(rows("1,-1,2"), "line 3, column \"entity\": \"-1\": must be a whole number from 0");
        assert_eq!(rows("-1,1,2"), "line 3, column \"frame\": -1 comes after 0: rows must be sorted by frame");
        assert_eq!(rows("0,1,2"), "line 3, column \"entity\": 1 is in frame 0 twice: one row per entity and frame");
        assert_eq!(rows("1,1"), "line 3: 2 columns: must be 3 as in the header");
        assert_eq!(rows(""), "at least two frames are needed, found 1");
    }
}
