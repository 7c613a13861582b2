//! A Redis server of a test's own, on a free port; it ends with its test.

#![allow(dead_code, reason = "each test needs a part of it")]
#![allow(clippy::disallowed_methods, reason = "real processes live in real time")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A running `redis-server`.
pub struct Redis {
    child: Child,
    pub port: u16,
    folder: PathBuf,
    persists: bool,
}

impl Redis {
    /// Starts one that forgets everything when it ends.
    pub fn start() -> Self {
        Self::start_with(false)
    }

    /// Starts one whose cluster `tickwire` has been there for long: its nodes need not register before rooms can be made.
    pub fn start_settled() -> Self {
        let redis = Self::start();
        let info = redis.ask("INFO server");
        let run = info.lines().find_map(|line| line.strip_prefix("run_id:")).expect("a run id").trim();
        let noted = redis.ask(&format!("HSET {{tickwire}}:boot run {run} boot 1 until 0"));
        assert!(noted.starts_with(":3"), "{noted}");
        redis
    }

    /// Sends a command without spaces in its arguments. Returns what comes until nothing more does.
    fn ask(&self, command: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        stream.write_all(format!("{command}\r\nQUIT\r\n").as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        answer
    }

    /// `persists`: whether it remembers every write when it is started again.
    pub fn start_with(persists: bool) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("redis-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = option_env!("CARGO_TARGET_TMPDIR").map_or_else(std::env::temp_dir, PathBuf::from).join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
        let (port, child) = (free.port(), spawn(free.port(), &folder, persists));
        let mut redis = Self { child, port, folder, persists };
        redis.wait();
        redis
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(sent.expect("kill starts").success());
    }

    /// Ends it at once, as a loss of power does.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it again on the same port.
    pub fn restart(&mut self) {
        self.kill();
        self.child = spawn(self.port, &self.folder, self.persists);
        self.wait();
    }

    fn wait(&mut self) {
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(self.child.try_wait().expect("it can be asked").is_none(), "redis-server ended");
            assert!(start.elapsed() < Duration::from_secs(20), "redis-server does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn spawn(port: u16, folder: &PathBuf, persists: bool) -> Child {
    let mut command = Command::new("redis-server");
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--dir"]).arg(folder);
    if persists {
        command.args(["--appendonly", "yes", "--appendfsync", "always"]);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("redis-server starts: scripts/need-brokers installs it")
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
