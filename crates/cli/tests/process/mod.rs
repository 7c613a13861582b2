//! The command as a process: the binary without settings from the environment, and a server on a free port, with requests and
//! signals to it. The server ends with its test.

#![allow(dead_code, unused_imports, reason = "each test needs a part of it")]

#[path = "../../../../tests/ports/mod.rs"]
pub mod ports;
#[path = "../../../../tests/server/support/upgrade.rs"]
mod upgrade;
#[cfg(unix)]
pub mod wall;

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStderr, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

pub use ports::free_port;
pub use upgrade::{SUBPROTOCOL, upgrade};

/// A program with pipes. Neither the settings of whoever runs the tests nor a file that lies about play a part.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("TICKWIRE_")) {
        command.env_remove(name);
    }
    let folder = option_env!("CARGO_TARGET_TMPDIR").map_or_else(std::env::temp_dir, Into::into);
    command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Sends a request head; returns the head of the answer, and what it came on.
pub fn ask(port: u16, head: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    stream.write_all(head.as_bytes()).expect("it reads");
    let mut answer = Vec::new();
    let mut byte = [0];
    while !answer.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(0) => break,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
            Ok(_) => answer.push(byte[0]),
            Err(error) => panic!("{error} after {:?} of the answer", String::from_utf8_lossy(&answer)),
        }
    }
    (stream, String::from_utf8_lossy(&answer).into_owned())
}

/// A running server; killed when nobody has ended it.
pub struct Server {
    child: Child,
    pub port: u16,
}

impl Server {
    /// Starts what `command` says, on a free port.
    pub fn start(command: &mut Command, args: &[&str]) -> Self {
        let child = command.args(["--bind", "127.0.0.1:0"]).args(args).spawn().expect("the binary starts");
        let mut server = Self { child, port: 0 };
        let mut line = String::new();
        let out = server.child.stdout.as_mut().expect("a pipe");
        BufReader::new(out).read_line(&mut line).expect("it says where it serves");
        match line.trim_end().rsplit(':').next().and_then(|port| port.parse().ok()) {
            Some(port) => server.port = port,
            None => panic!("no port in {line:?}: {}", server.end("KILL").1),
        }
        server
    }

    /// Starts what `command` says on a port of [`free_port`]. For a server that cannot tell its port.
    pub fn start_on(port: u16, command: &mut Command) -> Self {
        Self::await_on(port, command.args(["--bind", &format!("127.0.0.1:{port}")]))
    }

    /// Starts a server that will listen there.
    pub fn await_on(port: u16, command: &mut Command) -> Self {
        let child = command.spawn().expect("the binary starts");
        let mut server = Self { child, port };
        let start = Instant::now();
        while TcpStream::connect(server.address()).is_err() {
            assert!(server.is_running(), "it ended");
            assert!(start.elapsed() < Duration::from_secs(10), "it does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }

    pub fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    pub fn url(&self) -> String {
        format!("ws://127.0.0.1:{}/play", self.port)
    }

    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(sent.expect("kill starts").success());
    }

    /// What it logs, if that comes through a pipe: read from now on by whoever called this.
    pub fn take_logs(&mut self) -> ChildStderr {
        self.child.stderr.take().expect("a pipe")
    }

    /// Whether `/healthz` is well, and what it says.
    pub fn health(&self) -> (bool, String) {
        let (mut stream, head) =
            ask(self.port, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let mut body = String::new();
        stream.read_to_string(&mut body).expect("it answers");
        (head.starts_with("HTTP/1.1 200"), body)
    }

    /// Ends it with a signal; returns what it had logged. What does not fit into a pipe must have been read before.
    pub fn end(mut self, name: &str) -> (ExitStatus, String) {
        self.signal(name);
        let mut said = String::new();
        let logs = self.child.stderr.take();
        logs.map(|mut logs| logs.read_to_string(&mut said).expect("text"));
        (self.child.wait().expect("it ends"), said)
    }

    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("it ends")
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("it can be asked").is_none()
    }

    /// The value of a metric that is always there.
    pub fn metric(&self, name: &str) -> f64 {
        self.values(name).unwrap_or_else(|| panic!("no metric is called {name}"))
    }

    /// The sum of a metric over its labels; it is absent until something was counted.
    pub fn counted(&self, name: &str) -> f64 {
        self.values(name).unwrap_or(0.0)
    }

    /// As [`Self::counted`]; nothing if the server tells no metrics now, because it has too much to do.
    pub fn values(&self, name: &str) -> Option<f64> {
        let mut stream = TcpStream::connect(self.address()).expect("it listens");
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("it reads");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("it answers");
        let lines = text.lines().filter(|line| line.split(['{', ' ']).next() == Some(name));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).reduce(|sum, value| sum + value)
    }

    pub fn wait_for_nobody(&self) {
        let start = Instant::now();
        while self.metric("tickwire_sessions") + self.metric("tickwire_rooms") > 0.0 {
            assert!(start.elapsed() < Duration::from_secs(30), "sessions or rooms are left");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it lives");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a resident size");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// What it has used of the processor.
    pub fn processor_seconds(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("it lives");
        // Its name, in brackets, may contain spaces; user and system time follow in hundredths of a second.
        let fields = stat.rsplit(')').next().expect("fields").split_whitespace().skip(11).take(2);
        fields.map(|time| time.parse::<f64>().expect("a number")).sum::<f64>() / 100.0
    }

    /// The entries of one of its folders in `/proc`: `fd` or `task`.
    pub fn count(&self, folder: &str) -> usize {
        std::fs::read_dir(format!("/proc/{}/{folder}", self.child.id())).expect("it lives").count()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Players as a process; killed when nobody has waited for them.
pub struct Bots(Option<Child>);

impl Bots {
    pub fn start(mut command: Command, server: &Server, args: &[&str]) -> Self {
        let child = command.args(["bots", "--url", &server.url()]).args(args).spawn();
        Self(Some(child.expect("the bots start")))
    }

    /// What they said in the end.
    pub fn report(mut self) -> Output {
        self.0.take().expect("waited for once").wait_with_output().expect("they end")
    }
}

impl Drop for Bots {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
