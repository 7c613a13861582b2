//! Limits per address and in total: a client over a limit is refused with the reason, and others are not affected.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};
use tickwire::engine::{Client, Depth};
use tickwire::server::Config;
use tickwire::wire::{Close, Join, ServerMessage, decode_server};

use crate::party::{JSON, post};
use crate::refusals::{Answer, shake_hands};
use crate::support::{Frame, Player, Raw, SUBPROTOCOL, TestServer, wait_for};

/// A server for which this machine is no exception.
pub fn strict(config: Config) -> TestServer {
    TestServer::with(Config { workers: 1, room_threads: 1, exempt: Vec::new(), ..config }, |server| server)
}

/// A connection from 127.0.0.`last`.
pub fn from(server: &TestServer, last: u8) -> Raw {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), 0)).into()).expect("a local address");
    socket.connect(&server.address.into()).expect("the server listens");
    let mut raw = Raw::open(server.address);
    raw.stream = TcpStream::from(socket);
    raw.stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    raw
}

/// Whether a handshake is refused: accepted and closed at once, as pages can tell that from a lost connection.
fn refused(raw: &mut Raw, headers: &str) -> bool {
    matches!(shake_hands(raw, headers), Answer::Closed { code: 1013, come_back: true, .. })
}

/// Whether a handshake starts a session, which then lives.
fn admitted(raw: &mut Raw, headers: &str) -> bool {
    shake_hands(raw, headers) == Answer::Session
}

#[test]
fn an_address_has_its_connections_and_others_have_theirs() {
    let server = strict(Config { connections_per_address: 4, ..Config::default() });
    let mut held: Vec<Raw> = (0..4).map(|_| from(&server, 2)).collect();
    assert!(admitted(&mut held[0], ""));
    wait_for(|| refused(&mut from(&server, 2), ""), "one too many is told so");
    assert!(admitted(&mut from(&server, 3), ""));
    // Beyond twice the number nobody is told anything.
    let flood: Vec<Raw> = (0..30).map(|_| from(&server, 2)).collect();
    let open = flood.into_iter().filter_map(|mut raw| {
        std::thread::sleep(Duration::from_millis(10));
        raw.poll_end().is_none().then_some(raw)
    });
    assert!(open.count() <= 8);
    drop(held);
    wait_for(|| admitted(&mut from(&server, 2), ""), "it recovers");
}

#[test]
fn attempts_come_at_a_rate() {
    let server = strict(Config { attempts_per_address: 2, connections_per_address: 8, ..Config::default() });
    let (start, mut granted) = (Instant::now(), 0);
    while start.elapsed() < Duration::from_secs(2) {
        granted += usize::from(admitted(&mut from(&server, 2), ""));
    }
    let most = 8 + 2 * (start.elapsed().as_secs() as usize + 1);
    assert!((8..=most).contains(&granted), "{granted}");
    assert!(admitted(&mut from(&server, 3), ""));
    // This machine is exempt unless told otherwise.
    let open = TestServer::with(
        Config { workers: 1, room_threads: 1, attempts_per_address: 1, ..Config::default() },
        |server| server,
    );
    assert!((0..20).all(|_| admitted(&mut from(&open, 2), "")));
}

#[test]
fn an_address_makes_so_many_rooms() {
    let empty_room_for = Duration::from_secs(1);
    let server =
        strict(Config { rooms_per_address: 2, attempts_per_address: 10_000, empty_room_for, ..Config::default() });
    let create = || Join::Create { game: "arena".to_owned(), options: Vec::new() };
    let makers: Vec<Player> = (0..2).map(|_| Player::join(&server, create()).expect("a room")).collect();
    let mut third = Raw::connect(server.address);
    third.send(&tickwire::engine::Client::hello(create(), "tester", Vec::new(), 0));
    let Some(Frame::Binary(bytes)) = third.next() else { panic!("no message") };
    let ServerMessage::ComeBack { after } = decode_server(&bytes).expect("a message") else { panic!("no hint") };
    assert!((1000..=6000).contains(&after), "{after}");
    assert_eq!(third.close_code(), Some(Close::TryLater.code()));
    // Joining what is there is no room made.
    Player::arena(&server);
    let mut other = from(&server, 3);
    assert!(other.upgrade(SUBPROTOCOL).starts_with("HTTP/1.1 101"));
    other.send(&tickwire::engine::Client::hello(create(), "tester", Vec::new(), 0));
    assert!(matches!(other.next(), Some(Frame::Binary(bytes)) if bytes[0] == 0), "another address has its own");
    drop(makers);
    wait_for(|| Player::join(&server, create()).is_ok(), "rooms that ended count no more");
}

#[test]
fn only_trusted_proxies_speak_for_others() {
    let trusted_proxies = vec!["127.0.0.2/32".parse().expect("a network")];
    let server = strict(Config { connections_per_address: 2, trusted_proxies, ..Config::default() });
    let header = |forwarded: &str| format!("X-Forwarded-For: {forwarded}\r\n");
    let refuses = |proxy: u8, forwarded: &str| refused(&mut from(&server, proxy), &header(forwarded));
    let opens = |held: &mut Vec<Raw>, proxy: u8, forwarded: &str| {
        held.push(from(&server, proxy));
        admitted(held.last_mut().expect("pushed"), &header(forwarded))
    };
    let mut held = Vec::new();
    assert!(opens(&mut held, 2, "9.9.9.9") && opens(&mut held, 2, "9.9.9.9"));
    assert!(refuses(2, "9.9.9.9"));
    assert!(refuses(2, "1.1.1.1, 9.9.9.9"), "what stands left of it is the visitor's own");
    assert!(refuses(2, "\u{fffd}\u{ff}, 9.9.9.9"), "whatever that is");
    assert!(opens(&mut held, 2, "9.9.9.9, 8.8.8.8"));
    assert!(opens(&mut held, 2, "2001:db8::1") && opens(&mut held, 2, "[2001:db8::2]:99"));
    assert!(refuses(2, "2001:db8::3"), "a household is one address");
    assert_eq!(server.metric("tickwire_forwarding_ignored_total"), 0.0);
    // Whoever is no proxy is not believed.
    assert!(opens(&mut held, 3, "7.7.7.7") && opens(&mut held, 3, "6.6.6.6"));
    wait_for(|| refuses(3, "5.5.5.5"), "its connections are its own");
    drop(held);
    wait_for(|| admitted(&mut from(&server, 2), &header("9.9.9.9")), "it recovers");
}

#[test]
fn an_ipv6_network_has_a_few_times_as_much_as_one_address() {
    let trusted_proxies = vec!["127.0.0.2/32".parse().expect("a network")];
    let quota = Config { connections_per_address: 2, attempts_per_address: 10_000, ..Config::default() };
    let server = strict(Config { trusted_proxies, ..quota });
    let mut held = Vec::new();
    let mut visit = |address: String| {
        held.push(from(&server, 2));
        admitted(held.last_mut().expect("pushed"), &format!("X-Forwarded-For: {address}\r\n"))
    };
    // 40 of the 256 addresses of a /56, then 20 more of the same /48.
    let of_56 = (0..40).filter(|subnet| visit(format!("2001:db8:1:{subnet:x}::1"))).count();
    let of_48 = (1..20).filter(|subnet| visit(format!("2001:db8:1:{subnet:x}00::1"))).count();
    let other = (0..2).filter(|_| visit("2001:db8:2::1".to_owned())).count();
    assert_eq!((of_56, of_48, other), (8, 19, 2));
    assert!(visit("9.9.9.9".to_owned()));
    assert!(server.metric("tickwire_refusals_total{reason=\"connections_per_address\"}") >= 32.0);
}

#[test]
fn whoever_is_sent_away_is_told_when_to_come_back() {
    let mut server = TestServer::start();
    let mut silent = Raw::connect(server.address);
    let mut raws: Vec<Raw> = (0..20).map(|_| Raw::connect(server.address)).collect();
    for raw in &mut raws {
        raw.send(&tickwire::engine::Client::hello(crate::support::arena(), "tester", Vec::new(), 0));
        assert!(matches!(raw.next(), Some(Frame::Binary(bytes)) if bytes[0] == 0), "a welcome");
    }
    // This one said hello to nobody and keeps the server for a moment.
    let mut late = Raw::connect(server.address);
    server.ask_to_stop();
    let mut told: Vec<u32> = raws.iter_mut().chain([&mut silent, &mut late]).map(sent_away).collect();
    server.join().expect("it ends well");
    told.sort_unstable();
    println!("{told:?}");
    assert!(told.iter().all(|after| *after < 5000));
    assert!(told[told.len() - 1] - told[0] > 1000, "not all at once");
}

/// When to come back, followed by the close that says so.
fn sent_away(raw: &mut Raw) -> u32 {
    let mut told = None;
    loop {
        match raw.next() {
            Some(Frame::Binary(bytes)) => {
                if let Ok(ServerMessage::ComeBack { after }) = decode_server(&bytes) {
                    told = Some(after);
                }
            }
            Some(Frame::Close(code)) => {
                assert_eq!(code, Close::Draining.code());
                return told.expect("told before the close");
            }
            Some(_) => {}
            None => panic!("no close"),
        }
    }
}

#[test]
fn silent_connections_are_hung_up_on() {
    let server = TestServer::start();
    let mut silent: Vec<Raw> = (0..50).map(|_| Raw::open(server.address)).collect();
    let start = Instant::now();
    Player::arena(&server).frame().expect("others are served meanwhile");
    silent.iter_mut().for_each(|raw| wait_for(|| raw.poll_end() == Some(true), "the connection is closed"));
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test]
fn a_duplicated_or_contradictory_head_is_no_handshake() {
    let server = TestServer::start();
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n";
    for (what, head) in [
        ("HTTP/1.0", format!("GET /play HTTP/1.0\r\nHost: localhost\r\n{upgrade}{key}{SUBPROTOCOL}\r\n")),
        (
            "a body",
            format!("GET /play HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n{upgrade}{key}{SUBPROTOCOL}\r\n"),
        ),
        (
            "two lengths",
            format!(
                "GET /play HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n{upgrade}{key}\r\n"
            ),
        ),
        (
            "CL and TE",
            format!(
                "GET /play HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n{upgrade}{key}\r\n"
            ),
        ),
        ("a bare line feed in a name", "GET /play HTTP/1.1\r\nHo\nst: localhost\r\n\r\n".to_owned()),
    ] {
        let mut raw = Raw::open(server.address);
        raw.say(head.as_bytes());
        let answer = raw.head();
        assert!(!answer.contains(" 101 "), "{what}: {answer}");
    }
    Player::arena(&server).frame().expect("the server still plays");
}

#[test]
fn an_address_that_joins_and_breaks_off_keeps_no_more_seats_than_it_may_have_connections() {
    let server = strict(Config { connections_per_address: 40, attempts_per_address: 10_000, ..Config::default() });
    let room = Join::Create { game: "arena".to_owned(), options: vec![("capacity".to_owned(), "250".to_owned())] };
    let owner = Player::join(&server, room).expect("a new room");
    let by_id = Join::ById { room: owner.client.welcome().expect("a welcome").room.clone() };
    let owner = owner.aside();
    // One connection at a time, each of which plays for a moment.
    let visit = |last: u8| {
        let mut raw = from(&server, last);
        if !raw.upgrade(SUBPROTOCOL).starts_with("HTTP/1.1 101") {
            return None;
        }
        raw.send(&Client::hello(by_id.clone(), "ghost", Vec::new(), 0));
        let mut player = Player::over(raw, Client::new(Depth::Continuity)).ok()?;
        player.client.chat(&[], "");
        player.frame().ok()?;
        let seat = player.client.welcome().map(|welcome| welcome.seat);
        player.break_off();
        seat
    };
    let held = || server.metric("tickwire_seats_held");
    let mut ghosts = 0;
    for _ in 0..60 {
        if visit(2).is_some() {
            ghosts += 1;
            wait_for(|| held() == f64::from(ghosts), "the seat is held");
        }
    }
    println!("{ghosts} seats are held for one address");
    assert_eq!(ghosts, 40);
    assert!(server.metric("tickwire_refusals_total{reason=\"seats_per_address\"}") >= 20.0);
    assert!(visit(3).is_some(), "others have their own");
    owner.back();
}

#[test]
fn promised_seats_count_for_the_address_that_reserved_them() {
    let server = strict(Config { connections_per_address: 6, ..Config::default() });
    let reserve = |seats: usize| post(&server, JSON, &format!("{{\"game\": \"arena\", \"seats\": {seats}}}"));
    let (first, second) = (reserve(4), reserve(3));
    assert!(first.contains("tickets"), "{first}");
    assert!(second.starts_with("HTTP/1.1 503") && second.contains("seats"), "{second}");
    let third = reserve(2);
    assert!(third.contains("tickets"), "{third}");
}
