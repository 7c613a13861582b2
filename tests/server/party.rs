//! Seats reserved for a party, over real sockets: the use of tickets, and the requests that are refused.

use std::path::Path;

use tickwire::engine::Pass;
use tickwire::server::Config;
use tickwire::wire::{Close, Continuity, Join, Role};

use crate::support::{PATIENT, Player, TestServer, wait_for};
use crate::verbs::{LOCK, by_id, config, json, list, refused, room_of, start};

pub fn post(server: &TestServer, headers: &str, body: &str) -> String {
    let length = body.len();
    let head = "POST /api/reservations HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
    server.ask(&format!("{head}Content-Length: {length}\r\n{headers}\r\n{body}"))
}

pub const JSON: &str = "Content-Type: application/json\r\n";

/// Asks for seats: the room, and its tickets.
pub fn reserve(server: &TestServer, headers: &str, body: &str) -> (String, Vec<String>) {
    let answer = json(&post(server, &format!("{JSON}{headers}"), body));
    assert_eq!(answer["expires_in"].as_u64(), Some(60));
    let tickets = answer["tickets"].as_array().expect("a list").iter();
    let tickets = tickets.map(|ticket| ticket.as_str().expect("text").to_owned()).collect();
    (answer["room"].as_str().expect("a room").to_owned(), tickets)
}

pub fn reserved(ticket: &str) -> Join {
    Join::Reserved { ticket: ticket.to_owned() }
}

#[test]
fn seats_are_reserved_for_a_party() {
    let server = start(config());
    let body = r#"{"game": "court", "options": {"capacity": "3"}, "seats": 2}"#;
    let (room, tickets) = reserve(&server, "", body);
    assert_eq!(tickets.len(), 2);
    assert!(tickets.iter().all(|ticket| ticket.len() == 26));
    // Of three seats two are promised.
    let mut ada = Player::join(&server, by_id(&room)).expect("the third seat");
    assert_eq!(refused(&server, by_id(&room), Role::Player).0, Close::RoomFull.code());
    let more = post(&server, JSON, &format!(r#"{{"room": "{room}", "seats": 1}}"#));
    assert!(more.starts_with("HTTP/1.1 409"), "{more}");
    // A promise holds in a locked room, once.
    ada.client.command(LOCK, b"");
    wait_for(
        || {
            ada.frame().expect("a frame");
            list(&server, "").iter().any(|room| room["locked"] == true)
        },
        "it is locked",
    );
    let bob = Player::join(&server, reserved(&tickets[0])).expect("a promised seat");
    assert_eq!(room_of(&bob), room);
    let (code, text) = refused(&server, reserved(&tickets[0]), Role::Player);
    assert_eq!(code, Close::NoSuchRoom.code());
    assert!(text.contains("reserve again"), "{text}");
    Player::join(&server, reserved(&tickets[1])).expect("a promised seat");
    assert_eq!(server.metric("tickwire_seats_reserved_total"), 2.0);
}

#[test]
fn a_ticket_whose_bearer_was_lost_before_the_first_word_is_good_again() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("party-lost");
    let _ = std::fs::remove_dir_all(&folder);
    for config in [config(), Config { hold_seats_for: PATIENT, ..config() }, Config { data: folder, ..config() }] {
        let server = start(config);
        let (room, tickets) = reserve(&server, "", r#"{"game": "court", "options": {"capacity": "2"}, "seats": 1}"#);
        let mut ada = Player::join(&server, by_id(&room)).expect("the other seat");
        for _ in 0..3 {
            let bob = Player::join(&server, reserved(&tickets[0])).expect("a promised seat");
            assert_eq!(room_of(&bob), room);
            server.wait_for_metric("tickwire_players", 2.0);
            // His client has said nothing since the hello, and its connection breaks.
            bob.break_off();
            server.wait_for_metric("tickwire_players", 1.0);
            assert_eq!(refused(&server, by_id(&room), Role::Player).0, Close::RoomFull.code(), "it is promised");
        }
        let mut bob = Player::join(&server, reserved(&tickets[0])).expect("a promised seat");
        bob.frame().expect("a frame");
        let seen = ada.frame().expect("a frame").tick;
        ada.until(|arrived, _| arrived.tick.since(seen) > 5);
        bob.break_off();
        drop(bob);
        ada.until(|arrived, _| arrived.tick.since(seen) > 10);
        let (code, text) = refused(&server, reserved(&tickets[0]), Role::Player);
        assert_eq!(code, Close::NoSuchRoom.code(), "he knew of his seat");
        assert!(text.contains("reserve again"), "{text}");
    }
}

#[test]
fn an_invented_claim_takes_no_seat_that_is_promised() {
    let server = start(config());
    let (room, tickets) = reserve(&server, "", r#"{"game": "court", "options": {"capacity": "3"}, "seats": 2}"#);
    let claim = || Player::reload(&server, Pass { room: room.clone(), token: vec![7; 18] });
    let eve = claim().expect("the third seat is free for anyone");
    assert_eq!(eve.client.welcome().expect("a welcome").continuity, Continuity::Fresh);
    assert_eq!(claim().err(), Some(Some(Close::RoomFull.code())));
    let _party: Vec<Player> =
        tickets.iter().map(|ticket| Player::join(&server, reserved(ticket)).expect("a promised seat")).collect();
    assert_eq!(claim().err(), Some(Some(Close::RoomFull.code())));
    server.wait_for_metric("tickwire_players", 3.0);
}

#[test]
fn a_trace_does_not_tell_the_code_of_a_private_room() {
    let trace = Path::new(env!("CARGO_TARGET_TMPDIR")).join("private-trace.json");
    let server = start(Config { trace: trace.clone(), ..config() });
    let (code, _) = reserve(&server, "", r#"{"game": "court", "options": {"private": "true"}, "seats": 1}"#);
    server.wait_for_metric("tickwire_rooms", 1.0);
    drop(server);
    let text = std::fs::read_to_string(trace).expect("the trace");
    assert!(text.contains(&format!("court {}...", &code[..4])) && !text.contains(&code), "{text}");
}

#[test]
fn a_refusal_leaves_no_room_behind() {
    let server = start(Config { most_spectators: 0, ..config() });
    for private in ["false", "true"] {
        let options = format!(r#"{{"capacity": "2", "private": "{private}"}}"#);
        let answer = post(&server, JSON, &format!(r#"{{"game": "court", "options": {options}, "seats": 3}}"#));
        assert!(answer.starts_with("HTTP/1.1 409") && answer.contains("has 2 seats"), "{answer}");
    }
    let anywhere = || Join::Create { game: "court".to_owned(), options: Vec::new() };
    assert_eq!(refused(&server, anywhere(), Role::Spectator).0, Close::Forbidden.code());
    // The first room that there is, so none was made before.
    let _ada = Player::join(&server, anywhere()).expect("a new room");
    assert_eq!(server.metric("tickwire_rooms"), 1.0);
}

#[test]
fn one_address_is_promised_some_parties_at_a_time() {
    let here = vec!["127.0.0.0/8".parse().expect("a network")];
    let server = start(Config { trusted_proxies: here, exempt: Vec::new(), ..config() });
    let body = |seats: usize| format!(r#"{{"game": "court", "seats": {seats}}}"#);
    let ask = |visitor: &str, seats| post(&server, &format!("{JSON}X-Forwarded-For: {visitor}\r\n"), &body(seats));
    let mut tickets = Vec::new();
    for seats in [16, 16, 16, 15] {
        tickets = reserve(&server, "X-Forwarded-For: 10.0.0.1\r\n", &body(seats)).1;
    }
    assert!(ask("10.0.0.1", 2).starts_with("HTTP/1.1 503"), "64 at a time");
    assert!(ask("10.0.0.1", 1).starts_with("HTTP/1.1 200"));
    assert!(ask("10.0.0.1", 1).starts_with("HTTP/1.1 503"));
    assert!(ask("10.0.0.2", 16).starts_with("HTTP/1.1 200"), "others have their own");
    // Who comes makes room.
    let _bob = Player::join(&server, reserved(&tickets[0])).expect("a promised seat");
    assert!(ask("10.0.0.1", 1).starts_with("HTTP/1.1 200"));
}

#[test]
fn requests_for_seats_are_judged_as_pages_that_play() {
    let server = start(config());
    let body = r#"{"game": "court", "seats": 1}"#;
    for (headers, body, status) in [
        (format!("{JSON}Origin: https://evil.example\r\n"), body, 403),
        ("Content-Type: text/plain\r\n".to_owned(), body, 415),
        (JSON.to_owned(), "{}", 400),
        (JSON.to_owned(), r#"{"game": "chess", "seats": 1}"#, 404),
        (JSON.to_owned(), r#"{"room": "nowhere", "seats": 1}"#, 404),
        (JSON.to_owned(), &format!("{}{body}", " ".repeat(5000)), 413),
        (format!("{JSON}Origin: http://localhost:3000\r\n"), body, 200),
    ] {
        let answer = post(&server, &headers, body);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{headers}{body}: {answer}");
    }
}
