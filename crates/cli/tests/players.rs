//! Bots of games that they do not know, and of one that they do: against servers of these games over real sockets.

#![cfg(unix)]
#![allow(clippy::disallowed_methods, reason = "real sockets live in real time")]

#[path = "../../../examples/smallest/dots.rs"]
mod dots;
mod process;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use dots::{Dot, Steer};
use process::free_port;
use tickwire::game::Player;
use tickwire::prelude::*;
use tickwire::wire::EventBody;
use tickwire_cli::bots::{Actions, Behaviour, Config as BotsConfig, Pilot, Report, Seen, Verify, input_values};
use tokio::sync::oneshot;

/// A server of the guide's game and of `Bell`.
struct TestServer {
    port: u16,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl TestServer {
    fn start(config: Config) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("a bound socket").port();
        let (stop, stopped) = oneshot::channel();
        let config = Config { workers: 1, room_threads: 1, ..config };
        let thread = std::thread::spawn(move || {
            let served = actix_web::rt::System::new().block_on(async {
                let server = Server::new(config)
                    .game("dots", |_| Ok(Box::new(dots::Dots::default())))
                    .game("bell", |_| Ok(Box::new(Bell::default())));
                server.run(listener, async { drop(stopped.await) }).await
            });
            served.expect("the server runs");
        });
        Self { port, stop: Some(stop), thread: Some(thread) }
    }

    fn url(&self) -> String {
        format!("ws://127.0.0.1:{}/play", self.port)
    }

    fn config(&self, game: &str, players: Vec<Behaviour>) -> BotsConfig {
        let (url, game, verify) = (self.url(), game.to_owned(), Verify::All);
        BotsConfig { url, game, players, verify, duration: Duration::from_secs(2), ..BotsConfig::default() }
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A game of messages: whoever rings is heard by all.
#[derive(Default)]
struct Bell(Players<Ringer>);

#[derive(Row)]
struct Ringer {
    #[row(range = 0..=1000)]
    rings: u16,
}

#[derive(Message)]
enum Command_ {
    Ring { times: u16 },
}

#[derive(Message)]
enum Rung {
    Rung { by: Seat },
}

#[tickwire::game]
impl TypedGame for Bell {
    type Rows = Ringer;
    type Command = Command_;
    type Event = Rung;
    fn join(&mut self, player: &Player, cx: &mut Context) -> Result<EntityId, Refused> {
        Ok(self.0.join(player.seat, Ringer { rings: 0 }, cx))
    }
    fn leave(&mut self, seat: Seat, _: &mut Context) {
        self.0.leave(seat);
    }
    fn step(&mut self, _: Inputs<()>, _: &mut Context) {}
    fn command(&mut self, by: Seat, command: Command_, cx: &mut Context) {
        let Command_::Ring { times } = command;
        self.0[by].rings += times;
        cx.send(Recipients::All, &Rung::Rung { by });
    }
    fn write_snapshot(&self, out: &mut RowWriter<Ringer>) {
        out.entities(&self.0);
    }
}

fn run(config: &BotsConfig) -> Report {
    let report = tickwire_cli::bots::run(config, |_| {}).expect("bots run");
    println!("{report}\n");
    report
}

#[test]
fn bots_move_every_dot_of_the_guides_game() {
    let server = TestServer::start(Config::default());
    let report = run(&server.config("dots", vec![Behaviour::Wander; 8]));
    assert!(report.passed, "{report}");
    assert_eq!((report.players_seen, report.players_moved), (8, 8), "{report}");
    assert!(report.inputs_undriven.is_empty(), "{report}");
}

/// Presses nothing: as bots once did that knew no whole numbers.
struct Lazy;

impl Pilot for Lazy {
    fn input(&mut self, _: &Seen<'_>) -> Option<Vec<i32>> {
        Some(input_values(&Steer { x: 0, y: 0 }))
    }
}

#[test]
fn bots_that_move_nothing_fail_unless_that_is_allowed() {
    let server = TestServer::start(Config::default());
    let still = server.config("dots", vec![Behaviour::own(|_| Lazy); 3]);
    let report = run(&still);
    assert_eq!((report.verdict.exit_code(), report.players_seen, report.players_moved), (1, 3, 0), "{report}");
    let said = report.to_string();
    for wanted in ["failed: nobody moved: the entities of 3 bots", "never driven: x, y", "--slo nobody_moved=1"] {
        assert!(said.contains(wanted), "{said}");
    }
    let allowed = "nobody_moved=1".parse().expect("an objective");
    assert!(run(&BotsConfig { objectives: vec![allowed], ..still }).passed);
    let idle = run(&server.config("dots", vec![Behaviour::Idle; 3]));
    assert!(idle.passed && idle.players_seen == 0, "idlers are not to move: {idle}");
}

/// Rings twice, says so, and counts what it hears.
struct Ring {
    rung: u32,
    heard: Arc<AtomicUsize>,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Pilot for Ring {
    fn input(&mut self, seen: &Seen<'_>) -> Option<Vec<i32>> {
        assert_eq!(seen.rows_of::<Ringer>().count(), seen.rows(tickwire::KindId(0)).count());
        Some(Vec::new())
    }

    fn act(&mut self, seen: &Seen<'_>, actions: &mut Actions) {
        if self.rung < 2 && seen.own_row::<Ringer>().is_some() {
            self.rung += 1;
            actions.send(&Command_::Ring { times: 3 });
            actions.chat(&[], "it rang");
        }
    }

    fn event(&mut self, event: &EventBody<'_>) {
        match event {
            EventBody::Game { kind, body } => {
                let Rung::Rung { by: Seat(_) } = Rung::from_body(*kind, body).expect("an event of the game");
                self.heard.fetch_add(1, Ordering::Relaxed);
            }
            EventBody::Chat { text, .. } => self.lines.lock().expect("no panic").push(text.to_string()),
            _ => {}
        }
    }
}

#[test]
fn pilots_of_the_games_own_send_commands_and_chat_within_the_judged_swarm() {
    let server = TestServer::start(Config::default());
    let (heard, lines) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
    let (counter, said) = (heard.clone(), lines.clone());
    let ring = Behaviour::own(move |_| Ring { rung: 0, heard: counter.clone(), lines: said.clone() });
    let report = run(&BotsConfig { ramp: Duration::ZERO, ..server.config("bell", vec![ring; 2]) });
    assert!(report.passed, "{report}");
    assert_eq!((report.players_seen, report.players_moved), (2, 2), "who has rung has another row: {report}");
    // Each of two ringers hears what came after it had joined: at least its own.
    assert!((4..=8).contains(&heard.load(Ordering::Relaxed)), "{heard:?}");
    assert!(lines.lock().expect("no panic").iter().filter(|line| *line == "it rang").count() >= 4, "{lines:?}");
}

/// Returns too many values.
struct Clumsy;

impl Pilot for Clumsy {
    fn input(&mut self, seen: &Seen<'_>) -> Option<Vec<i32>> {
        seen.own_row::<Dot>().map(|_| vec![1, 2, 3])
    }
}

#[test]
fn a_pilot_that_asks_for_what_the_game_does_not_admit_fails_by_its_name() {
    let server = TestServer::start(Config::default());
    let report = run(&server.config("dots", vec![Behaviour::own(|_| Clumsy)]));
    assert_eq!(report.verdict.exit_code(), 1);
    let first = &report.failures["pilot"].first;
    assert!(first.contains("[1, 2, 3]") && first.contains("(x, y)"), "{first}");
}

fn file(name: &str, text: &str) -> String {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).expect("a writable folder");
    path.to_string_lossy().into_owned()
}

fn bots(url: &str, more: &[&str]) -> Output {
    let args = ["bots", "--url", url, "--game", "dots", "--players", "2", "--ramp", "0", "--duration", "1"];
    process::command(env!("CARGO_BIN_EXE_tickwire")).args(args).args(more).output().expect("the binary starts")
}

/// Whether the run passed, if this machine had the time for a verdict.
fn passed(output: &Output) -> bool {
    let said = String::from_utf8_lossy(&output.stdout);
    output.status.success() || (output.status.code() == Some(3) && said.contains("no verdict: the bots"))
}

#[test]
fn bots_have_names_and_join_tokens() {
    let secret = "a-secret-of-more-than-thirty-two-bytes";
    let key = format!("k={}", file("players.key", secret));
    let config = Config { token_keys: vec![key.clone()], guests: false, ..Config::default() };
    let server = TestServer::start(config);
    let refused = bots(&server.url(), &[]);
    let said = String::from_utf8_lossy(&refused.stdout).into_owned();
    assert!(refused.status.code() == Some(1) && said.contains("4501"), "{said}");
    let admitted = bots(&server.url(), &["--token-key", &key, "--name", "Robin"]);
    assert!(passed(&admitted), "{}", String::from_utf8_lossy(&admitted.stdout));
    let short = format!("k={}", file("short.key", "short"));
    let unusable = bots(&server.url(), &["--token-key", &short]);
    let said = String::from_utf8_lossy(&unusable.stderr);
    assert!(unusable.status.code() == Some(2) && said.contains("--token-key") && said.contains("32 bytes"), "{said}");
}

#[test]
fn bots_play_over_tls_with_a_certificate_that_they_are_told_to_trust() {
    let wanted = rcgen::CertificateParams::new(["localhost".to_owned()]).expect("a name");
    let key = rcgen::KeyPair::generate().expect("a key");
    let cert = file("players.crt", &wanted.self_signed(&key).expect("a certificate").pem());
    let key = file("players-tls.key", &key.serialize_pem());
    let config = Config { tls_cert: (&cert).into(), tls_key: key.into(), ..Config::default() };
    let server = TestServer::start(config);
    let url = format!("wss://localhost:{}/play", server.port);
    let trusting = bots(&url, &["--ca", &cert, "--slo", "tick_p99=10s"]);
    assert!(passed(&trusting), "{}", String::from_utf8_lossy(&trusting.stdout));
    let stranger = bots(&url, &[]);
    let said = String::from_utf8_lossy(&stranger.stderr);
    assert!(stranger.status.code() == Some(2) && said.contains("certificate"), "{said}");
    let missing = bots(&url, &["--ca", "no-such.crt"]);
    let said = String::from_utf8_lossy(&missing.stderr);
    assert!(missing.status.code() == Some(2) && said.contains("no-such.crt"), "{said}");
}

/// A server that answers every connection with these bytes, of a protocol that bots do not speak.
fn answering(text: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("a bound socket").port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut request = [0; 1024];
            let _ = stream.read(&mut request);
            let _ = stream.write_all(text.as_bytes());
        }
    });
    port
}

#[test]
fn a_wrong_address_is_one_line_that_says_what_is_there_and_what_was_meant() {
    let server = TestServer::start(Config::demo());
    let (port, ssh) = (server.port, answering("SSH-2.0-OpenSSH_9.6\r\n"));
    let other = answering("HTTP/1.1 404 Not Found\r\ncontent-type: text/plain\r\ncontent-length: 7\r\n\r\nno such");
    let free = free_port();
    let meant = format!("a Tickwire server is at ws://127.0.0.1:{port}/play");
    for (typed, wanted) in [
        (format!("ws://127.0.0.1:{port}/"), vec!["no endpoint of rooms", "404 Not Found", &meant]),
        (format!("ws://127.0.0.1:{port}"), vec![&meant]),
        (format!("ws://127.0.0.1:{port}/rooms"), vec!["404 Not Found", &meant]),
        (format!("http://127.0.0.1:{port}/"), vec!["a page", &format!("ws://127.0.0.1:{port}/play")]),
        (format!("https://127.0.0.1:{port}/play"), vec![&format!("wss://127.0.0.1:{port}/play")]),
        (format!("127.0.0.1:{port}"), vec![&format!("did you mean ws://127.0.0.1:{port}/play?")]),
        (format!("ws://127.0.0.1:{free}/play"), vec!["cannot connect", "refused"]),
        (format!("ws://127.0.0.1:{ssh}/play"), vec!["speaks no HTTP"]),
        (format!("ws://127.0.0.1:{other}/game"), vec!["404 Not Found: no such", "ends with /play"]),
        ("play".to_owned(), vec!["ws://"]),
        ("ws://".to_owned(), vec!["such as ws://127.0.0.1:8080/play"]),
    ] {
        let output = bots(&typed, &[]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{typed}: {said}");
        assert_eq!(said.lines().count(), 1, "{typed}: {said}");
        assert!(said.contains(&typed) && wanted.iter().all(|wanted| said.contains(wanted)), "{typed}: {said}");
        println!("{}", said.trim_end());
    }
}

/// Runs bots for a minute, interrupts them when they have had the time that `after` says, and returns what they said.
fn interrupted(url: &str, after: Duration, more: &[&str]) -> (Option<i32>, String, Duration) {
    let args = ["bots", "--url", url, "--game", "dots", "--players", "3", "--duration", "60"];
    let mut command = process::command(env!("CARGO_BIN_EXE_tickwire"));
    let child = command.args(args).args(more).spawn().expect("the binary starts");
    std::thread::sleep(after);
    let start = Instant::now();
    let sent = Command::new("kill").args(["-s", "INT", &child.id().to_string()]).stdout(Stdio::null()).status();
    assert!(sent.expect("kill starts").success());
    let output = child.wait_with_output().expect("it ends");
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned(), start.elapsed())
}

#[test]
fn ctrl_c_ends_a_run_with_its_report() {
    let server = TestServer::start(Config::default());
    let json = Path::new(env!("CARGO_TARGET_TMPDIR")).join("interrupted.json");
    let written = json.to_string_lossy().into_owned();
    let (code, said, took) = interrupted(&server.url(), Duration::from_secs(3), &["--json", &written]);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("3 of 3 bots") && said.contains("no verdict: interrupted after"), "{said}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    let figures: serde_json::Value = serde_json::from_slice(&std::fs::read(json).expect("a file")).expect("JSON");
    assert_eq!(figures["interrupted"], true);
    assert!(figures["frames"].as_u64().is_some_and(|frames| frames > 30), "{figures}");
    // Also while some have not joined yet.
    let (code, said, took) = interrupted(&server.url(), Duration::from_secs(2), &["--ramp", "3600"]);
    assert!(code == Some(3) && said.contains("1 of 3 bots"), "{said}");
    assert!(took < Duration::from_secs(5), "{took:?}");
}
