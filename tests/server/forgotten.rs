//! Persons who are erased from the folder for rooms: nothing in it can be read of them any more, and the others play on.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tickwire::Server;
use tickwire::engine::{Client, Depth};
use tickwire::server::{Claims, Config, PersonKeys};
use tickwire::wire::{ClientMessage, Close, Continuity, Hello, Join, decode_client, encode_client};

use crate::admin::room_of;
use crate::support::{PATIENT, Player, Raw, TestServer, arena, lean, wait_for};
use crate::trust::{SECRET, claims, signed};

/// What must not be found of her.
const TRACES: [&[u8]; 3] = [b"ada-1815", b"Lovelace", b"the analytical engine"];

fn empty(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("forgotten-{name}"));
    let _ = fs::remove_dir_all(&folder);
    folder
}

fn start(folder: &Path) -> TestServer {
    let token_secret = SECRET.to_owned().into();
    let config = Config {
        data: folder.to_owned(),
        hold_seats_for: PATIENT,
        empty_room_for: Duration::from_millis(100),
        come_back_within: Duration::from_secs(1),
        token_secret,
        ..lean()
    };
    TestServer::with(config, |server: Server| server.build("one"))
}

fn token(identity: &str, name: &str) -> String {
    signed(&Claims { name: Some(name.to_owned()), ..claims(identity) })
}

fn lovelace() -> String {
    token("ada-1815", "Countess Lovelace")
}

fn babbage() -> String {
    token("charles-1791", "Charles Babbage")
}

fn enter(server: &TestServer, join: Join, token: &str) -> Player {
    let mut raw = Raw::connect(server.address);
    raw.send(&encode_client(&ClientMessage::Hello(Hello { token: Some(token), ..Hello::new(join, "guest") })));
    Player::over(raw, Client::new(Depth::Full)).expect("a good token")
}

/// Comes back to the seat.
fn resume(player: &Player, server: &TestServer, token: &str) -> Player {
    let mut client = player.client.clone();
    let hello = client.resume("guest", Vec::new()).expect("a seat that is held");
    let Ok(ClientMessage::Hello(hello)) = decode_client(&hello) else { panic!("it is a hello") };
    let mut raw = Raw::connect(server.address);
    raw.send(&encode_client(&ClientMessage::Hello(Hello { token: Some(token), ..hello })));
    Player::over(raw, client).expect("the room is there")
}

fn hears(player: &mut Player, what: &str) {
    player.until(|arrived, _| format!("{:?}", arrived.events).contains(what));
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("a file").path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn assert_no_trace(folder: &Path) {
    let found = files(folder);
    assert!(!found.is_empty(), "there is something to search");
    for path in found {
        let bytes = fs::read(&path).expect("a file");
        for trace in TRACES {
            let is_there = bytes.windows(trace.len()).any(|window| window == trace);
            assert!(!is_there, "{}: {}", path.display(), String::from_utf8_lossy(trace));
        }
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let (path, to) = (entry.as_ref().expect("a file").path(), to.join(entry.expect("a file").file_name()));
        if path.is_dir() { copy(&path, &to) } else { _ = fs::copy(&path, &to).expect("a copy") }
    }
}

/// The folder as a crash would leave it now.
fn image(of: &Path, name: &str) -> PathBuf {
    let folder = empty(name);
    copy(of, &folder);
    folder
}

fn forget(folder: &Path) -> bool {
    PersonKeys::for_rooms(folder.join("keys")).forget("ada-1815").expect("a folder")
}

/// Two who play in a room since before its last checkpoint; a guest is with them.
fn at_play(folder: &Path, name: &str) -> (Player, Player, PathBuf) {
    let server = start(folder);
    let mut ada = enter(&server, arena(), &lovelace());
    let mut charles = enter(&server, arena(), &babbage());
    ada.client.chat(&[], "the analytical engine");
    hears(&mut ada, "analytical");
    hears(&mut charles, "analytical");
    // Seats are held for clients that were heard.
    let now = charles.frame().expect("a frame").tick;
    charles.until(|arrived, _| arrived.tick.since(now) > 5);
    let crashed = image(folder, &format!("{name}-first"));
    assert_no_trace(&crashed);
    drop(server);
    let second = start(&crashed);
    second.wait_for_metric("tickwire_rooms_recovered_total", 1.0);
    let (mut ada, mut charles) = (resume(&ada, &second, &lovelace()), resume(&charles, &second, &babbage()));
    for back in [&ada, &charles] {
        assert_eq!(back.client.welcome().expect("a welcome").continuity, Continuity::Seat);
    }
    charles.client.chat(&[], "noted");
    hears(&mut charles, "noted");
    hears(&mut ada, "noted");
    let now = charles.frame().expect("a frame").tick;
    charles.until(|arrived, _| arrived.tick.since(now) > 25);
    let last = image(&crashed, &format!("{name}-second"));
    (ada, charles, last)
}

#[test]
fn after_a_crash_a_room_goes_on_without_a_person_who_was_forgotten() {
    let folder = empty("crash");
    let (ada, charles, crashed) = at_play(&folder, "crash");
    let known = image(&crashed, "crash-known");
    assert!(forget(&crashed));
    assert_no_trace(&crashed);

    // Nobody is missing as long as nobody is forgotten.
    let server = start(&known);
    server.wait_for_metric("tickwire_rooms_recovered_total", 1.0);
    let back = resume(&ada, &server, &lovelace());
    assert_eq!(back.client.welcome().expect("a welcome").continuity, Continuity::Seat);
    hears(&mut enter(&server, arena(), &token("mary", "Mary")), "analytical");
    drop(server);

    let server = start(&crashed);
    server.wait_for_metric("tickwire_rooms_recovered_total", 1.0);
    assert_eq!(server.metric("tickwire_rooms_lost_total"), 0.0);
    let mut back = resume(&charles, &server, &babbage());
    let welcome = back.client.welcome().expect("a welcome").clone();
    assert_eq!((welcome.continuity, room_of(&back)), (Continuity::Seat, room_of(&charles)));
    let names: Vec<&str> = welcome.players.iter().map(|player| player.name.as_str()).collect();
    assert_eq!(names, ["Charles Babbage"], "her seat is free");
    back.until(|arrived, _| arrived.lost > 0);
    let mut mary = enter(&server, arena(), &token("mary", "Mary"));
    mary.client.chat(&[], "what was said here?");
    let heard = mary.until(|arrived, _| !arrived.events.is_empty());
    assert!(!format!("{:?}", heard.events).contains("analytical"));
    // What the server writes from now on is about those who are there.
    wait_for(|| server.metric("tickwire_journal_waiting_bytes") == 0.0, "it is written");
    assert_no_trace(&crashed);
}

#[test]
fn rooms_that_are_stored_or_asleep_go_on_without_a_person_who_was_forgotten() {
    let folder = empty("stored");
    let server = start(&folder);
    let options = [("persistent", "true"), ("private", "true")].map(|(key, value)| (key.to_owned(), value.to_owned()));
    let world = Join::Create { game: "arena".to_owned(), options: options.to_vec() };
    // A world that she was in, and that sleeps.
    let mut ada = enter(&server, world, &lovelace());
    ada.client.chat(&[], "the analytical engine");
    hears(&mut ada, "analytical");
    let asleep = room_of(&ada);
    ada.raw.say(&[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8]);
    assert_eq!(ada.ending(), Close::Left);
    server.wait_for_metric("tickwire_rooms_asleep", 1.0);
    // A room in which both are when the server stops.
    let (mut ada, mut charles) = (enter(&server, arena(), &lovelace()), enter(&server, arena(), &babbage()));
    ada.client.chat(&[], "the analytical engine");
    hears(&mut ada, "analytical");
    hears(&mut charles, "analytical");
    let mut server = server;
    server.ask_to_stop();
    server.join().expect("it stops well");
    assert_no_trace(&folder);
    assert!(forget(&folder) && !forget(&folder), "she was known");

    let server = start(&folder);
    server.wait_for_metric("tickwire_rooms_restored_total", 1.0);
    let back = resume(&charles, &server, &babbage());
    let welcome = back.client.welcome().expect("a welcome");
    assert_eq!((welcome.continuity, welcome.players.len()), (Continuity::Seat, 1));
    let mut mary = enter(&server, Join::ById { room: asleep }, &token("mary", "Mary"));
    mary.client.chat(&[], "what was said here?");
    let heard = mary.until(|arrived, _| !arrived.events.is_empty());
    assert!(
        format!("{:?}", heard.events).contains("what was said")
            && !format!("{:?}", heard.events).contains("analytical")
    );
}

#[test]
fn a_running_server_does_not_write_anew_what_was_forgotten() {
    let folder = empty("running");
    let (ada, _charles, first) = at_play(&folder, "running");
    let server = start(&first);
    server.wait_for_metric("tickwire_rooms_recovered_total", 1.0);
    // She plays on, and the room makes checkpoints.
    let mut ada = resume(&ada, &server, &lovelace());
    ada.frame().expect("a frame");
    assert!(forget(&first));
    let now = ada.frame().expect("a frame").tick;
    ada.client.chat(&[], "the analytical engine");
    ada.until(|arrived, _| arrived.tick.since(now) > 11 * 20);
    let crashed = image(&first, "running-after");
    assert_no_trace(&crashed);
    drop(server);
    let server = start(&crashed);
    server.wait_for_metric("tickwire_rooms_recovered_total", 1.0);
    let mut mary = enter(&server, arena(), &token("mary", "Mary"));
    mary.client.chat(&[], "what was said here?");
    let heard = mary.until(|arrived, _| !arrived.events.is_empty());
    assert!(!format!("{:?}", heard.events).contains("analytical"));
    let names: Vec<String> =
        mary.client.welcome().expect("a welcome").players.iter().map(|one| one.name.clone()).collect();
    assert!(!names.iter().any(|name| name.contains("Lovelace")), "{names:?}");
}
