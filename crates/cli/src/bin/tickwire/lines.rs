//! A queue of log lines: loggers push lines into a bounded queue and never wait; a separate thread writes them to a stream.
//!
//! A line is lost and counted when the queue is full or the stream refuses it. When writing succeeds again, a log line
//! reports how many were lost.

use std::io::{self, Write};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tickwire::server::LogHealth;
use tickwire::wire::limits;
use tracing::warn;

/// The sending side of the queue. Clones share the queue.
#[derive(Clone)]
pub struct Lines(Arc<Queue>);

struct Queue {
    waiting: Mutex<Waiting>,
    /// Notified when there is something to write.
    filled: Condvar,
    /// Notified when everything has been written.
    idle: Condvar,
    health: LogHealth,
}

#[derive(Default)]
struct Waiting {
    bytes: Vec<u8>,
    /// Whether the writer is writing lines that it has taken.
    busy: bool,
}

impl Lines {
    /// Starts a thread that writes to `out`.
    ///
    /// # Errors
    /// When the operating system cannot start a thread.
    pub fn start(out: impl Write + Send + 'static, health: LogHealth) -> io::Result<Self> {
        let (waiting, filled, idle) = Default::default();
        let queue = Arc::new(Queue { waiting, filled, idle, health });
        let writer = Writer { queue: queue.clone(), out, told: 0, flows: true, torn: false };
        thread::Builder::new().name("tickwire-log".to_owned()).spawn(move || writer.run())?;
        Ok(Self(queue))
    }

    /// Adds `line`, which ends with its only line feed.
    pub fn push(&self, line: &[u8]) {
        let mut waiting = self.0.waiting.lock();
        // The limit of bytes also bounds the number of lines.
        if waiting.bytes.len() + line.len() > limits::LOG_BYTES {
            drop(waiting);
            return self.0.health.lose_line();
        }
        waiting.bytes.extend_from_slice(line);
        drop(waiting);
        self.0.filled.notify_one();
    }

    /// Waits until everything is written, but at most for one second.
    pub fn finish(&self) {
        let mut waiting = self.0.waiting.lock();
        let busy = |waiting: &mut Waiting| waiting.busy || !waiting.bytes.is_empty();
        self.0.idle.wait_while_for(&mut waiting, busy, limits::WRITE_OUT_WITHIN);
    }
}

impl Write for Lines {
    /// Takes one line.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Writer<W> {
    queue: Arc<Queue>,
    out: W,
    /// Lost lines that have been reported.
    told: u64,
    /// Whether the last line was written.
    flows: bool,
    /// Whether the last line was written only in part.
    torn: bool,
}

impl<W: Write> Writer<W> {
    /// Interval at which a stream that would block is tried again. Not every system can wait for such streams.
    const ASK_AGAIN: Duration = Duration::from_millis(20);

    fn run(mut self) {
        let mut batch = Vec::new();
        loop {
            self.take(&mut batch);
            // The lines were lost after this batch was queued, so their report must follow it: it comes first in the next
            // batch.
            let lost = self.queue.health.lines_lost();
            if self.flows && lost > self.told {
                warn!(lines = lost - self.told, "log lines were lost");
                self.told = lost;
            }
            for line in batch.split_inclusive(|byte| *byte == b'\n') {
                let health = self.queue.health.clone();
                self.flows = health.writing(|| self.write(line)).is_ok();
                if !self.flows {
                    health.lose_line();
                }
            }
            batch.clear();
        }
    }

    /// Waits for lines to write, or for lost lines to report.
    fn take(&self, batch: &mut Vec<u8>) {
        let mut waiting = self.queue.waiting.lock();
        if waiting.bytes.is_empty() && !(self.flows && self.queue.health.lines_lost() > self.told) {
            waiting.busy = false;
            self.queue.idle.notify_all();
            self.queue.filled.wait_while(&mut waiting, |waiting| waiting.bytes.is_empty());
        }
        waiting.busy = true;
        std::mem::swap(&mut waiting.bytes, batch);
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        if self.torn {
            self.write_all(b"\n")?;
        }
        self.write_all(line)
    }

    fn write_all(&mut self, mut rest: &[u8]) -> io::Result<()> {
        while !rest.is_empty() {
            match self.out.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    rest = &rest[written..];
                    self.torn = !rest.is_empty();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(Self::ASK_AGAIN),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::time::Instant;

    use super::*;

    /// A stream whose writes return what a test prescribes: a number of bytes, or an error.
    struct Stream {
        answers: Receiver<io::Result<usize>>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Stream {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // After the test has dropped its sender, the stream takes everything.
            let most = self.answers.recv().unwrap_or(Ok(usize::MAX))?;
            let taken = &bytes[..bytes.len().min(most)];
            self.written.lock().extend(taken);
            Ok(taken.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Log {
        lines: Lines,
        health: LogHealth,
        answer: Sender<io::Result<usize>>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    fn log() -> Log {
        let ((answer, answers), written, health) = (channel(), Arc::default(), LogHealth::new());
        let out = Stream { answers, written: Arc::clone(&written) };
        let lines = Lines::start(out, health.clone()).expect("a thread");
        Log { lines, health, answer, written }
    }

    impl Log {
        /// Lets the stream take everything from now on; returns its lines.
        fn end(self) -> VecDeque<String> {
            drop(self.answer);
            self.lines.finish();
            String::from_utf8_lossy(&self.written.lock()).lines().map(str::to_owned).collect()
        }

        fn wait_for_lost(&self, lost: u64) {
            #[expect(clippy::disallowed_methods, reason = "a thread is waited for")]
            let start = Instant::now();
            while self.health.lines_lost() != lost {
                assert!(start.elapsed() < Duration::from_secs(10), "{} lines lost", self.health.lines_lost());
                thread::sleep(Duration::from_millis(1));
            }
        }
    }

    #[test]
    fn a_stream_that_blocks_costs_lines_and_nobody_waits() {
        let log = log();
        let line = [b'x'; 1023];
        for _ in 0..4096 {
            log.lines.push(&[&line[..], b"\n"].concat());
        }
        // At most one full queue is being written while another one waits.
        let lost = log.health.lines_lost();
        assert!((2048..=3072).contains(&lost), "{lost}");
        log.lines.finish();
        let written = log.end();
        assert_eq!(written.len() as u64, 4096 - lost);
    }

    #[test]
    fn a_refused_line_is_lost_and_a_torn_one_does_not_run_into_the_next() {
        let log = log();
        log.lines.push(b"torn\n");
        log.answer.send(Ok(2)).expect("it writes");
        log.answer.send(Err(io::ErrorKind::StorageFull.into())).expect("it writes");
        log.wait_for_lost(1);
        log.lines.push(b"refused\n");
        log.answer.send(Err(io::ErrorKind::BrokenPipe.into())).expect("it writes");
        log.wait_for_lost(2);
        log.lines.push(b"whole\n");
        assert_eq!(log.end(), ["to", "whole"]);
    }

    #[test]
    fn a_stream_that_would_block_is_asked_again() {
        let log = log();
        log.lines.push(b"patience\n");
        for answer in [Err(io::ErrorKind::WouldBlock), Ok(3), Err(io::ErrorKind::Interrupted)] {
            log.answer.send(answer.map_err(Into::into)).expect("it writes");
        }
        let health = log.health.clone();
        assert_eq!(log.end(), ["patience"]);
        assert_eq!(health.lines_lost(), 0);
    }
}
