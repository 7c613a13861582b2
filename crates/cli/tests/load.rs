//! `tickwire bots` as an instrument, against the shipped server over real sockets: objectives and verdicts, churn, links,
//! hostile bots, the search for the most bots that a server holds, the report page.

#![allow(clippy::disallowed_methods, reason = "real sockets live in real time")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};
use std::thread::JoinHandle;
use std::time::Duration;

use tickwire::engine::link::{Outage, Profile};
use tickwire::server::{Config as ServerConfig, Server};
use tickwire_cli::bots::{Attack, Behaviour, Config, Outcome, Report, Search, Verdict, Verify, find_max, page};
use tokio::sync::oneshot;

struct TestServer {
    url: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl TestServer {
    fn start(most_sessions: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("ws://{}/play", listener.local_addr().expect("a bound socket"));
        let (stop, stopped) = oneshot::channel();
        let config = ServerConfig { workers: 1, room_threads: 1, most_sessions, ..ServerConfig::default() };
        let thread = std::thread::spawn(move || {
            let served = actix_web::rt::System::new().block_on(async {
                let stopped = async { drop(stopped.await) };
                Server::new(config).games(tickwire_games::builtin()).run(listener, stopped).await
            });
            served.expect("the server runs");
        });
        Self { url, stop: Some(stop), thread: Some(thread) }
    }

    fn config(&self, players: usize, seconds: u64) -> Config {
        Config {
            url: self.url.clone(),
            players: vec![Behaviour::Wander; players],
            duration: Duration::from_secs(seconds),
            verify: Verify::All,
            ..Config::default()
        }
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

fn run(config: &Config) -> Report {
    let report = tickwire_cli::bots::run(config, |_| {}).expect("bots run");
    println!("{report}\n");
    report
}

fn demanding(config: Config, objectives: &[&str]) -> Config {
    let objectives = objectives.iter().map(|text| text.parse().expect("a good objective")).collect();
    Config { objectives, ..config }
}

fn outcome(report: &Report, name: &str) -> Outcome {
    report.objectives.iter().find(|judged| judged.name == name).expect("it was demanded").outcome
}

#[test]
fn objectives_are_held_or_broken_and_say_by_how_much() {
    let server = TestServer::start(1000);
    let wide = ["latency_p99=5s", "tick_p99=1s", "staleness_p99=5s", "bytes_down=100kB", "join_p99=5s", "skipped=500"];
    let held = run(&demanding(server.config(6, 2), &wide));
    assert!(held.passed, "{held}");
    assert_eq!(outcome(&held, "tick_p99"), Outcome::Held);
    let figures = held.server.expect("this server shows its metrics");
    assert!(figures.ticks >= 30 && figures.tick_p50_ms.is_some_and(|ms| ms > 0.0), "{figures:?}");
    assert!(held.series.len() >= 2 && held.series.iter().any(|sample| sample.live == 6));

    // The objective for bytes fails on any machine, so the verdict is certain however busy this one is.
    let broken = run(&demanding(server.config(2, 1), &["bytes_down=1", "latency_p50=0", "desync=0"]));
    assert_eq!((broken.passed, broken.verdict.exit_code()), (false, 1));
    assert_eq!(outcome(&broken, "latency_p50"), Outcome::Broken);
    assert_eq!(outcome(&broken, "desync"), Outcome::Held);
    let Verdict::Broken(reasons) = &broken.verdict else { panic!("{:?}", broken.verdict) };
    assert!(reasons.iter().any(|reason| reason.contains("bytes_down") && reason.contains("1 B/s")), "{reasons:?}");
}

/// The value of a counter of the server, all its labels added up.
fn counter(server: &TestServer, name: &str) -> u64 {
    let address = server.url.trim_start_matches("ws://").trim_end_matches("/play");
    let mut socket = TcpStream::connect(address).expect("the server listens");
    write!(socket, "GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").expect("a request");
    let mut text = String::new();
    socket.read_to_string(&mut text).expect("an answer");
    let values = text.lines().filter(|line| line.starts_with(name)).filter_map(|line| line.rsplit_once(' '));
    values.filter_map(|(_, value)| value.parse::<u64>().ok()).sum()
}

#[test]
fn bots_judge_how_the_game_feels_and_tell_the_server() {
    let server = TestServer::start(1000);
    let feel = ["feel_jumps=1000", "feel_age_p99=10s", "feel_silence=300ms"];
    let near = run(&demanding(server.config(4, 3), &feel));
    let felt = near.feel.expect("all bots rebuild the state");
    assert!(felt.digests >= 4 && felt.age_p99_ms > 20.0, "{felt:?}");
    assert_eq!(
        (outcome(&near, "feel_age_p99"), outcome(&near, "feel_jumps")),
        (Outcome::Held, Outcome::Held),
        "{near}"
    );
    let told = counter(&server, "tickwire_feel_digests_total");
    assert_eq!(told, 0, "three seconds are no digest yet");

    // A second without a frame, again and again, breaks the objective on any machine.
    let stall = Outage { for_ms: 1000.0, every_ms: 3000.0 };
    let stalls = Profile { rtt_ms: 20.0, stall: Some(stall), ..Profile::default() };
    let far = run(&Config { profile: Some(stalls), ..demanding(server.config(3, 13), &feel) });
    assert_eq!(outcome(&far, "feel_silence"), Outcome::Broken, "{far}");
    assert!(far.to_string().contains("without a frame"), "{far}");
    let told = counter(&server, "tickwire_feel_digests_total");
    assert!(told >= 3, "the server was told {told} times");
}

#[test]
fn churn_leaves_no_ghosts() {
    let server = TestServer::start(1000);
    let report = run(&Config { churn: 20.0, ..server.config(10, 4) });
    assert!(report.passed, "{report}");
    assert_eq!((report.ghosts, report.joined), (Some(0), 10));
    let churn = report.churn.expect("there was churn");
    assert_eq!(churn.said_farewell + churn.dropped, churn.came_back);
    assert!(churn.said_farewell.abs_diff(churn.dropped) <= 10 && churn.came_back >= 40, "{churn:?}");
}

#[test]
fn seats_that_nobody_sits_on_are_ghosts() {
    let server = TestServer::start(1000);
    // A player who is not one of the bots is counted as too many, as a ghost would be.
    let stranger = server.config(1, 6);
    let stranger = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(700));
        run(&stranger)
    });
    let report = run(&Config { churn: 2.0, ..server.config(3, 2) });
    assert_eq!((report.ghosts, report.verdict.exit_code()), (Some(1), 1), "{report}");
    assert!(stranger.join().expect("it plays").joined == 1);
}

#[test]
fn a_link_costs_what_its_profile_says() {
    let server = TestServer::start(1000);
    let profile = Profile { rtt_ms: 300.0, ..Profile::default() };
    let near = run(&server.config(4, 3));
    let far = run(&Config { profile: Some(profile), ..server.config(4, 3) });
    assert!(near.passed && far.passed, "{far}");
    // The median, because the tails depend on the machine.
    let longer = far.input_to_state.p50_ms - near.input_to_state.p50_ms;
    assert!((270.0..400.0).contains(&longer), "{longer} ms longer over a link of 300 ms");
    assert!(far.join.p50_ms - near.join.p50_ms > 600.0, "two round trips to connect, one to join");
}

#[test]
fn a_cut_link_comes_back() {
    let server = TestServer::start(1000);
    let cut = serde_json::from_str(r#"{ "rtt_ms": 10, "jitter_ms": 0, "cut": { "for_ms": 200, "every_ms": 1000 } }"#);
    let report = run(&Config { profile: Some(cut.expect("a profile")), ..server.config(4, 4) });
    assert!(report.passed && report.cuts >= 4, "{report}");
}

#[test]
fn hostile_bots_end_with_their_codes_and_the_others_do_not_notice() {
    let server = TestServer::start(1000);
    let report = run(&Config { hostile: 0.5, ..server.config(20, 3) });
    assert_eq!(report.joined, 10, "{report}");
    for attack in Attack::ALL {
        let attacks = &report.attacks[attack.label()];
        assert_eq!((attacks.otherwise, attacks.expected), (0, attack.expected().code()), "{}", attack.label());
        assert!(attacks.as_expected >= 1);
    }
    assert_eq!((report.ghosts, outcome(&report, "hostile")), (Some(0), Outcome::Held));
    assert!(report.passed, "{report}");
}

#[test]
fn the_search_finds_a_limit_that_is_there() {
    let server = TestServer::start(13);
    let play = |players: u32| {
        // Connections of the run before may still be closing.
        std::thread::sleep(Duration::from_millis(500));
        let config = server.config(players as usize, 1);
        let mut report = run(&Config { ramp: Duration::from_millis(100), ..demanding(config, &["refused=0"]) });
        // Seats are counted even if this machine had no time for its timers.
        if report.passed {
            report.verdict = Verdict::Held;
        }
        Ok(report)
    };
    let mut steps = Vec::new();
    let report = find_max(Search::new(4, 40), play, |step| steps.push(step.players)).expect("bots run");
    let edge = report.search.as_ref().expect("it searched");
    assert_eq!((edge.held, edge.broke, edge.conclusive), (Some(13), Some(14), true), "{report}");
    assert!(edge.ended_by.contains("refused"), "{}", edge.ended_by);
    assert_eq!((report.verdict.exit_code(), report.players), (0, 13));
    assert_eq!(steps[..2], [4, 8]);
    let html = page(&report).expect("a page");
    assert!(html.contains("Time by number of bots") && html.contains("<b>13</b> bots held"));
}

#[test]
fn the_page_has_its_charts_and_needs_nothing_else() {
    let server = TestServer::start(1000);
    let mut config = demanding(server.config(5, 3), &["latency_p99=5s", "tick_p99=1s"]);
    config.game = "plaza".to_owned();
    let mut report = run(&config);
    report.url = "ws://host/<script>&\"".to_owned();
    let html = page(&report).expect("a page");
    for title in [
        "Input to state",
        "Share of all that took no longer",
        "The server&#39;s ticks",
        "Ticks late and skipped, per second",
        "Bytes on the wire per bot and second",
        "Processor (100 % is one core)",
    ] {
        assert!(html.contains(&title.replace("&#39;", "'")), "{title}");
    }
    assert!(html.matches("<svg").count() >= 6 && html.matches("<polyline").count() > 10);
    for outside in ["<script", "http:", "https:", "src=", "url(", "@import"] {
        let found = html.replace("http://www.w3.org/2000/svg", "").contains(outside);
        assert!(!found, "{outside}");
    }
    let json = serde_json::to_value(&report).expect("it can be written");
    assert!(json["verdict"].is_string() && json["series"].as_array().is_some_and(|series| series.len() >= 3));
}

fn command(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tickwire")).arg("bots").args(args).output().expect("the binary starts")
}

#[test]
fn the_exit_code_is_the_verdict() {
    let server = TestServer::start(1000);
    let run_for = |seconds: &str, more: &[&str]| {
        let args = ["--url", &server.url, "--players", "3", "--ramp", "0.1", "--duration", seconds];
        let output = command(&[&args[..], more].concat());
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let run = |more: &[&str]| run_for("1", more);
    let (code, said) = run(&["--slo", "bytes_down=1", "--slo", "latency_p99=60s"]);
    assert_eq!(code, Some(1), "{said}");
    let row = |name: &str, word: &str| said.lines().any(|line| line.starts_with(name) && line.ends_with(word));
    assert!(
        row("bytes_down ", "broken") && row("latency_p99 ", "held") && said.contains("failed: bytes_down"),
        "{said}"
    );
    let (code, said) = run(&["--slo", "ghosts=0"]);
    assert_eq!(code, Some(3), "nobody came or went, so nobody counted: {said}");

    let file = |name: &str| Path::new(env!("CARGO_TARGET_TMPDIR")).join(name).to_string_lossy().into_owned();
    let (json, html) = (file("load.json"), file("load.html"));
    // Long enough for a chart of latencies, also when the first second of two bots brought none.
    let more = ["--slo", "latency_p99=60s", "--json", &json, "--report", &html, "--hostile", "0.34"];
    let (code, said) = run_for("3", &more);
    // On a busy machine there may be no verdict, but only because the bots were late or busy.
    assert!(code == Some(0) || (code == Some(3) && said.contains("no verdict: the bots")), "{code:?}: {said}");
    let written: serde_json::Value = serde_json::from_slice(&std::fs::read(json).expect("a file")).expect("JSON");
    assert_eq!((&written["players"], &written["joined"]), (&3.into(), &2.into()));
    assert!(std::fs::read_to_string(html).expect("a file").contains("Input to state"));
}

#[test]
fn bad_usage_names_the_option_the_value_and_what_is_right() {
    for (args, wanted) in [
        (["--slo", "tick_p98=25ms"], "tick_p99"),
        (["--slo", "tick_p99=25"], "25ms"),
        (["--slo", "desync"], "desync=LIMIT"),
        (["--hostile", "2"], "0 to 1"),
        (["--churn", "-1"], "0 to 100000"),
        (["--profile", "moon"], "lan, lte, spiky, train, wifi"),
        (["--duration", "long"], "seconds"),
        (["--json", "/no/such/folder/file"], "No such file"),
    ] {
        let output = command(&[&format!("{}={}", args[0], args[1])]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(args[1]) && said.contains(wanted), "{said}");
    }
    let few = ["-c", "ulimit -n 100; exec \"$0\" bots --players 90", env!("CARGO_BIN_EXE_tickwire")];
    let few = Command::new("sh").args(few).output().expect("a shell");
    let said = String::from_utf8_lossy(&few.stderr);
    assert!(few.status.code() == Some(3) && said.contains("90 bots need 154 open files and 100 are allowed"), "{said}");
    let help = command(&["--help"]);
    let help = String::from_utf8_lossy(&help.stdout);
    assert!(tickwire_cli::bots::OBJECTIVES.iter().all(|known| help.contains(known.name) && help.contains(known.help)));
}
