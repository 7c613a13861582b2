//! The Rust client shows a player what the browser client does: it plays the session in `tests/golden/display.json`, message by
//! message and picture by picture, and draws the same.

use std::collections::BTreeMap;

use serde_json::Value;
use tickwire::engine::{Client, ClientEvent, Depth, Display, FeelDigest, Prediction, Predictor};
use tickwire::id::EntityId;
use tickwire::tick::Moment;

/// Those of `web-demo/test/feel/display.test.js`.
#[derive(Clone, Debug)]
struct Rules;

impl Predictor for Rules {
    type State = [i32; 3];

    fn read(&self, row: &[i32]) -> [i32; 3] {
        [row[0], row[1], row[2]]
    }

    fn step(&self, [x, y, heading]: &mut [i32; 3], input: &[i32]) {
        let way = if input[1] == 0 { 0 } else { 11 } + if input[2] == 0 { 0 } else { 40 };
        *heading = input[0];
        let (dx, dy) = match *heading >> 6 {
            0 => (way, 0),
            1 => (0, way),
            2 => (-way, 0),
            _ => (0, -way),
        };
        (*x, *y) = (*x + dx, *y + dy);
    }

    fn write(&self, state: &[i32; 3], values: &mut [f64]) {
        state.iter().zip(values).for_each(|(state, value)| *value = f64::from(*state));
    }
}

/// The client that plays the session again.
struct Replay {
    client: Client,
    shown: Option<(Display, Prediction<Rules>)>,
    held: Vec<i32>,
    corrections: u64,
    digests: Vec<FeelDigest>,
}

impl Replay {
    fn message(&mut self, bytes: &[u8], now: Moment) {
        let event = self.client.on_message(bytes).expect("a message of the server");
        if self.shown.is_none() {
            let display = Display::new(&self.client, now).expect("the first message is the welcome");
            let own = Prediction::new(Rules, &self.client, now).expect("the server has authority");
            self.shown = Some((display, own));
        }
        let Some((display, own)) = &mut self.shown else { return };
        display.on_event(&self.client, &event, now);
        self.corrections += u64::from(own.on_event(&self.client, display, &event, now));
        if let ClientEvent::Frame(arrived) = event {
            assert_eq!(arrived.desyncs, 0);
        }
    }

    fn run(&mut self, now: Moment) {
        let Some((display, own)) = &mut self.shown else { return };
        own.run(&mut self.client, now);
        self.digests.extend(display.prepare(&mut self.client, now));
        while self.client.poll(now).is_some() {}
    }

    fn steer(&mut self, changes: &Value, now: Moment, is_press: bool) {
        let Some((_, own)) = &mut self.shown else { return };
        for change in changes.as_array().expect("pairs") {
            let (field, value) = (change[0].as_u64().expect("a field") as usize, change[1].as_i64().expect("a value"));
            if is_press {
                own.press(field, value as i32, now);
            } else {
                self.held[field] = value as i32;
            }
        }
        if !is_press {
            own.hold(&self.held, now);
        }
    }

    fn picture(&mut self, now: Moment) -> (BTreeMap<u32, Vec<f64>>, f64) {
        let entity = self.client.welcome().map(|welcome| welcome.entity);
        let (display, own) = self.shown.as_mut().expect("pictures come after the welcome");
        let mut rows: BTreeMap<EntityId, Vec<f64>> =
            display.show(now).map(|row| (row.id, row.values.to_vec())).collect();
        if let (Some(entity), Some(values)) = (entity, own.show(now)) {
            rows.insert(entity, values);
        }
        let age = display.clock().age(now.0 as f64 / 1000.0);
        (rows.into_iter().map(|(id, values)| (id.0, values)).collect(), age)
    }
}

fn bytes(hex: &Value) -> Vec<u8> {
    let hex = hex.as_str().expect("hex digits");
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex digits")).collect()
}

#[test]
fn the_rust_client_shows_what_the_browser_client_shows() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/display.json");
    let text = std::fs::read_to_string(path).expect("the vector is there");
    let steps: Vec<Value> = serde_json::from_str(&text).expect("the vector is JSON");
    let client = Client::new(Depth::Full).knowing(Display::FEATURES);
    let mut replay = Replay { client, shown: None, held: vec![0; 4], corrections: 0, digests: Vec::new() };
    let (mut pictures, mut told) = (0, 0);
    for step in &steps {
        let now = Moment(step[0].as_u64().expect("microseconds"));
        match step[1].as_str().expect("a step has a name") {
            "message" => replay.message(&bytes(&step[2]), now),
            "run" => replay.run(now),
            "hold" => replay.steer(&step[2], now, false),
            "press" => replay.steer(&step[2], now, true),
            "digest" => {
                let wanted = FeelDigest::read(&bytes(&step[2])).expect("a whole digest");
                let found = replay.digests.get(told).unwrap_or_else(|| panic!("no digest at {now:?}"));
                // The browser client measures lateness when it draws.
                assert_eq!(FeelDigest { lateness: wanted.lateness, ..*found }, wanted, "at {now:?}");
                told += 1;
            }
            _ => {
                let (rows, age) = replay.picture(now);
                let Some(wanted) = step[2].as_array() else { continue };
                pictures += 1;
                let ids: Vec<u64> = wanted.iter().map(|row| row[0].as_u64().expect("an id")).collect();
                assert_eq!(rows.keys().map(|id| u64::from(*id)).collect::<Vec<_>>(), ids, "at {now:?}");
                for (row, (id, values)) in wanted.iter().zip(&rows) {
                    let wanted: Vec<f64> = row[1]
                        .as_array()
                        .expect("values")
                        .iter()
                        .map(|value| value.as_f64().expect("a number"))
                        .collect();
                    let same = values.iter().zip(&wanted).all(|(a, b)| (a - b).abs() < 0.002);
                    assert!(same, "entity {id} at {now:?}: {values:?}, not {wanted:?}");
                }
                assert!((age - step[3].as_f64().expect("an age")).abs() < 0.1, "at {now:?}: {age}, not {}", step[3]);
                assert_eq!(replay.corrections, step[4].as_u64().expect("a count"), "at {now:?}");
            }
        }
    }
    assert!(pictures > 150 && told == 2 && replay.corrections > 50, "{pictures}, {told}, {}", replay.corrections);
}
