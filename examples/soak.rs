//! Sends random worlds through the coder, for as long as you like: `cargo run --release --example soak -- 10000000`.
//!
//! Every pair of frames is encoded, applied and compared, some with their keyframe. With a file as second argument, the
//! bytes are also written there; `node web-demo/test/bench/soak.js FILE` applies them with the browser's decoder.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Arc;

use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;
use tickwire::id::{EntityId, KindId, ZoneId};
use tickwire::snapshot::delta::{apply, read_keyframe};
use tickwire::snapshot::{Field, Frame, Kind, Motion, Schema, Shape, Zone};
use tickwire::tick::Tick;

/// Frames per world.
const STORY: u64 = 100;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let wanted: u64 = arguments.first().map_or("100000", String::as_str).parse()?;
    let mut dump = arguments.get(1).map(std::fs::File::create).transpose()?.map(std::io::BufWriter::new);
    let (mut pairs, mut bytes, mut rows) = (0, 0, 0);
    for seed in 0.. {
        let mut random = Random(Pcg32::new(seed, 21));
        let schema = random.schema();
        if let Some(dump) = &mut dump {
            writeln!(dump, "{}", serde_json::json!({ "schema": schema.kinds() }))?;
        }
        let mut frame = Frame::initial(schema.clone(), Tick(0));
        let mut client = Zone::empty(&schema);
        let mut world = Vec::new();
        for _ in 0..STORY {
            random.step(&schema, &mut world);
            frame = frame.freeze(Vec::new(), |out| {
                world.iter().for_each(|(kind, id, row)| out.entity(KindId(*kind), EntityId(*id), row));
            });
            let Some(part) = frame.zone(ZoneId(0)) else { continue };
            client = apply(&schema, &client, part.delta())?;
            assert!(client == *part.zone(), "seed {seed}");
            let keyframe = random.one_in(8).then(|| frame.keyframe(part));
            if let Some(keyframe) = keyframe {
                assert!(read_keyframe(&schema, keyframe)? == *part.zone(), "seed {seed}: keyframe");
            }
            if let Some(dump) = &mut dump {
                let keyframe = keyframe.map(|bytes| hex(bytes));
                let line = serde_json::json!({ "delta": hex(part.delta()), "keyframe": keyframe, "hash": part.hash() });
                writeln!(dump, "{line}")?;
            }
            (pairs, bytes, rows) = (pairs + 1, bytes + part.delta().len(), rows + client.len());
        }
        if pairs >= wanted {
            break;
        }
    }
    println!("{pairs} pairs of {rows} rows, {bytes} bytes: no mismatch");
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("text grows");
        text
    })
}

struct Random(Pcg32);

impl Random {
    fn below(&mut self, bound: u32) -> u32 {
        self.0.next_u32() % bound
    }

    fn one_in(&mut self, chance: u32) -> bool {
        self.below(chance) == 0
    }

    /// A number of any size up to 2^30; small ones are more frequent.
    fn number(&mut self) -> i32 {
        let shift = 1 + self.below(31);
        (self.0.next_u32() >> shift >> 1).cast_signed() * if self.one_in(2) { -1 } else { 1 }
    }

    fn schema(&mut self) -> Arc<Schema> {
        let kinds = (0..1 + self.below(3)).map(|kind| {
            let mut fields: Vec<Field> = Vec::new();
            for column in 0..self.below(8) {
                let turning = fields.iter().position(|field| {
                    matches!(field.shape, Shape::Angle { .. })
                        && matches!(field.motion, Motion::Linear | Motion::Smooth)
                });
                let motion = match (self.below(6), turning) {
                    (0, _) => Motion::Hold,
                    (1, _) => Motion::Linear,
                    (2, Some(heading)) => Motion::Along { heading: heading as u8 },
                    (3, Some(heading)) => Motion::Across { heading: heading as u8 },
                    (4, _) => Motion::Fade,
                    _ => Motion::Smooth,
                };
                fields.push(Field::moving(&format!("f{column}"), self.shape(), motion));
            }
            Kind::new(&format!("k{kind}"), fields)
        });
        let kinds = kinds.collect();
        Arc::new(Schema::new(kinds).expect("a valid schema"))
    }

    fn shape(&mut self) -> Shape {
        let (a, b) = (self.number().clamp(-(1 << 29), 1 << 29), self.number().clamp(-(1 << 29), 1 << 29));
        match self.below(6) {
            0 => Shape::Bool,
            1 => Shape::Angle { bits: 1 + self.below(16) as u8 },
            2 => Shape::Colour { count: 1 + self.below(255) as u8 },
            3 => Shape::Int { min: -3, max: 3 },
            _ => Shape::Int { min: a.min(b), max: a.max(b) },
        }
    }

    fn step(&mut self, schema: &Schema, world: &mut Vec<(u8, u32, Vec<i32>)>) {
        if world.len() < 12 && self.one_in(3) {
            let kind = self.below(schema.kinds().len() as u32) as u8;
            let id = if self.one_in(9) { self.0.next_u32() } else { self.below(60) };
            if world.iter().all(|(other, taken, _)| (*other, *taken) != (kind, id)) {
                let width = schema.kinds()[usize::from(kind)].fields.len();
                world.push((kind, id, (0..width).map(|_| self.number()).collect()));
            }
        }
        if !world.is_empty() && self.one_in(9) {
            let index = self.below(world.len() as u32) as usize;
            world.swap_remove(index);
        }
        for (_, id, row) in world {
            let pace = (*id % 7).cast_signed() - 3;
            for value in row {
                *value = match self.below(16) {
                    0 => self.number(),
                    1..4 => value.saturating_add(self.number() >> 20),
                    4..6 => *value,
                    6 => *value / 2,
                    _ => value.saturating_add(pace),
                };
            }
        }
    }
}
