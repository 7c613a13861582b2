//! Join tokens, origins and host names: which clients are admitted, with which identity, until when, and to which rooms.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use actix_web::{App, web};
use tickwire::Server;
use tickwire::engine::SecondDevice;
use tickwire::game::{Context, Game, Player, Refused, RoomSetup};
use tickwire::id::{EntityId, Seat};
use tickwire::server::{Audience, Claims, Config, Keyring, Pages};
use tickwire::wire::{ClientMessage, Close, Hello, Join, Role, ServerMessage, Welcome, decode_server, encode_client};

use crate::party::{JSON, post, reserve, reserved};
use crate::refusals::{Answer, shake_hands};
use crate::support::{Frame, Raw, TestServer, arena, demo, wait_for};

pub const SECRET: &str = "a secret of more than thirty-two bytes";

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs()
}

fn keyed(config: Config) -> TestServer {
    let config = Config { workers: 1, room_threads: 1, token_secret: SECRET.to_owned().into(), ..config };
    TestServer::with(config, |server| server)
}

pub fn claims(sub: &str) -> Claims {
    let aud = Some(Audience::One("tickwire".to_owned()));
    Claims { sub: sub.to_owned(), aud, exp: now() + 3600, ..Claims::default() }
}

pub fn signed(claims: &Claims) -> String {
    Keyring::read(SECRET, &[]).expect("a key").sign(None, claims).expect("a token")
}

fn hello(join: Join, token: Option<&str>) -> Vec<u8> {
    encode_client(&ClientMessage::Hello(Hello { token, ..Hello::new(join, "tester") }))
}

/// A session with a token, or its close code.
pub fn join(server: &TestServer, join: Join, token: Option<&str>) -> Result<(Raw, Welcome), u16> {
    let mut raw = Raw::connect(server.address);
    raw.send(&hello(join, token));
    match raw.next() {
        Some(Frame::Binary(bytes)) => match decode_server(&bytes).expect("a message") {
            ServerMessage::Welcome(welcome) => Ok((raw, *welcome)),
            other => panic!("no welcome: {other:?}"),
        },
        Some(Frame::Close(code)) => Err(code),
        other => panic!("neither a welcome nor a close: {other:?}"),
    }
}

/// The next message that is no frame, or how the session ended.
fn answer(raw: &mut Raw) -> Result<u32, u16> {
    loop {
        match raw.next() {
            Some(Frame::Binary(bytes)) => match decode_server(&bytes).expect("a message") {
                ServerMessage::Refreshed { expires } => return Ok(expires),
                ServerMessage::Frame(_) => {}
                other => panic!("{other:?}"),
            },
            Some(Frame::Close(code)) => return Err(code),
            Some(_) => {}
            None => panic!("the connection ended without a close"),
        }
    }
}

#[test]
fn a_token_says_who_comes_and_nobody_else_gets_in() {
    let server = keyed(Config { guests: false, ..Config::default() });
    let good = signed(&claims("ada"));
    let (_, welcome) = join(&server, arena(), Some(&good)).expect("let in");
    assert!(welcome.expires.is_some_and(|expires| (3590..=3600).contains(&expires)), "{:?}", welcome.expires);
    assert_eq!(welcome.players[0].name, "tester");
    let named = signed(&Claims { name: Some("Ada \u{202e}L.".to_owned()), ..claims("ada") });
    let (_, welcome) = join(&server, arena(), Some(&named)).expect("let in");
    assert!(welcome.players.iter().any(|player| player.name == "Ada L."), "the issuer's name counts, tidied");

    let [header, payload, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!("three parts") };
    let other = Keyring::read(&SECRET.to_uppercase(), &[]).expect("a key");
    let unsigned = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{payload}.");
    let no_algorithm = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{payload}.{signature}");
    let elsewhere = Some(Audience::One("elsewhere".to_owned()));
    for (what, token) in [
        ("none", None),
        ("empty", Some(String::new())),
        ("unsigned", Some(unsigned)),
        ("alg=none with a signature", Some(no_algorithm)),
        ("truncated", Some(good[..good.len() - 1].to_owned())),
        ("no signature", Some(format!("{header}.{payload}"))),
        ("another key", Some(other.sign(None, &claims("ada")).expect("a token"))),
        ("another audience", Some(signed(&Claims { aud: elsewhere, ..claims("ada") }))),
        ("no audience", Some(signed(&Claims { aud: None, ..claims("ada") }))),
        ("no subject", Some(signed(&claims("")))),
        ("a long subject", Some(signed(&claims(&"x".repeat(129))))),
        // {"alg":"HS256","kid":"other"}
        ("an unknown key", Some(format!("eyJhbGciOiJIUzI1NiIsImtpZCI6Im90aGVyIn0.{payload}.{signature}"))),
    ] {
        assert_eq!(join(&server, arena(), token.as_deref()).err(), Some(Close::BadToken.code()), "{what}");
    }
    for (what, exp, nbf) in [("expired", now() - 31, None), ("not yet valid", now() + 3600, Some(now() + 60))] {
        let token = signed(&Claims { exp, nbf, ..claims("ada") });
        assert_eq!(join(&server, arena(), Some(&token)).err(), Some(Close::TokenExpired.code()), "{what}");
    }
    let mut raw = Raw::connect(server.address);
    raw.send(&hello(arena(), Some(&"x".repeat(1 << 20))));
    assert_eq!(raw.close_code(), Some(Close::TooBig.code()));
}

/// The arena, for one member.
struct Club(Box<dyn Game>);

impl Game for Club {
    delegate!(0: spec, leave, step, write_snapshot);
    fn join(&mut self, player: &Player, cx: &mut Context) -> Result<EntityId, Refused> {
        match player.identity.as_deref() {
            Some("ada") => self.0.join(player, cx),
            other => Err(format!("{other:?} is no member").into()),
        }
    }
}

#[test]
fn the_game_sees_who_it_is_and_nobody_can_claim_it() {
    let config = Config { workers: 1, room_threads: 1, token_secret: SECRET.to_owned().into(), ..Config::default() };
    let server = TestServer::with(config, |server| {
        server.game("club", |setup: &RoomSetup| Ok(Box::new(Club(demo("arena")(setup)?))))
    });
    let club = || Join::JoinOrCreate { game: "club".to_owned(), options: Vec::new() };
    let named = Claims { name: Some("ada".to_owned()), ..claims("bob") };
    for token in [None, Some(signed(&named))] {
        assert_eq!(join(&server, club(), token.as_deref()).err(), Some(Close::Forbidden.code()));
    }
    let told = crate::verbs::refused(&server, club(), Role::Player);
    assert_eq!(told, (Close::Forbidden.code(), "None is no member".to_owned()), "the player reads the game's reason");
    join(&server, club(), Some(&signed(&claims("ada")))).expect("a member");
    // Without keys nobody is believed.
    let keyless = TestServer::with(Config { workers: 1, room_threads: 1, ..Config::default() }, |server| server);
    let (_, welcome) = join(&keyless, arena(), Some("no token at all")).expect("everyone is a guest");
    assert_eq!(welcome.expires, None);
}

#[test]
fn a_token_may_be_for_one_room_or_game() {
    let server = keyed(Config::default());
    let (_one, welcome) = join(&server, arena(), None).expect("guests are let in");
    assert_eq!(welcome.expires, None);
    let room = |room: &str| Join::ById { room: room.to_owned() };
    let only = signed(&Claims { room: Some(welcome.room.clone()), ..claims("ada") });
    let plaza = signed(&Claims { game: Some("plaza".to_owned()), ..claims("ada") });
    let refused = Some(Close::BadToken.code());
    assert_eq!(join(&server, arena(), Some(&only)).err(), refused);
    assert_eq!(join(&server, room("abcdefgh"), Some(&only)).err(), refused);
    assert_eq!(join(&server, arena(), Some(&plaza)).err(), refused);
    assert_eq!(join(&server, room(&welcome.room), Some(&plaza)).err(), refused);
    // Nor does it play another game by a seat that is promised there, whoever asked for it; and the ticket stays good.
    let seats = format!(r#"{{"room": "{}", "seats": 1}}"#, welcome.room);
    let asked = |token: &str| post(&server, &format!("{JSON}Authorization: Bearer {token}\r\n"), &seats);
    let answer = asked(&plaza);
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    let (_, tickets) = reserve(&server, "", &seats);
    assert_eq!(join(&server, reserved(&tickets[0]), Some(&plaza)).err(), refused);
    let arena_only = signed(&Claims { game: Some("arena".to_owned()), ..claims("ada") });
    join(&server, reserved(&tickets[0]), Some(&arena_only)).expect("a promised seat");
    join(&server, room(&welcome.room), Some(&only)).expect("its room");
    join(&server, Join::Create { game: "plaza".to_owned(), options: Vec::new() }, Some(&plaza)).expect("its game");
}

#[test]
fn a_ticket_is_good_for_one_join() {
    let server = keyed(Config { guests: false, ..Config::default() });
    let ticket = |jti: &str| signed(&Claims { jti: Some(jti.to_owned()), once: true, ..claims("ada") });
    let (first, refused) = (ticket("1"), Some(Close::BadToken.code()));
    let nowhere = Join::ById { room: "abcdefgh".to_owned() };
    assert_eq!(join(&server, nowhere, Some(&first)).err(), Some(Close::NoSuchRoom.code()));
    let (_raw, _) = join(&server, arena(), Some(&first)).expect("that was no join");
    assert_eq!(join(&server, arena(), Some(&first)).err(), refused);
    assert_eq!(join(&server, arena(), Some(&signed(&Claims { once: true, ..claims("ada") }))).err(), refused);
    // Of those who come at once with the same one, one gets in.
    let ticket = ticket("2");
    let racing = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..6).map(|_| scope.spawn(|| join(&server, arena(), Some(&ticket)))).collect();
        threads.into_iter().map(|thread| thread.join().expect("an answer")).collect::<Vec<_>>()
    });
    assert_eq!(racing.iter().filter(|joined| joined.is_ok()).count(), 1);
}

#[test]
fn a_session_ends_with_its_token_unless_it_is_refreshed() {
    let server = keyed(Config { guests: false, ..Config::default() });
    // Within the skew: good for three seconds more.
    let soon = Claims { exp: now() - 27, ..claims("ada") };
    let start = Instant::now();
    let (mut ending, welcome) = join(&server, arena(), Some(&signed(&soon))).expect("let in");
    assert_eq!(welcome.expires, Some(0));
    let (mut staying, _) = join(&server, arena(), Some(&signed(&soon))).expect("let in");
    let refresh = |raw: &mut Raw, token: &str| raw.send(&encode_client(&ClientMessage::Refresh { token }));
    refresh(&mut staying, &signed(&claims("ada")));
    assert!(answer(&mut staying).is_ok_and(|expires| (3590..=3600).contains(&expires)));

    let (mut thief, _) = join(&server, arena(), Some(&signed(&soon))).expect("let in");
    refresh(&mut thief, &signed(&claims("bob")));
    assert_eq!(answer(&mut thief), Err(Close::BadToken.code()), "somebody else's");
    let (mut stray, _) = join(&server, arena(), Some(&signed(&soon))).expect("let in");
    refresh(&mut stray, &signed(&Claims { game: Some("plaza".to_owned()), ..claims("ada") }));
    assert_eq!(answer(&mut stray), Err(Close::BadToken.code()), "for another game");
    let (mut eager, _) = join(&server, arena(), Some(&signed(&soon))).expect("let in");
    (0..4).for_each(|_| refresh(&mut eager, &signed(&claims("ada"))));
    let answers: Vec<bool> = (0..4).map(|_| answer(&mut eager).is_ok()).collect();
    assert_eq!(answers, [true, true, true, false], "each costs a signature");

    assert_eq!(answer(&mut ending), Err(Close::TokenExpired.code()));
    assert!((2..6).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    // This one is still there, and would be for an hour.
    refresh(&mut staying, &signed(&claims("ada")));
    assert!(answer(&mut staying).is_ok());
}

#[test]
fn guests_have_nothing_to_refresh() {
    let server = keyed(Config::default());
    let (mut guest, _) = join(&server, arena(), None).expect("let in");
    let token = signed(&claims("ada"));
    guest.send(&encode_client(&ClientMessage::Refresh { token: &token }));
    assert_eq!(answer(&mut guest), Err(Close::BadToken.code()));
}

#[test]
fn keys_are_told_apart_by_their_names() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("a key");
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).expect("a writable folder");
        path.display().to_string()
    };
    let private = write("trust-private.pem", &pair.serialize_pem());
    let public = write("trust-public.pem", &pair.public_key_pem());
    let shared = write("trust-shared.key", "another secret of more than thirty-two bytes\n");
    let keys = vec![format!("new={public}"), format!("old={shared}")];
    let server = keyed(Config { guests: false, token_keys: keys, ..Config::default() });
    let issuer = Keyring::read("", &[format!("new={private}"), format!("old={shared}"), format!("none={shared}")]);
    let issuer = issuer.expect("keys");
    for kid in ["new", "old"] {
        join(&server, arena(), Some(&issuer.sign(Some(kid), &claims("ada")).expect("a token"))).expect(kid);
    }
    join(&server, arena(), Some(&signed(&claims("ada")))).expect("the one without a name");
    let unknown = issuer.sign(Some("none"), &claims("ada")).expect("a token");
    assert_eq!(join(&server, arena(), Some(&unknown)).err(), Some(Close::BadToken.code()));
    assert!(Keyring::read("", &[format!("new={public}")]).expect("a key").sign(None, &claims("ada")).is_err());
}

#[test]
fn a_page_of_another_name_reads_nothing_here() {
    let config = Config { workers: 1, room_threads: 1, pages: Pages::Embedded, ..Config::default() };
    let server = TestServer::with(config, |server| server);
    let ask = |path: &str, host: &str| {
        let mut raw = Raw::open(server.address);
        raw.say(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes());
        raw.head()
    };
    let port = server.address.port();
    for path in ["/", "/api/rooms", "/api/rooms/events", "/metrics", "/healthz", "/nothing"] {
        for host in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example"] {
            assert!(ask(path, &format!("{host}:{port}")).starts_with("HTTP/1.1 403"), "{host}{path}");
        }
    }
    for host in ["localhost", "LOCALHOST", "127.0.0.1", "[::1]"] {
        assert!(ask("/api/rooms", &format!("{host}:{port}")).starts_with("HTTP/1.1 200"), "{host}");
    }
    // The same name as origin and host: as a page would that was made to point here.
    let mut raw = Raw::open(server.address);
    raw.say(
        b"GET /play HTTP/1.1\r\nHost: evil.example\r\nOrigin: http://evil.example\r\nUpgrade: websocket\r\n\
          Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
          Sec-WebSocket-Protocol: tickwire.v2\r\n\r\n",
    );
    // The handshake is accepted only to tell the page why it is refused.
    assert!(raw.head().starts_with("HTTP/1.1 101"));
    assert_eq!((raw.next(), raw.next()), (Some(Frame::Close(Close::Forbidden.code())), None));
}

#[test]
fn a_mounted_server_goes_by_the_names_that_it_was_told() {
    let status = |config: Config, host: &'static str| {
        actix_web::rt::System::new().block_on(async move {
            let mount = Server::new(Config { room_threads: 1, ..config })
                .games(tickwire_games::builtin())
                .mount()
                .expect("a good one");
            let scope = web::scope("/game").configure(|app| mount.configure(app));
            let app = actix_web::test::init_service(App::new().service(scope)).await;
            let request = actix_web::test::TestRequest::get().uri("/game/api/rooms").insert_header(("host", host));
            actix_web::test::call_service(&app, request.to_request()).await.status().as_u16()
        })
    };
    // As if it were on the local machine, because nobody said otherwise.
    assert_eq!(status(Config::default(), "localhost:8080"), 200);
    assert_eq!(status(Config::default(), "play.example"), 403);
    let told = || Config { hosts: vec!["play.example".to_owned()], ..Config::default() };
    assert_eq!(status(told(), "play.example"), 200);
    assert_eq!(status(told(), "evil.example"), 403);
    assert_eq!(status(Config { bind: ([0, 0, 0, 0], 80).into(), ..Config::default() }, "play.example"), 200);
}

#[test]
fn an_origin_may_be_demanded() {
    let config = Config { workers: 1, room_threads: 1, require_origin: true, ..Config::default() };
    let server = TestServer::with(config, |server| server);
    let ask = |headers: &str| shake_hands(&mut Raw::open(server.address), headers);
    for headers in ["", "Origin: null\r\n"] {
        assert!(matches!(ask(headers), Answer::Closed { code: 4503, .. }), "{headers}");
    }
    assert_eq!(ask("Origin: http://localhost\r\n"), Answer::Session);
}

#[test]
fn a_server_with_bad_keys_does_not_start() {
    for (config, wanted) in [
        (Config { guests: false, ..Config::default() }, "lets nobody in"),
        (Config { token_keys: vec!["a=/no/such/file".to_owned()], ..Config::default() }, "/no/such/file"),
        (Config { tls_cert: "/no/such/cert".into(), ..Config::default() }, "TLS needs both"),
    ] {
        let error = config.check().expect_err("no good");
        assert!(error.contains(wanted) && error.lines().count() == 1, "{error}");
        let mut server = TestServer::with(config, |server| server);
        std::thread::sleep(Duration::from_millis(100));
        assert!(server.join().is_err_and(|error| error.to_string().contains(wanted)));
    }
}

#[test]
fn an_identity_on_two_devices_is_what_the_setting_says() {
    let device = |server: &TestServer| join(server, arena(), Some(&signed(&claims("ada"))));
    let with = |second_device| keyed(Config { second_device, ..Config::default() });

    let server = with(SecondDevice::Allow);
    let both = (device(&server).expect("let in"), device(&server).expect("let in"));
    assert_eq!((both.0.1.seat, both.1.1.seat), (Seat(0), Seat(1)));

    let server = with(SecondDevice::Refuse);
    let (mut first, _) = device(&server).expect("let in");
    assert_eq!(device(&server).err(), Some(Close::Forbidden.code()));
    assert!(join(&server, arena(), None).is_ok(), "guests have no identity");
    first.send(&encode_client(&ClientMessage::Ping { stamp: 1 }));
    assert!(matches!(first.next(), Some(Frame::Binary(_))), "the first plays on");
    drop(first);
    wait_for(|| device(&server).is_ok(), "a seat without a connection is given up for it");

    let server = with(SecondDevice::Replace);
    let (mut first, welcome) = device(&server).expect("let in");
    let (_second, next) = device(&server).expect("let in");
    assert_eq!((welcome.seat, next.seat), (Seat(0), Seat(0)));
    assert_eq!(answer(&mut first), Err(Close::Replaced.code()));
    assert_eq!(server.metric("tickwire_players"), 1.0);
}
