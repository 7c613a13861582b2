//! The client's clock says what the vectors in `tests/golden/clock.json` say, which are those of the browser client.

use serde::Deserialize;
use tickwire::engine::RoomClock;

#[derive(Deserialize)]
struct Case {
    name: String,
    period: f64,
    interval: f64,
    steps: Vec<Step>,
    rtt: f64,
    jitter: f64,
    target: f64,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Step {
    Frame { frame: f64, tick: f64 },
    Pong { pong: f64, trip: f64 },
    Shown { draw: f64, shown: f64, server: f64, delay: f64 },
    Nothing { draw: f64 },
}

/// Both compute alike; a number may lose its last bits in a file.
fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-6
}

#[test]
fn the_clock_is_that_of_the_browser_client() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/clock.json");
    let text = std::fs::read_to_string(path).expect("the vectors are there");
    let cases: Vec<Case> = serde_json::from_str(&text).expect("the vectors are JSON");
    assert!(cases.len() >= 6);
    for Case { name, period, interval, steps, rtt, jitter, target } in cases {
        let mut clock = RoomClock::new(period, interval);
        for step in steps {
            match step {
                Step::Frame { frame, tick } => clock.arrived(tick, frame),
                Step::Pong { pong, trip } => clock.answered(trip, pong),
                Step::Nothing { draw } => assert_eq!(clock.show(draw), None, "{name} at {draw}"),
                Step::Shown { draw, shown, server, delay } => {
                    let told = clock.show(draw).expect("there is something to show");
                    assert!(close(told, shown), "{name} at {draw}: shows {told}, not {shown}");
                    let told = (clock.server(draw), clock.delay());
                    assert!(close(told.0, server) && close(told.1, delay), "{name} at {draw}: {told:?}");
                }
            }
        }
        let told = (clock.rtt(), clock.jitter(), clock.target());
        assert!(close(told.0, rtt) && close(told.1, jitter) && close(told.2, target), "{name}: {told:?}");
    }
}
