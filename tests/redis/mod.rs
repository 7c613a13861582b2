//! A Redis server of a test's own, on a free port; it ends with its test.

#![allow(dead_code, reason = "each test needs a part of it")]
#![allow(clippy::disallowed_methods, reason = "real processes live in real time")]

pub mod sentinel;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::ports::free_port;

/// A running `redis-server`.
pub struct Redis {
    child: Child,
    pub port: u16,
    folder: PathBuf,
    args: Vec<String>,
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

    /// Sends a command without spaces in its arguments. Returns its answer; nothing from a server that is stopped or away.
    pub fn ask(&self, command: &str) -> String {
        Self::ask_port(self.port, command)
    }

    pub fn ask_port(port: u16, command: &str) -> String {
        const END: &str = "+PONG\r\n";
        let (mut answer, mut buffer) = (Vec::new(), [0; 4096]);
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return String::new() };
        stream.set_read_timeout(Some(Duration::from_secs(1))).expect("a time");
        // Sentinels have no QUIT.
        let _ = stream.write_all(format!("{command}\r\nPING\r\n").as_bytes());
        while !answer.ends_with(END.as_bytes()) {
            match stream.read(&mut buffer) {
                Ok(count) if count > 0 => answer.extend(&buffer[..count]),
                _ => return String::new(),
            }
        }
        answer.truncate(answer.len() - END.len());
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// `persists`: whether it remembers every write when it is started again.
    pub fn start_with(persists: bool) -> Self {
        Self::start_as(persists, &[])
    }

    fn start_as(persists: bool, args: &[&str]) -> Self {
        Self::start_on(free_port(), persists, args)
    }

    fn start_on(port: u16, persists: bool, args: &[&str]) -> Self {
        let persistence: &[&str] = if persists { &["--appendonly", "yes", "--appendfsync", "always"] } else { &[] };
        let args: Vec<String> = persistence.iter().chain(args).map(|arg| (*arg).to_owned()).collect();
        let folder = folder();
        let child = spawn(port, &folder, &args);
        let mut redis = Self { child, port, folder, args };
        redis.wait();
        redis
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
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

    /// Ends it at once and starts it again on the same port.
    pub fn restart(&mut self) {
        self.kill();
        self.start_again();
    }

    /// Starts it again after its end.
    pub fn start_again(&mut self) {
        self.child = spawn(self.port, &self.folder, &self.args);
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

/// A folder that no other server uses.
fn folder() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("redis-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let folder = option_env!("CARGO_TARGET_TMPDIR").map_or_else(std::env::temp_dir, PathBuf::from).join(name);
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

fn spawn(port: u16, folder: &PathBuf, args: &[String]) -> Child {
    let mut command = Command::new("redis-server");
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--dir"]).arg(folder);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("redis-server starts: scripts/need-brokers installs it")
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
