//! Refused clients: counted by reason. Pages with our client get a close code, all others a status that names the setting.

use std::io::Read;
use std::time::Duration;

use tickwire::engine::Client;
use tickwire::server::Config;
use tickwire::tick::TickRate;
use tickwire::wire::{ClientMessage, Close, Hello, Join, ServerMessage, decode_server, encode_client};

use crate::admission::{from, strict};
use crate::support::{Frame, Player, Raw, SUBPROTOCOL, TestServer, arena, lean, masked, upgrade, wait_for};

/// What the server said to a handshake.
#[derive(Debug, PartialEq)]
pub enum Answer {
    /// The handshake was accepted, and the session lives.
    Session,
    /// The handshake was accepted and the session closed with this code; a message may have said when to come back.
    Closed {
        code: u16,
        text: String,
        come_back: bool,
    },
    Status(u16),
}

/// Sends a handshake with further headers and, in the same breath, a hello; returns what came of it.
pub fn shake_hands(raw: &mut Raw, headers: &str) -> Answer {
    let hello = masked(0x82, &Client::hello(arena(), "tester", Vec::new(), 0));
    raw.say(&[upgrade(&format!("{SUBPROTOCOL}{headers}")).as_bytes(), &hello].concat());
    answer(raw)
}

fn answer(raw: &mut Raw) -> Answer {
    let head = raw.head();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    if status != 101 {
        return Answer::Status(status);
    }
    let mut come_back = false;
    loop {
        match raw.next().expect("a message or a close") {
            Frame::Close(code) => return Answer::Closed { code, text: raw.close_text().to_owned(), come_back },
            Frame::Binary(bytes) => match decode_server(&bytes) {
                Ok(ServerMessage::ComeBack { .. }) => come_back = true,
                _ => return Answer::Session,
            },
            _ => {}
        }
    }
}

fn code_of(answer: &Answer) -> Option<u16> {
    match answer {
        Answer::Closed { code, .. } => Some(*code),
        _ => None,
    }
}

fn refused(server: &TestServer, reason: &str) -> f64 {
    server.metric(&format!("tickwire_refusals_total{{reason=\"{reason}\"}}"))
}

#[test]
fn a_page_of_another_site_is_told_so_and_reaches_nothing() {
    let server = TestServer::start();
    for (number, origin) in ["http://evil.example", "null", "http://localhost.evil"].into_iter().enumerate() {
        let mut raw = Raw::open(server.address);
        let answer = shake_hands(&mut raw, &format!("Origin: {origin}\r\n"));
        let Answer::Closed { code, text, come_back } = answer else { panic!("{origin}: {answer:?}") };
        assert_eq!((code, come_back), (Close::Forbidden.code(), false), "{origin}");
        assert!(text.contains("origin") && text.contains("origins"), "{text}");
        // Nothing follows, and the connection ends although the page says nothing more.
        assert_eq!(raw.next(), None);
        assert_eq!(refused(&server, "origin"), (number + 1) as f64);
    }
    for metric in ["sessions", "rooms", "players", "bytes_received_total"] {
        assert_eq!(server.metric(&format!("tickwire_{metric}")), 0.0, "{metric}: its hello was not read");
    }
    Player::arena(&server).frame().expect("others play");
}

#[test]
fn a_name_that_the_server_does_not_go_by_is_told_which_setting_has_them() {
    let server = TestServer::start();
    let request =
        format!("{}\r\n", upgrade(SUBPROTOCOL).trim_end()).replace("Host: localhost", "Host: a.tunnel.example");
    let mut raw = Raw::open(server.address);
    raw.say(format!("{request}\r\n").as_bytes());
    let answer = answer(&mut raw);
    assert!(matches!(&answer, Answer::Closed { code: 4503, text, .. } if text.contains("hosts")), "{answer:?}");
    let page = server.ask("GET /healthz HTTP/1.1\r\nHost: a.tunnel.example\r\nConnection: close\r\n\r\n");
    assert!(page.starts_with("HTTP/1.1 403") && page.contains("hosts"), "{page}");
    assert_eq!(refused(&server, "host"), 2.0);
}

#[test]
fn programs_without_an_origin_are_told_so_too() {
    let server = TestServer::with(Config { require_origin: true, ..lean() }, |server| server);
    let answer = shake_hands(&mut Raw::open(server.address), "");
    assert!(
        matches!(&answer, Answer::Closed { code: 4503, text, .. } if text.contains("require_origin")),
        "{answer:?}"
    );
    assert_eq!(shake_hands(&mut Raw::open(server.address), "Origin: http://localhost\r\n"), Answer::Session);
    assert_eq!(refused(&server, "no_origin"), 1.0);
}

#[test]
fn a_full_server_says_so_by_close_code_and_by_status() {
    let server = TestServer::with(Config { most_sessions: 2, ..lean() }, |server| server);
    let players = [Player::arena(&server), Player::arena(&server)];
    let answer = shake_hands(&mut Raw::open(server.address), "");
    assert!(matches!(&answer, Answer::Closed { code: 1013, come_back: true, .. }), "{answer:?}");
    // Clients of another version know the code only.
    let mut old = Raw::open(server.address);
    assert!(old.upgrade("Sec-WebSocket-Protocol: tickwire.v9\r\n").starts_with("HTTP/1.1 101"));
    assert_eq!(old.next(), Some(Frame::Close(1013)));
    let body = r#"{"game": "arena", "seats": 1}"#;
    let told = server.ask(&format!(
        "POST /api/reservations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    ));
    assert!(told.starts_with("HTTP/1.1 503") && told.contains("retry-after:"), "{told}");
    assert_eq!(refused(&server, "sessions"), 3.0);
    drop(players);
    server.wait_for_metric("tickwire_sessions", 0.0);
    Player::arena(&server);
}

#[test]
fn players_behind_a_proxy_that_is_not_trusted_are_told_counted_and_noted() {
    let server = strict(Config { connections_per_address: 10, attempts_per_address: 10_000, ..Config::default() });
    let mut raws: Vec<Raw> = (0..13).map(|_| from(&server, 2)).collect();
    let answers: Vec<Answer> = raws
        .iter_mut()
        .enumerate()
        .map(|(n, raw)| shake_hands(raw, &format!("X-Forwarded-For: 9.9.9.{n}\r\n")))
        .collect();
    let sessions = answers.iter().filter(|answer| **answer == Answer::Session).count();
    let told = answers.iter().filter(|answer| code_of(answer) == Some(Close::TryLater.code())).count();
    assert_eq!((sessions, told), (10, 3), "{answers:?}");
    assert_eq!(refused(&server, "connections_per_address"), 3.0);
    assert_eq!(server.metric("tickwire_forwarding_ignored_total"), 13.0);
    // Whoever is cut without an answer is counted, too.
    let flood: Vec<Raw> = (0..30).map(|_| from(&server, 2)).collect();
    wait_for(|| refused(&server, "connections_per_address") > 15.0, "they are counted");
    drop(flood);
}

#[test]
fn attempts_over_the_rate_are_told_so() {
    let server = strict(Config { attempts_per_address: 1, connections_per_address: 20, ..Config::default() });
    let answers: Vec<Answer> = (0..30).map(|_| shake_hands(&mut from(&server, 2), "")).collect();
    assert!(answers[..4].iter().all(|answer| *answer == Answer::Session), "{answers:?}");
    assert_eq!(code_of(&answers[29]), Some(Close::TryLater.code()), "{answers:?}");
    assert!(refused(&server, "attempts") >= 1.0);
}

#[test]
fn a_draining_server_sends_newcomers_to_its_successor() {
    let mut server = TestServer::start();
    let _silent = Raw::connect(server.address);
    server.ask_to_stop();
    let mut answers = Vec::new();
    wait_for(
        || {
            answers.push(shake_hands(&mut Raw::open(server.address), ""));
            code_of(answers.last().expect("pushed")).is_some()
        },
        "it refuses",
    );
    let last = answers.last().expect("one");
    assert!(matches!(last, Answer::Closed { code: 4001, come_back: true, .. }), "{last:?}");
    server.join().expect("it ends well");
}

#[test]
fn what_is_no_handshake_of_ours_gets_a_status_whoever_sends_it() {
    let server = TestServer::start();
    let answer = |headers: &str| {
        let mut raw = Raw::open(server.address);
        raw.upgrade(headers)
    };
    for (headers, status) in [
        ("Origin: http://evil.example\r\n".to_owned(), 400),
        (format!("{SUBPROTOCOL}Transfer-Encoding: chunked\r\n"), 400),
        (format!("{SUBPROTOCOL}Content-Length: 50\r\n"), 400),
        (format!("{SUBPROTOCOL}Content-Length: 50\r\nOrigin: http://evil.example\r\n"), 400),
    ] {
        let head = answer(&headers);
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{headers}: {head}");
    }
    assert!(answer(&format!("{SUBPROTOCOL}Content-Length: 0\r\n")).starts_with("HTTP/1.1 101"));
    assert_eq!(refused(&server, "handshake"), 4.0);
}

#[test]
fn a_refused_page_that_goes_on_talking_is_hung_up_on() {
    let server = TestServer::start();
    let mut raw = Raw::open(server.address);
    raw.stream.set_write_timeout(Some(Duration::from_secs(5))).expect("a timeout");
    assert_eq!(code_of(&shake_hands(&mut raw, "Origin: http://evil.example\r\n")), Some(4503));
    let mut sent = 0;
    wait_for(
        || {
            raw.say(&[0; 1024]);
            sent += 1024;
            std::thread::sleep(Duration::from_millis(20));
            raw.poll_end() == Some(true)
        },
        "the connection ends",
    );
    println!("hung up on after {sent} bytes");
    let mut rest = Vec::new();
    let _ = raw.stream.read_to_end(&mut rest);
    assert!(rest.is_empty());
    assert_eq!(server.metric("tickwire_bytes_received_total"), 0.0);
}

#[test]
fn what_is_too_long_is_named_with_its_length_and_its_limit() {
    let server = TestServer::start();
    let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    let ended = |hello: Hello| {
        let mut raw = Raw::connect(server.address);
        raw.send(&encode_client(&ClientMessage::Hello(hello)));
        let code = raw.close_code();
        (code, raw.close_text().to_owned())
    };
    let long = "x".repeat(100);
    let of_player = |player| Hello { player, ..Hello::new(arena(), "ada") };
    let of_room = |options| Hello::new(Join::JoinOrCreate { game: "arena".to_owned(), options }, "ada");
    let many: Vec<(String, String)> = (0..17).map(|n| (n.to_string(), String::new())).collect();
    for (hello, text) in [
        (of_player(pairs(&[("avatar", &long)])), "player option \"avatar\" has 100 bytes: at most 64"),
        (of_room(pairs(&[("map", &"y".repeat(65))])), "option \"map\" has 65 bytes: at most 64"),
        (of_player(many), "the player has 17 options: at most 16"),
        (Hello::new(arena(), &"n".repeat(400)), "the name has 400 bytes: at most 384"),
        (Hello::new(Join::ById { room: long.clone() }, "ada"), "the room's id has 100 bytes: at most 64"),
    ] {
        assert_eq!(ended(hello), (Some(Close::BadMessage.code()), text.to_owned()));
    }
    let (code, text) = ended(of_player(pairs(&[(&long, "")])));
    assert_eq!(code, Some(Close::BadMessage.code()));
    assert!(text.starts_with("the key of player option \"xxx") && text.len() <= 123, "{text}");
    let mut player = Player::arena(&server);
    player.client.command(1, &[0; 1025]);
    assert_eq!(player.ending(), Close::BadMessage);
    assert_eq!(player.raw.close_text(), "the command has 1025 bytes: at most 1024");
}

#[test]
fn creators_of_rooms_choose_no_more_than_the_operator_lets_them() {
    let config = Config { most_tick_rate: TickRate::new(30).expect("a rate"), ..lean() };
    let server = TestServer::with(config, |server| server);
    let at = |rate: &str| Join::Create {
        game: "arena".to_owned(),
        options: vec![("tick_rate".to_owned(), rate.to_owned())],
    };
    assert!(Player::join(&server, at("30")).is_ok());
    let mut raw = Raw::connect(server.address);
    raw.send(&encode_client(&ClientMessage::Hello(Hello::new(at("120"), "ada"))));
    assert_eq!(raw.close_code(), Some(Close::NoSuchRoom.code()));
    assert_eq!(raw.close_text(), "tick_rate \"120\": at most 30 here (setting: most_tick_rate)");
}
