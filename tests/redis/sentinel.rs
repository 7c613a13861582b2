//! A Redis server with two replicas and three Sentinels, which make one of the replicas the primary when that fails.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{Redis, folder};
use crate::ports::free_port;

/// For how many milliseconds a primary must be silent until the Sentinels replace it.
const DOWN_AFTER: u32 = 1500;
/// The name under which they watch it.
const NAME: &str = "main";

/// A primary, its replicas and their Sentinels.
pub struct Ensemble {
    pub servers: Vec<Redis>,
    /// The ports at which others reach these.
    ports: Vec<u16>,
    sentinels: Vec<Sentinel>,
}

struct Sentinel {
    child: Child,
    port: u16,
    folder: PathBuf,
}

impl Ensemble {
    /// Starts them. A primary that no replica follows refuses writes.
    pub fn start() -> Self {
        Self::start_through(|port| port)
    }

    /// Starts them. `way`: the port at which others reach the server on a port.
    pub fn start_through(mut way: impl FnMut(u16) -> u16) -> Self {
        const OWN: [&str; 6] =
            ["--min-replicas-to-write", "1", "--min-replicas-max-lag", "2", "--repl-diskless-sync-delay", "0"];
        let (mut servers, mut ports) = (Vec::new(), Vec::<u16>::new());
        for _ in 0..3 {
            let port = free_port();
            let (own, first) = (way(port), ports.first().map(u16::to_string));
            let announced = own.to_string();
            let announces = ["--replica-announce-ip", "127.0.0.1", "--replica-announce-port", &announced];
            let follows = first.iter().flat_map(|first| ["--replicaof", "127.0.0.1", first]);
            let args: Vec<&str> = OWN.into_iter().chain(announces).chain(follows).collect();
            servers.push(Redis::start_on(port, false, &args));
            ports.push(own);
        }
        let ensemble = Self { sentinels: (0..3).map(|_| Sentinel::start(ports[0])).collect(), servers, ports };
        ensemble.until("the replicas follow", || ensemble.is_whole());
        ensemble.until("the Sentinels know each other and the replicas", || {
            ensemble.sentinels.iter().all(|sentinel| {
                let told = Redis::ask_port(sentinel.port, &format!("SENTINEL MASTER {NAME}"));
                told.contains("num-slaves\r\n$1\r\n2") && told.contains("num-other-sentinels\r\n$1\r\n2")
            })
        });
        ensemble
    }

    /// Its URL for nodes.
    pub fn url(&self) -> String {
        let hosts: Vec<String> = self.sentinels.iter().map(|sentinel| format!("127.0.0.1:{}", sentinel.port)).collect();
        format!("redis+sentinel://{}/{NAME}", hosts.join(","))
    }

    /// Which server most Sentinels call the primary.
    pub fn primary(&self) -> Option<usize> {
        let told = self.sentinels.iter().filter_map(|sentinel| {
            let told = Redis::ask_port(sentinel.port, &format!("SENTINEL GET-MASTER-ADDR-BY-NAME {NAME}"));
            told.lines().nth(4)?.trim().parse::<u16>().ok()
        });
        let told: Vec<u16> = told.collect();
        let votes = |port: &u16| told.iter().filter(|told| *told == port).count();
        self.ports.iter().position(|port| votes(port) >= 2)
    }

    /// Whether another server than this is the primary by now, and knows it.
    pub fn has_failed_over(&self, from: usize) -> bool {
        self.primary().is_some_and(|to| to != from && self.servers[to].ask("ROLE").contains("master"))
    }

    /// Whether all other servers follow the primary.
    pub fn is_whole(&self) -> bool {
        let primary = self.primary().map(|index| &self.servers[index]);
        primary.is_some_and(|primary| primary.ask("INFO replication").matches("state=online").count() == 2)
    }

    /// Of the replicas, the primary among the others.
    pub fn replicas(&self, primary: usize) -> [usize; 2] {
        [(primary + 1) % 3, (primary + 2) % 3]
    }

    fn until(&self, what: &str, holds: impl Fn() -> bool) {
        let start = Instant::now();
        while !holds() {
            assert!(start.elapsed() < Duration::from_secs(60), "{what}: not within a minute");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Sentinel {
    /// Starts one that watches the primary at this port.
    fn start(primary: u16) -> Self {
        let (folder, port) = (folder(), free_port());
        let file = folder.join("sentinel.conf");
        let text = format!(
            "port {port}\nbind 127.0.0.1\ndir {}\nsentinel monitor {NAME} 127.0.0.1 {primary} 2\n\
             sentinel down-after-milliseconds {NAME} {DOWN_AFTER}\nsentinel failover-timeout {NAME} 6000\n",
            folder.display()
        );
        std::fs::write(&file, text).expect("a writable folder");
        let mut command = Command::new("redis-server");
        command.arg(&file).arg("--sentinel").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("redis-server starts: scripts/need-brokers installs it");
        Self { child, port, folder }
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
