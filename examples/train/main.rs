//! Trains the odds that every message starts from: `cargo run --release --example train -- --write`.
//!
//! Counts the decisions of deltas and keyframes over generated movement (`movement`) and over the arena with wandering
//! players, and writes `src/snapshot/odds.rs`. After a build with the new table, `--copies` writes
//! `web-demo/client/odds.js` and `assets/odds.json`. Without either, it prints the sizes that the current table gives for the same kinds of clips,
//! and for recordings given as CSV files with the columns frame, entity, x, y.

mod arena;
mod movement;

use std::collections::BTreeMap;
use std::sync::Arc;

use movement::{Clip, STYLES, clip};
use tickwire::id::{EntityId, KindId, ZoneId};
use tickwire::snapshot::delta::costs;
use tickwire::snapshot::training::{Counts, javascript, json, rust};
use tickwire::snapshot::{Field, Frame, Kind, Schema, Shape};
use tickwire::tick::Tick;

type AnyError = Box<dyn std::error::Error>;

fn main() -> Result<(), AnyError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let root = env!("CARGO_MANIFEST_DIR");
    match arguments.first().map(String::as_str) {
        Some("--write") => std::fs::write(format!("{root}/src/snapshot/odds.rs"), rust(&train().odds()))?,
        // Run this after building with the new table.
        Some("--copies") => {
            std::fs::write(format!("{root}/web-demo/client/odds.js"), javascript())?;
            std::fs::write(format!("{root}/assets/odds.json"), json())?;
        }
        _ => report(&arguments)?,
    }
    Ok(())
}

fn train() -> Counts {
    let mut counts = Counts::default();
    for (seed, style) in STYLES.iter().enumerate() {
        for (entities, ticks) in [(22, 600), (150, 60)] {
            let clip = clip(style, entities, ticks, 1 + seed as u64);
            for schema in [coordinates(Field::smooth), coordinates(Field::linear)] {
                count(&mut counts, &frames(&schema, &clip), 1);
            }
        }
    }
    for frames in arena::by_kind(&arena::play(60, 400, 5)) {
        count(&mut counts, &frames, 1);
    }
    counts
}

fn count(counts: &mut Counts, frames: &[Frame], weight: u64) {
    for pair in frames.windows(2).skip(3) {
        let [base, next] = pair else { continue };
        if let (Some(base), Some(next)) = (base.zone(ZoneId(0)), next.zone(ZoneId(0))) {
            counts.delta(base_schema(frames), base.zone(), next.zone(), weight);
        }
    }
    for frame in frames.iter().step_by(20) {
        if let Some(zone) = frame.zone(ZoneId(0)) {
            counts.keyframe(base_schema(frames), zone.zone(), weight);
        }
    }
}

fn base_schema(frames: &[Frame]) -> &Schema {
    frames[0].schema()
}

fn coordinates(field: fn(&str, Shape) -> Field) -> Arc<Schema> {
    let range = Shape::Fixed { min: -(1 << 17), max: 1 << 17, per_unit: 64 };
    let kind = Kind::new("runner", vec![field("x", range.clone()), field("y", range)]);
    Arc::new(Schema::new(vec![kind]).expect("a valid schema"))
}

fn frames(schema: &Arc<Schema>, clip: &Clip) -> Vec<Frame> {
    let mut frames = vec![Frame::initial(schema.clone(), Tick(0))];
    for places in clip {
        let next = frames[frames.len() - 1].freeze(Vec::new(), |out| {
            for (id, place) in (0..).zip(places) {
                out.entity(KindId(0), EntityId(id), place);
            }
        });
        frames.push(next);
    }
    frames
}

fn report(files: &[String]) -> Result<(), AnyError> {
    println!("bytes per entity and tick: payload, 99th percentile; bytes per entity of a keyframe");
    let recordings =
        files.iter().map(|file| Ok((file.clone(), recording(file)?))).collect::<Result<Vec<_>, AnyError>>()?;
    let clips = STYLES.iter().map(|style| (style.name.to_owned(), clip(style, 22, 600, 99)));
    for (name, clip) in clips.chain(recordings) {
        for (motion, field) in [("smooth", Field::smooth as fn(&str, Shape) -> Field), ("linear", Field::linear)] {
            let frames = frames(&coordinates(field), &clip);
            line(&format!("{name}, {motion}"), &frames[1..], clip[0].len());
            if name.contains('.') {
                explain(&frames[1..], clip[0].len());
            }
        }
    }
    let players = 200;
    let frames = arena::play(players, 300, 8);
    line("arena, 200 wanderers", &frames[40..], usize::from(players));
    explain(&frames[40..], usize::from(players));
    Ok(())
}

fn line(name: &str, frames: &[Frame], entities: usize) {
    let zones: Vec<_> =
        frames[4..].iter().filter_map(|frame| frame.zone(ZoneId(0)).map(|zone| (frame, zone))).collect();
    let mut bytes: Vec<usize> = zones.iter().map(|(_, zone)| zone.delta().len()).collect();
    bytes.sort_unstable();
    let mean = bytes.iter().sum::<usize>() as f64 / bytes.len() as f64;
    let high = bytes[bytes.len() * 99 / 100] as f64;
    let (frame, zone) = zones[zones.len() / 2];
    let keyframe = frame.keyframe(zone).len() as f64;
    let each = entities as f64;
    println!("{name:24} {:.3} {:.3} {:.2}", mean / each, high / each, keyframe / each);
}

/// Prints what the fields of a room cost, in bytes per player and tick.
fn explain(frames: &[Frame], players: usize) {
    let schema = frames[0].schema();
    let mut sums: BTreeMap<String, f64> = BTreeMap::new();
    for pair in frames.windows(2) {
        let zones = [&pair[0], &pair[1]].map(|frame| frame.zone(ZoneId(0)).expect("a zone with players").zone());
        let costs = costs(schema, zones[0], zones[1]);
        let mut add = |name: String, cost: f64| *sums.entry(name).or_default() += cost / 2048.0;
        for (name, cost) in [("added", costs.added), ("removed", costs.removed), ("ids", costs.ids)] {
            add(name.to_owned(), f64::from(cost));
        }
        add("presence".to_owned(), f64::from(costs.presence));
        add("end".to_owned(), f64::from(costs.end));
        for (kind, column, cost) in &costs.fields {
            let kind = &schema.kinds()[usize::from(kind.0)];
            add(format!("{}.{}", kind.name, kind.fields[*column].name), f64::from(*cost));
        }
    }
    let ticks = (frames.len() - 1) as f64 * players as f64;
    for (name, sum) in sums {
        println!("    {name:20} {:.3}", sum / ticks);
    }
}

/// Reads a recording: a header line, then frame, entity, x, y; metres become 64ths.
fn recording(path: &str) -> Result<Clip, AnyError> {
    let mut frames: BTreeMap<u32, BTreeMap<u32, [i32; 2]>> = BTreeMap::new();
    for line in std::fs::read_to_string(path)?.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let [frame, entity, x, y] = cells[..] else { return Err(format!("not four columns: {line}").into()) };
        let place = [x.parse::<f64>()?, y.parse::<f64>()?].map(|metres| (metres * 64.0).round() as i32);
        frames.entry(frame.parse()?).or_default().insert(entity.parse()?, place);
    }
    Ok(frames.into_values().map(|places| places.into_values().collect()).collect())
}
