//! The machine: which core runs whom, what a process has used, starting and ending servers, blocking requests.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use perf_event::events::Hardware;
use perf_event::{Builder, Counter};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity};

/// A server on its core; dropping it ends it.
pub struct Served {
    child: Child,
    /// Kept open: a server may say more.
    _said: BufReader<ChildStdout>,
    /// Where it listens.
    pub address: SocketAddr,
    /// What it says of itself.
    pub version: String,
}

impl Served {
    /// Starts a server on `core` and waits until it listens.
    ///
    /// # Errors
    /// When it does not start, or says something else than `listening PORT VERSION`.
    pub fn start(command: &[String], core: usize) -> io::Result<Self> {
        let text = command.join(" ");
        let failed = |why: String| io::Error::other(format!("{text}: {why}"));
        let mut child = Command::new("taskset")
            .args(["-c", &core.to_string()])
            .args(command)
            .env("NODE_ENV", "production")
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| failed(error.to_string()))?;
        let mut line = String::new();
        let stdout = child.stdout.take().ok_or_else(|| failed("has no output".to_owned()))?;
        let mut stdout = BufReader::new(stdout);
        stdout.read_line(&mut line)?;
        let said = line.trim().strip_prefix("listening ").and_then(|rest| rest.split_once(' '));
        let Some((Ok(port), version)) = said.map(|(port, version)| (port.parse::<u16>(), version.to_owned())) else {
            let _ = child.kill();
            let _ = child.wait();
            return Err(failed(format!("must say \"listening PORT VERSION\" first, said {line:?}")));
        };
        Ok(Self { child, _said: stdout, address: ([127, 0, 0, 1], port).into(), version })
    }

    /// CPU time used so far.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn cpu(&self) -> io::Result<Cpu> {
        Cpu::of(self.child.id())
    }

    /// Begins to count the instructions of all threads that there are, the kernel's on their behalf included; `None`
    /// where the processor or the kernel does not let it.
    pub fn count_instructions(&self) -> Option<Vec<Counter>> {
        let threads = fs::read_dir(format!("/proc/{}/task", self.child.id())).ok()?;
        threads.map(|thread| count(thread.ok()?.file_name().to_str()?.parse().ok()?)).collect()
    }

    /// Resident memory in KiB.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn memory(&self) -> io::Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse().ok());
        kib.ok_or_else(|| io::Error::other("no VmRSS in /proc/PID/status"))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn count(thread: i32) -> Option<Counter> {
    let mut counter =
        Builder::new(Hardware::INSTRUCTIONS).observe_pid(thread).any_cpu().include_kernel().build().ok()?;
    counter.enable().ok()?;
    Some(counter)
}

/// CPU time of a process so far, in microseconds, read in two ways.
#[derive(Clone, Copy, Debug)]
pub struct Cpu {
    /// User and system time of all threads, ended ones included, in hundredths of a second.
    coarse: f64,
    /// Time on a core of the living threads, in nanoseconds where the kernel keeps it.
    fine: f64,
}

impl Cpu {
    /// Of this process.
    ///
    /// # Errors
    /// When /proc cannot be read.
    pub fn own() -> io::Result<Self> {
        Self::of(std::process::id())
    }

    fn of(pid: u32) -> io::Result<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // The name in brackets may have spaces.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let number = |at: usize| fields.get(at).and_then(|text| text.parse::<f64>().ok());
        let jiffies = number(11).zip(number(12)).map(|(user, system)| user + system);
        let jiffies = jiffies.ok_or_else(|| io::Error::other("/proc/PID/stat has another form"))?;
        Ok(Self { coarse: jiffies * 10_000.0, fine: threads(pid).unwrap_or_default() })
    }

    /// Time used since `earlier`, in microseconds. The finer one counts unless a thread ended in between.
    pub fn since(self, earlier: Self) -> f64 {
        let (coarse, fine) = (self.coarse - earlier.coarse, self.fine - earlier.fine);
        if fine < 0.95 * coarse - 20_000.0 { coarse } else { fine }
    }
}

/// Time on a core of all living threads, in microseconds.
fn threads(pid: u32) -> io::Result<f64> {
    let mut sum = 0.0;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = fs::read_to_string(thread?.path().join("schedstat"))?;
        sum += text.split_whitespace().next().and_then(|text| text.parse::<f64>().ok()).unwrap_or_default() / 1000.0;
    }
    Ok(sum)
}

/// Time that a core was not idle, in microseconds since the machine began.
///
/// # Errors
/// When /proc/stat has no such core.
pub fn busy(core: usize) -> io::Result<f64> {
    let stat = fs::read_to_string("/proc/stat")?;
    let line = stat.lines().find_map(|line| line.strip_prefix(&format!("cpu{core} ")));
    let line = line.ok_or_else(|| io::Error::other(format!("no core {core} in /proc/stat")))?;
    // user, nice, system, idle, iowait, irq, softirq, steal; guests are in user already.
    let times: Vec<f64> = line.split_whitespace().take(8).filter_map(|text| text.parse().ok()).collect();
    let idle: f64 = times.iter().skip(3).take(2).sum();
    Ok((times.iter().sum::<f64>() - idle) * 10_000.0)
}

/// Binds this process to `core`.
///
/// # Errors
/// When the machine has no such core, or this process may not use it.
pub fn stay_on(core: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    set.set(core);
    let tried = sched_setaffinity(None, &set);
    tried
        .map_err(|error| io::Error::other(format!("cannot run on core {core} ({error}); choose another --client-core")))
}

/// Raises the limit on descriptors, for this process and those it starts.
///
/// # Errors
/// When fewer than `needed` are allowed.
pub fn allow_descriptors(needed: u64) -> io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    match limit.maximum {
        Some(most) if most < needed || raised.is_err() => {
            Err(io::Error::other(format!("{needed} descriptors are needed and {most} allowed; see ulimit -Hn")))
        }
        _ => Ok(()),
    }
}

/// What the machine calls its processor, and its kernel.
pub fn description() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map(|line| line.trim_start_matches([' ', '\t', ':']));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{}, Linux {}", model.unwrap_or("unknown processor"), kernel.trim())
}

/// A connection whose first steps block, but not forever.
///
/// # Errors
/// When nobody answers.
pub fn connect(server: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&server, Duration::from_secs(10))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    Ok(stream)
}

/// Sends a POST request with a body of JSON and returns the body of the answer.
///
/// # Errors
/// When the answer is not 200.
pub fn post(server: SocketAddr, path: &str, body: &str) -> io::Result<String> {
    let mut stream = connect(server)?;
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {server}\r\nContent-Type: application/json\r\nAccept: application/json\r\n"
    );
    write!(stream, "{head}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.starts_with("HTTP/1.1 200") => Ok(body.to_owned()),
        _ => Err(io::Error::other(format!("POST {path}: {answer}"))),
    }
}

/// Upgrades a connection to a WebSocket.
///
/// # Errors
/// When the server does not.
pub fn upgrade(stream: &mut TcpStream, server: SocketAddr, path: &str, protocol: Option<&str>) -> io::Result<()> {
    let protocol = protocol.map(|name| format!("Sec-WebSocket-Protocol: {name}\r\n")).unwrap_or_default();
    let head = format!("GET {path} HTTP/1.1\r\nHost: {server}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n");
    let key = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    write!(stream, "{head}{key}{protocol}\r\n")?;
    let mut answer = Vec::new();
    // Byte by byte, since what follows the head is no longer HTTP.
    while !answer.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        answer.extend(byte);
    }
    let answer = String::from_utf8_lossy(&answer);
    if answer.starts_with("HTTP/1.1 101") { Ok(()) } else { Err(io::Error::other(format!("GET {path}: {answer}"))) }
}
