//! Entities are drawn where the vectors in `tests/golden/samples.json` say, which are those of the browser client. Tests alone.

use serde::Deserialize;

use super::samples::Samples;
use crate::snapshot::Schema;

#[derive(Deserialize)]
struct Vectors {
    kinds: Schema,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    kind: usize,
    period: f64,
    depth: usize,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Step {
    Push { push: f64, cells: Vec<i32>, cut: bool },
    Sample { sample: f64, values: Vec<f64>, speed: Option<[f64; 2]> },
}

/// Both compute alike; a number may lose its last bits in a file.
fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-6
}

#[test]
fn entities_are_drawn_where_the_browser_client_draws_them() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/samples.json");
    let text = std::fs::read_to_string(path).expect("the vectors are there");
    let Vectors { kinds, cases } = serde_json::from_str(&text).expect("the vectors are JSON");
    let mut drawn = 0;
    for Case { kind, period, depth, steps } in cases {
        let plan = &kinds.plans()[kind];
        let mut samples = Samples::new(plan, depth, period);
        for step in steps {
            match step {
                Step::Push { push, cells, cut } => samples.push(plan, push, &cells, cut),
                Step::Sample { sample, values, speed } => {
                    let mut told = vec![0.0; plan.fields.len()];
                    samples.sample(plan, sample, &mut told);
                    let same = told.iter().zip(&values).all(|(told, value)| close(*told, *value));
                    assert!(same, "kind {kind} at {sample}: {told:?}, not {values:?}");
                    let told = samples.speed(plan, [0, 1]);
                    let same = told.zip(speed).is_some_and(|(a, b)| close(a[0], b[0]) && close(a[1], b[1]));
                    assert!(same || (told, speed) == (None, None), "kind {kind} at {sample}: {told:?}, not {speed:?}");
                    drawn += 1;
                }
            }
        }
    }
    assert!(drawn > 1000, "{drawn}");
}
