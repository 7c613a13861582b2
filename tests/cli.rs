//! The command as a person types it: what it prints, how it fails, how it stops.

#![cfg(unix)]
#![allow(clippy::disallowed_methods, reason = "real processes live in real time")]

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

fn tickwire(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tickwire"));
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(args: &[&str]) -> Output {
    tickwire(args).output().expect("the binary starts")
}

/// A server on a free port and the port it printed.
fn serve(args: &[&str]) -> (Child, u16) {
    let mut child = tickwire(&[&["--bind", "127.0.0.1:0"], args].concat()).spawn().expect("the binary starts");
    let mut line = String::new();
    let out = child.stdout.as_mut().expect("a pipe");
    BufReader::new(out).read_line(&mut line).expect("it says where it serves");
    let port = line.trim_end().rsplit(':').next().and_then(|port| port.parse().ok());
    (child, port.unwrap_or_else(|| panic!("no port in {line:?}")))
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args(["-s", name, &child.id().to_string()]).status();
    assert!(sent.expect("kill starts").success());
}

#[test]
fn a_port_in_use_is_one_clear_line() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("a bound socket").to_string();
    let output = run(&["--bind", &address]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.contains(&address) && text.to_lowercase().contains("in use"), "{text}");
}

#[test]
fn bad_values_name_the_option_the_value_and_what_is_right() {
    for (args, wanted) in [
        (["--tick-rate", "121"], "1 to 120"),
        (["--tick-rate", "fast"], "whole number from 1 to 120"),
        (["--bind", "localhost"], "--bind"),
        (["--workers", "0"], "1..=256"),
    ] {
        let output = run(&args);
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success());
        assert!(text.contains(args[0]) && text.contains(args[1]) && text.contains(wanted), "{text}");
    }
}

#[test]
fn term_and_interrupt_end_it_cleanly() {
    for name in ["TERM", "INT"] {
        let (mut child, port) = serve(&[]);
        let mut bots =
            tickwire(&["bots", "--url", &format!("ws://127.0.0.1:{port}/play"), "--players", "5", "--duration", "60"]);
        let mut bots = bots.spawn().expect("the binary starts");
        std::thread::sleep(Duration::from_secs(2));
        let start = Instant::now();
        signal(&child, name);
        let status = child.wait().expect("it ends");
        assert!(status.success(), "{name}: {status}");
        assert!(start.elapsed() < Duration::from_secs(10), "{name}: {:?}", start.elapsed());
        // Losing their server is a failure of the bots, and they say which.
        assert!(!bots.wait().expect("they end").success());
        let mut said = String::new();
        bots.stdout.take().expect("a pipe").read_to_string(&mut said).expect("text");
        assert!(said.contains("4001"), "{said}");
    }
}

#[test]
fn bots_without_a_server_say_so() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("a bound socket");
    let output = run(&["bots", "--url", &format!("ws://{free}/play"), "--players", "2", "--duration", "1"]);
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(text.to_lowercase().contains("refused"), "{text}");
}
