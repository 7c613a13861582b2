//! The results of a measurement: a table for people, and data for programs. All sizes are in bytes unless they say bits.

use std::fmt;

use serde::Serialize;

use tickwire::snapshot::Schema;
use tickwire::snapshot::delta::Costs;
use tickwire::wire::weight::TCP_IP;

/// A measured clip.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The name of the clip.
    pub clip: String,
    /// Frames, one per tick.
    pub frames: usize,
    /// The mean number of entities per tick.
    pub entities: f64,
    /// Ticks per second.
    pub rate: u16,
    /// How fields were quantised.
    pub fields: Vec<FieldPlan>,
    /// The sizes that this crate sends.
    pub coded: Coded,
    /// The sizes of other encodings, values only.
    pub beside: Vec<Row>,
}

/// How a field was quantised.
#[derive(Clone, Debug, Serialize)]
pub struct FieldPlan {
    /// Its column.
    pub name: String,
    /// The step, in the game's units.
    pub step: f64,
    /// The lowest value.
    pub low: f64,
    /// The highest value.
    pub high: f64,
    /// Whether the range was taken from the clip's values, because none was given.
    pub found: bool,
    /// Bits that every value of the range fits in.
    pub bits: u32,
    /// Whether the field was not extrapolated.
    pub held: bool,
    /// Whether the field is a direction in degrees.
    pub angle: bool,
}

/// The sizes that this crate sends, from the second tick on.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Coded {
    /// Deltas.
    pub payload: Row,
    /// Frame messages with the deltas, one consumed input per tick and a hash once per second.
    pub message: Row,
    /// Messages as WebSocket frames, each in its own TCP segment.
    pub wire: Row,
    /// The whole state, as a joining player receives it.
    pub keyframe: Row,
    /// The first frame message.
    pub first_message: usize,
    /// The film of an hour in the archive of matches, by the seconds from one keyframe to the next.
    pub films: Vec<(u32, f64)>,
    /// The parts of the payload.
    pub shares: Vec<Share>,
    /// Entities times ticks over which `shares` were summed.
    #[serde(skip)]
    explained: f64,
}

/// A part of the payload.
#[derive(Clone, Debug, Serialize)]
pub struct Share {
    /// A field, or another part of the delta.
    pub name: String,
    /// Bits per entity and tick.
    pub bits: f64,
}

/// One encoding of the clip.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Row {
    /// The name of the encoding.
    pub name: String,
    /// Bytes per entity and tick.
    pub mean: f64,
    /// Bytes per entity and tick of the 99th-percentile tick.
    pub p99: f64,
    /// Bytes per tick.
    pub tick: f64,
    /// By tick: the bytes, and the number of entities that share them.
    #[serde(skip)]
    samples: Vec<(usize, f64)>,
}

impl Coded {
    /// Parts that belong to no field, in the order of [`Self::explain`].
    const REST: [&str; 4] = ["(who changed)", "(who came)", "(who left)", "(whole bytes)"];

    pub(super) fn new(schema: &Schema) -> Self {
        let named = Row::named;
        let (payload, message, wire) = (named("payload"), named("message"), named("on the wire"));
        let fields = schema.kinds().iter().flat_map(|kind| kind.fields.iter().map(|field| field.name.as_str()));
        let share = |name: &str| Share { name: name.to_owned(), bits: 0.0 };
        let shares = fields.chain(Self::REST).map(share).collect();
        Self { payload, message, wire, keyframe: named("keyframe"), shares, ..Self::default() }
    }

    /// Adds the costs of a delta for `entities` entities.
    pub(super) fn explain(&mut self, costs: &Costs, entities: f64) {
        let arrivals = f64::from(costs.ids) + f64::from(costs.added);
        let rest = [costs.presence.into(), arrivals, costs.removed.into(), costs.end.into()];
        let fields = costs.fields.iter().map(|(_, _, cost)| f64::from(*cost));
        self.shares.iter_mut().zip(fields.chain(rest)).for_each(|(share, cost)| share.bits += cost / 256.0);
        self.explained += entities;
    }

    /// Computes the figures.
    pub(super) fn finish(&mut self) {
        for row in [&mut self.payload, &mut self.message, &mut self.wire, &mut self.keyframe] {
            row.finish();
        }
        self.shares.iter_mut().for_each(|share| share.bits /= self.explained.max(1.0));
    }
}

impl Row {
    pub(super) fn named(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// Adds a tick that took `bytes` for `share` entities.
    pub(super) fn add(&mut self, bytes: usize, share: f64) {
        self.samples.push((bytes, share));
    }

    /// Computes the figures.
    pub(super) fn finish(&mut self) {
        let ticks = self.samples.len().max(1);
        let bytes = self.samples.iter().map(|(bytes, _)| *bytes).sum::<usize>() as f64;
        let entities: f64 = self.samples.iter().map(|(_, share)| share).sum();
        let mut each: Vec<f64> = self.samples.drain(..).map(|(bytes, share)| bytes as f64 / share).collect();
        each.sort_unstable_by(f64::total_cmp);
        (self.mean, self.tick) = (bytes / entities.max(1.0), bytes / ticks as f64);
        self.p99 = each.get((ticks * 99).div_ceil(100) - 1).copied().unwrap_or_default();
    }
}

impl Report {
    /// Bytes per second on the wire, to one client.
    pub fn wire_per_second(&self) -> f64 {
        self.coded.wire.tick * f64::from(self.rate)
    }

    fn write_fields(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for field in &self.fields {
            let step = if field.step < 1.0 && (1.0 / field.step).fract() < 1e-9 {
                format!("1/{}", (1.0 / field.step).round())
            } else {
                format!("{}", field.step)
            };
            let FieldPlan { low, high, bits, .. } = field;
            let mut notes = Vec::new();
            notes.extend(field.found.then_some("range of the clip"));
            notes.extend(field.held.then_some("held"));
            notes.extend(field.angle.then_some("a direction"));
            let notes = if notes.is_empty() { String::new() } else { format!("  ({})", notes.join(", ")) };
            writeln!(f, "  {:12} step {step}, {low} to {high}, {bits} bits{notes}", field.name)?;
        }
        Ok(())
    }

    fn write_shares(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n  where the payload goes, in bits per entity and tick")?;
        let most = self.coded.shares.iter().map(|share| share.bits).fold(1e-9, f64::max);
        for Share { name, bits } in self.coded.shares.iter().filter(|share| share.bits.abs() >= 0.0005) {
            let line =
                format!("{name:22} {bits:>7.3}   {}", "#".repeat((bits / most * 32.0).round().max(0.0) as usize));
            writeln!(f, "  {}", line.trim_end())?;
        }
        Ok(())
    }

    fn write_row(&self, f: &mut fmt::Formatter<'_>, row: &Row) -> fmt::Result {
        let second = row.tick * f64::from(self.rate);
        let times = row.mean / self.coded.payload.mean.max(1e-9);
        let times = if times > 1.05 { format!("   {times:.1}x payload") } else { String::new() };
        let second = if second < 9999.5 { format!("{second:.0} B") } else { format!("{:.1} kB", second / 1000.0) };
        let Row { name, mean, p99, tick, .. } = row;
        writeln!(f, "  {name:22} {mean:>7.2} {p99:>7.2}   {tick:>8.1}   {second:>9}{times}")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { clip, frames, entities, rate, coded, .. } = self;
        let seconds = *frames as f64 / f64::from(*rate);
        writeln!(f, "{clip}: {entities:.1} entities, {frames} ticks at {rate} Hz, {seconds:.1} s\n")?;
        self.write_fields(f)?;
        writeln!(f, "\n  {:22} {:>15}", "", "entity and tick")?;
        writeln!(f, "  {:22} {:>7} {:>7}   {:>8}   {:>9}", "bytes per", "mean", "p99", "tick", "second")?;
        for row in [&coded.payload, &coded.message, &coded.wire] {
            self.write_row(f, row)?;
        }
        writeln!(f)?;
        for row in &self.beside {
            self.write_row(f, row)?;
        }
        self.write_shares(f)?;
        let Row { tick, mean, .. } = coded.keyframe;
        writeln!(
            f,
            "\na keyframe has {tick:.0} bytes, {mean:.2} per entity; the first message {}",
            coded.first_message
        )?;
        for (seconds, bytes) in &coded.films {
            writeln!(f, "the film of an hour has {:.2} MB with a keyframe every {seconds} s", bytes / 1e6)?;
        }
        writeln!(f, "messages: one input consumed per tick, a hash once per second")?;
        writeln!(f, "on the wire: WebSocket 2 to 4, TCP/IPv4 with timestamps {TCP_IP} (40 without), no TLS")?;
        write!(f, "the others: values only, no ids, nothing about who is there, no message and no wire around them")
    }
}
