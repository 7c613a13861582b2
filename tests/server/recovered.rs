//! Rooms that go on after a crash, and those that must not: each server starts on a copy of the folder of one that runs, which
//! is what a crash at that moment would have left.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tickwire::Server;
use tickwire::engine::Arrived;
use tickwire::game::{Context, Game, PlayerInput, RoomSetup, SetupError};
use tickwire::server::{Config, OtherBuild};
use tickwire::wire::{Close, Continuity, Join, Role};

use crate::admin::room_of;
use crate::party::{reserve, reserved};
use crate::support::{PATIENT, Player, TestServer, demo, lean, wait_for};
use crate::verbs::{by_id, refused};

/// An arena that may have another mood than the one that crashed.
struct Moody {
    inner: Box<dyn Game>,
    mood: Mood,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mood {
    Good,
    /// It panics.
    Bad,
    /// Its players stand still, whatever they do.
    Odd,
    /// It says of itself that it leads elsewhere each time.
    Random,
}

impl Game for Moody {
    delegate!(inner: spec, join, leave, write_snapshot, save, load);
    fn step(&mut self, inputs: &[PlayerInput], cx: &mut Context) {
        assert_ne!(self.mood, Mood::Bad, "this game is fragile");
        let turned: Vec<PlayerInput> = inputs.iter().map(|input| self.turn(*input)).collect();
        self.inner.step(&turned, cx);
    }
    fn is_deterministic(&self) -> bool {
        self.mood != Mood::Random
    }
}

impl Moody {
    fn turn(&self, mut input: PlayerInput) -> PlayerInput {
        if self.mood == Mood::Odd {
            input.input[1] = 0;
        }
        input
    }
}

fn moody(mood: Mood) -> impl Fn(&RoomSetup) -> Result<Box<dyn Game>, SetupError> + Send + Sync + 'static {
    move |setup| Ok(Box::new(Moody { inner: demo("arena")(setup)?, mood }))
}

fn empty(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("recovered-{name}"));
    let _ = fs::remove_dir_all(&folder);
    folder
}

fn start(folder: &Path, build: &'static str, mood: Mood) -> TestServer {
    let config = Config {
        data: folder.join("data"),
        recordings: folder.join("recordings"),
        hold_seats_for: PATIENT,
        come_back_within: Duration::from_secs(1),
        ..lean()
    };
    TestServer::with(config, move |server: Server| server.build(build).game("moody", moody(mood)))
}

/// Another build.
fn start_other(crashed: &Path, other_build: OtherBuild, mood: Mood) -> TestServer {
    let config = Config { data: crashed.join("data"), other_build, hold_seats_for: PATIENT, ..lean() };
    TestServer::with(config, move |server: Server| server.build("two").game("moody", moody(mood)))
}

/// What a crash would leave now.
fn image(of: &Path, name: &str) -> PathBuf {
    let folder = empty(name);
    let (from, to) = (of.join("data/journal"), folder.join("data/journal"));
    fs::create_dir_all(&to).expect("a folder");
    for entry in fs::read_dir(from).expect("a journal") {
        let entry = entry.expect("a file");
        fs::copy(entry.path(), to.join(entry.file_name())).expect("a copy");
    }
    folder
}

fn join() -> Join {
    Join::JoinOrCreate { game: "moody".to_owned(), options: Vec::new() }
}

fn heard(arrived: &Arrived) -> bool {
    format!("{:?}", arrived.events).contains("remember this")
}

/// A player who runs and has said something that was told.
fn playing(server: &TestServer) -> Player {
    let mut ada = Player::join(server, join()).expect("there is room");
    ada.client.input(&[64, 1, 0, 0]);
    ada.client.chat(&[], "remember this");
    let told = ada.until(|arrived, _| heard(arrived)).tick;
    ada.until(|arrived, _| arrived.tick.since(told) > 45);
    ada
}

/// How many files a folder beside the journal has; none when it is not there.
fn kept(folder: &Path) -> usize {
    fs::read_dir(folder.join("data/journal-lost-1")).map_or(0, Iterator::count)
}

#[test]
fn a_room_goes_on_from_what_a_crash_leaves() {
    let folder = empty("first");
    let server = start(&folder, "one", Mood::Good);
    let ada = playing(&server);
    let (room, seat) = (room_of(&ada), ada.client.welcome().expect("a welcome").seat);
    let crashed = image(&folder, "second");
    drop(server);
    let second = start(&crashed, "one", Mood::Good);
    second.wait_for_metric("tickwire_rooms_recovered_total", 1.0);
    let mut back = ada.resume(&second).expect("the seat is held");
    let welcome = back.client.welcome().expect("a welcome").clone();
    assert_eq!((&welcome.room, welcome.seat, welcome.continuity), (&room, seat, Continuity::Seat));
    assert_eq!((welcome.players.len(), second.metric("tickwire_rooms_lost_total")), (1, 0.0));
    back.frame().expect("a frame");
    let mut bob = Player::join(&second, join()).expect("there is room");
    bob.until(|arrived, _| heard(arrived));
}

#[test]
fn a_room_whose_replay_panics_or_differs_is_lost_once_and_kept_as_evidence() {
    let folder = empty("sound");
    let server = start(&folder, "one", Mood::Good);
    let ada = playing(&server);
    let cases = [(Mood::Bad, "panics", "the game panicked"), (Mood::Odd, "differs", "the replay differs at tick")];
    let cases = cases.map(|(mood, name, why)| (mood, image(&folder, name), why));
    drop(server);
    for (mood, crashed, why) in cases {
        let second = start(&crashed, "one", mood);
        second.wait_for_metric("tickwire_rooms_lost_total", 1.0);
        wait_for(|| kept(&crashed) > 0, "its part of the journal is kept");
        let refused = ada.resume(&second).map(|_| ()).expect_err("the room is lost");
        assert_eq!(refused, Some(Close::RoomLost.code()));
        let recorded = || fs::read_dir(crashed.join("recordings")).expect("a folder").filter_map(Result::ok);
        wait_for(|| recorded().any(|file| file.file_name().to_string_lossy().contains("-lost-")), "it is recorded");
        let reasons: Vec<String> = recorded()
            .filter(|file| file.file_name().to_string_lossy().contains("-lost-"))
            .map(|file| {
                let bytes = fs::read(file.path()).expect("a file");
                tickwire::engine::recording::Recording::decode(&bytes).expect("a recording").header.reason
            })
            .collect();
        assert!(reasons[0].contains(why), "{reasons:?}");
        // The server goes on, and a second start has nothing to recover.
        assert!(second.get("/healthz").starts_with("HTTP/1.1 200"));
        drop(second);
        let third = start(&crashed, "one", mood);
        assert_eq!(third.metric("tickwire_rooms_lost_total"), 0.0);
    }
}

#[test]
fn another_build_waits_or_tries() {
    let folder = empty("builds");
    let server = start(&folder, "one", Mood::Good);
    let ada = playing(&server);
    let crashed = image(&folder, "other");
    drop(server);
    let failed = start(&crashed, "two", Mood::Good).join().expect_err("it does not start").to_string();
    assert!(failed.contains("was one, and this is two") && failed.contains("other_build"), "{failed}");
    let second = start_other(&crashed, OtherBuild::Replay, Mood::Good);
    second.wait_for_metric("tickwire_rooms_recovered_total", 1.0);
    ada.resume(&second).expect("the seat is held").frame().expect("a frame");
}

#[test]
fn a_reserved_seat_is_there_after_a_crash_and_a_ticket_is_good_once() {
    let folder = empty("promised");
    let server = start(&folder, "one", Mood::Good);
    let options = vec![("capacity".to_owned(), "4".to_owned())];
    let mut ada = Player::join(&server, Join::Create { game: "moody".to_owned(), options }).expect("a new room");
    ada.frame().expect("a frame");
    let room = room_of(&ada);
    let (_, tickets) = reserve(&server, "", &format!(r#"{{"room": "{room}", "seats": 3}}"#));
    let mut bob = Player::join(&server, reserved(&tickets[0])).expect("a promised seat");
    let entered = bob.frame().expect("a frame").tick;
    bob.until(|arrived, _| arrived.tick.since(entered) > 5);
    // Her client gets a welcome and says nothing more: she may never know.
    let eve = Player::join(&server, reserved(&tickets[1])).expect("a promised seat");
    let crashed = image(&folder, "promised-after");
    drop((server, eve));

    let second = start(&crashed, "one", Mood::Good);
    second.wait_for_metric("tickwire_rooms_recovered_total", 1.0);
    // Ada and Bob hold two of four seats, and two are promised.
    assert_eq!(refused(&second, by_id(&room), Role::Player).0, Close::RoomFull.code());
    assert_eq!(refused(&second, reserved(&tickets[0]), Role::Player).0, Close::NoSuchRoom.code(), "Bob used it");
    let again = image(&crashed, "promised-again");
    for ticket in &tickets[1..] {
        let mut bearer = Player::join(&second, reserved(ticket)).expect("a promised seat");
        assert_eq!(room_of(&bearer), room);
        bearer.frame().expect("a frame");
        assert_eq!(refused(&second, reserved(ticket), Role::Player).0, Close::NoSuchRoom.code(), "it is used up");
    }
    bob.resume(&second).expect("his seat is held").frame().expect("a frame");
    drop(second);

    let third = start(&again, "one", Mood::Good);
    Player::join(&third, reserved(&tickets[2])).expect("promised through two crashes");
}

/// A player who has played on since her room's checkpoint, and what a crash would leave then. The checkpoint is that of a start.
fn played_on(name: &str) -> (Player, PathBuf) {
    let folder = empty(name);
    let server = start(&folder, "one", Mood::Good);
    let ada = playing(&server);
    let crashed = image(&folder, &format!("{name}-first"));
    drop(server);
    let second = start(&crashed, "one", Mood::Good);
    second.wait_for_metric("tickwire_rooms_recovered_total", 1.0);
    let mut ada = ada.resume(&second).expect("the seat is held");
    ada.client.chat(&[], "soon forgotten");
    let told = ada.until(|arrived, _| format!("{:?}", arrived.events).contains("soon forgotten")).tick;
    ada.until(|arrived, _| arrived.tick.since(told) > 45);
    (ada, image(&crashed, &format!("{name}-second")))
}

/// The player comes back to a room that went back to its checkpoint, and is told.
fn finds_a_gap(ada: &Player, server: &TestServer) {
    let (seat, said) = (ada.client.welcome().expect("a welcome").seat, ada.client.tick());
    server.wait_for_metric("tickwire_rooms_gone_back_total", 1.0);
    let mut back = ada.resume(server).expect("the token that she has opens the seat");
    let welcome = back.client.welcome().expect("a welcome");
    assert_eq!((welcome.seat, welcome.continuity), (seat, Continuity::Seat));
    assert!(welcome.tick.since(said) < 0, "the room has lost some ticks");
    back.until(|arrived, _| arrived.lost > 0);
    back.client.chat(&[], "here again");
    back.until(|arrived, _| format!("{:?}", arrived.events).contains("here again"));
}

#[test]
fn another_build_goes_back_to_the_checkpoint_and_tells_so() {
    let (ada, crashed) = played_on("back");
    let same = image(&crashed, "back-same");
    // The build that crashed has no reason to go back.
    let config = Config { data: same.join("data"), other_build: OtherBuild::Checkpoint, ..lean() };
    let second = TestServer::with(config, |server: Server| server.build("one").game("moody", moody(Mood::Good)));
    second.wait_for_metric("tickwire_rooms_recovered_total", 1.0);
    assert_eq!(second.metric("tickwire_rooms_gone_back_total"), 0.0);
    drop(second);
    // Its players stand still: no replay could lead to what was.
    finds_a_gap(&ada, &start_other(&crashed, OtherBuild::Checkpoint, Mood::Odd));
}

#[test]
fn a_game_that_is_not_deterministic_goes_back_to_its_checkpoint() {
    let (ada, crashed) = played_on("random");
    finds_a_gap(&ada, &start(&crashed, "one", Mood::Random));
}
