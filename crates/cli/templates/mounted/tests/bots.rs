//! Bots with join tokens play over real sockets; bots without one are refused.

use std::future::pending;
use std::net::TcpListener;
use std::process::{Command, Output};
use std::thread;

const SECRET: &str = "the secret of the tests, which has enough bytes";

fn bots(url: &str, secret: &str) -> Output {
    // The command that made this project; name another one in the variable TICKWIRE.
    let command = std::env::var("TICKWIRE").unwrap_or("tickwire".to_owned());
    let mut bots = Command::new(&command);
    bots.args(["bots", "--url", url, "--game", "__NAME__", "--players", "6", "--duration", "3"]);
    bots.env("TICKWIRE_TOKEN_SECRET", secret);
    let output = bots.output().unwrap_or_else(|error| panic!("cannot start {command} (see README.md): {error}"));
    println!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    output
}

#[test]
fn bots_play_with_a_token_and_not_without() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("ws://{}/play", listener.local_addr().expect("a bound socket"));
    let serve = || __CRATE__::serve(listener, SECRET, None, pending());
    thread::spawn(move || actix_web::rt::System::new().block_on(serve()).expect("the server runs"));
    let guests = bots(&url, "");
    let players = bots(&url, SECRET);
    assert_eq!(guests.status.code(), Some(1), "guests are refused");
    // 0: every objective was met. 3: so was every one that does not depend on time, and the machine was busy.
    assert!(matches!(players.status.code(), Some(0 | 3)), "the bots found a fault");
}
