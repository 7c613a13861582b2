//! What movement costs on the wire: clips are replayed through the real encoder and the real messages, beside what other
//! ways of sending the same rows would take.
//!
//! `clip` reads recordings, `generated` makes them, `replay` weighs the crate's own bytes, `beside` the others', `report`
//! puts them side by side. Nothing is sent; no server and no socket is needed.

mod baselines;
mod clip;
mod generated;
mod replay;
mod report;

pub use clip::{Clip, ClipError, Sample};
pub use generated::{Style, generate};
pub use replay::{Plan, PlanError, Range, measure};
pub use report::{Coded, FieldPlan, Report, Row, Share};
