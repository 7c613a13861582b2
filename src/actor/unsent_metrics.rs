//! What clients wanted and were not sent, as metrics by kind. Label sets are bounded, as those of `metrics` are.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::metrics::MOST_SPENT;
use crate::engine::Unsent;
use crate::snapshot::Schema;

/// The metrics.
#[derive(Debug)]
pub(super) struct UnsentMetrics {
    rows: Family<Wanted, Counter>,
    /// The counters so far.
    known: Mutex<BTreeMap<Wanted, Counter>>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EncodeLabelSet)]
struct Wanted {
    game: String,
    kind: String,
}

impl UnsentMetrics {
    /// Adds them to `registry`.
    pub(super) fn new(registry: &mut Registry) -> Self {
        let rows = Family::default();
        let help = "Rows in cells that were wanted by a client and had to wait, by game and kind";
        registry.register("rows_unsent", help, rows.clone());
        Self { rows, known: Mutex::default() }
    }

    /// Adds what clients of a room wanted and were not sent.
    pub(super) fn count(&self, game: &str, schema: &Schema, unsent: &Unsent) {
        if unsent.is_empty() {
            return;
        }
        let mut known = self.known.lock();
        for (kind, rows) in schema.kinds().iter().zip(&unsent.rows).filter(|(_, rows)| **rows > 0) {
            let label = Wanted { game: game.to_owned(), kind: kind.name.clone() };
            if known.len() < MOST_SPENT || known.contains_key(&label) {
                let counter = || self.rows.get_or_create(&label).clone();
                known.entry(label.clone()).or_insert_with(counter).inc_by(*rows);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{Field, Kind, Shape};

    #[test]
    fn rows_are_counted_by_kind_and_labels_are_bounded() {
        let field = || vec![Field::held("on", Shape::Bool)];
        let kinds = ["tree", "bird", "fish"].map(|name| Kind::new(name, field()));
        let schema = Schema::new(kinds.to_vec()).expect("a valid schema");
        let metrics = UnsentMetrics::new(&mut Registry::default());
        let unsent = Unsent { cells: 2, bytes: 10, rows: vec![3, 0, 4] };
        for _ in 0..2 {
            metrics.count("wood", &schema, &unsent);
        }
        metrics.count("wood", &schema, &Unsent::default());
        let known: Vec<_> = metrics.known.lock().iter().map(|(label, rows)| (label.kind.clone(), rows.get())).collect();
        assert_eq!(known, [("fish".to_owned(), 8), ("tree".to_owned(), 6)]);
        for game in 0..MOST_SPENT {
            metrics.count(&format!("game {game}"), &schema, &unsent);
        }
        assert_eq!(metrics.known.lock().len(), MOST_SPENT);
    }
}
