//! Recordings of a server: when they are made, what they contain, how many are kept, and how a person is erased from them.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use tickwire::engine::film::Projector;
use tickwire::engine::recording::{Recording, Rerun};
use tickwire::engine::replay::{Replay, ReplayError};
use tickwire::game::{Context, Game, PlayerInput, RoomSetup, SetupError};
use tickwire::id::{Seat, ZoneId};
use tickwire::server::{Config, PersonKeys};
use tickwire::wire::{ClientMessage, Join, Resync, encode_client};

use crate::admin::{TOKEN, ask, room_of};
use crate::support::{Player, TestServer, arena, demo, lean, wait_for};
use crate::trust::{SECRET, claims, join, signed};

/// An arena that panics on a command of kind 1, and asks for a recording on one of kind 2, from then on at every tick.
struct Watched {
    inner: Box<dyn Game>,
    asks: bool,
}

impl Watched {
    fn make(setup: &RoomSetup) -> Result<Box<dyn Game>, SetupError> {
        Ok(Box::new(Self { inner: demo("arena")(setup)?, asks: false }))
    }
}

impl Game for Watched {
    delegate!(inner: spec, join, leave, write_snapshot, save, load);
    fn step(&mut self, inputs: &[PlayerInput], cx: &mut Context) {
        self.inner.step(inputs, cx);
        if self.asks {
            cx.record("this must not happen");
        }
    }
    fn command(&mut self, _: Seat, kind: u16, _: &[u8], _: &mut Context) {
        assert_ne!(kind, 1, "this game is fragile");
        self.asks |= kind == 2;
    }
}

/// A server with an empty folder for recordings.
fn start(name: &str, config: Config) -> (TestServer, PathBuf) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("recordings-{name}"));
    let _ = fs::remove_dir_all(&folder);
    let config = Config { recordings: folder.clone(), admin_token: TOKEN.to_owned().into(), ..config };
    (TestServer::with(config, |server| server.game("watched", Watched::make)), folder)
}

fn watched() -> Join {
    Join::JoinOrCreate { game: "watched".to_owned(), options: Vec::new() }
}

/// The recordings in a folder, by name.
fn files(folder: &Path) -> Vec<PathBuf> {
    let all = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("a file").path());
    let mut found: Vec<PathBuf> =
        all.filter(|path| path.extension().is_some_and(|ending| ending == "tickrec")).collect();
    found.sort();
    found
}

fn of_kind(folder: &Path, why: &str) -> usize {
    files(folder).iter().filter(|file| file.to_string_lossy().contains(why)).count()
}

fn open(folder: &Path, file: &Path) -> Recording {
    let mut recording = Recording::decode(&fs::read(file).expect("a file")).expect("a recording");
    let keys = PersonKeys::in_folder(folder.join("keys"));
    recording.open(|sealed| keys.open(sealed)).expect("it is whole");
    recording
}

/// Runs a recording again; returns the ticks, and the hook in which it panicked.
fn replay(recording: &Recording) -> (u32, Option<&'static str>) {
    let mut replay = Replay::new(recording, Watched::make).expect("it can be run again");
    let mut ticks = 0;
    loop {
        match catch_unwind(AssertUnwindSafe(|| replay.step())) {
            Ok(step) => match step.expect("it can be read") {
                Some(step) => {
                    assert!(step.compared, "the film shows {:?}", step.tick);
                    assert_eq!(step.difference, None);
                    ticks += 1;
                }
                None => return (ticks, None),
            },
            Err(_) => return (ticks, replay.room().running()),
        }
    }
}

#[test]
fn a_panic_leaves_a_recording_that_panics_again() {
    let (server, folder) = start("panic", lean());
    let mut ada = Player::join(&server, watched()).expect("there is room");
    let ticks = ada.until(|arrived, _| arrived.tick.0 > 5).tick.0;
    ada.client.command(1, b"");
    ada.ending();
    wait_for(|| of_kind(&folder, "-panic-") == 1, "a recording");
    let recording = open(&folder, &files(&folder)[0]);
    assert_eq!(recording.header.reason, "the game panicked in command");
    let (replayed, panicked) = replay(&recording);
    assert_eq!(panicked, Some("command"));
    assert!(replayed >= ticks, "{replayed} of {ticks} ticks");
    // The file is there before it is counted.
    wait_for(|| server.metric("tickwire_recordings_total{why=\"panic\"}") == 1.0, "a count");
}

#[test]
fn operators_ask_for_recordings() {
    let (server, folder) = start("operator", lean());
    let mut ada = Player::join(&server, watched()).expect("there is room");
    ada.frame().expect("a frame");
    let path = format!("/admin/api/rooms/{}/recording", room_of(&ada));
    assert_eq!(ask(&server, &path, "", Some("")).0, 401);
    let (status, body) = ask(&server, &path, TOKEN, Some(""));
    assert_eq!(status, 201, "{body}");
    let answer: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    let file = folder.join(answer["file"].as_str().expect("a name"));
    assert_eq!(replay(&open(&folder, &file)).1, None);
    assert_eq!(ask(&server, "/admin/api/rooms/nothing/recording", TOKEN, Some("")).0, 404);

    let name = answer["file"].as_str().expect("a name");
    assert_eq!(ask(&server, "/admin/api/recordings", "", None).0, 401);
    let (status, body) = ask(&server, "/admin/api/recordings", TOKEN, None);
    let list: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!((status, &list[0]["file"], &list[0]["why"]), (200, &name.into(), &"operator".into()), "{body}");
    assert_eq!(
        (&list[0]["game"], &list[0]["reason"]),
        (&"watched".into(), &"an operator asked for it".into()),
        "{body}"
    );
    assert_eq!(ask(&server, &format!("/admin/api/recordings/{name}"), "", None).0, 401);
    assert_eq!(ask(&server, &format!("/admin/api/recordings/{name}"), TOKEN, None).0, 200);
    for other in ["keys", "..%2fsecret", "nothing.tickrec"] {
        assert_eq!(ask(&server, &format!("/admin/api/recordings/{other}"), TOKEN, None).0, 404, "{other}");
    }

    let server = TestServer::with(Config { admin_token: TOKEN.to_owned().into(), ..lean() }, |server| server);
    let ada = Player::arena(&server);
    let (status, body) = ask(&server, &format!("/admin/api/rooms/{}/recording", room_of(&ada)), TOKEN, Some(""));
    assert_eq!(status, 409, "{body}");
    assert!(body.contains("set recordings"), "{body}");
}

#[test]
fn games_and_clients_that_ask_again_and_again_get_one_recording() {
    let (server, folder) = start("often", lean());
    let mut ada = Player::join(&server, watched()).expect("there is room");
    ada.client.command(2, b"");
    let first = ada.frame().expect("a frame").tick;
    ada.until(|arrived, _| arrived.tick.since(first) > 40);
    let asked = of_kind(&folder, "-game-");
    assert_eq!((asked, files(&folder).len()), (1, 1), "two seconds of asking");

    let mut bob = Player::join(&server, arena()).expect("there is room");
    for _ in 0..3 {
        let tick = bob.frame().expect("a frame").tick;
        bob.raw.send(&encode_client(&ClientMessage::Resync(Resync { zone: ZoneId(0), tick })));
    }
    wait_for(|| of_kind(&folder, "-desync-") == 1, "a recording");
    bob.frame().expect("a frame");
    assert_eq!(of_kind(&folder, "-desync-"), 1);
}

#[test]
fn the_folder_is_bounded_and_keeps_what_is_rare() {
    let (server, folder) = start("bounded", Config { most_recordings: 4, ..lean() });
    let mut ada = Player::join(&server, watched()).expect("there is room");
    ada.client.command(1, b"");
    ada.ending();
    wait_for(|| of_kind(&folder, "-panic-") == 1, "a recording");
    let mut bob = Player::arena(&server);
    bob.frame().expect("a frame");
    let path = format!("/admin/api/rooms/{}/recording", room_of(&bob));
    let mut names = Vec::new();
    for _ in 0..10 {
        let (status, body) = ask(&server, &path, TOKEN, Some(""));
        assert_eq!(status, 201, "{body}");
        let answer: serde_json::Value = serde_json::from_str(&body).expect("JSON");
        names.push(answer["file"].as_str().expect("a name").to_owned());
    }
    assert_eq!((files(&folder).len(), of_kind(&folder, "-panic-")), (4, 1));
    for newest in &names[7..] {
        assert!(folder.join(newest).exists(), "the newest stay");
    }
    // Each has a key of its own, which goes with it; the rest is the secret that names are made with.
    assert_eq!(fs::read_dir(folder.join("keys")).expect("a folder").count(), 4 + 1);
}

#[test]
fn who_is_forgotten_can_be_found_in_no_recording() {
    let (server, folder) = start("forget", Config { token_secret: SECRET.to_owned().into(), ..lean() });
    let named = signed(&tickwire::server::Claims { name: Some("Countess Lovelace".to_owned()), ..claims("ada-1815") });
    let (_ada, welcome) = join(&server, arena(), Some(&named)).expect("a good token");
    let (status, body) = ask(&server, &format!("/admin/api/rooms/{}/recording", welcome.room), TOKEN, Some(""));
    assert_eq!(status, 201, "{body}");
    let file = &files(&folder)[0];
    let recording = open(&folder, file);
    let Rerun::Possible(inputs) = &recording.rerun else { panic!("{:?}", recording.rerun) };
    assert!(inputs.identities().contains("ada-1815"));
    let plain = recording.encode();
    assert!(contains(&plain, b"Lovelace") && contains(&plain, b"ada-1815"), "they would be there");

    assert!(PersonKeys::in_folder(folder.join("keys")).forget("ada-1815").expect("a folder"));
    let recording = open(&folder, file);
    assert!(matches!(Replay::new(&recording, demo_arena), Err(ReplayError::Sealed)));
    assert!(Projector::new(&recording.header.schema, &recording.film).is_ok(), "it can be watched");
    for path in [&folder, &folder.join("keys")] {
        for entry in fs::read_dir(path).expect("a folder") {
            let path = entry.expect("a file").path();
            let Ok(bytes) = fs::read(&path) else { continue };
            let name = path.to_string_lossy();
            assert!(!contains(&bytes, b"Lovelace") && !contains(&bytes, b"ada-1815"), "{name}");
            assert!(!name.contains("ada"), "{name}");
        }
    }
}

fn demo_arena(setup: &RoomSetup) -> Result<Box<dyn Game>, SetupError> {
    demo("arena")(setup)
}

fn contains(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}

#[test]
fn a_folder_that_cannot_be_written_is_one_clear_error() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("recordings-file");
    fs::write(&path, b"a file").expect("a file");
    let config = Config { recordings: path.clone(), ..lean() };
    let failed = TestServer::with(config, |server| server).join().expect_err("it does not start").to_string();
    assert!(failed.starts_with("recordings: cannot write") && failed.contains("recordings-file"), "{failed}");
}
