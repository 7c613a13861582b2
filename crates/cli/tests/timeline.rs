//! `tickwire replay --open`: the page, the recording and the notes are served to browsers of this machine and to nobody else.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tickwire::engine::recording::{Recording, Rerun, Start};
use tickwire::game::{Game, RoomSetup, SetupError};
use tickwire::testing::{Plan, Playtest};
use tickwire_games::arena::Arena;

#[allow(clippy::disallowed_methods, reason = "real processes live in real time")]
mod process;

fn arena(setup: &RoomSetup) -> Result<Box<dyn Game>, SetupError> {
    Ok(Box::new(Arena::new(setup)?))
}

/// A recording of an arena in which Ada runs along.
fn recording() -> Recording {
    let mut play = Playtest::new(Plan::default(), arena);
    let ada = play.join("Ada");
    play[ada].hold(&[64, 1, 0, 0]);
    play[ada].chat(&[], "hello there");
    play.run_for(Duration::from_secs(3));
    let mut recording = play.recording("a test");
    recording.header.game = "arena".to_owned();
    recording
}

fn written(recording: &Recording, name: &str) -> PathBuf {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&file, recording.encode()).expect("a file");
    file
}

/// A running command that serves a timeline; it ends with its test.
struct Served(std::process::Child, u16);

impl Served {
    fn of(file: &Path) -> Self {
        let mut command = process::command(env!("CARGO_BIN_EXE_tickwire"));
        let mut child = command.arg("replay").arg(file).arg("--open").spawn().expect("the binary starts");
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().expect("a pipe")).read_line(&mut line).expect("it says where");
        let address = line.strip_prefix("http://127.0.0.1:").and_then(|rest| rest.strip_suffix("/timeline/?open\n"));
        let port = address.and_then(|port| port.parse().ok()).unwrap_or_else(|| panic!("no address in {line:?}"));
        Self(child, port)
    }

    /// The status line and the body.
    fn get(&self, path: &str, host: &str) -> (String, Vec<u8>) {
        let head = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        let (mut stream, answer) = process::ask(self.1, &head);
        let mut body = Vec::new();
        stream.read_to_end(&mut body).expect("a body");
        (answer.lines().next().unwrap_or_default().to_owned(), body)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_timeline_is_served_to_this_machine_only() {
    let recording = recording();
    let served = Served::of(&written(&recording, "timeline.tickrec"));
    let host = format!("localhost:{}", served.1);
    let (status, body) = served.get("/timeline/recording", &host);
    assert_eq!(status, "HTTP/1.1 200 OK");
    let film = Recording::decode(&body).expect("a recording");
    assert_eq!(film.header, recording.header);
    assert!(matches!(film.rerun, Rerun::Unknown), "inputs are not served");
    let (_, body) = served.get("/timeline/notes", &host);
    let notes: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(notes["hashes"].as_array().map(Vec::len), Some(60), "every tick is compared");
    assert_eq!((&notes["error"], &notes["difference"], &notes["panicked"]), (&().into(), &().into(), &().into()));
    assert_eq!(notes["names"][0], serde_json::json!([1, 0, "Ada"]));
    let commands = notes["commands"].as_array().expect("a list");
    assert!(commands.iter().any(|command| command[2] == "says \"hello there\""), "{commands:?}");
    let inputs = notes["inputs"].as_array().expect("a list");
    assert!(inputs.iter().any(|input| input[2] == serde_json::json!([64, 1, 0, 0])), "{inputs:?}");

    for path in ["/timeline/", "/timeline/main.js", "/client/film.js", "/demo/scene.js", "/assets/maps/courtyard.txt"] {
        assert_eq!(served.get(path, &host).0, "HTTP/1.1 200 OK", "{path}");
    }
    assert_eq!(served.get("/", &host).0, "HTTP/1.1 307 Temporary Redirect");
    for path in ["/timeline/recording", "/timeline/notes", "/timeline/"] {
        assert_eq!(served.get(path, "evil.example").0, "HTTP/1.1 403 Forbidden", "{path}");
    }
}

#[test]
fn notes_tell_where_a_rerun_differs_and_why_there_is_none() {
    let notes = |recording: &Recording, name: &str| {
        let served = Served::of(&written(recording, name));
        let (_, body) = served.get("/timeline/notes", "localhost");
        serde_json::from_slice::<serde_json::Value>(&body).expect("JSON")
    };
    let mut changed = recording();
    let Rerun::Possible(inputs) = &mut changed.rerun else { panic!("{:?}", changed.rerun) };
    let Start::Beginning(config) = &mut inputs.start else { panic!("the room is young") };
    config.setup.seed += 1;
    let told = notes(&changed, "timeline-changed.tickrec");
    assert_eq!(told["difference"][0], 1);
    assert!(told["difference"][1].as_str().is_some_and(|text| text.contains("avatar")), "{told}");

    let mut bare = recording();
    bare.rerun = Rerun::Unknown;
    let told = notes(&bare, "timeline-bare.tickrec");
    assert!(told["error"].as_str().is_some_and(|text| text.contains("it can be watched, but not run again")), "{told}");
}
