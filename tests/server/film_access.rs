//! Who may watch the film of a room: with a token where the game wants one, and so many at a time per address. And how operators see
//! them.

use std::io::{Read, Write};
use std::net::TcpStream;

use tickwire::game::Game;
use tickwire::server::{Claims, Config};
use tickwire::wire::{ClientMessage, Close, Hello, Join, Role, encode_client};

use crate::admin::room_of;
use crate::support::{Frame, PATIENT, Player, Raw, TestServer, arena, demo, lean, wait_for};
use crate::trust::{SECRET, claims, join, signed};

/// An arena that nobody watches without a token.
struct Discreet(Box<dyn Game>);

impl Game for Discreet {
    delegate!(0: spec, join, leave, step, write_snapshot);
    fn spectators_need_token(&self) -> bool {
        true
    }
}

/// Sends a request for a film; the connection, and the head of the answer in lower case.
fn watch(server: &TestServer, path: &str, header: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(server.address).expect("the server listens");
    stream.set_read_timeout(Some(PATIENT)).expect("a timeout");
    let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{header}\r\n");
    stream.write_all(head.as_bytes()).expect("the server reads");
    let (mut answer, mut byte) = (Vec::new(), [0]);
    while !answer.ends_with(b"\r\n\r\n") && stream.read(&mut byte).expect("the server answers") > 0 {
        answer.push(byte[0]);
    }
    (stream, String::from_utf8_lossy(&answer).to_lowercase())
}

fn status(head: &str) -> u16 {
    head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_else(|| panic!("no status: {head}"))
}

fn body(mut stream: TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("text");
    text
}

#[test]
fn a_film_takes_a_token_where_the_game_wants_one() {
    let config = Config { token_secret: SECRET.to_owned().into(), ..lean() };
    let discreet =
        |server: tickwire::Server| server.game("discreet", |setup| Ok(Box::new(Discreet(demo("arena")(setup)?))));
    let server = TestServer::with(config, discreet);
    let game = || Join::JoinOrCreate { game: "discreet".to_owned(), options: Vec::new() };
    let ada = Player::join(&server, game()).expect("a seat");
    let (room, open) = (room_of(&ada), Player::join(&server, arena()).expect("a seat"));
    let film = format!("/api/rooms/{room}/film");
    let join_token = signed(&claims("bob"));
    let ticket = signed(&Claims { spectator: true, room: Some(room.clone()), ..claims("eve") });
    let elsewhere = signed(&Claims { spectator: true, room: Some("another".to_owned()), ..claims("eve") });

    let (stream, head) = watch(&server, &film, "");
    assert_eq!(status(&head), 401);
    assert!(head.contains("no-store") && body(stream).contains("watching this room takes a token"));
    let bearer = |token: &str| format!("Authorization: Bearer {token}\r\n");
    for (what, path, header, wanted) in [
        ("a join token", film.clone(), bearer(&join_token), 200),
        ("a spectator's token", film.clone(), bearer(&ticket), 200),
        ("a spectator's token in the address", format!("{film}?token={ticket}"), String::new(), 200),
        ("a join token in the address", format!("{film}?token={join_token}"), String::new(), 401),
        ("a token for another room", format!("{film}?token={elsewhere}"), String::new(), 401),
        ("nonsense", film.clone(), bearer("nonsense"), 401),
        ("a stream without one", format!("{film}/events"), String::new(), 401),
        ("a stream with one", format!("{film}/events?token={ticket}"), String::new(), 200),
        ("a segment without one", format!("{film}/1/20"), String::new(), 401),
        ("a game that wants none", format!("/api/rooms/{}/film", room_of(&open)), String::new(), 200),
    ] {
        let (_, head) = watch(&server, &path, &header);
        assert_eq!(status(&head), wanted, "{what}: {head}");
        let shared = head.contains("public");
        assert!(wanted != 200 || path.contains("/events") || shared == what.contains("wants none"), "{what}: {head}");
    }

    // Without delay, the same holds; and who may watch only does not play.
    let spectate = |token: Option<&str>| {
        let mut raw = Raw::connect(server.address);
        let by_id = Join::ById { room: room.clone() };
        let hello = Hello { token, role: Role::Spectator, ..Hello::new(by_id, "eve") };
        raw.send(&encode_client(&ClientMessage::Hello(hello)));
        match raw.next() {
            Some(Frame::Close(code)) => Err(code),
            Some(Frame::Binary(_)) => Ok(()),
            other => panic!("neither a welcome nor a close: {other:?}"),
        }
    };
    assert_eq!(spectate(None), Err(Close::BadToken.code()));
    assert_eq!((spectate(Some(&ticket)), spectate(Some(&join_token))), (Ok(()), Ok(())));
    let by_id = || Join::ById { room: room.clone() };
    assert_eq!(join(&server, by_id(), Some(&ticket)).err(), Some(Close::BadToken.code()));
    assert!(join(&server, by_id(), Some(&join_token)).is_ok());
}

#[test]
fn viewers_are_counted_and_limited_by_address() {
    let here = vec!["127.0.0.1/32".parse().expect("a network")];
    let config = Config { trusted_proxies: here, exempt: Vec::new(), connections_per_address: 2, ..lean() };
    let server = TestServer::with(config, |server| server);
    let ada = Player::join(&server, arena()).expect("a seat");
    let events = format!("/api/rooms/{}/film/events", room_of(&ada));
    let from = |address: &str| watch(&server, &events, &format!("X-Forwarded-For: {address}\r\n"));
    let (first, second) = (from("192.0.2.1"), from("192.0.2.1"));
    assert_eq!((status(&first.1), status(&second.1)), (200, 200));
    let viewers = || server.metric("tickwire_film_viewers{outlet=\"events\"}");
    assert_eq!(viewers(), 2.0);
    let (stream, head) = from("192.0.2.1");
    assert_eq!(status(&head), 503);
    assert!(body(stream).contains("too many viewers of films at this address"));
    assert_eq!(server.metric("tickwire_refusals_total{reason=\"viewers_per_address\"}"), 1.0);
    let other = from("192.0.2.2");
    assert_eq!(status(&other.1), 200);
    wait_for(|| server.metric("tickwire_film_segments_sent_total{outlet=\"events\"}") >= 6.0, "they get the film");
    assert_eq!(server.metric("tickwire_film_segments_skipped_total"), 0.0);
    wait_for(|| server.metric("tickwire_film_lag_seconds_count{outlet=\"events\"}") >= 3.0, "their lag is measured");
    drop(first);
    wait_for(|| viewers() == 2.0, "one is gone");
    assert_eq!(status(&from("192.0.2.1").1), 200);
}
