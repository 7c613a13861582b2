//! Bots that know nothing of the game play it for some seconds over real sockets, and check every frame.

use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn bots_play_and_every_frame_is_right() {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
    thread::spawn(move || __CRATE__::serve(free, None).expect("the server runs"));
    let start = Instant::now();
    while TcpStream::connect(free).is_err() {
        assert!(start.elapsed() < Duration::from_secs(10), "the server does not listen");
        thread::sleep(Duration::from_millis(20));
    }
    // The command that made this project; name another one in the variable TICKWIRE.
    let command = std::env::var("TICKWIRE").unwrap_or("tickwire".to_owned());
    let url = format!("ws://{free}/play");
    let mut bots = Command::new(&command);
    bots.args(["bots", "--url", &url, "--game", "__NAME__", "--players", "6", "--duration", "3"]);
    let output = bots.output().unwrap_or_else(|error| panic!("cannot start {command} (see README.md): {error}"));
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    println!("{said}");
    // 0: every objective was met. 3: so was every one that does not depend on time, and the machine was busy.
    assert!(matches!(output.status.code(), Some(0 | 3)), "the bots found a fault");
}
