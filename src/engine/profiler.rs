//! A room's bandwidth by kind and field: once per second, the profiler weighs the deltas of one tick and updates a
//! moving average.
//!
//! One sample, of all zones together, costs about as much as encoding the tick twice more, hence its low rate. The
//! shell decides where the result goes (the page, the metrics).

use std::sync::Arc;

use serde::Serialize;

use super::budget::Unsent;
use crate::id::ZoneId;
use crate::snapshot::delta::{Costs, costs};
use crate::snapshot::{Frame, Schema, Zone};
use crate::tick::{Tick, TickRate};

/// One share of a room's deltas.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CostShare {
    /// The kind; `None` for a share that does not belong to a kind's field.
    pub kind: Option<String>,
    /// The field, or the name of another part of the delta.
    pub field: String,
    /// Bits per tick and player.
    pub bits: f64,
}

/// How much of one kind clients wanted and were not sent.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UnsentShare {
    /// The kind.
    pub kind: String,
    /// Rows per second, added up over all clients.
    pub rows: f64,
}

/// The cost of a room's deltas, averaged over the last samples.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RoomCosts {
    /// The tick of the last sample.
    pub tick: Tick,
    /// Players in the room at that tick.
    pub players: usize,
    /// Samples so far.
    pub samples: u32,
    /// Bytes per tick, for the deltas of all zones.
    pub bytes: f64,
    /// Whether somebody in the room does not see all zones, so that the costs would tell of what is hidden from them.
    pub hidden: bool,
    /// The parts of `bytes`: the fields in schema order, then the rest.
    pub shares: Vec<CostShare>,
    /// What clients wanted and were not sent, by kind in the order of the schema.
    pub unsent: Vec<UnsentShare>,
}

/// Samples the deltas of one room.
#[derive(Debug)]
pub struct BandwidthProfiler {
    rate: TickRate,
    /// Has the names of the shares.
    schema: Arc<Schema>,
    /// As in [`RoomCosts`].
    tick: Tick,
    players: usize,
    samples: u32,
    bytes: f64,
    hidden: bool,
    /// Of each share.
    bits: Box<[f64]>,
    /// Of each kind.
    unsent_rows: Box<[f64]>,
}

impl BandwidthProfiler {
    /// A new sample's weight in the average is 1/`MEMORY`, once there are that many samples.
    const MEMORY: u32 = 8;
    /// The shares that do not belong to one field, in the order of [`rest`].
    const REST: [&str; 4] = ["presence", "arrivals", "departures", "end"];

    /// Starts without a sample.
    pub fn new(rate: TickRate, schema: &Arc<Schema>) -> Self {
        let fields: usize = schema.kinds().iter().map(|kind| kind.fields.len()).sum();
        let bits = vec![0.0; fields + Self::REST.len()].into();
        let unsent_rows = vec![0.0; schema.kinds().len()].into();
        let (tick, players, samples, bytes, hidden) = Default::default();
        Self { rate, schema: schema.clone(), tick, players, samples, bytes, hidden, bits, unsent_rows }
    }

    /// Whether a second has passed since the last sample, or since the room began: its first tick is all arrivals.
    pub fn is_due(&self, tick: Tick) -> bool {
        tick.since(self.tick) >= i32::from(self.rate.per_second())
    }

    /// The bits of each share, in the order of [`RoomCosts::shares`].
    pub fn bits(&self) -> &[f64] {
        &self.bits
    }

    /// The costs, averaged over the last samples.
    pub fn costs(&self) -> RoomCosts {
        let fields = self.schema.kinds().iter().flat_map(|kind| {
            let share = |field: &crate::snapshot::Field| (Some(kind.name.clone()), field.name.clone());
            kind.fields.iter().map(share)
        });
        let named = fields.chain(Self::REST.iter().map(|name| (None, (*name).to_owned())));
        let shares = named.zip(&self.bits).map(|((kind, field), bits)| CostShare { kind, field, bits: *bits });
        let kinds = self.schema.kinds().iter().zip(&self.unsent_rows);
        let unsent = kinds.map(|(kind, rows)| UnsentShare { kind: kind.name.clone(), rows: *rows });
        let (tick, players, samples, bytes, hidden) = (self.tick, self.players, self.samples, self.bytes, self.hidden);
        RoomCosts { tick, players, samples, bytes, hidden, shares: shares.collect(), unsent: unsent.collect() }
    }

    /// Samples what led from one frame to the next. `players` must be at least 1; `unsent` is what clients wanted and were not
    /// sent since the last sample.
    pub fn sample(&mut self, before: &Frame, next: &Frame, players: usize, unsent: &Unsent) {
        let schema = &**next.schema();
        let empty = Zone::empty(schema);
        let mut bits = vec![0.0; self.bits.len()];
        let mut bytes = 0;
        // What did not change cost nothing.
        for zone in next.zones().iter().filter(|_| !next.shares_zones(before)) {
            let base = before.zone(zone.id()).map_or(&empty, |old| old.zone());
            let found = costs(schema, base, zone.zone());
            bytes += found.bytes;
            let fields = found.fields.iter().map(|(_, _, cost)| f64::from(*cost));
            bits.iter_mut().zip(fields.chain(rest(&found))).for_each(|(sum, cost)| *sum += cost / 256.0);
        }
        self.samples = self.samples.saturating_add(1);
        let weight = 1.0 / f64::from(self.samples.min(Self::MEMORY));
        self.bytes += (bytes as f64 - self.bytes) * weight;
        for (mean, bits) in self.bits.iter_mut().zip(bits) {
            *mean += (bits / players.max(1) as f64 - *mean) * weight;
        }
        let seconds = f64::from(next.tick().since(self.tick).max(1)) / f64::from(self.rate.per_second());
        for (index, mean) in self.unsent_rows.iter_mut().enumerate() {
            let rows = unsent.rows.get(index).copied().unwrap_or(0) as f64;
            *mean += (rows / seconds - *mean) * weight;
        }
        (self.tick, self.players) = (next.tick(), players);
        // The averages go on to contain what was hidden once.
        self.hidden |= !hides_nothing(next);
    }
}

/// Whether all seats see all zones of a frame, and of every other one.
fn hides_nothing(frame: &Frame) -> bool {
    let sees_all = |zones: &[ZoneId]| frame.zones().iter().all(|zone| zones.binary_search(&zone.id()).is_ok());
    frame.grid().is_none() && frame.notes().iter().all(|note| sees_all(&note.zones))
}

/// The costs that do not belong to one field, in the order of [`BandwidthProfiler::REST`].
fn rest(costs: &Costs) -> [f64; 4] {
    let arrivals = f64::from(costs.ids) + f64::from(costs.added);
    [costs.presence.into(), arrivals, costs.removed.into(), costs.end.into()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{EntityId, KindId, ZoneId};
    use crate::snapshot::{Field, Kind, Shape};

    #[test]
    fn the_shares_are_the_bytes() {
        let range = Shape::Int { min: 0, max: 4095 };
        let kind = Kind::new("ball", vec![Field::linear("x", range.clone()), Field::held("score", range)]);
        let schema = Arc::new(Schema::new(vec![kind, Kind::new("mark", vec![])]).expect("a valid schema"));
        let mut profiler = BandwidthProfiler::new(TickRate::DEFAULT, &schema);
        let mut frame = Frame::initial(schema, Tick(0));
        let mut sampled = 0;
        for tick in 1..=200_u32 {
            let next = frame.freeze(Vec::new(), |out| {
                for id in 0..20_u32 {
                    let x = (tick * (id % 7) + tick * tick % (id + 3)) % 4096;
                    out.row(ZoneId((id % 2) as u16), KindId(0), EntityId(id), &[x.cast_signed(), 7]);
                }
            });
            if profiler.is_due(next.tick()) {
                profiler.sample(&frame, &next, 10, &Unsent { rows: vec![0, 40], ..Unsent::default() });
                sampled += 1;
            }
            frame = next;
        }
        assert_eq!(sampled, 10);
        let costs = profiler.costs();
        let bits: f64 = costs.shares.iter().map(|share| share.bits * 10.0).sum();
        assert!((bits / 8.0 - costs.bytes).abs() < 0.01, "{bits} bits, {} bytes", costs.bytes);
        let names: Vec<_> = costs.shares.iter().map(|share| share.field.as_str()).collect();
        assert_eq!(names, ["x", "score", "presence", "arrivals", "departures", "end"]);
        let unsent: Vec<_> = costs.unsent.iter().map(|share| (share.kind.as_str(), share.rows)).collect();
        assert_eq!(unsent, [("ball", 0.0), ("mark", 40.0)], "the samples are a second apart");
        assert!(costs.shares[0].bits > 5.0 * costs.shares[1].bits);
    }
}
