//! Properties of deltas, keyframes and messages over random schemas and worlds: applying a delta gives the intended state, a
//! chain gives the state of the keyframe, and arbitrary bytes cause at most an error.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use tickwire::id::{EntityId, KindId, ZoneId};
use tickwire::snapshot::delta::{apply, apply_marked, diff, read_keyframe, write_keyframe};
use tickwire::snapshot::{Field, Frame, Kind, Marks, Motion, Schema, Shape, Zone};
use tickwire::tick::Tick;
use tickwire::wire::{decode_client, decode_server, encode_client, encode_server};

mod golden_messages;

/// The rows of one zone: values by kind and id.
type World = BTreeMap<(u8, u32), Vec<i32>>;

#[derive(Clone, Debug)]
struct Story {
    schema: Arc<Schema>,
    worlds: Vec<World>,
}

fn shape() -> impl Strategy<Value = Shape> {
    let bound = 1 << 29;
    prop_oneof![
        Just(Shape::Bool),
        (-bound..=bound, 0..=bound)
            .prop_map(move |(min, width)| Shape::Int { min, max: min.saturating_add(width).min(bound) }),
        (-5000..=0, 0..=5000, 1_u16..).prop_map(|(min, max, per_unit)| Shape::Fixed { min, max, per_unit }),
        (1_u8..=16).prop_map(|bits| Shape::Angle { bits }),
        (1_usize..=64).prop_map(|count| Shape::Enum { labels: (0..count).map(|label| format!("l{label}")).collect() }),
        (1_u8..).prop_map(|count| Shape::Colour { count }),
    ]
}

const MOTIONS: [Motion; 6] = [
    Motion::Hold,
    Motion::Linear,
    Motion::Smooth,
    Motion::Fade,
    Motion::Along { heading: 0 },
    Motion::Across { heading: 0 },
];

fn kinds() -> impl Strategy<Value = Vec<Kind>> {
    let field = (shape(), select(MOTIONS.to_vec()));
    vec(vec(field, 0..=16), 0..=4).prop_map(|kinds| {
        let kind = |(number, fields): (usize, Vec<(Shape, Motion)>)| {
            let turning = |(shape, motion): &(Shape, Motion)| {
                matches!(shape, Shape::Angle { .. }) && matches!(motion, Motion::Linear | Motion::Smooth)
            };
            let found = fields.iter().position(turning).map(|heading| heading as u8);
            let fields = fields.into_iter().enumerate().map(|(index, (shape, motion))| {
                // `Along` and `Across` need a heading field.
                let motion = match (motion, found) {
                    (Motion::Along { .. }, Some(heading)) => Motion::Along { heading },
                    (Motion::Across { .. }, Some(heading)) => Motion::Across { heading },
                    (Motion::Along { .. } | Motion::Across { .. }, None) => Motion::Hold,
                    (motion, _) => motion,
                };
                Field { name: format!("f{index}"), shape, motion }
            });
            Kind::new(&format!("k{number}"), fields.collect())
        };
        kinds.into_iter().enumerate().map(kind).collect()
    })
}

fn id() -> impl Strategy<Value = u32> {
    prop_oneof![8 => 0_u32..40, 1 => any::<u32>(), 1 => u32::MAX - 3..]
}

/// A step that changes some rows slightly or completely, removes some, and adds some.
fn story() -> impl Strategy<Value = Story> {
    let changes = btree_map((0_u8..4, id()), (any::<Option<Index>>(), vec(change(), 16)), 0..12);
    (kinds(), vec((changes, vec(any::<Index>(), 0..3)), 1..12)).prop_map(|(kinds, steps)| {
        let widths: Vec<usize> = kinds.iter().map(|kind| kind.fields.len()).collect();
        let mut world = World::new();
        let mut worlds = Vec::new();
        for (changes, removed) in steps {
            for index in removed.iter().filter(|_| !world.is_empty()).collect::<Vec<_>>() {
                let Some(key) = world.keys().nth(index.index(world.len().max(1))).copied() else { continue };
                world.remove(&key);
            }
            for ((kind, id), (existing, values)) in changes {
                let Some(width) = widths.get(usize::from(kind)) else { continue };
                let fresh = (kind, id);
                let key =
                    existing.filter(|_| !world.is_empty()).and_then(|index| world.keys().nth(index.index(world.len())));
                let key = key.copied().unwrap_or(fresh);
                let row = world.entry(key).or_insert_with(|| vec![0; *width]);
                row.iter_mut().zip(values).for_each(|(cell, change)| *cell = change.applied(*cell));
            }
            worlds.push(world.clone());
        }
        Story { schema: Arc::new(Schema::new(kinds).expect("a valid schema")), worlds }
    })
}

#[derive(Clone, Copy, Debug)]
enum Change {
    Keep,
    By(i32),
    To(i32),
}

impl Change {
    fn applied(self, value: i32) -> i32 {
        match self {
            Self::Keep => value,
            Self::By(step) => value.saturating_add(step),
            Self::To(value) => value,
        }
    }
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        2 => Just(Change::Keep),
        4 => (-20..20).prop_map(Change::By),
        1 => any::<i32>().prop_map(Change::To),
    ]
}

fn frames(story: &Story) -> Vec<Frame> {
    let mut frames = vec![Frame::initial(story.schema.clone(), Tick(u32::MAX - 2))];
    for (world, tick) in story.worlds.iter().zip(0_u32..) {
        let next = frames[frames.len() - 1].freeze(Vec::new(), |out| {
            for ((kind, id), values) in world {
                // Some rows are in another zone for a tick, and some are placed.
                let zone = ZoneId(u16::from(id.wrapping_add(tick) % 5 == 0));
                out.row(zone, KindId(*kind), EntityId(*id), values);
                if id.wrapping_mul(7).wrapping_add(tick) % 3 == 0 {
                    out.teleported(KindId(*kind), EntityId(*id));
                }
            }
        });
        frames.push(next);
    }
    frames
}

fn zone(frame: &Frame) -> Zone {
    frame.zone(ZoneId(0)).map_or_else(|| Zone::empty(frame.schema()), |zone| zone.zone().clone())
}

/// One held flag per row: the smallest payloads there are.
fn flags(rows: &[(u32, i32)]) -> (Arc<Schema>, Frame) {
    let schema = Schema::new(vec![Kind::new("flag", vec![Field::held("up", Shape::Bool)])]).expect("a valid schema");
    let schema = Arc::new(schema);
    let frame = Frame::initial(schema.clone(), Tick(0)).freeze(Vec::new(), |out| {
        rows.iter().for_each(|(id, up)| out.entity(KindId(0), EntityId(*id), &[*up]));
    });
    (schema, frame)
}

#[test]
fn a_row_is_not_added_while_it_is_there() {
    let (schema, frame) = flags(&[(5, 0)]);
    let coming = frame.zones()[0].delta();
    let base = apply(&schema, &Zone::empty(&schema), coming).expect("a valid delta");
    assert!(apply(&schema, &base, coming).is_err());
}

#[test]
fn nothing_new_costs_nothing() {
    let rows: Vec<(u32, i32)> = (0..1000).map(|id| (7 * id, 1)).collect();
    let (schema, frame) = flags(&rows);
    let zone = frame.zones()[0].zone();
    let mut out = Vec::new();
    diff(&schema, zone, zone, &Marks::default(), &mut out);
    assert!(out.is_empty());
    assert_eq!(apply(&schema, zone, &[]).as_ref(), Ok(zone));
}

#[test]
fn few_bytes_do_not_make_more_rows_than_a_zone_may_have() {
    let (schema, frame) = flags(&[(5, 0)]);
    let base = frame.zones()[0].zone();
    for bytes in (0..=u16::MAX).map(u16::to_be_bytes) {
        let kept = [apply(&schema, base, &bytes), read_keyframe(&schema, &bytes)];
        assert!(kept.into_iter().flatten().all(|zone| zone.len() <= 1 << 16));
    }
}

proptest! {
    #[test]
    fn deltas_and_keyframes_lead_to_the_frame(story in story()) {
        let mut client = Zone::empty(&story.schema);
        for frame in &frames(&story)[1..] {
            // A zone that is not in the frame is empty and was empty before: nothing is sent.
            let Some(part) = frame.zone(ZoneId(0)) else {
                prop_assert!(client.is_empty());
                continue;
            };
            client = apply(&story.schema, &client, part.delta()).expect("the delta of the next tick");
            prop_assert_eq!(&client, part.zone());
            prop_assert_eq!(client.hash(), part.hash());
            let keyframe = read_keyframe(&story.schema, frame.keyframe(part)).expect("a keyframe");
            prop_assert_eq!(&keyframe, part.zone());
        }
    }

    #[test]
    fn rows_are_what_was_written(story in story()) {
        for (frame, world) in frames(&story)[1..].iter().zip(&story.worlds) {
            prop_assert_eq!(frame.rows(), world.len());
            for row in frame.zones().iter().flat_map(|zone| zone.zone().rows(&story.schema)) {
                let wanted = &world[&(row.kind.0, row.id.0)];
                let fields = &story.schema.kinds()[usize::from(row.kind.0)].fields;
                for ((value, wanted), field) in row.values.iter().zip(wanted).zip(fields) {
                    prop_assert_eq!(*value, nearest(&field.shape, *wanted));
                }
            }
        }
    }

    #[test]
    fn mutated_deltas_and_keyframes_are_refused_or_lead_to_a_valid_state(
        story in story(),
        hits in vec((any::<Index>(), any::<u8>()), 1..4),
        cut in any::<Option<Index>>(),
    ) {
        let frames = frames(&story);
        for pair in frames.windows(2) {
            let base = zone(&pair[0]);
            let Some(part) = pair[1].zone(ZoneId(0)) else { continue };
            for (bytes, keyframe) in [(part.delta(), false), (pair[1].keyframe(part), true)] {
                let mut bytes = bytes.to_vec();
                for (index, byte) in hits.iter().filter(|_| !bytes.is_empty()).collect::<Vec<_>>() {
                    let index = index.index(bytes.len());
                    bytes[index] ^= byte;
                }
                bytes.truncate(cut.map_or(bytes.len(), |cut| cut.index(bytes.len() + 1)));
                check_decoded(&story.schema, &base, &bytes, keyframe)?;
            }
        }
    }

    #[test]
    fn noise_is_refused_or_leads_to_a_valid_state(story in story(), bytes in vec(0_u8..40, 0..64)) {
        let base = frames(&story).last().map(zone).expect("at least one frame");
        check_decoded(&story.schema, &base, &bytes, false)?;
        check_decoded(&story.schema, &base, &bytes, true)?;
    }

    #[test]
    fn messages_decode_to_what_encodes_to_them(bytes in vec(any::<u8>(), 0..200), variant in 0_u8..6) {
        let mut bytes = bytes;
        if let Some(first) = bytes.first_mut() {
            *first = variant;
        }
        check_messages(&bytes)?;
    }

    #[test]
    fn mutated_messages_decode_to_what_encodes_to_them(
        which in any::<Index>(),
        hits in vec((any::<Index>(), any::<u8>()), 0..4),
        cut in any::<Option<Index>>(),
    ) {
        let client = golden_messages::client().into_iter().map(|(_, message)| encode_client(&message));
        let server = golden_messages::server().into_iter().map(|(_, message)| encode_server(&message));
        let all: Vec<Vec<u8>> = client.chain(server).collect();
        let mut bytes = all[which.index(all.len())].clone();
        for (index, byte) in &hits {
            let index = index.index(bytes.len());
            bytes[index] ^= byte;
        }
        bytes.truncate(cut.map_or(bytes.len(), |cut| cut.index(bytes.len() + 1)));
        check_messages(&bytes)?;
    }
}

/// A decoded state is a state like any other: in range, and deltas and keyframes of it work.
fn check_decoded(schema: &Schema, base: &Zone, bytes: &[u8], keyframe: bool) -> Result<(), TestCaseError> {
    let unmarked = |zone| (zone, Marks::default());
    let decoded = if keyframe { read_keyframe(schema, bytes).map(unmarked) } else { apply_marked(schema, base, bytes) };
    let Ok((zone, marks)) = decoded else { return Ok(()) };
    for row in zone.rows(schema) {
        let fields = &schema.kinds()[usize::from(row.kind.0)].fields;
        for (value, field) in row.values.iter().zip(fields) {
            prop_assert!(in_bounds(&field.shape, *value), "{} = {value}", field.name);
        }
    }
    let mut out = Vec::new();
    write_keyframe(schema, &zone, &mut out);
    prop_assert_eq!(read_keyframe(schema, &out), Ok(zone.clone()));
    // A keyframe's rows may be in any order, and the server takes the smaller of two; a delta's order is fixed.
    if !keyframe {
        out.clear();
        diff(schema, base, &zone, &marks, &mut out);
        prop_assert_eq!(&out[..], bytes, "one step has one delta");
    }
    Ok(())
}

fn check_messages(bytes: &[u8]) -> Result<(), TestCaseError> {
    if let Ok(message) = decode_client(bytes) {
        prop_assert_eq!(&encode_client(&message)[..], bytes);
    }
    if let Ok(message) = decode_server(bytes) {
        prop_assert_eq!(&encode_server(&message)[..], bytes);
    }
    Ok(())
}

fn in_bounds(shape: &Shape, value: i32) -> bool {
    let (min, max) = bounds(shape);
    (min..=max).contains(&value)
}

/// The value in range that a row holds after a game wrote `value`.
fn nearest(shape: &Shape, value: i32) -> i32 {
    let (min, max) = bounds(shape);
    if matches!(shape, Shape::Angle { .. }) { value.rem_euclid(max + 1) } else { value.clamp(min, max) }
}

fn bounds(shape: &Shape) -> (i32, i32) {
    match shape {
        Shape::Bool => (0, 1),
        Shape::Int { min, max } | Shape::Fixed { min, max, .. } => (*min, *max),
        Shape::Angle { bits } => (0, (1 << bits) - 1),
        Shape::Enum { labels } => (0, i32::try_from(labels.len()).expect("few labels") - 1),
        Shape::Colour { count } => (0, i32::from(*count) - 1),
        other => panic!("the bounds of {other:?} are not known here"),
    }
}
