//! A million bad messages against the shipped binary, while fifty honest players play on; not an example of anything.
//!
//! Each connection sends a burst of one class and must end with the code of that class. Afterwards the server must
//! be the one that was started, empty, and as large as before; the honest must not have noticed.

#![allow(clippy::disallowed_methods, reason = "real processes live in real time")]

mod attacks;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rand_pcg::Pcg32;

use attacks::{Attack, Expected};

const CONNECTIONS: u32 = 10_500;
const MESSAGES: u64 = 1_000_000;
/// In one burst; as many as the server reads at once, or hanging up on the rest of them would look like a reset.
const BURST: usize = 100;
const BURST_BYTES: usize = 8 * 1024;
const THREADS: u32 = 6;
/// Connections per second over all threads, so that what is measured is the server and not a full machine.
const PACE: u32 = 120;
const PLAYERS: &str = "50";
/// One tick at the arena's 20 Hz.
const TICK_MS: f64 = 50.0;
const WITHIN: Duration = Duration::from_secs(360);

struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn start(binary: &Path) -> Self {
        let mut command = Command::new(binary);
        command.args(["--bind", "127.0.0.1:0", "--log", "warn", "--hold-seats-for", "0"]);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("the binary starts");
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().expect("a pipe")).read_line(&mut line).expect("it says where it serves");
        let port = line.trim_end().rsplit(':').next().and_then(|port| port.parse().ok());
        Self { port: port.unwrap_or_else(|| panic!("no port in {line:?}")), child }
    }

    fn metric(&self, name: &str) -> f64 {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("it reads");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("it answers");
        let values = text.lines().filter(|line| line.split(['{', ' ']).next() == Some(name));
        values.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it lives");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a resident size");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).expect("it lives").count()
    }
}

/// Honest players for so long.
fn play(binary: &Path, port: u16, seconds: u64) -> std::thread::JoinHandle<serde_json::Value> {
    let (binary, file) =
        (binary.to_owned(), std::env::temp_dir().join(format!("tickwire-hostile-{port}-{seconds}.json")));
    std::thread::spawn(move || {
        let (url, seconds) = (format!("ws://127.0.0.1:{port}/play"), seconds.to_string());
        let mut command = Command::new(binary);
        command.args(["bots", "--url", &url, "--players", PLAYERS, "--duration", &seconds, "--json"]).arg(&file);
        let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status().expect("the bots start");
        let text = std::fs::read(&file).unwrap_or_else(|error| panic!("the bots ended with {status}: {error}"));
        let _ = std::fs::remove_file(&file);
        serde_json::from_slice(&text).expect("JSON")
    })
}

#[derive(Default)]
struct Count {
    connections: u64,
    messages: u64,
    otherwise: u64,
    example: Option<String>,
}

/// One connection: what it sent, and whether it ended as it must.
fn strike(port: u16, attack: &Attack, random: &mut Pcg32) -> (u64, Result<(), String>) {
    let mut messages = 0;
    let ended = (|| {
        let mut line = attacks::Line::open(port)?;
        if attack.seated {
            line.sit_down()?;
        }
        let (mut burst, mut expected) = (Vec::new(), None);
        let burst_of = if attack.alone { 1 } else { BURST };
        while messages < burst_of as u64 {
            let (bytes, code) = (attack.make)(random);
            if !burst.is_empty() && burst.len() + bytes.len() > BURST_BYTES {
                break;
            }
            burst.extend(bytes);
            // The first one decides.
            expected.get_or_insert(code);
            messages += 1;
        }
        line.say(&burst);
        let (Expected(wanted), found) = (expected.expect("at least one message"), line.close_code()?);
        if found == Some(wanted) { Ok(()) } else { Err(format!("ended with {found:?}, not {wanted}")) }
    })();
    (messages, ended)
}

fn storm(port: u16, deadline: Instant) -> BTreeMap<&'static str, Count> {
    let counts = Mutex::new(BTreeMap::<&'static str, Count>::new());
    let (next, sent) = (AtomicU32::new(0), AtomicU64::new(0));
    let start = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (counts, next, sent) = (&counts, &next, &sent);
            scope.spawn(move || {
                let mut random = Pcg32::new(20_261_122, thread.into());
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let enough = number >= CONNECTIONS && sent.load(Ordering::Relaxed) >= MESSAGES;
                    if enough || Instant::now() >= deadline {
                        return;
                    }
                    let due = start + Duration::from_secs(1) * number / PACE;
                    std::thread::sleep(due.saturating_duration_since(Instant::now()));
                    let attack = &attacks::ALL[number as usize % attacks::ALL.len()];
                    let (messages, ended) = strike(port, attack, &mut random);
                    sent.fetch_add(messages, Ordering::Relaxed);
                    let mut counts = counts.lock().expect("nobody panics with it");
                    let count = counts.entry(attack.name).or_default();
                    count.connections += 1;
                    count.messages += messages;
                    if let Err(error) = ended {
                        count.otherwise += 1;
                        count.example.get_or_insert(error);
                    }
                }
            });
        }
    });
    counts.into_inner().expect("nobody panics with it")
}

fn p99(report: &serde_json::Value) -> f64 {
    report["input_to_state"]["p99_ms"].as_f64().unwrap_or(f64::INFINITY)
}

fn main() -> ExitCode {
    let binary = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "target/release/tickwire".to_owned()));
    let mut server = Server::start(&binary);
    let before = play(&binary, server.port, 30).join().expect("the bots end");
    let (memory, descriptors, start) = (server.resident_kib(), server.descriptors(), Instant::now());
    let playing = play(&binary, server.port, u64::from(CONNECTIONS / PACE));
    let counts = storm(server.port, start + WITHIN);
    let during = playing.join().expect("the bots end");
    let took = start.elapsed();

    let mut faults = Vec::new();
    let mut demand = |held: bool, what: String| {
        println!("{} {what}", if held { "ok  " } else { "FAIL" });
        faults.extend((!held).then_some(what));
    };
    for (name, count) in &counts {
        let said = format!("{name}: {} connections, {} messages", count.connections, count.messages);
        demand(count.otherwise == 0, format!("{said}, {} otherwise {:?}", count.otherwise, count.example));
    }
    let connections: u64 = counts.values().map(|count| count.connections).sum();
    let messages: u64 = counts.values().map(|count| count.messages).sum();
    let enough = messages >= MESSAGES && connections >= u64::from(CONNECTIONS);
    demand(enough, format!("{messages} bad messages over {connections} connections in {took:.0?}"));
    let alive = server.child.try_wait().expect("it can be asked").is_none();
    demand(alive, "the server still runs".to_owned());
    if alive {
        let waiting = Instant::now();
        while server.metric("tickwire_sessions") > 0.0 && waiting.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(100));
        }
        demand(server.metric("tickwire_sessions") == 0.0, "no session is left".to_owned());
        demand(server.metric("tickwire_room_crashes_total") == 0.0, "no room crashed".to_owned());
        while server.descriptors() > descriptors + 8 && waiting.elapsed() < Duration::from_secs(40) {
            std::thread::sleep(Duration::from_millis(100));
        }
        let (now, open) = (server.resident_kib(), server.descriptors());
        demand(now < memory + 32 * 1024, format!("{memory} KiB before, {now} KiB after"));
        demand(open <= descriptors + 8, format!("{descriptors} descriptors before, {open} after"));
        let _ = server.child.kill();
        let _ = server.child.wait();
    }
    let (calm, stormy) = (p99(&before), p99(&during));
    demand(stormy <= calm + TICK_MS, format!("the honest: p99 {calm:.1} ms before, {stormy:.1} ms meanwhile"));
    demand(during["joined"] == 50, format!("{} of {PLAYERS} honest players joined", during["joined"]));
    demand(during["failures"] == before["failures"], format!("what went wrong for them: {}", during["failures"]));
    println!("{} faults", faults.len());
    ExitCode::from(u8::from(!faults.is_empty()))
}
