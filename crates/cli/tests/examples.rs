//! The examples that need a bot are played, not only compiled.

#![allow(clippy::disallowed_methods, reason = "real sockets live in real time")]

#[path = "../../../examples/ecs.rs"]
#[allow(dead_code, reason = "its main is not called here")]
mod ecs;
#[path = "../examples/headless_bot.rs"]
#[allow(dead_code, reason = "its main is not called here")]
mod headless_bot;
#[path = "../../../examples/mounted.rs"]
#[allow(dead_code, reason = "its main is not called here")]
mod mounted;
#[path = "../../../tests/server/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "shared with the server's own tests")]
mod support;

use std::future::Future;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use support::TestServer;
use tickwire::Close;
use tickwire::wire::Join;
use tickwire_cli::bots::{Pilot, PlayError, Seen, play};
use tickwire_games::arena::AVATAR;
use tokio::sync::oneshot;

fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async { tokio::time::timeout(support::PATIENT, future).await.expect("it ends in time") })
}

fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("the server listens");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}

/// Walks until the server ends its session, and reports once that it walks.
struct Walker(Option<oneshot::Sender<()>>, Option<[i32; 2]>);

impl Pilot for Walker {
    fn input(&mut self, seen: &Seen<'_>) -> Option<Vec<i32>> {
        let own = seen.own(AVATAR).expect("the own avatar");
        let start = *self.1.get_or_insert([own[0], own[1]]);
        if start != own[..2]
            && let Some(tell) = self.0.take()
        {
            tell.send(()).expect("somebody listens");
        }
        let heading = i32::try_from(seen.tick().0 % 256).expect("it is small");
        Some(vec![heading, 1, 0, 0])
    }
}

#[test]
fn a_mounted_game_lives_beside_other_routes_and_drains_with_them() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("a bound socket");
    let (stop, stopped) = oneshot::channel::<()>();
    let app = std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(mounted::run(listener, async {
            let _ = stopped.await;
        }))
    });
    assert!(get(address, "/").ends_with("\r\n\r\n0 playing; the game is below /game/\n"));
    let moved = get(address, "/game?room=abc");
    assert!(moved.starts_with("HTTP/1.1 308") && moved.contains("location: ./game/?room=abc\r\n"), "{moved}");
    assert!(get(address, "/game/").contains("<script type=\"module\" src=\"demo/main.js\">"));
    assert!(get(address, "/game/client/index.js").starts_with("HTTP/1.1 200"));
    assert!(get(address, "/game/healthz").ends_with("ok\n"));
    assert!(get(address, "/game/api/rooms/abc/qr.svg?scheme=http").starts_with("HTTP/1.1 200"));
    assert!(get(address, "/healthz").starts_with("HTTP/1.1 404"));

    let (tell, walks) = oneshot::channel();
    let bot = std::thread::spawn(move || {
        let join = Join::JoinOrCreate { game: "arena".to_owned(), options: Vec::new() };
        wait(play(&format!("ws://{address}/game/play"), join, "walker", Walker(Some(tell), None)))
    });
    wait(walks).expect("the bot walks");
    assert!(get(address, "/").contains("1 playing"));
    stop.send(()).expect("the app runs");
    app.join().expect("the app does not panic").expect("it ends well");
    let ended = bot.join().expect("the bot does not panic").err();
    let draining = Close::Draining.code();
    assert!(matches!(&ended, Some(PlayError::Closed { code, .. }) if *code == draining), "{ended:?}");
}

#[test]
fn a_headless_bot_collects_coins() {
    let server = TestServer::run(ecs::server);
    let url = format!("ws://{}/play", server.address);
    let collector = wait(headless_bot::run(&url, 2)).expect("it plays to its end");
    assert_eq!((collector.enough, collector.missed), (2, 0));
    server.wait_for_metric("tickwire_sessions", 0.0);
}

/// A pilot that always makes this input.
struct Stubborn(Vec<i32>);

impl Pilot for Stubborn {
    fn input(&mut self, _: &Seen<'_>) -> Option<Vec<i32>> {
        Some(self.0.clone())
    }
}

#[test]
fn a_bot_is_told_what_went_wrong() {
    let server = TestServer::run(ecs::server);
    let url = format!("ws://{}/play", server.address);
    let attempt = |url: &str, game: &str, input: &[i32]| {
        let join = Join::JoinOrCreate { game: game.to_owned(), options: Vec::new() };
        wait(play(url, join, "Stubborn", Stubborn(input.to_vec()))).err().expect("it ends badly").to_string()
    };
    assert!(attempt(&url, "coins", &[2, 0]).starts_with("the input [2, 0] has"));
    assert!(attempt(&url, "coins", &[0]).starts_with("the input [0] has"));
    let no_room = format!("closed with {}: there is no game \"chess\"; there are coins", Close::NoSuchRoom.code());
    assert_eq!(attempt(&url, "chess", &[]), no_room);
    assert!(attempt(&url.replace("/play", "/healthz"), "coins", &[]).starts_with("connection: "));
}
