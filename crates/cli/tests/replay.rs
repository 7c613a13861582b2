//! `tickwire replay` and `tickwire forget`: what they say of recordings, whole, changed, sealed and damaged.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use tickwire::engine::recording::{Recording, Rerun, Start};
use tickwire::engine::replay::Replay;
use tickwire::game::{Game, RoomSetup, SetupError};
use tickwire::server::PersonKeys;
use tickwire::testing::{Plan, Playtest};
use tickwire_games::arena::Arena;

#[allow(clippy::disallowed_methods, reason = "real processes live in real time")]
mod process;

fn arena(setup: &RoomSetup) -> Result<Box<dyn Game>, SetupError> {
    Ok(Box::new(Arena::new(setup)?))
}

/// An arena whose player runs along.
fn played() -> Playtest {
    let mut play = Playtest::new(Plan::default(), arena);
    let ada = play.join("Ada");
    play[ada].hold(&[64, 1, 0, 0]);
    play.run_for(Duration::from_secs(3));
    play
}

/// A recording of an arena: the playtest calls its game `game`.
fn recording() -> Recording {
    let mut recording = played().recording("a test");
    recording.header.game = "arena".to_owned();
    recording
}

/// A new folder of this test.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("replay-{name}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

fn write(folder: &Path, name: &str, recording: &Recording) -> String {
    let path = folder.join(name);
    fs::write(&path, recording.encode()).expect("a file");
    path.to_str().expect("a name").to_owned()
}

/// Runs the command; returns its exit code and what it said.
fn run(args: &[&str]) -> (Option<i32>, String) {
    let mut command = process::command(env!("CARGO_BIN_EXE_tickwire"));
    let Output { status, stdout, stderr } = command.args(args).output().expect("the binary starts");
    let text = [stdout, stderr].map(|bytes| String::from_utf8(bytes).expect("text")).concat();
    (status.code(), text)
}

#[test]
fn a_recording_is_run_again_and_compared() {
    let folder = folder("same");
    let file = write(&folder, "one", &recording());
    let (code, text) = run(&["replay", &file]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("of arena, 20 ticks per second") && text.contains("all ticks are the same"), "{text}");
    let (code, text) = run(&["replay", &file, "--json", "--until", "20"]);
    let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((code, &json["ticks"], &json["compared"]), (Some(0), &20.into(), &20.into()), "{text}");
    let (code, text) = run(&["replay", &file, "--dump", "30"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("zone 0 avatar ") && text.contains("heading 64"), "{text}");
    let (code, text) = run(&["replay", &file, "--dump", "3000"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("tick 3000 is not in the recording: it has 0 to 60"), "{text}");
}

#[test]
fn what_differs_is_named_with_the_inputs_that_led_there() {
    let folder = folder("differs");
    let mut changed = recording();
    let Rerun::Possible(inputs) = &mut changed.rerun else { panic!("{:?}", changed.rerun) };
    let Start::Beginning(config) = &mut inputs.start else { panic!("the room is young") };
    config.setup.seed += 1;
    let file = write(&folder, "changed", &changed);
    let (code, text) = run(&["replay", &file]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("differs from the recording at tick 1, zone 0, avatar "), "{text}");

    let other = {
        let mut play = Playtest::new(Plan { seed: 2, ..Plan::default() }, arena);
        play.join("Bob");
        play.run_for(Duration::from_secs(3));
        write(&folder, "other", &play.recording("another test"))
    };
    let file = write(&folder, "one", &recording());
    let (code, text) = run(&["replay", &file, "--against", &other]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("the first difference: tick 1, zone 0, avatar ") && text.contains("Enter(Enter {"), "{text}");
    assert_eq!(run(&["replay", &file, "--against", &file]).0, Some(0));
}

#[test]
fn what_is_sealed_is_opened_until_the_person_is_forgotten() {
    let folder = folder("sealed");
    let keys = PersonKeys::in_folder(folder.join("keys"));
    let mut sealed = recording();
    sealed.seal(|_, text| keys.seal("one", ["ada"], text)).expect("a folder");
    let (file, copy) = (write(&folder, "one", &sealed), folder.join("copy"));
    let copy = copy.to_str().expect("a name");
    assert_eq!(run(&["replay", &file]).0, Some(0));
    assert_eq!(run(&["replay", &file, "--unseal", copy]).0, Some(0));
    let shelf = folder.to_str().expect("a name");
    let (code, text) = run(&["forget", "ada", "--recordings", shelf]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.starts_with("forgotten"), "{text}");
    let (code, text) = run(&["replay", &file]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("it can be watched, but not run again"), "{text}");
    assert_eq!(run(&["replay", &file, "--dump", "30"]).0, Some(0), "it can be watched");
    assert_eq!(run(&["replay", &file, "--unseal", copy]).0, Some(1));
    assert!(
        run(&["forget", "ada", "--recordings", shelf])
            .1
            .contains("no recording, no room and no match with this person")
    );
    assert!(run(&["forget", "ada"]).1.contains("recordings, data and matches are not set"));
}

#[test]
fn a_person_is_forgotten_in_the_folder_for_rooms_too() {
    let folder = folder("rooms");
    let keys = PersonKeys::for_rooms(folder.join("keys"));
    let sealed = keys.seal("rooms", ["ada"], b"what she said").expect("a folder");
    assert!(keys.open(&sealed).is_some());
    let (code, text) = run(&["forget", "ada", "--data", folder.to_str().expect("a name")]);
    assert_eq!((code, keys.open(&sealed)), (Some(0), None), "{text}");
}

#[test]
fn what_is_no_recording_is_one_clear_line() {
    let folder = folder("damaged");
    let mut bytes = recording().encode();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let file = folder.join("damaged");
    fs::write(&file, &bytes).expect("a file");
    for (file, wanted) in [(file.to_str().expect("a name"), "damaged at byte"), ("no-such-file", "No such file")] {
        let (code, text) = run(&["replay", file]);
        assert_eq!((code, text.lines().count()), (Some(1), 1), "{text}");
        assert!(text.contains(wanted) && text.contains(file), "{text}");
    }
}

/// An arena of half a minute with six players. `UPDATE_GOLDEN=1` writes it anew, which is right only when the engine's
/// [`REVISION`](tickwire::engine::recording::REVISION) has changed.
#[test]
fn a_recording_of_an_older_build_runs_to_the_same_rows() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/arena.tickrec");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let mut play = Playtest::new(Plan { seed: 8, ..Plan::default() }, arena);
        for number in 0..6 {
            let player = play.join("Ada");
            let mut turn = number * 40;
            play[player].steer(move |_| {
                turn += 3;
                vec![turn % 256, i32::from(turn % 100 > 20), i32::from(turn % 70 == 0), i32::from(turn % 30 == 0)]
            });
        }
        play.run_for(Duration::from_secs(35));
        let mut recording = play.recording("golden");
        recording.header.game = "arena".to_owned();
        fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        fs::write(&file, recording.encode()).expect("a file");
    }
    assert_eq!(tickwire::testing::replay(&file, arena), 700);
    golden_hashes(&file);
}

/// The hash of every zone at every tick, with which the browser client compares what it shows of the film.
fn golden_hashes(file: &Path) {
    let recording = Recording::decode(&fs::read(file).expect("a file")).expect("a recording");
    let mut replay = Replay::new(&recording, arena).expect("it can be run again");
    let mut hashes = Vec::new();
    while let Some(step) = replay.step().expect("it can be read") {
        let zones = replay.room().frame().zones().iter().filter(|zone| zone.rows() > 0);
        let zones = zones.map(|zone| (zone.id().0, zone.hash()));
        hashes.push(serde_json::json!([step.tick.0, zones.collect::<Vec<_>>()]).to_string());
    }
    let found = format!("[\n{}\n]\n", hashes.join(",\n"));
    let golden = file.with_extension("hashes.json");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&golden, &found).expect("a file");
    }
    assert_eq!(fs::read_to_string(&golden).expect("hashes"), found);
}
