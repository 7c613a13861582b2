//! Measures what movement costs on the wire: clips are replayed through the real encoder and the real messages, and
//! compared with other encodings of the same rows.
//!
//! `clip` reads recordings, `generated` makes clips, `replay` measures the crate's own bytes, `baselines` those of other
//! encodings, `report` combines them. Nothing is sent; no server and no socket is needed.

mod baselines;
mod clip;
mod film;
mod generated;
mod replay;
mod report;

pub use clip::{Clip, ClipError, Sample};
pub use generated::{Style, generate};
pub use replay::{Plan, PlanError, Range, measure};
pub use report::{Coded, FieldPlan, Report, Row, Share};
