//! Inputs that were made but not sent yet, as runs of equal inputs.

use crate::id::Seq;
use crate::snapshot::InputSchema;
use crate::wire::{Run, limits, pack_runs};

/// Inputs of one connection, numbered from 1.
#[derive(Clone, Debug, Default)]
pub(super) struct Unsent {
    /// The number of the last input made.
    made: Seq,
    /// Unsent inputs that equal the last one sent.
    held: u16,
    /// Unsent inputs made after those.
    runs: Vec<Run>,
    /// The values of the last input made.
    last: Vec<i32>,
    /// Whether an unsent input differs from the one before it: then it must be sent at once.
    pub urgent: bool,
}

/// Inputs in the form that a message has.
pub(super) struct Packed {
    pub held: u16,
    pub counted: bool,
    pub runs: Vec<u8>,
}

impl Unsent {
    /// Adds the next input. Returns its number.
    pub fn make(&mut self, values: &[i32]) -> Seq {
        let changed = self.made == Seq(0) || self.last != values;
        self.made = self.made.plus(1);
        self.urgent |= changed;
        match self.runs.last_mut() {
            None if !changed && self.held < limits::RUN_LENGTH => self.held += 1,
            Some(run) if !changed && run.count < limits::RUN_LENGTH => run.count += 1,
            _ => self.runs.push(Run { count: 1, values: values.to_vec() }),
        }
        self.last.clear();
        self.last.extend_from_slice(values);
        self.made
    }

    pub fn is_empty(&self) -> bool {
        self.held == 0 && self.runs.is_empty()
    }

    /// Packs all unsent inputs and leaves none.
    pub fn pack(&mut self, schema: &InputSchema) -> Packed {
        self.urgent = false;
        let (counted, runs) = pack_runs(schema, &self.runs);
        self.runs.clear();
        Packed { held: std::mem::take(&mut self.held), counted, runs }
    }
}
