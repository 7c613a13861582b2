//! The command at its edges: signals under load, too many connections, certificates and keys that are no good, secrets.

#![cfg(unix)]
#![allow(clippy::disallowed_methods, reason = "real processes live in real time")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tickwire::wire::{ClientMessage, Hello, Join, PROTOCOL_VERSION, Role, encode_client};

const SECRET: &str = "a-secret-of-more-than-thirty-two-bytes";

/// The command under a limit of open files, with a secret.
fn tickwire(files: u32, args: &[&str]) -> Command {
    let mut command = Command::new("sh");
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("TICKWIRE_")) {
        command.env_remove(name);
    }
    command
        .args(["-c", &format!("ulimit -n {files}; exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_tickwire")])
        .args(args)
        .env("TICKWIRE_TOKEN_SECRET", SECRET)
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn run(args: &[&str]) -> Output {
    tickwire(1024, args).output().expect("the binary starts")
}

/// A server on a free port and the port it printed.
fn serve(files: u32, args: &[&str]) -> (Child, u16) {
    let mut child = tickwire(files, &[&["--bind", "127.0.0.1:0"], args].concat()).spawn().expect("the binary starts");
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().expect("a pipe")).read_line(&mut line).expect("it says where it serves");
    let port = line.trim_end().rsplit(':').next().and_then(|port| port.parse().ok());
    (child, port.unwrap_or_else(|| panic!("no port in {line:?}")))
}

fn bots(port: u16, players: &str, seconds: &str) -> Child {
    let url = format!("ws://127.0.0.1:{port}/play");
    tickwire(1024, &["bots", "--url", &url, "--players", players, "--duration", seconds]).spawn().expect("it starts")
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args(["-s", name, &child.id().to_string()]).status();
    assert!(sent.expect("kill starts").success());
}

fn ask(port: u16, head: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    stream.write_all(head.as_bytes()).expect("it reads");
    let mut answer = Vec::new();
    let mut byte = [0];
    while !answer.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
        answer.push(byte[0]);
    }
    (stream, String::from_utf8_lossy(&answer).into_owned())
}

const HEALTH: &str = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
const UPGRADE: &str = "GET /play HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Protocol: tickwire.v1\r\n\r\n";

#[test]
fn it_drains_under_load_and_a_second_signal_hurries_it() {
    for (first, second) in [("TERM", None), ("INT", None), ("TERM", Some("TERM")), ("TERM", Some("INT"))] {
        let (mut child, port) = serve(1024, &[]);
        let mut load = bots(port, "40", "60");
        std::thread::sleep(Duration::from_secs(3));
        // Nobody is who says nothing, until the server looks: about a second.
        let (_silent, head) = ask(port, UPGRADE);
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        let start = Instant::now();
        signal(&child, first);
        std::thread::sleep(Duration::from_millis(100));
        match second {
            Some(second) => signal(&child, second),
            None => {
                for head in [HEALTH, UPGRADE] {
                    let (_, answer) = ask(port, head);
                    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("retry-after"), "{answer}");
                }
            }
        }
        let status = child.wait().expect("it ends");
        let took = start.elapsed();
        println!("{first} {second:?}: {status} after {took:?}");
        assert_eq!(status.code(), Some(if second.is_some() { 130 } else { 0 }));
        assert!(took < Duration::from_secs(10), "{took:?}");
        assert!(!load.wait().expect("they end").success(), "the bots lost their server");
    }
}

#[test]
fn without_descriptors_left_players_play_on() {
    let (mut child, port) = serve(160, &["--most-sessions", "20", "--workers", "1", "--room-threads", "1"]);
    let playing = bots(port, "4", "12");
    std::thread::sleep(Duration::from_secs(3));
    let flood: Vec<TcpStream> = (0..300).filter_map(|_| TcpStream::connect(("127.0.0.1", port)).ok()).collect();
    std::thread::sleep(Duration::from_secs(2));
    drop(flood);
    let output = playing.wait_with_output().expect("they end");
    let text = String::from_utf8_lossy(&output.stdout);
    let start = Instant::now();
    while !ask(port, HEALTH).1.starts_with("HTTP/1.1 200") {
        assert!(start.elapsed() < Duration::from_secs(10), "it does not recover");
    }
    signal(&child, "TERM");
    assert!(child.wait().expect("it ends").success());
    // 3: all was well, and the machine too busy to judge times.
    assert!(matches!(output.status.code(), Some(0 | 3)), "{text}");
}

#[test]
fn what_is_no_certificate_or_key_is_one_clear_line() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).expect("a writable folder");
        path.display().to_string()
    };
    let made = || rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let (one, other) = (made(), made());
    let cert = write("edge.crt", &one.cert.pem());
    let key = write("edge.key", &one.signing_key.serialize_pem());
    let others = write("edge-other.key", &other.signing_key.serialize_pem());
    let nonsense = write("edge-nonsense", "nonsense");
    for (args, wanted) in [
        (vec!["--tls-cert", &cert], "tls_key is not"),
        (vec!["--tls-cert", "/no/such/file", "--tls-key", &key], "/no/such/file"),
        (vec!["--tls-cert", &nonsense, "--tls-key", &key], "no certificate"),
        (vec!["--tls-cert", &cert, "--tls-key", &nonsense], "no private key"),
        (vec!["--tls-cert", &cert, "--tls-key", &others], "no pair"),
        (vec!["--token-key", &format!("a={nonsense}")], "too short"),
        (vec!["--token-key", &format!("a={cert}")], "no Ed25519 key"),
    ] {
        let output = run(&args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.lines().count() == 1 && said.contains(wanted), "{said}");
        assert!(output.stdout.is_empty(), "it does not say that it serves");
    }
    let (mut child, port) = serve(1024, &["--tls-cert", &cert, "--tls-key", &key]);
    assert_eq!(ask(port, HEALTH).1.find("HTTP"), None, "plain HTTP is not spoken");
    signal(&child, "TERM");
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn neither_secrets_nor_tokens_are_written_down() {
    let shown = run(&["config"]);
    let text = String::from_utf8_lossy(&shown.stdout);
    assert!(shown.status.success() && !text.contains(SECRET), "{text}");
    let line = text.lines().find(|line| line.starts_with("token_secret = \"\"")).expect("a line");
    assert!(line.ends_with("TICKWIRE_TOKEN_SECRET (not shown)"), "{line}");
    let bad = tickwire(1024, &["config"]).env("TICKWIRE_TOKEN_SECRET", "1e5").output().expect("the binary starts");
    let said = String::from_utf8_lossy(&bad.stderr);
    assert!(said.contains("32 bytes") && !said.contains("1e5") && said.lines().count() == 1, "{said}");

    let token = run(&["token", "--sub", "ada", "--name", "Ada", "--for", "10m"]);
    let token = String::from_utf8(token.stdout).expect("text");
    let token = token.trim_end();
    assert_eq!(token.split('.').count(), 3, "{token}");
    let (mut child, port) = serve(1024, &["--guests", "false", "--log", "trace"]);
    for token in [token, &token[..token.len() - 3]] {
        let (mut stream, head) = ask(port, UPGRADE);
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        let join = Join::JoinOrCreate { game: "arena".to_owned(), options: Vec::new() };
        let (name, player) = ("tester".to_owned(), Vec::new());
        let (version, role, token) = (PROTOCOL_VERSION, Role::Player, Some(token));
        let hello = Hello { version, join, role, name, player, resume: None, token, rate: 0 };
        let hello = encode_client(&ClientMessage::Hello(hello));
        let mut frame = vec![0x82, 0xfe];
        frame.extend((hello.len() as u16).to_be_bytes());
        frame.extend([0; 4]);
        frame.extend(hello);
        stream.write_all(&frame).expect("it reads");
        stream.read_exact(&mut [0; 8]).expect("an answer");
    }
    // Logs are read while the server writes, or it would wait for a full pipe.
    let mut stderr = child.stderr.take().expect("a pipe");
    let reading = std::thread::spawn(move || {
        let mut said = String::new();
        stderr.read_to_string(&mut said).expect("text");
        said
    });
    signal(&child, "TERM");
    assert!(child.wait().expect("it ends").success());
    let said = reading.join().expect("it reads");
    assert!(said.contains("seated") && said.contains("token refused"), "{said}");
    let [_, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("three parts") };
    assert!(!said.contains(payload) && !said.contains(&signature[..20]) && !said.contains(SECRET), "{said}");
}
