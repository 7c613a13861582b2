//! The server while its wall clock jumps an hour ahead and an hour back: players, held seats and sessions with a time limit are
//! not affected; only new join tokens are checked against the new time.

#![cfg(unix)]
#![allow(clippy::disallowed_methods, reason = "real processes live in real time")]
#![allow(clippy::duplicate_mod, reason = "processes and sockets ask for upgrades with the same words")]

mod process;
#[path = "../../../tests/server/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "shared with the server's own tests")]
mod support;

use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use process::wall::Wall;
use process::{Bots, Server};
use support::{Frame, Player, Raw};
use tickwire::engine::{Client, Depth};
use tickwire::server::{Audience, Claims, Keyring};
use tickwire::wire::{ClientMessage, Close, Continuity, Hello, encode_client};

const BINARY: &str = env!("CARGO_BIN_EXE_tickwire");
const SECRET: &str = "a secret of more than thirty-two bytes";
const HOUR: i64 = 3600;

/// A token that is valid from now on, by the right time.
fn token(seconds: i64) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs();
    let aud = Some(Audience::One("tickwire".to_owned()));
    let exp = now.saturating_add_signed(seconds);
    let claims = Claims { sub: "ada".to_owned(), aud, exp, nbf: Some(now.min(exp)), ..Claims::default() };
    Keyring::read(SECRET, &[]).expect("a key").sign(None, &claims).expect("a token")
}

/// Joins as a player, or returns the reason of the refusal.
fn join(server: &Server, token: Option<&str>) -> Result<Player, Frame> {
    let mut raw = Raw::connect(server.address());
    let hello = Hello { token, ..Hello::new(support::arena(), "tester") };
    raw.send(&encode_client(&ClientMessage::Hello(hello)));
    Player::over(raw, Client::new(Depth::Full))
}

/// A player who has sent a message, and whose connection breaks.
fn break_off(mut player: Player) -> Client {
    (0..5).for_each(|_| _ = player.frame().expect("a frame"));
    player.break_off();
    player.client
}

#[test]
fn a_wall_clock_that_jumps_changes_what_tokens_are_good_for_and_nothing_else() {
    let (wall, mut command) = Wall::around(process::command(BINARY));
    command.env("TICKWIRE_TOKEN_SECRET", SECRET).stderr(Stdio::inherit());
    let flags = ["--log", "warn", "--workers", "1", "--room-threads", "1", "--hold-seats-for", "4"];
    let server = Server::start(&mut command, &flags);
    let bots = Bots::start(process::command(BINARY), &server, &["--players", "4", "--duration", "15", "--ramp", "0"]);
    sleep(Duration::from_secs(2));

    let expired = |server: &Server, token: &str| match join(server, Some(token)) {
        Err(Frame::Close(code)) => code == Close::TokenExpired.code(),
        Err(other) => panic!("neither let in nor refused: {other:?}"),
        Ok(_) => false,
    };
    let good = token(600);
    assert!(!expired(&server, &good));
    // Valid for six more seconds, because clocks may differ by 30.
    let mut ending = join(&server, Some(&token(-24))).expect("let in");
    let ending = std::thread::spawn(move || (Instant::now(), ending.ending(), Instant::now()));
    let away = break_off(join(&server, None).expect("let in"));
    let counted = || ["ticks", "skipped_ticks"].map(|what| server.metric(&format!("tickwire_{what}_total")));
    let (before, start) = (counted(), Instant::now());

    wall.set(HOUR);
    assert!(expired(&server, &good), "the clock has jumped");
    sleep(Duration::from_millis(1500));
    let mut client = away;
    let hello = client.resume("tester", Vec::new()).expect("seats are held");
    let mut raw = Raw::connect(server.address());
    raw.send(&hello);
    let back = Player::over(raw, client).unwrap_or_else(|frame| panic!("refused: {frame:?}"));
    assert_eq!(back.client.welcome().expect("a welcome").continuity, Continuity::State);
    break_off(back);
    let gone = Instant::now();

    wall.set(-HOUR);
    assert!(expired(&server, &good), "not valid yet");
    support::wait_for(|| server.metric("tickwire_seats_released_total") == 1.0, "the seat is free");
    let held = gone.elapsed().as_secs_f64();
    let (since, how, then) = ending.join().expect("no panic");
    let let_in = then.duration_since(since).as_secs_f64();
    wall.set(0);
    assert!(!expired(&server, &good));
    let (after, took) = (counted(), start.elapsed().as_secs_f64());
    let [ticks, skipped] = [after[0] - before[0], after[1] - before[1]];
    println!(
        "{ticks} ticks in {took:.2} s, {skipped} skipped; held for {held:.1} s; the token let in for {let_in:.1} s"
    );
    assert!((3.5..8.0).contains(&held), "a seat was held for {held} s instead of 4");
    assert_eq!(how, Close::TokenExpired);
    assert!((4.5..9.0).contains(&let_in), "a token was good for {let_in} s instead of 6");
    // A busy machine may make the room skip some ticks; an hour has 72,000.
    assert!((took * 20.0 - 10.0..=took * 20.0 + 10.0).contains(&(ticks + skipped)), "{ticks} ticks in {took} s");
    assert!(skipped < ticks / 2.0, "{skipped} skipped");

    let output = bots.report();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.starts_with("4 of 4 bots") && !said.contains("FAILED: "), "{said}");
    assert!(server.end("TERM").0.success());
}
