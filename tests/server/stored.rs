//! Rooms that go on when their server is stopped and started again on the same folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tickwire::id::Incarnation;
use tickwire::server::Config;
use tickwire::wire::{Close, Continuity, Join};

use crate::admin::room_of;
use crate::party::{reserve, reserved};
use crate::support::{PATIENT, Player, TestServer, arena, lean, wait_for};

/// A close frame with code 1000, of a player who does not come back.
const GOODBYE: [u8; 8] = [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8];

fn empty(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("stored-{name}"));
    let _ = fs::remove_dir_all(&folder);
    folder
}

fn on(folder: &Path) -> Config {
    Config { data: folder.to_owned(), hold_seats_for: PATIENT, come_back_within: Duration::from_secs(1), ..lean() }
}

fn start(folder: &Path) -> TestServer {
    TestServer::with(on(folder), |server| server)
}

fn stop(mut server: TestServer) {
    server.ask_to_stop();
    server.join().expect("it stops well");
}

/// The rooms in a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let all = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("a file").path());
    all.filter(|path| path.extension().is_some_and(|ending| ending == "room")).collect()
}

#[test]
fn a_room_goes_on_after_a_restart_with_its_players_and_their_seats() {
    let folder = empty("restart");
    let server = start(&folder);
    let (mut ada, mut bob) = (Player::arena(&server), Player::arena(&server));
    ada.client.input(&[64, 1, 0, 0]);
    ada.client.chat(&[], "see you in a minute");
    let before = ada.until(|arrived, _| arrived.tick.0 > 20).tick;
    // A seat is held for a client that was heard.
    bob.until(|arrived, _| arrived.tick.since(before) > 3);
    let (room, seat) = (room_of(&ada), ada.client.welcome().expect("a welcome").seat);
    stop(server);
    assert_eq!((ada.ending(), bob.ending()), (Close::Draining, Close::Draining));
    assert_eq!(files(&folder).len(), 1);

    for incarnation in 2..4 {
        let server = start(&folder);
        server.wait_for_metric("tickwire_rooms_restored_total", 1.0);
        wait_for(|| files(&folder).is_empty(), "what goes on is not stored any more");
        ada = ada.resume(&server).expect("the seat is held");
        bob = bob.resume(&server).expect("the seat is held");
        let welcome = ada.client.welcome().expect("a welcome");
        assert_eq!((&welcome.room, welcome.seat, welcome.continuity), (&room, seat, Continuity::Seat));
        assert_eq!(welcome.incarnation, Incarnation(incarnation));
        assert!(welcome.tick.since(before) >= 0, "time goes on");
        assert_eq!(welcome.players.len(), 2);
        // Newcomers find the room, and what was said in it.
        let mut cleo = Player::arena(&server);
        assert_eq!(room_of(&cleo), room);
        let heard = |arrived: &tickwire::engine::Arrived| format!("{:?}", arrived.events).contains("in a minute");
        cleo.until(|arrived, _| heard(arrived));
        cleo.raw.say(&GOODBYE);
        cleo.ending();
        let tick = ada.frame().expect("a frame").tick;
        ada.until(|arrived, _| arrived.tick.since(tick) > 5);
        bob.frame().expect("a frame");
        stop(server);
        assert_eq!((ada.ending(), bob.ending()), (Close::Draining, Close::Draining));
    }
}

#[test]
fn a_room_without_players_is_not_stored() {
    let folder = empty("alone");
    let server = start(&folder);
    let mut ada = Player::arena(&server);
    ada.frame().expect("a frame");
    ada.raw.say(&GOODBYE);
    ada.ending();
    server.wait_for_metric("tickwire_players", 0.0);
    stop(server);
    assert!(files(&folder).is_empty());
}

#[test]
fn a_reserved_seat_is_there_after_a_restart_even_in_an_empty_room() {
    let folder = empty("promised");
    let server = start(&folder);
    let (room, tickets) = reserve(&server, "", r#"{"game": "arena", "seats": 2}"#);
    stop(server);
    assert_eq!(files(&folder).len(), 1);
    let server = start(&folder);
    let ada = Player::join(&server, reserved(&tickets[0])).expect("a promised seat");
    assert_eq!(room_of(&ada), room);
    // What is left of the minute goes on: the other ticket keeps the room, and then it expires.
    drop(ada);
    assert_eq!(server.metric("tickwire_reservations_expired_total"), 0.0);
    server.wait_for_metric("tickwire_rooms", 1.0);
    stop(server);
    assert_eq!(files(&folder).len(), 1, "a seat is still promised");
}

#[test]
fn two_servers_on_one_folder_are_one_clear_error() {
    let folder = empty("locked");
    let first = start(&folder);
    assert!(first.get("/healthz").starts_with("HTTP/1.1 200"), "it has the folder");
    let failed = TestServer::with(on(&folder), |server| server).join().expect_err("it does not start").to_string();
    assert!(failed.starts_with("data: cannot use") && failed.ends_with("another server uses it"), "{failed}");
}

#[test]
fn what_cannot_go_on_stays_stored() {
    let folder = empty("stays");
    let other = |server: tickwire::Server| server.game("other", |setup| crate::support::demo("arena")(setup));
    let server = TestServer::with(on(&folder), other);
    let private = [("private".to_owned(), "true".to_owned())];
    let join = |game: &str| Join::Create { game: game.to_owned(), options: private.to_vec() };
    let players = ["other", "arena"].map(|game| Player::join(&server, join(game)).expect("there is room"));
    let ids = players.map(|mut player| {
        player.until(|arrived, _| arrived.tick.0 > 5);
        room_of(&player)
    });
    stop(server);
    let stored = files(&folder);
    assert_eq!(stored.len(), 2);
    for id in &ids {
        assert!(stored.iter().all(|file| !file.to_string_lossy().contains(&id[..4])), "a code is not in a file's name");
    }

    // This build does not know the other game.
    let server = start(&folder);
    server.wait_for_metric("tickwire_rooms_restored_total", 1.0);
    wait_for(|| files(&folder).len() == 1, "one goes on");
    stop(server);
    let left = files(&folder);
    let whole = fs::read(&left[0]).expect("a file");
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 1;
    fs::write(&left[0], &damaged).expect("a file");
    let server = TestServer::with(on(&folder), other);
    Player::join(&server, arena()).expect("the server plays").frame().expect("a frame");
    assert_eq!(server.metric("tickwire_rooms_restored_total"), 1.0, "the arena goes on, and the damaged room does not");
    stop(server);
    assert_eq!(fs::read(&left[0]).expect("it is still there"), damaged);
    fs::write(&left[0], &whole).expect("a file");
    let server = TestServer::with(on(&folder), other);
    wait_for(|| server.metric("tickwire_rooms_restored_total") >= 2.0, "both go on");
    wait_for(|| !left[0].exists(), "what goes on is not stored any more");
}

fn persistent(private: bool) -> Join {
    let options = [("persistent", "true"), ("private", if private { "true" } else { "false" })];
    let options = options.map(|(key, value)| (key.to_owned(), value.to_owned()));
    Join::Create { game: "arena".to_owned(), options: options.to_vec() }
}

fn say_goodbye(mut player: Player) {
    player.raw.say(&GOODBYE);
    player.ending();
}

#[test]
fn a_persistent_room_sleeps_until_somebody_comes_back() {
    let folder = empty("asleep");
    let brief = |folder: &Path| Config { empty_room_for: Duration::from_secs(1), ..on(folder) };
    let server = TestServer::with(brief(&folder), |server| server);
    let mut ada = Player::join(&server, persistent(true)).expect("there is room");
    ada.client.chat(&[], "I shall be back");
    let heard = |arrived: &tickwire::engine::Arrived| format!("{:?}", arrived.events).contains("be back");
    let tick = ada.until(|arrived, _| heard(arrived)).tick;
    let room = room_of(&ada);
    say_goodbye(ada);
    server.wait_for_metric("tickwire_rooms_asleep", 1.0);
    server.wait_for_metric("tickwire_rooms", 0.0);
    wait_for(|| files(&folder).len() == 1, "it is written");

    let by_id = || Join::ById { room: room.clone() };
    let mut bob = Player::join(&server, by_id()).expect("it wakes up");
    assert!(bob.client.welcome().expect("a welcome").tick.since(tick) >= 0, "time stood still");
    bob.until(|arrived, _| heard(arrived));
    wait_for(|| files(&folder).is_empty(), "what runs is not stored");
    say_goodbye(bob);
    server.wait_for_metric("tickwire_rooms_asleep", 1.0);
    stop(server);

    let server = TestServer::with(brief(&folder), |server| server);
    server.wait_for_metric("tickwire_rooms_asleep", 1.0);
    assert_eq!(server.metric("tickwire_rooms_restored_total"), 0.0, "it sleeps on");
    // A stop is no reason to wake up, and neither is somebody who wants any arena.
    let other = Player::arena(&server);
    assert_ne!(room_of(&other), room);
    let mut cleo = Player::join(&server, by_id()).expect("it wakes up");
    cleo.until(|arrived, _| heard(arrived));
    assert_eq!(server.metric("tickwire_rooms_woken_total"), 1.0);
}

#[test]
fn who_asks_for_a_persistent_room_again_gets_the_one_that_sleeps() {
    let folder = empty("again");
    let server = TestServer::with(Config { empty_room_for: Duration::from_secs(1), ..on(&folder) }, |server| server);
    let options = vec![("persistent".to_owned(), "true".to_owned())];
    let join = || Join::JoinOrCreate { game: "arena".to_owned(), options: options.clone() };
    let mut ada = Player::join(&server, join()).expect("there is room");
    ada.frame().expect("a frame");
    let room = room_of(&ada);
    say_goodbye(ada);
    server.wait_for_metric("tickwire_rooms_asleep", 1.0);
    let bob = Player::join(&server, join()).expect("there is room");
    assert_eq!((room_of(&bob), server.metric("tickwire_rooms_asleep")), (room, 0.0));
}

#[test]
fn a_server_without_a_folder_makes_no_persistent_rooms() {
    let server = TestServer::with(lean(), |server| server);
    let (code, text) = crate::verbs::refused(&server, persistent(false), tickwire::wire::Role::Player);
    assert_eq!(code, Close::NoSuchRoom.code());
    assert_eq!(text, "this server keeps no rooms: leave out persistent, or set data");
}
