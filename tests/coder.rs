//! The coder's figures: bounds on the cost of smooth movement, parts of a cost that add up to the whole, and equal odds in the
//! browser client. Recorded movement is checked by hand with `examples/train`.

use std::sync::Arc;

use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;
use serde_json::json;
use tickwire::id::{EntityId, KindId, ZoneId};
use tickwire::snapshot::delta::costs;
use tickwire::snapshot::direction::cosine;
use tickwire::snapshot::{Field, Frame, Kind, Schema, Shape, Zone, training};
use tickwire::tick::Tick;

/// Frames of `entities` that choose a new velocity now and then and accelerate evenly until they reach it.
fn crowd(entities: u32, ticks: usize) -> Vec<Frame> {
    let range = Shape::Fixed { min: -(1 << 15), max: 1 << 15, per_unit: 64 };
    let fields = vec![Field::smooth("x", range.clone()), Field::smooth("y", range)];
    let schema = Schema::new(vec![Kind::new("runner", fields)]).expect("a valid schema");
    let mut random = Pcg32::new(7, 9);
    let mut below = |bound: u32| (random.next_u32() % bound).cast_signed();
    // Position, velocity and wanted velocity of both axes, in 1024ths of a quantum.
    let mut runners: Vec<[[i32; 3]; 2]> =
        (0..entities).map(|_| std::array::from_fn(|_| [(below(6000) - 3000) << 10, 0, 0])).collect();
    let mut frames = vec![Frame::initial(Arc::new(schema), Tick(0))];
    for _ in 0..ticks {
        for [place, velocity, wanted] in runners.iter_mut().flatten() {
            if below(30) == 0 {
                *wanted = below(40_000) - 20_000;
            }
            *velocity += (*wanted - *velocity).clamp(-500, 500);
            *place += *velocity;
        }
        let next = frames[frames.len() - 1].freeze(Vec::new(), |out| {
            for (id, [x, y]) in (0..).zip(&runners) {
                out.entity(KindId(0), EntityId(id), &[(x[0] + 512) >> 10, (y[0] + 512) >> 10]);
            }
        });
        frames.push(next);
    }
    frames
}

fn zone(frame: &Frame) -> &Zone {
    frame.zone(ZoneId(0)).expect("a zone with runners").zone()
}

#[test]
fn smooth_movement_costs_less_than_half_a_byte() {
    let frames = crowd(22, 400);
    let bytes: usize = frames[20..].iter().map(|frame| frame.zone(ZoneId(0)).expect("a zone").delta().len()).sum();
    let each = bytes as f64 / (frames.len() - 20) as f64 / 22.0;
    println!("{each:.3} bytes per entity and tick");
    assert!(each < 0.42, "{each:.3} bytes per entity and tick");
}

#[test]
fn the_parts_of_a_cost_are_the_whole() {
    let frames = crowd(50, 40);
    for pair in frames[1..].windows(2) {
        let costs = costs(frames[0].schema(), zone(&pair[0]), zone(&pair[1]));
        let parts = costs.presence + costs.removed + costs.ids + costs.added + costs.surprises();
        assert_eq!(costs.bytes, pair[1].zone(ZoneId(0)).expect("a zone").delta().len());
        assert_eq!(parts.cast_signed() + costs.end, costs.bytes as i32 * 8 * 256);
        assert!((-2048..=2048).contains(&costs.end), "{costs:?}");
    }
}

/// A file of the repository.
fn text(path: &str) -> String {
    std::fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).expect("the file is there")
}

#[test]
fn other_implementations_start_from_the_same_odds() {
    for (path, table) in [("web-demo/client/odds.js", training::javascript()), ("assets/odds.json", training::json())] {
        assert!(text(path) == table, "{path}: run cargo run --release --example train -- --copies");
    }
}

#[test]
fn other_implementations_have_the_same_cosines() {
    let table: Vec<i32> = serde_json::from_str(&text("assets/cosine.json")).expect("a list of numbers");
    assert!(table.iter().zip(0..).all(|(found, heading)| *found == cosine(heading << 8)) && table.len() == 257);
}

/// A thousand rows for the browser's bench and tests: a keyframe and the deltas after it.
#[test]
fn a_thousand_rows() {
    let frames = crowd(1000, 44);
    let part = |frame: &Frame| frame.zone(ZoneId(0)).expect("a zone").delta().clone();
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let first = &frames[40];
    let keyframe = first.keyframe(first.zone(ZoneId(0)).expect("a zone"));
    let deltas: Vec<String> = frames[41..].iter().map(|frame| hex(&part(frame))).collect();
    let hash = frames[44].zone(ZoneId(0)).expect("a zone").hash();
    let schema = first.schema().kinds();
    let text = json!({ "schema": schema, "keyframe": hex(keyframe), "deltas": deltas, "hash": hash }).to_string();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/crowd.json");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, text.clone() + "\n").expect("the vectors can be written");
    }
    assert!(std::fs::read_to_string(path).expect("the vectors are there").trim() == text, "crowd.json has other bytes");
}
