//! The schemas of the golden zones, and the rows of one of them (`CROWD`).

use std::sync::Arc;

use tickwire::snapshot::{Field, Kind, Motion, Schema, Shape};

/// Two linear coordinates.
pub fn plain() -> Arc<Schema> {
    let range = Shape::Fixed { min: -1000, max: 1000, per_unit: 10 };
    schema(vec![Kind::new("ball", vec![Field::linear("x", range.clone()), Field::linear("y", range)])])
}

/// A dense crowd whose ids say nothing about where they are: its keyframe goes by place.
pub const CROWD: [(u32, [i32; 3]); 40] = {
    let mut rows = [(0, [0; 3]); 40];
    let mut index = 0_u32;
    while index < 40 {
        let (team, member) = ((index * 7 % 5).cast_signed(), (index * 11 % 8).cast_signed());
        rows[index as usize] = (index, [team * 390 - 900 + member, 900 - team * 370 + 2 * member, team * 50]);
        index += 1;
    }
    rows
};

pub fn crowd() -> Arc<Schema> {
    let range = Shape::Int { min: -1000, max: 1000 };
    let fields = vec![
        Field::linear("x", range.clone()),
        Field::held("y", range),
        Field::held("team", Shape::Colour { count: 250 }),
    ];
    schema(vec![Kind::new("fan", fields)])
}

/// Two coordinates that go where a direction points, and a push that fades.
pub fn steered() -> Arc<Schema> {
    let range = Shape::Fixed { min: -1000, max: 1000, per_unit: 10 };
    let fields = vec![
        Field::moving("x", range.clone(), Motion::Along { heading: 2 }),
        Field::moving("y", range, Motion::Across { heading: 2 }),
        Field::smooth("heading", Shape::Angle { bits: 16 }),
        Field::moving("push", Shape::Int { min: -300, max: 300 }, Motion::Fade),
    ];
    schema(vec![Kind::new("boat", fields)])
}

/// Fields with one value only, of every motion, among others.
pub fn single() -> Arc<Schema> {
    let only = Shape::Int { min: 7, max: 7 };
    let range = Shape::Int { min: -100, max: 100 };
    let fields = vec![
        Field::held("h", only.clone()),
        Field::moving("f", only.clone(), Motion::Fade),
        Field::linear("l", only.clone()),
        Field::smooth("s", only.clone()),
        Field::smooth("turn", Shape::Angle { bits: 8 }),
        Field::moving("a", only.clone(), Motion::Along { heading: 4 }),
        Field::moving("x", range.clone(), Motion::Fade),
        Field::held("y", range),
        Field::held("last", only),
    ];
    schema(vec![Kind::new("lamp", fields)])
}

/// Two smooth coordinates and a smooth direction.
pub fn gliding() -> Arc<Schema> {
    let range = Shape::Fixed { min: -1000, max: 1000, per_unit: 10 };
    let fields = vec![
        Field::smooth("x", range.clone()),
        Field::smooth("y", range),
        Field::smooth("heading", Shape::Angle { bits: 8 }),
    ];
    schema(vec![Kind::new("glider", fields)])
}

/// Directions of several widths.
pub fn turning() -> Arc<Schema> {
    schema(vec![Kind::new(
        "arrow",
        vec![
            Field::linear("fast", Shape::Angle { bits: 8 }),
            Field::held("still", Shape::Angle { bits: 8 }),
            Field::linear("fine", Shape::Angle { bits: 16 }),
            Field::linear("flip", Shape::Angle { bits: 1 }),
        ],
    )])
}

/// Every shape, every motion, and a kind without fields.
pub fn rich() -> Arc<Schema> {
    let labels = Shape::Enum { labels: ["idle", "läuft", "out"].map(str::to_owned).to_vec() };
    let bound = 1 << 29;
    schema(vec![
        Kind::new(
            "avatar",
            vec![
                Field::held("alive", Shape::Bool),
                Field::held("score", Shape::Int { min: 0, max: 999 }),
                Field::linear("x", Shape::Fixed { min: -2048, max: 2047, per_unit: 64 }),
                Field::linear("heading", Shape::Angle { bits: 5 }),
                Field::held("mood", labels.clone()),
                Field::held("shirt", Shape::Colour { count: 3 }),
                Field::linear("blink", Shape::Bool),
            ],
        ),
        Kind::new("mark", vec![]),
        Kind::new(
            "extreme",
            vec![
                Field::linear("odd", Shape::Int { min: 0, max: 1 }),
                Field::linear("wide", Shape::Int { min: -bound, max: bound }),
                Field::held("far", Shape::Fixed { min: -bound, max: bound, per_unit: u16::MAX }),
                Field::held("aim", Shape::Angle { bits: 5 }),
                Field::linear("state", labels),
                Field::linear("tint", Shape::Colour { count: 255 }),
                Field::smooth("drift", Shape::Int { min: -bound, max: bound }),
            ],
        ),
    ])
}

fn schema(kinds: Vec<Kind>) -> Arc<Schema> {
    Arc::new(Schema::new(kinds).expect("a valid schema"))
}
