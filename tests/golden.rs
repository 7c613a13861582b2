//! The golden vectors, `tests/golden/*.json`. This test compares them with the current encoding, and every implementation of
//! the protocol must be able to read them. The browser client's tests read the same files.
//!
//! A difference means that the bytes on the wire have changed, which needs a new protocol version. To write new vectors
//! for a new message or field shape, run with `UPDATE_GOLDEN=1` and read the diff.

mod golden_frames;
mod golden_links;
mod golden_messages;
mod golden_schemas;

use std::sync::Arc;

use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;
use serde_json::{Value, json};
use tickwire::id::{EntityId, KindId, ZoneId};
use tickwire::snapshot::delta::apply_marked;
use tickwire::snapshot::{Frame, Schema, Zone};
use tickwire::tick::Tick;
use tickwire::wire::{
    ClientMessage, Close, Run, ServerMessage, decode_client, decode_server, encode_client, encode_server, unpack_runs,
};

use golden_schemas::{CROWD, crowd, gliding, plain, rich, single, steered, turning};

/// Per row: kind, id, values.
type Rows<'a> = &'a [(u8, u32, &'a [i32])];

/// Rows of one kind, and which of them were placed.
type Placing<'a> = (&'a [(u32, [i32; 3])], &'a [u32]);

#[test]
fn messages() {
    let client = golden_messages::client().into_iter().map(|(name, message)| {
        let bytes = encode_client(&message);
        assert_eq!(decode_client(&bytes).as_ref(), Ok(&message), "{name}");
        json!({ "name": name, "hex": hex(&bytes), "message": message })
    });
    let server = golden_messages::server().into_iter().map(|(name, message)| {
        let bytes = encode_server(&message);
        assert_eq!(decode_server(&bytes).as_ref(), Ok(&message), "{name}");
        json!({ "name": name, "hex": hex(&bytes), "message": message })
    });
    compare("messages", &json!({ "client": client.collect::<Vec<_>>(), "server": server.collect::<Vec<_>>() }));
}

/// Inputs in a client's own form, and the messages that carry them.
#[test]
fn inputs() {
    let vectors = golden_messages::inputs().into_iter().map(|vector| {
        let message = vector.message();
        let ClientMessage::Inputs(packed) = &message else { panic!("inputs are inputs") };
        let unpacked = unpack_runs(&vector.schema, packed).map(|run| {
            let (count, input) = run.expect("what was packed can be unpacked");
            Run { count, values: input[..vector.schema.fields().len()].to_vec() }
        });
        assert_eq!(unpacked.collect::<Vec<_>>(), vector.runs, "{}", vector.name);
        json!({
            "name": vector.name, "hex": hex(&encode_client(&message)), "schema": vector.schema, "ack": vector.ack,
            "epoch": vector.epoch, "view": vector.view, "held": vector.held, "runs": vector.runs,
        })
    });
    compare("inputs", &json!(vectors.collect::<Vec<_>>()));
}

#[test]
fn close_codes() {
    let rows = Close::ALL.map(|close| {
        json!({
            "code": close.code(), "label": close.label(), "text": close.text(), "invites_back": close.invites_back(),
        })
    });
    compare("close", &json!(rows));
}

#[test]
fn zones() {
    let [low, high] = [0, u32::MAX];
    let cases = [
        case("the first frame, then nothing new", plain(), &[&[(0, 5, &[10, -20])], &[(0, 5, &[10, -20])]]),
        case(
            "a steady motion costs nothing",
            plain(),
            &[&[(0, 1, &[0, 0])], &[(0, 1, &[3, -1])], &[(0, 1, &[6, -2])], &[(0, 1, &[9, -3])], &[(0, 1, &[9, -3])]],
        ),
        case(
            "rows leave and come",
            plain(),
            &[
                &[(0, 1, &[1, 1]), (0, 2, &[2, 2]), (0, 3, &[3, 3]), (0, 9, &[9, 9])],
                &[(0, 2, &[2, 3]), (0, 4, &[4, 4]), (0, 9, &[9, 9])],
                &[(0, 1, &[1, 1]), (0, 2, &[2, 4]), (0, 3, &[0, 0]), (0, 4, &[4, 4]), (0, 10, &[5, 5])],
                &[],
            ],
        ),
        case(
            "ids at both ends",
            plain(),
            &[
                &[(0, low, &[0, 0]), (0, 1, &[0, 0]), (0, high - 1, &[0, 0]), (0, high, &[0, 0])],
                &[(0, low, &[1, 0]), (0, high, &[0, 1])],
                &[(0, high, &[0, 2])],
                &[(0, low, &[0, 0]), (0, 1 << 31, &[0, 0])],
            ],
        ),
        case(
            "values at and beyond their bounds",
            plain(),
            &[
                &[(0, 1, &[990, -990])],
                &[(0, 1, &[998, -998])],
                &[(0, 1, &[1000, -1000])],
                &[(0, 1, &[i32::MAX, i32::MIN])],
                &[(0, 1, &[-1000, 1000])],
                &[(0, 1, &[1000, -1000])],
            ],
        ),
        case(
            "a direction turns through zero",
            turning(),
            &[
                &[(0, 1, &[250, 250, 65530, 0])],
                &[(0, 1, &[6, 6, 10, 1])],
                &[(0, 1, &[18, 18, 26, 0])],
                &[(0, 1, &[250, 250, 65530, 1])],
                &[(0, 1, &[122, 122, 32762, 1])],
            ],
        ),
        case(
            "every shape, held and linear",
            rich(),
            &[
                &[(0, 1, &[0, 7, 64, 3, 1, 2, 0]), (1, 1, &[]), (2, 1, &[0, -(1 << 29), 1 << 29, 5, 2, 1, 0])],
                &[
                    (0, 1, &[1, 8, 80, 5, 2, 0, 1]),
                    (1, 1, &[]),
                    (1, 2, &[]),
                    (2, 1, &[1, 1 << 29, -(1 << 29), 0, 0, 0, 1 << 29]),
                ],
                &[(0, 1, &[1, 9, 96, 7, 2, 0, 1]), (1, 2, &[]), (2, 1, &[1, 0, 0, 31, 1, 1, -(1 << 29)])],
            ],
        ),
    ];
    compare("zones", &json!([&cases[..], &courses()[..], &marked()[..]].concat()));
}

/// Rows that were placed, and rows that came from another zone.
fn marked() -> [Value; 2] {
    let placed = |steps: [Placing; 6]| {
        let mut frame = Frame::initial(gliding(), Tick(0));
        let steps = steps.map(|(rows, teleported)| {
            let before = frame.zone(ZoneId(0)).map_or_else(|| Zone::empty(&gliding()), |zone| zone.zone().clone());
            frame = frame.freeze(Vec::new(), |out| {
                rows.iter().for_each(|(id, values)| out.entity(KindId(0), EntityId(*id), values));
                teleported.iter().for_each(|id| out.teleported(KindId(0), EntityId(*id)));
            });
            step(&frame, &before)
        });
        json!({ "name": "rows are placed elsewhere", "schema": gliding().kinds(), "steps": steps })
    };
    let mut frame = Frame::initial(gliding(), Tick(0));
    let crossing = (0..8_i32).filter_map(|tick| {
        let before = frame.zone(ZoneId(0)).map_or_else(|| Zone::empty(&gliding()), |zone| zone.zone().clone());
        frame = frame.freeze(Vec::new(), |out| {
            // One glides into zone 0, one is placed there, one is new there.
            for (id, from) in [(1, 4), (2, 5), (3, 6)] {
                let zone = ZoneId(u16::from(tick < from && id != 3));
                if id != 3 || tick >= from {
                    out.row(zone, KindId(0), EntityId(id), &[tick * 30 - id.cast_signed(), tick * 7, 3 * tick]);
                }
            }
            if tick == 5 {
                out.teleported(KindId(0), EntityId(2));
            }
        });
        frame.zone(ZoneId(0)).is_some().then(|| step(&frame, &before))
    });
    let crossing: Vec<Value> = crossing.collect();
    let steps: [Placing; 6] = [
        (&[(1, [0, 0, 0]), (2, [5, 5, 5]), (3, [9, 9, 9])], &[1]),
        (&[(1, [9, 3, 1]), (2, [5, 8, 5]), (3, [9, 9, 9])], &[]),
        (&[(1, [900, -700, 1]), (2, [5, 11, 5]), (3, [9, 9, 9])], &[1, 3]),
        (&[(1, [900, -700, 1]), (2, [5, 14, 5]), (3, [9, 9, 9])], &[]),
        (&[(2, [0, 0, 200]), (3, [-9, -9, 9]), (7, [1, 1, 1])], &[2, 3, 7]),
        (&[(2, [0, 1, 200]), (3, [-9, -9, 9]), (7, [1, 2, 1])], &[]),
    ];
    [placed(steps), json!({ "name": "rows cross into a zone", "schema": gliding().kinds(), "steps": crossing })]
}

/// The client's zones after each of some frame messages.
#[test]
fn frames() {
    let (_, message) = golden_messages::server().swap_remove(0);
    let ServerMessage::Welcome(welcome) = message else { panic!("a welcome comes first") };
    compare("frames", &json!(golden_frames::vectors(&welcome)));
}

/// Smooth fields, and a keyframe ordered by position.
fn courses() -> [Value; 4] {
    [
        case(
            "steered and fading: a run, a curve, a dash, a wall, a knock",
            steered(),
            &[
                &[(0, 1, &[0, 0, 0, 0])],
                &[(0, 1, &[19, 0, 0, 0])],
                &[(0, 1, &[38, 1, 2048, 0])],
                &[(0, 1, &[57, 4, 4100, 200])],
                &[(0, 1, &[104, 20, 4100, 160])],
                &[(0, 1, &[104, 36, 4100, 128])],
                &[(0, 1, &[104, 36, 20000, 102])],
                &[(0, 1, &[85, 54, 40000, -81])],
                &[(0, 1, &[1000, -1000, 65000, -64])],
            ],
        ),
        case(
            "a smooth course: rest, speed, a turn, a jump, rest",
            gliding(),
            &[
                &[(0, 1, &[0, 0, 0]), (0, 2, &[500, -500, 9])],
                &[(0, 1, &[3, -1, 4]), (0, 2, &[500, -500, 9])],
                &[(0, 1, &[7, -2, 9]), (0, 2, &[501, -500, 250])],
                &[(0, 1, &[12, -2, 15]), (0, 2, &[501, -501, 235])],
                &[(0, 1, &[18, -3, 22]), (0, 2, &[502, -501, 220])],
                &[(0, 1, &[18, -9, 22]), (0, 2, &[502, -502, 90])],
                &[(0, 1, &[1000, -1000, 22]), (0, 2, &[503, -503, 90])],
                &[(0, 1, &[1000, -1000, 22]), (0, 2, &[-1000, 1000, 91])],
                &[(0, 1, &[1000, -1000, 22]), (0, 2, &[-1000, 1000, 91])],
                &[(0, 1, &[1000, -1000, 22]), (0, 2, &[-1000, 1000, 91])],
            ],
        ),
        case(
            "fields with one value",
            single(),
            &[
                &[(0, 1, &[7, 7, 7, 7, 3, 7, 90, 5, 7]), (0, 2, &[0, 0, 0, 0, 9, 0, 50, 6, 0])],
                &[(0, 1, &[7, 7, 7, 7, 5, 7, 70, 5, 7]), (0, 2, &[7, 7, 7, 7, 9, 7, 40, 9, 7])],
                &[(0, 1, &[7, 7, 7, 7, 7, 7, 55, 5, 7]), (0, 2, &[7, 7, 7, 7, 8, 7, 32, 9, 7])],
                &[(0, 1, &[7, 7, 7, 7, 9, 7, 43, 4, 7])],
            ],
        ),
        case("a crowd in space", crowd(), &[&CROWD.each_ref().map(|(id, place)| (0, *id, &place[..]))]),
    ]
}

/// The hashes of some states that consist of one keyframe: the smallest test of a new implementation.
#[test]
fn hashes() {
    let worlds: [(&str, Arc<Schema>, Rows); 4] = [
        ("one row", plain(), &[(0, 1, &[0, 0])]),
        ("negative values", plain(), &[(0, 7, &[-1, -1000])]),
        ("two kinds", rich(), &[(0, 3, &[1, 2, 3, 4, 0, 1, 1]), (1, u32::MAX, &[])]),
        ("a kind without fields", rich(), &[(1, 0, &[]), (1, 5, &[])]),
    ];
    let rows = worlds.map(|(name, schema, rows)| {
        let frame = freeze(&Frame::initial(schema.clone(), Tick(0)), rows);
        let zone = &frame.zones()[0];
        json!({ "name": name, "schema": schema.kinds(), "keyframe": hex(frame.keyframe(zone)), "hash": zone.hash() })
    });
    compare("hash", &json!(rows));
}

/// A long run of a varied world: entities appear, disappear, move, turn and bounce.
#[test]
fn walk() {
    let mut random = Pcg32::new(20_261_121, 7);
    let mut below = move |bound: u32| random.next_u32() % bound;
    let schema = rich();
    let mut world: Vec<(u8, u32, Vec<i32>)> = Vec::new();
    let mut next_id = 0;
    let mut frame = Frame::initial(schema.clone(), Tick(u32::MAX - 100));
    let mut steps = Vec::new();
    for number in 0..300 {
        if world.len() < 24 && below(4) > 0 || world.is_empty() {
            next_id += 1 + below(40);
            let kind = below(3) as u8;
            let values = [below(2), below(100), below(4096), below(32), below(3), below(3), below(1 << 30)];
            let width = schema.kinds()[usize::from(kind)].fields.len();
            world.push((kind, next_id, values[..width].iter().map(|value| value.cast_signed()).collect()));
        }
        if below(9) == 0 {
            let index = below(world.len() as u32) as usize;
            world.remove(index);
        }
        for (kind, id, values) in &mut world {
            wander(*kind, *id, values, &mut below);
        }
        let rows: Vec<(u8, u32, &[i32])> = world.iter().map(|(kind, id, values)| (*kind, *id, &values[..])).collect();
        frame = freeze(&frame, &rows);
        let Some(zone) = frame.zone(ZoneId(0)) else { continue };
        let mut step = json!({ "delta": hex(zone.delta()), "hash": zone.hash() });
        if number % 60 == 59 {
            step["keyframe"] = json!(hex(frame.keyframe(zone)));
        }
        steps.push(step);
    }
    compare("walk", &json!({ "schema": schema.kinds(), "steps": steps }));
}

fn wander(kind: u8, id: u32, values: &mut [i32], below: &mut impl FnMut(u32) -> u32) {
    let speed = (id % 5).cast_signed();
    match kind {
        0 => {
            values[2] += if below(6) == 0 { below(90).cast_signed() - 45 } else { speed * 3 };
            values[3] += speed + i32::from(below(5) == 0);
            values[6] = if below(20) == 0 { 1 - values[6].min(1) } else { values[6].min(1) };
        }
        2 => {
            values[1] += (below(3).cast_signed() - 1) * (1 << below(20));
            values[2] -= speed * 1000;
            values[3] = values[3] - speed + 32;
            values[6] += speed * 40_000 - 50_000;
        }
        _ => {}
    }
}

fn freeze(base: &Frame, rows: Rows) -> Frame {
    base.freeze(Vec::new(), |out| {
        for (kind, id, values) in rows {
            out.entity(KindId(*kind), EntityId(*id), values);
        }
    })
}

/// The zone after each step, as bytes and as rows.
fn case(name: &str, schema: Arc<Schema>, steps: &[Rows]) -> Value {
    let mut frame = Frame::initial(schema.clone(), Tick(0));
    let steps: Vec<Value> = steps
        .iter()
        .map(|rows| {
            let before = frame.zone(ZoneId(0)).map_or_else(|| Zone::empty(&schema), |zone| zone.zone().clone());
            frame = freeze(&frame, rows);
            step(&frame, &before)
        })
        .collect();
    json!({ "name": name, "schema": schema.kinds(), "steps": steps })
}

/// Zone 0 of a frame, as bytes and as rows, and the marks of its delta.
fn step(frame: &Frame, before: &Zone) -> Value {
    let schema = frame.schema();
    let zone = frame.zone(ZoneId(0)).expect("a zone that has rows or just lost them");
    let rows: Vec<Value> =
        zone.zone().rows(schema).map(|row| json!({ "kind": row.kind, "id": row.id, "values": row.values })).collect();
    let (after, marks) = apply_marked(schema, before, zone.delta()).expect("a delta");
    assert_eq!(after, *zone.zone());
    let keyframe = hex(frame.keyframe(zone));
    let mut step = json!({ "delta": hex(zone.delta()), "keyframe": keyframe, "hash": zone.hash(), "rows": rows });
    for (name, rows) in [("teleported", marks.teleported), ("crossed", marks.crossed)] {
        if !rows.is_empty() {
            step[name] = json!(rows);
        }
    }
    step
}

#[test]
fn links() {
    compare("links", &golden_links::links());
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn compare(name: &str, value: &Value) {
    let path = format!("{}/tests/golden/{name}.json", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, lines(value)).expect("the vectors can be written");
    }
    let golden = std::fs::read_to_string(&path).expect("the vectors are there");
    let golden: Value = serde_json::from_str(&golden).expect("the vectors are JSON");
    assert!(golden == *value, "{name}.json: the code writes other bytes than the golden vectors have");
}

/// JSON with one line per vector, so that a diff shows which one changed.
fn lines(value: &Value) -> String {
    let list = |items: &[Value]| {
        let items: Vec<String> = items.iter().map(Value::to_string).collect();
        format!("[\n{}\n]", items.join(",\n"))
    };
    let text = match value {
        Value::Array(items) => list(items),
        Value::Object(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(key, value)| {
                    let value =
                        value.as_array().filter(|_| key != "schema").map_or(value.to_string(), |items| list(items));
                    format!("{}: {value}", json!(key))
                })
                .collect();
            format!("{{\n{}\n}}", fields.join(",\n"))
        }
        other => other.to_string(),
    };
    text + "\n"
}
