//! The source of the trained table: counts the decisions of deltas and keyframes, and computes odds from the counts.
//!
//! Hidden, because only `examples/train.rs` and the test that compares both tables need it. `examples/train.rs`
//! generates the movement to train on.

use std::fmt::Write;

use super::codec::{BitModel, Coder};
use super::keyframe::write_table;
use super::marks::Marks;
use super::model::{BLOCK, Model, WHOLES, parent};
use super::schema::Schema;
use super::zone::Zone;
use super::{delta, odds};

/// The number of tables: the kind's, and those of the field classes.
const TABLES: usize = 1 + odds::FIELDS.len();

/// How often each context of each table decided `false` and `true`.
pub struct Counts([[[u64; 2]; BLOCK]; TABLES]);

impl Default for Counts {
    fn default() -> Self {
        Self([[[0; 2]; BLOCK]; TABLES])
    }
}

impl Counts {
    /// Counts the decisions of the delta from `base` to `next`, `weight` times each.
    ///
    /// # Panics
    /// When the schema has not exactly one kind.
    pub fn delta(&mut self, schema: &Schema, base: &Zone, next: &Zone, weight: u64) {
        delta::write(&mut Model::new(), schema, base, next, &Marks::default(), &mut self.tally(schema, weight));
    }

    /// Counts the decisions of a keyframe in id order, `weight` times each.
    ///
    /// # Panics
    /// When the schema has not exactly one kind.
    pub fn keyframe(&mut self, schema: &Schema, zone: &Zone, weight: u64) {
        let mut tally = self.tally(schema, weight);
        write_table(&mut Model::new(), &schema.plans()[0], &zone.tables[0], false, &mut tally);
    }

    fn tally(&mut self, schema: &Schema, weight: u64) -> Tally<'_> {
        assert_eq!(schema.plans().len(), 1, "one kind at a time");
        let classes = schema.plans()[0].fields.iter().map(|field| 1 + field.class);
        Tally { counts: self, tables: std::iter::once(0).chain(classes).collect(), weight }
    }

    /// The odds by table and context. A rarely used context leans on similar bit_models.
    pub fn odds(&self) -> Vec<[u16; BLOCK]> {
        let tables = self.0.iter().enumerate().map(|(number, counts)| {
            let mut odds = [1 << 15; BLOCK];
            for context in 0..BLOCK {
                let like = (0..BLOCK).filter(|other| parent(number > 0, *other) == parent(number > 0, context));
                let (mut no, mut all) = (1, 2);
                for other in like {
                    no += counts[other][0];
                    all += counts[other][0] + counts[other][1];
                }
                let [own_no, own_yes] = counts[context];
                // As if decisions of the similar bit_models had been seen here, `TRUST` times in total.
                let part = 16 * TRUST;
                let numerator = u128::from(own_no * 16 + part * no / all) * 65_536;
                let found = (numerator / u128::from((own_no + own_yes) * 16 + part)) as u64;
                odds[context] = found.clamp(MIN_ODDS, 65_536 - MIN_ODDS) as u16;
            }
            odds
        });
        tables.collect()
    }
}

/// The weight of similar bit_models, in decisions.
const TRUST: u64 = 2000;
/// The smallest probability that a context may assign, in 65536ths. It bounds the cost of movement unlike the training
/// data.
const MIN_ODDS: u64 = 24;

struct Tally<'a> {
    counts: &'a mut Counts,
    /// For each block, the table from which it starts.
    tables: Vec<usize>,
    weight: u64,
}

impl Coder for Tally<'_> {
    fn bit(&mut self, _: &mut [BitModel], index: usize, bit: bool) -> bool {
        self.counts.0[self.tables[index / BLOCK]][index % BLOCK][usize::from(bit)] += self.weight;
        bit
    }

    fn even(&mut self, _: u32, value: u32) -> u32 {
        value
    }
}

/// The text of `src/snapshot/odds.rs` with these odds.
pub fn rust(odds: &[[u16; BLOCK]]) -> String {
    let mut text = format!(
        "//! The odds that every message starts from, in 65536ths of `false`: written by `examples/train`, from generated\n\
         //! movement (see there). `web-demo/client/odds.js` and `assets/odds.json` hold the same numbers; a test compares\n\
         //! them.\n\n\
         use super::model::BLOCK;\n\n#[rustfmt::skip]\npub(super) static KIND: [u16; BLOCK] = [\n{}];\n\n\
         /// By class of field: smooth, linear, held number, held direction, held symbol, steered, fading.\n#[rustfmt::skip]\n\
         pub(super) static FIELDS: [[u16; BLOCK]; {}] = [",
        numbers(&odds[0]),
        odds.len() - 1,
    );
    for odds in &odds[1..] {
        write!(text, "[\n{}], ", numbers(odds)).expect("text grows");
    }
    text.truncate(text.len() - 2);
    text + "];\n"
}

/// The text of `web-demo/client/odds.js` with the odds of this build.
pub fn javascript() -> String {
    let mut text = format!(
        "// The odds that every message starts from, in 65536ths of `false`: written by the crate's `examples/train`, equal to\n\
         // its `src/snapshot/odds.rs`. Fields by class: smooth, linear, held number, held direction, held symbol, steered, fading.\n\n\
         export const BLOCK = {BLOCK};\nexport const WHOLES = {WHOLES};\n\n\
         export const KIND = Uint16Array.of(\n{});\n\nexport const FIELDS = [",
        numbers(&odds::KIND),
    );
    for odds in &odds::FIELDS {
        write!(text, "Uint16Array.of(\n{}), ", numbers(odds)).expect("text grows");
    }
    text.truncate(text.len() - 2);
    text + "];\n"
}

/// The text of `assets/odds.json` with the odds of this build.
pub fn json() -> String {
    let list = |odds: &[u16]| format!("[\n{}\n]", numbers(odds).trim_end().trim_end_matches(','));
    let fields: Vec<String> = odds::FIELDS.iter().map(|odds| list(odds)).collect();
    format!("{{\n\"kind\": {},\n\"fields\": [\n{}\n]\n}}\n", list(&odds::KIND), fields.join(",\n"))
}

fn numbers(odds: &[u16]) -> String {
    let mut text = String::new();
    for line in odds.chunks(17) {
        let line: Vec<String> = line.iter().map(u16::to_string).collect();
        writeln!(text, "  {},", line.join(", ")).expect("text grows");
    }
    text
}
