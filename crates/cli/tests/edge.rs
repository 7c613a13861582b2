//! The command at its limits: signals under load, too many connections, invalid certificates and keys, secrets.

#![cfg(unix)]
#![allow(clippy::disallowed_methods, reason = "real processes live in real time")]

mod process;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use process::{Bots, SUBPROTOCOL, Server, ask, upgrade};
use tickwire::wire::{ClientMessage, Hello, Join, encode_client};

const SECRET: &str = "a-secret-of-more-than-thirty-two-bytes";
const HEALTH: &str = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// The command under a limit of open files, with a secret.
fn tickwire(files: usize, args: &[&str]) -> Command {
    let mut command = process::command("sh");
    command
        .args(["-c", &format!("ulimit -n {files}; exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_tickwire")])
        .args(args)
        .env("TICKWIRE_TOKEN_SECRET", SECRET);
    command
}

fn run(args: &[&str]) -> Output {
    tickwire(1024, args).output().expect("the binary starts")
}

fn serve(files: usize, args: &[&str]) -> Server {
    Server::start(&mut tickwire(files, &[]), args)
}

fn bots(server: &Server, players: &str, seconds: &str) -> Bots {
    Bots::start(tickwire(1024, &[]), server, &["--players", players, "--duration", seconds])
}

#[test]
fn it_drains_under_load_and_a_second_signal_hurries_it() {
    for (first, second) in [("TERM", None), ("INT", None), ("TERM", Some("TERM")), ("TERM", Some("INT"))] {
        let mut server = serve(1024, &[]);
        let load = bots(&server, "40", "60");
        std::thread::sleep(Duration::from_secs(3));
        // The server ends a connection without a hello at its alarm, within about a second.
        let (_silent, head) = ask(server.port, &upgrade(SUBPROTOCOL));
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        let start = Instant::now();
        server.signal(first);
        std::thread::sleep(Duration::from_millis(100));
        match second {
            Some(second) => server.signal(second),
            None => {
                let (_, answer) = ask(server.port, HEALTH);
                assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("retry-after"), "{answer}");
                let (mut refused, head) = ask(server.port, &upgrade(SUBPROTOCOL));
                let mut told = Vec::new();
                refused.read_to_end(&mut told).expect("it closes");
                // The time to come back, and the close code 4001.
                assert!(head.starts_with("HTTP/1.1 101"), "{head}");
                assert!(told.windows(2).any(|code| code == 4001u16.to_be_bytes()), "{told:?}");
            }
        }
        let status = server.wait();
        let took = start.elapsed();
        println!("{first} {second:?}: {status} after {took:?}");
        assert_eq!(status.code(), Some(if second.is_some() { 130 } else { 0 }));
        assert!(took < Duration::from_secs(10), "{took:?}");
        let load = load.report();
        let said = String::from_utf8_lossy(&load.stdout);
        // Losing their server is a failure of the bots, and they say which.
        assert!(!load.status.success() && (second.is_some() || said.contains("4001")), "{said}");
    }
}

#[test]
fn without_descriptors_left_players_play_on() {
    const FILES: usize = 160;
    let server = serve(FILES, &["--most-sessions", "20", "--workers", "1", "--room-threads", "1"]);
    let playing = bots(&server, "4", "12");
    std::thread::sleep(Duration::from_secs(3));
    let flood: Vec<TcpStream> = (0..300).filter_map(|_| TcpStream::connect(server.address()).ok()).collect();
    let start = Instant::now();
    let mut most = 0;
    while start.elapsed() < Duration::from_secs(2) {
        most = most.max(server.count("fd"));
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(most >= FILES, "descriptors ran out: {most}");
    drop(flood);
    let output = playing.report();
    let text = String::from_utf8_lossy(&output.stdout);
    let start = Instant::now();
    while !ask(server.port, HEALTH).1.starts_with("HTTP/1.1 200") {
        assert!(start.elapsed() < Duration::from_secs(10), "it does not recover");
    }
    assert!(server.end("TERM").0.success());
    // 3: no objective failed, and the machine was too busy to judge times.
    assert!(matches!(output.status.code(), Some(0 | 3)), "{text}");
}

#[test]
fn a_certificate_that_expires_in_use_is_told_before_and_after() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let write = |name: &str, text: String| {
        let path = folder.join(name);
        std::fs::write(&path, text).expect("a writable folder");
        path.display().to_string()
    };
    let mut wanted = rcgen::CertificateParams::new(["localhost".to_owned()]).expect("a name");
    let now = Command::new("date").arg("+%s").output().expect("a clock").stdout;
    let now: u64 = String::from_utf8_lossy(&now).trim().parse().expect("seconds");
    wanted.not_after = rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(now + 4);
    let pair = rcgen::KeyPair::generate().expect("a key");
    let cert = write("expires.crt", wanted.self_signed(&pair).expect("a certificate").pem());
    let key = write("expires.key", pair.serialize_pem());
    let server = serve(1024, &["--tls-cert", &cert, "--tls-key", &key]);
    std::thread::sleep(Duration::from_secs(10));
    let (_, said) = server.end("TERM");
    let told = |what: &str| said.lines().filter(|line| line.contains("WARN") && line.contains(what)).count();
    assert_eq!(["the certificate expires soon", "the certificate has expired"].map(told), [1, 1], "{said}");
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
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.lines().count() == 1 && said.contains(wanted), "{said}");
        assert!(output.stdout.is_empty(), "it does not say that it serves");
    }
    let server = serve(1024, &["--tls-cert", &cert, "--tls-key", &key]);
    assert_eq!(ask(server.port, HEALTH).1.find("HTTP"), None, "plain HTTP is not spoken");
    assert!(server.end("TERM").0.success());
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
    let server = serve(1024, &["--guests", "false", "--log", "trace"]);
    for token in [token, &token[..token.len() - 3]] {
        let (mut stream, head) = ask(server.port, &upgrade(SUBPROTOCOL));
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        let join = Join::JoinOrCreate { game: "arena".to_owned(), options: Vec::new() };
        let hello = Hello { token: Some(token), ..Hello::new(join, "tester") };
        let hello = encode_client(&ClientMessage::Hello(hello));
        let mut frame = vec![0x82, 0xfe];
        frame.extend((hello.len() as u16).to_be_bytes());
        frame.extend([0; 4]);
        frame.extend(hello);
        stream.write_all(&frame).expect("it reads");
        stream.read_exact(&mut [0; 8]).expect("an answer");
    }
    let (status, said) = server.end("TERM");
    assert!(status.success());
    assert!(said.contains("seated") && said.contains("token refused"), "{said}");
    let [_, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("three parts") };
    assert!(!said.contains(payload) && !said.contains(&signature[..20]) && !said.contains(SECRET), "{said}");
}

#[test]
fn a_hangup_of_a_service_ends_nobody() {
    let server = serve(1024, &[]);
    let load = bots(&server, "4", "6");
    std::thread::sleep(Duration::from_secs(2));
    for _ in 0..3 {
        server.signal("HUP");
        std::thread::sleep(Duration::from_millis(200));
    }
    let load = load.report();
    assert!(load.status.success(), "{}", String::from_utf8_lossy(&load.stdout));
    let (status, said) = server.end("TERM");
    assert!(status.success(), "{status}");
    assert!(said.contains("SIGHUP: nothing is read again but certificates"), "{said}");
}

#[test]
fn refusals_are_logged_with_their_setting_and_do_not_fill_the_log() {
    let server = serve(1024, &["--most-sessions", "1000", "--require-origin", "true"]);
    for number in 0..50 {
        let origin = format!("Origin: http://evil-{number}.example\r\nX-Forwarded-For: 9.9.9.{number}\r\n");
        let tunnel = HEALTH.replace("Host: localhost", "Host: a.tunnel.example");
        assert!(ask(server.port, &upgrade(&format!("{SUBPROTOCOL}{origin}"))).1.starts_with("HTTP/1.1 101"));
        assert!(ask(server.port, &upgrade(SUBPROTOCOL)).1.starts_with("HTTP/1.1 101"));
        assert!(ask(server.port, &tunnel).1.starts_with("HTTP/1.1 403"));
        assert!(ask(server.port, &upgrade("")).1.starts_with("HTTP/1.1 400"));
    }
    assert_eq!(server.counted("tickwire_refusals_total"), 200.0);
    let (status, said) = server.end("TERM");
    assert!(status.success());
    let lines: Vec<&str> =
        said.lines().filter(|line| line.contains("was refused") || line.contains("ignored")).collect();
    assert_eq!(lines.len(), 5, "{said}");
    for (what, setting) in [
        ("evil-0.example", "setting=\"origins\""),
        ("no_origin", "setting=\"require_origin\""),
        ("a.tunnel.example", "setting=\"hosts\""),
        ("handshake", "PROXIES.md"),
        ("x-forwarded-for", "trusted_proxies"),
    ] {
        assert!(lines.iter().any(|line| line.contains(what) && line.contains(setting)), "{what}: {said}");
    }
}
