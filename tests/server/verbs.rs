//! How games control their rooms, over real sockets: kicks with a reason, locks, endings, properties, private rooms,
//! reasons for refusals, spectators, idle players.

use std::time::{Duration, Instant};

use tickwire::engine::{Client, Depth};
use tickwire::game::{Context, Game, SetupError};
use tickwire::id::{EntityId, Seat};
use tickwire::server::Config;
use tickwire::wire::{Ack, ClientMessage, Close, EventBody, Hello, Inputs, Join, Role, encode_client};
use tickwire::{RoomSetup, Server};

use crate::support::{Frame, Player, Raw, TestServer, demo, wait_for};

/// The plaza, whose players can ask for every verb.
struct Court(Box<dyn Game>);

const KICK_ALL: u16 = 1;
pub const LOCK: u16 = 2;
const UNLOCK: u16 = 3;
const CLOSE: u16 = 4;
const END: u16 = 5;
const SET: u16 = 6;
/// Longer than a close frame holds, in letters of two bytes, and with a line break in it.
const REASON: &str = "no\nshouting, please: ";

impl Game for Court {
    delegate!(0: spec, join, leave, step, write_snapshot);
    fn command(&mut self, from: Seat, kind: u16, body: &[u8], cx: &mut Context) {
        let text = String::from_utf8_lossy(body);
        match kind {
            KICK_ALL => {
                let reason = format!("{REASON}{}", "é".repeat(200));
                (0..10).map(Seat).filter(|seat| *seat != from).for_each(|seat| {
                    cx.kick_saying(seat, Close::Kicked, &reason);
                });
            }
            LOCK | UNLOCK => cx.lock(kind == LOCK),
            CLOSE => cx.close(&text),
            END => cx.end(body.to_vec()),
            SET => {
                let (key, value) = text.split_once('=').expect("key=value");
                cx.set_property(key, value);
            }
            _ => {}
        }
    }
    fn spectator_chat(&mut self, _: &str, text: &str, _: &mut Context) -> bool {
        text != "boo"
    }
}

fn court(setup: &RoomSetup) -> Result<Box<dyn Game>, SetupError> {
    if let Some(size) = setup.options.get("size").filter(|size| *size != "big") {
        return Err(SetupError::option("size", size, "must be \"big\""));
    }
    Ok(Box::new(Court(demo("plaza")(setup)?)))
}

pub fn start(config: Config) -> TestServer {
    TestServer::with(config, |server: Server| server.game("court", court))
}

pub fn config() -> Config {
    Config { workers: 1, room_threads: 1, ..Config::default() }
}

fn pairs(options: &[(&str, &str)]) -> Vec<(String, String)> {
    options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn create(options: &[(&str, &str)]) -> Join {
    Join::Create { game: "court".to_owned(), options: pairs(options) }
}

fn any() -> Join {
    Join::JoinOrCreate { game: "court".to_owned(), options: Vec::new() }
}

pub fn by_id(room: &str) -> Join {
    Join::ById { room: room.to_owned() }
}

pub fn room_of(player: &Player) -> String {
    player.client.welcome().expect("a welcome").room.clone()
}

/// How a join is refused: code and text.
pub fn refused(server: &TestServer, join: Join, role: Role) -> (u16, String) {
    let mut raw = hello(server, join, role);
    match raw.next() {
        Some(Frame::Close(code)) => (code, raw.close_text().to_owned()),
        other => panic!("not refused: {other:?}"),
    }
}

fn hello(server: &TestServer, join: Join, role: Role) -> Raw {
    let mut raw = Raw::connect(server.address);
    let hello = Hello { role, ..Hello::new(join, "eve") };
    raw.send(&encode_client(&ClientMessage::Hello(hello)));
    raw
}

/// The value of a JSON answer.
pub fn json(answer: &str) -> serde_json::Value {
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    serde_json::from_str(answer.split("\r\n\r\n").nth(1).expect("a body")).expect("JSON")
}

pub fn list(server: &TestServer, query: &str) -> Vec<serde_json::Value> {
    json(&server.get(&format!("/api/rooms{query}"))).as_array().expect("a list").clone()
}

#[test]
fn the_kicked_are_told_why_and_have_no_seat() {
    let server = start(config());
    let mut ada = Player::join(&server, any()).expect("a new room");
    let mut bob = Player::join(&server, any()).expect("a seat");
    bob.frame().expect("a frame");
    ada.client.command(KICK_ALL, b"");
    ada.frame().expect("a frame");
    assert_eq!(bob.ending(), Close::Kicked);
    let text = bob.raw.close_text();
    assert!(text.starts_with("no shouting, please: éé") && (120..=123).contains(&text.len()), "{text}");
    let left = ada.until(|arrived, _| arrived.events.iter().any(|event| matches!(event, EventBody::Left { .. })));
    assert!(left.events.iter().any(|event| *event == EventBody::Left { seat: Seat(1), code: Close::Kicked.code() }));
    // Bob had been heard from, and a connection lost would have held the seat.
    server.wait_for_metric("tickwire_players", 1.0);
    assert_eq!(server.metric("tickwire_seats_held"), 0.0);
}

#[test]
fn a_locked_room_takes_nobody_new() {
    let server = start(config());
    let mut ada = Player::join(&server, any()).expect("a new room");
    let room = room_of(&ada);
    ada.client.command(LOCK, b"");
    wait_for(
        || {
            ada.frame().expect("a frame");
            list(&server, "").iter().any(|room| room["locked"] == true)
        },
        "the list says so",
    );
    assert_eq!(refused(&server, by_id(&room), Role::Player).0, Close::Locked.code());
    let elsewhere = Player::join(&server, any()).expect("another room");
    assert_ne!(room_of(&elsewhere), room);
    assert!(list(&server, "?open=true").iter().all(|listed| listed["id"] != *room));
    // The room itself is as strict as the directory; and what is locked can be watched.
    let mut eve = hello(&server, by_id(&room), Role::Spectator);
    assert!(matches!(eve.next(), Some(Frame::Binary(_))));
    ada.client.command(UNLOCK, b"");
    wait_for(
        || {
            ada.frame().expect("a frame");
            list(&server, "?open=true").iter().any(|listed| listed["id"] == *room)
        },
        "it is open again",
    );
    Player::join(&server, by_id(&room)).expect("a seat");
}

#[test]
fn a_match_ends_with_its_result() {
    let server = start(config());
    let mut ada = Player::join(&server, any()).expect("a new room");
    let mut bob = Player::join(&server, any()).expect("a seat");
    let room = room_of(&ada);
    ada.client.command(END, b"ada won");
    let ended = |arrived: &tickwire::engine::Arrived| {
        let result = serde_bytes::ByteBuf::from(b"ada won".to_vec());
        arrived.events.contains(&EventBody::Ended { result: std::borrow::Cow::Owned(result) })
    };
    ada.until(|arrived, _| ended(arrived));
    let told = Instant::now();
    bob.until(|arrived, _| ended(arrived));
    // Who comes now is told, and who comes to any is sent elsewhere.
    wait_for(
        || list(&server, "").iter().any(|listed| listed["id"] == *room && listed["locked"] == true),
        "nobody is sent there any more",
    );
    assert_eq!(refused(&server, by_id(&room), Role::Player).0, Close::MatchOver.code());
    assert_ne!(room_of(&Player::join(&server, any()).expect("another room")), room);
    assert_eq!((ada.ending(), bob.ending()), (Close::MatchOver, Close::MatchOver));
    let took = told.elapsed();
    assert!((Duration::from_millis(700)..Duration::from_secs(5)).contains(&took), "{took:?}");
    server.wait_for_metric("tickwire_matches_ended_total", 1.0);
    wait_for(|| list(&server, "").iter().all(|listed| listed["id"] != *room), "the room is gone");
}

#[test]
fn a_room_is_closed_with_a_reason() {
    let server = start(config());
    let mut ada = Player::join(&server, any()).expect("a new room");
    let mut eve = hello(&server, by_id(&room_of(&ada)), Role::Spectator);
    assert!(matches!(eve.next(), Some(Frame::Binary(_))));
    ada.client.command(CLOSE, "the hall is needed for a wedding".as_bytes());
    assert_eq!(ada.ending(), Close::RoomClosed);
    assert_eq!(ada.raw.close_text(), "the hall is needed for a wedding");
    loop {
        match eve.next() {
            Some(Frame::Binary(_)) => {}
            other => break assert_eq!(other, Some(Frame::Close(Close::RoomClosed.code()))),
        }
    }
}

#[test]
fn properties_reach_players_newcomers_and_the_list() {
    let server = start(config());
    let mut ada = Player::join(&server, any()).expect("a new room");
    let room = room_of(&ada);
    ada.client.command(SET, b"phase=final");
    let (key, value) = ("phase".into(), "final".into());
    ada.until(|arrived, _| {
        arrived.events.contains(&EventBody::Property { key: "phase".into(), value: "final".into() })
    });
    assert_eq!(ada.client.call(9, b"").0, 2, "the rest goes on");
    let bob = Player::join(&server, by_id(&room)).expect("a seat");
    assert!(bob.client.welcome().expect("a welcome").properties.contains(&(key, value)));
    wait_for(|| list(&server, "?game=court&phase=final&open=true").len() == 1, "the list can be searched by it");
    assert_eq!(list(&server, "?phase=first").len(), 0);
    assert!(server.get("/api/rooms?open=perhaps").starts_with("HTTP/1.1 400"));
    ada.client.command(SET, b"phase=");
    ada.until(|arrived, _| arrived.events.contains(&EventBody::Property { key: "phase".into(), value: "".into() }));
    wait_for(|| list(&server, "?phase=final").is_empty(), "it is gone");
}

#[test]
fn private_rooms_are_for_who_knows_the_code() {
    let server = start(config());
    let ada = Player::join(&server, create(&[("private", "true")])).expect("a new room");
    let code = room_of(&ada);
    assert_eq!(code.len(), 26, "130 random bits");
    let stranger = Player::join(&server, any()).expect("another room");
    wait_for(|| list(&server, "").len() == 1, "the other room is listed");
    assert!(list(&server, "")[0]["id"] != *code && room_of(&stranger) != code);
    assert_eq!(room_of(&Player::join(&server, by_id(&code)).expect("a seat")), code);
    let join = Join::JoinOrCreate { game: "court".to_owned(), options: pairs(&[("private", "true")]) };
    let (status, text) = refused(&server, join, Role::Player);
    assert_eq!(status, Close::NoSuchRoom.code());
    assert!(text.contains("created"), "{text}");
    assert!(!server.get("/metrics").contains(&code));
}

#[test]
fn refusals_to_make_a_room_say_what_would_be_right() {
    let server = start(config());
    for (join, wanted) in [
        (create(&[("size", "small")]), "size \"small\": must be \"big\""),
        (create(&[("capacity", "0")]), "capacity \"0\": must be 1 to 4096"),
        (create(&[("private", "yes")]), "private \"yes\": must be true or false"),
        (
            Join::Create { game: "chess".to_owned(), options: vec![] },
            "no game \"chess\"; there are arena, court, plaza",
        ),
    ] {
        let (code, text) = refused(&server, join, Role::Player);
        assert_eq!(code, Close::NoSuchRoom.code());
        assert!(text.contains(wanted), "{text}");
    }
    let (_, text) = refused(&server, create(&[("size", &"\u{202e}x".repeat(16))]), Role::Player);
    assert!(text.len() <= 123 && !text.contains('\u{202e}'), "{text}");
}

#[test]
fn spectators_see_everything_and_do_nothing() {
    let server = start(Config { most_spectators: 1, ..config() });
    let mut ada = Player::join(&server, any()).expect("a new room");
    let room = room_of(&ada);
    let mut eve =
        Player::over(hello(&server, by_id(&room), Role::Spectator), Client::new(Depth::Full)).expect("a welcome");
    let welcome = eve.client.welcome().expect("a welcome").clone();
    assert_eq!((welcome.entity, welcome.resume.clone()), (EntityId(0), None));
    assert!(welcome.seat.0 >= 4096 && welcome.players.len() == 1);
    // She sees ada; ada and the list of players do not see her.
    let arrived = eve.until(|_, client| client.zones().values().any(|zone| !zone.is_empty()));
    assert_eq!((arrived.players, arrived.consumed.0), (1, 0));
    assert_eq!(ada.frame().expect("a frame").players, 1);
    wait_for(
        || list(&server, "").iter().any(|room| room["spectators"] == 1 && room["players"] == 1),
        "it is listed so",
    );
    assert_eq!(refused(&server, by_id(&room), Role::Spectator).0, Close::RoomFull.code());
    // Commands lead to nothing; a call is answered; the game decides on chat.
    eve.client.command(CLOSE, b"");
    let call = eve.client.call(1, b"");
    eve.client.chat(&[], "boo");
    eve.client.chat(&[Seat(0)], "for your ears only");
    eve.client.chat(&[], "hooray");
    let heard = eve.until(|arrived, _| arrived.events.iter().any(|event| matches!(event, EventBody::Reply { .. })));
    assert!(matches!(&heard.events[0], EventBody::Reply { command, done: false, .. } if *command == call));
    let said =
        |event: &EventBody| matches!(event, EventBody::Chat { text, name, .. } if text == "hooray" && name == "eve");
    let arrived = ada.until(|arrived, _| !arrived.events.is_empty());
    assert!(arrived.events.iter().all(said), "{:?}", arrived.events);
    // Inputs are not for spectators.
    let (ack, runs) = (Ack::default(), serde_bytes::Bytes::new(&[]));
    let inputs = Inputs { ack, epoch: Default::default(), view: None, held: 1, counted: false, runs };
    eve.raw.send(&encode_client(&ClientMessage::Inputs(inputs)));
    assert_eq!(eve.ending(), Close::BadMessage);
    server.wait_for_metric("tickwire_spectators", 0.0);
    assert!(ada.frame().expect("a frame").events.is_empty(), "nobody left");
    let none = start(Config { most_spectators: 0, ..config() });
    let (code, text) = refused(&none, any(), Role::Spectator);
    assert_eq!((code, text.as_str()), (Close::Forbidden.code(), "spectators are not let in here"));
}

#[test]
fn a_spectator_keeps_a_room_and_has_the_time_to_reload() {
    let server = start(Config { most_spectators: 1, empty_room_for: Duration::from_secs(3), ..config() });
    let ada = Player::join(&server, any()).expect("a new room");
    let watch = || {
        let raw = hello(&server, by_id(&room_of(&ada)), Role::Spectator);
        Player::over(raw, Client::new(Depth::Full)).expect("a welcome")
    };
    let mut eve = watch();
    ada.break_off();
    server.wait_for_metric("tickwire_players", 0.0);
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(4) {
        eve.frame().expect("the room goes on");
    }
    eve.break_off();
    server.wait_for_metric("tickwire_spectators", 0.0);
    // Some ticks later: only now nobody is there.
    std::thread::sleep(Duration::from_millis(300));
    let eve = watch();
    eve.break_off();
    server.wait_for_metric("tickwire_rooms", 0.0);
}

#[test]
fn who_does_nothing_is_let_go() {
    let server = start(Config { idle_after: Duration::from_secs(2), ..config() });
    let mut ada = Player::join(&server, any()).expect("a new room");
    let mut bob = Player::join(&server, any()).expect("a seat");
    let start = Instant::now();
    let bob = std::thread::spawn(move || (bob.ending(), start.elapsed()));
    // Who does something now and then stays.
    while start.elapsed() < Duration::from_secs(5) {
        ada.client.command(999, b"");
        (0..10).for_each(|_| _ = ada.frame().expect("the session goes on"));
    }
    let (close, took) = bob.join().expect("no panic");
    assert_eq!(close, Close::Idle);
    assert!((Duration::from_millis(1500)..Duration::from_secs(6)).contains(&took), "{took:?}");
}
