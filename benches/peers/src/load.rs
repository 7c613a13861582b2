//! The load: one thread with all clients of a run, the same for every candidate.
//!
//! They join, say where they are and stand still for a while, then each sends a position 20 times per second, evenly spread over the tick. One
//! small read buffer serves everyone; nothing is decoded beyond what `protocol` says.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::event::{Timespec, epoll};
use rustix::fd::OwnedFd;
use serde::Serialize;
use tickwire::tick::Moment;

use crate::RATE;
use crate::candidate::Candidate;
use crate::frames::{self, CLOSE, PING, PONG};
use crate::machine::{Cpu, Served, busy, connect, upgrade};
use crate::protocol::{Marker, Protocol, Said, SessionEvent};
use crate::walker::{PER_METRE, Walker};
use crate::world::{World, seen};

/// Between two joins. A server may refuse players for a moment if thousands come as fast as they can be made.
const JOINS_EVERY: Duration = Duration::from_millis(5);
/// Between two looks at what clients who stand still have to say, such as acknowledgements.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// How long the parts of a run are, and how many take part.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Players in the room, or in all rooms.
    pub clients: usize,
    /// Where they walk.
    pub world: World,
    /// Clients among them that measure latency.
    pub probes: usize,
    /// Of the walkers.
    pub seed: u64,
    /// The cores of the server and of the clients.
    pub cores: [usize; 2],
    /// Standing still, before memory is read.
    pub idle: Duration,
    /// Walking without being measured.
    pub warm_up: Duration,
    /// Walking and being measured.
    pub window: Duration,
}

/// What a run found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Findings {
    /// Updates per second and client.
    pub updates: f64,
    /// Bytes of messages per update, without WebSocket headers.
    pub payload: f64,
    /// Bytes in the TCP stream per update.
    pub stream: f64,
    /// CPU time of the server per update delivered, in microseconds.
    pub cpu: f64,
    /// Instructions of the server per update delivered, the kernel's included, where they can be counted.
    pub instructions: Option<f64>,
    /// Share of the server's core and of the client's core that was used.
    pub server_share: f64,
    /// As above.
    pub client_share: f64,
    /// Share of those cores that other processes took, the larger one.
    pub others: f64,
    /// Milliseconds from an input to the update that shows it: half of them, and 99 of 100, take no longer.
    pub latency_p50: Option<f64>,
    /// As above.
    pub latency_p99: Option<f64>,
    /// How many others were within sight of a player at the end, on average.
    pub within_sight: f64,
    /// Inputs that probes saw in updates, of those they sent.
    pub seen: f64,
    /// Inputs that the sockets did not take, of all.
    pub unsent: f64,
    /// KiB per idle player beyond the empty server, and those of the empty server.
    pub memory: f64,
    /// As above.
    pub memory_empty: f64,
}

struct Seat {
    socket: TcpStream,
    protocol: Protocol,
    walker: Walker,
    probe: Option<usize>,
    joined: bool,
    input: Vec<u8>,
    output: Vec<u8>,
    /// What a probe sent and has not seen yet.
    pending: VecDeque<(Marker, Instant)>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    updates: u64,
    payload: u64,
    stream: u64,
    sent: u64,
    unsent: u64,
    marked: u64,
}

/// All clients of a run.
struct Crowd {
    epoll: OwnedFd,
    seats: Vec<Seat>,
    counts: Counts,
    latencies: Vec<f64>,
    begun: Instant,
    /// When those who stand still were last asked for what is due.
    asked: Instant,
    buffer: Box<[u8]>,
    said: Vec<Said>,
}

/// Loads a server by the plan.
///
/// # Errors
/// When a client cannot join, is thrown out, or does not understand the server.
pub fn run(candidate: Candidate, served: &Served, plan: &Plan) -> io::Result<Findings> {
    // Programs go on settling for a moment after they listen.
    std::thread::sleep(Duration::from_millis(500));
    let memory_empty = served.memory()?;
    let mut crowd = Crowd::new()?;
    for number in 0..plan.clients {
        let next = Instant::now() + JOINS_EVERY;
        crowd.join(candidate, served, plan, number)?;
        crowd.stand(next)?;
    }
    let patience = Instant::now() + Duration::from_secs(60);
    while !crowd.seats.iter().all(|seat| seat.joined) {
        if Instant::now() > patience {
            let joined = crowd.seats.iter().filter(|seat| seat.joined).count();
            return Err(io::Error::other(format!("{joined} of {} players joined within 60 s", plan.clients)));
        }
        crowd.stand(Instant::now() + JOINS_EVERY)?;
    }
    crowd.stand(Instant::now() + plan.idle)?;
    let memory = (served.memory()? - memory_empty) / plan.clients as f64;
    let start = Instant::now();
    let next = crowd.walk(start, 0, start + plan.warm_up)?;
    let counters = served.count_instructions();
    let before = Reading::take(served, plan, &crowd)?;
    crowd.latencies.clear();
    crowd.walk(start, next, start + plan.warm_up + plan.window)?;
    let after = Reading::take(served, plan, &crowd)?;
    let counted =
        counters.and_then(|counters| counters.into_iter().map(|mut one| one.read().ok()).sum::<Option<u64>>());
    let updates = (after.counts.updates - before.counts.updates).max(1) as f64;
    let instructions = counted.map(|counted| counted as f64 / updates);
    let places: Vec<_> = crowd.seats.iter().map(|seat| seat.walker.place()).collect();
    let within_sight = seen(&places, PER_METRE);
    Ok(Findings {
        memory,
        memory_empty,
        within_sight,
        instructions,
        ..difference(&before, &after, &mut crowd.latencies, plan)
    })
}

/// What is read at both ends of the window.
struct Reading {
    at: Instant,
    /// What the server and the clients have used, and all processes on their cores, in microseconds.
    used: [Cpu; 2],
    busy: [f64; 2],
    counts: Counts,
}

impl Reading {
    fn take(served: &Served, plan: &Plan, crowd: &Crowd) -> io::Result<Self> {
        let used = [served.cpu()?, Cpu::own()?];
        let busy = [busy(plan.cores[0])?, busy(plan.cores[1])?];
        Ok(Self { at: Instant::now(), used, busy, counts: crowd.counts })
    }
}

fn difference(before: &Reading, after: &Reading, latencies: &mut [f64], plan: &Plan) -> Findings {
    let seconds = after.at.duration_since(before.at).as_secs_f64();
    let counted = |pick: fn(&Counts) -> u64| (pick(&after.counts) - pick(&before.counts)) as f64;
    let updates = counted(|counts| counts.updates).max(1.0);
    latencies.sort_by(f64::total_cmp);
    let latency = |part: f64| latencies.get((latencies.len() as f64 * part) as usize).copied();
    let used = [0, 1].map(|side| after.used[side].since(before.used[side]) / seconds / 1e6);
    let busy = [0, 1].map(|side| (after.busy[side] - before.busy[side]) / seconds / 1e6);
    Findings {
        updates: updates / seconds / plan.clients as f64,
        payload: counted(|counts| counts.payload) / updates,
        stream: counted(|counts| counts.stream) / updates,
        cpu: used[0] * seconds * 1e6 / updates,
        server_share: used[0],
        client_share: used[1],
        others: (busy[0] - used[0]).max(busy[1] - used[1]).max(0.0),
        latency_p50: latency(0.5),
        latency_p99: latency(0.99),
        seen: latencies.len() as f64 / counted(|counts| counts.marked).max(1.0),
        unsent: counted(|counts| counts.unsent) / counted(|counts| counts.sent).max(1.0),
        ..Findings::default()
    }
}

impl Crowd {
    /// A client whose messages pile up to this leaves some out: the server does not read.
    const BACKLOG: usize = 64 * 1024;
    /// Inputs that a probe waits for: ten seconds.
    const PENDING: usize = 10 * RATE as usize;

    fn new() -> io::Result<Self> {
        Ok(Self {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            seats: Vec::new(),
            counts: Counts::default(),
            latencies: Vec::new(),
            begun: Instant::now(),
            asked: Instant::now(),
            buffer: vec![0; 64 * 1024].into(),
            said: Vec::new(),
        })
    }

    fn join(&mut self, candidate: Candidate, served: &Served, plan: &Plan, number: usize) -> io::Result<()> {
        let every = plan.clients.div_ceil(plan.probes.max(1));
        let probe = number.is_multiple_of(every).then_some(number / every);
        let protocol = Protocol::new(candidate, probe);
        let (path, subprotocol) = protocol.path(served.address)?;
        let mut socket = connect(served.address)?;
        upgrade(&mut socket, served.address, &path, subprotocol)?;
        socket.set_nonblocking(true)?;
        epoll::add(&self.epoll, &socket, epoll::EventData::new_u64(number as u64), epoll::EventFlags::IN)?;
        let joined = candidate == Candidate::Floor;
        let walker = Walker::new(plan.seed, number, plan.world.sides(plan.clients));
        let (input, output, pending) = Default::default();
        let first = protocol.first(number);
        let mut seat = Seat { socket, protocol, walker, probe, joined, input, output, pending };
        self.said.extend(first);
        seat.say(&mut self.said, Self::BACKLOG)?;
        self.seats.push(seat);
        Ok(())
    }

    /// Everyone stands still until `until`, and for one look at what came. Who walks says what is due with each step; who stands
    /// must be asked for it.
    fn stand(&mut self, until: Instant) -> io::Result<()> {
        loop {
            self.turn(until.saturating_duration_since(Instant::now()).min(JOINS_EVERY))?;
            let now = Instant::now();
            if now >= self.asked + ASK_EVERY {
                self.asked = now;
                for seat in &mut self.seats {
                    seat.protocol.due(moment(self.begun, now), &mut self.said);
                    seat.say(&mut self.said, Self::BACKLOG)?;
                }
            }
            if now >= until {
                return Ok(());
            }
        }
    }

    /// Everyone walks until `until`; `next` counts the inputs since `start`, which are due in turn.
    fn walk(&mut self, start: Instant, mut next: u64, until: Instant) -> io::Result<u64> {
        let spacing = Duration::from_secs(1).as_nanos() as u64 / u64::from(RATE) / self.seats.len() as u64;
        loop {
            let now = Instant::now();
            if now >= until {
                return Ok(next);
            }
            let mut due = start + Duration::from_nanos(spacing * next);
            while due <= now {
                self.step((next % self.seats.len() as u64) as usize)?;
                next += 1;
                due = start + Duration::from_nanos(spacing * next);
            }
            self.turn(due.min(until).saturating_duration_since(Instant::now()))?;
        }
    }

    /// A client takes a step and tells the server.
    fn step(&mut self, number: usize) -> io::Result<()> {
        let now = Instant::now();
        let seat = &mut self.seats[number];
        let place = seat.walker.step();
        let marker = seat.protocol.input(moment(self.begun, now), place, &mut self.said);
        self.counts.sent += 1;
        if !seat.say(&mut self.said, Self::BACKLOG)? {
            self.counts.unsent += 1;
        } else if let Some(marker) = marker.filter(|_| seat.probe.is_some()) {
            self.counts.marked += 1;
            seat.pending.push_back((marker, now));
            if seat.pending.len() > Self::PENDING {
                seat.pending.pop_front();
            }
        }
        Ok(())
    }

    /// Waits for something to read, and reads it.
    fn turn(&mut self, wait: Duration) -> io::Result<()> {
        let mut events = Vec::with_capacity(256);
        let wait = Timespec { tv_sec: wait.as_secs() as _, tv_nsec: i64::from(wait.subsec_nanos()) as _ };
        match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), Some(&wait)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in events {
            let number = event.data.u64() as usize;
            let read = match self.seats[number].socket.read(&mut self.buffer) {
                Ok(0) => return Err(io::Error::other(format!("the server closed the connection of player {number}"))),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                Err(error) => return Err(error),
            };
            self.counts.stream += read as u64;
            self.take(number, read)?;
        }
        Ok(())
    }

    /// Takes in the first `read` bytes of the buffer.
    fn take(&mut self, number: usize, read: usize) -> io::Result<()> {
        let seat = &mut self.seats[number];
        let fresh = seat.input.is_empty();
        if !fresh {
            seat.input.extend_from_slice(&self.buffer[..read]);
        }
        let bytes = if fresh { &self.buffer[..read] } else { &seat.input[..] };
        let now = Instant::now();
        let mut done = 0;
        while let Some(frame) = frames::parse(&bytes[done..]) {
            let message = &bytes[done + frame.header..done + frame.header + frame.length];
            done += frame.header + frame.length;
            self.counts.payload += message.len() as u64;
            match frame.opcode {
                PING => self.said.push((PONG, message.to_vec())),
                PONG => {}
                CLOSE => {
                    let code = message.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code));
                    return Err(io::Error::other(format!("the server threw player {number} out with code {code}")));
                }
                opcode => {
                    let heard = seat.protocol.on_message(moment(self.begun, now), opcode, message, &mut self.said)?;
                    if heard == SessionEvent::Joined && !seat.joined {
                        seat.joined = true;
                        seat.protocol.input(moment(self.begun, now), seat.walker.place(), &mut self.said);
                    }
                    if heard == SessionEvent::Update {
                        self.counts.updates += 1;
                        let Some(probe) = seat.probe else { continue };
                        let shown =
                            seat.pending.iter().rposition(|(mark, _)| seat.protocol.shows(mark, probe, message));
                        // What is shown covers older inputs too: the server took only the newest.
                        for _ in 0..shown.map_or(0, |at| at + 1) {
                            let Some((_, sent)) = seat.pending.pop_front() else { break };
                            self.latencies.push(now.duration_since(sent).as_secs_f64() * 1000.0);
                        }
                    }
                }
            }
        }
        if fresh {
            seat.input.extend_from_slice(&self.buffer[done..read]);
        } else {
            seat.input.drain(..done);
        }
        seat.say(&mut self.said, Self::BACKLOG)?;
        Ok(())
    }
}

impl Seat {
    /// Sends what is to be said; whether all of it was taken.
    fn say(&mut self, said: &mut Vec<Said>, backlog: usize) -> io::Result<bool> {
        let fits = self.output.len() < backlog;
        for (opcode, payload) in said.drain(..) {
            if fits {
                frames::put_masked(&mut self.output, opcode, &payload, [0x3a, 0x91, 0x5c, 0xe7]);
            }
        }
        if !self.output.is_empty() {
            match self.socket.write(&self.output) {
                Ok(sent) => drop(self.output.drain(..sent)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(fits)
    }
}

fn moment(begun: Instant, now: Instant) -> Moment {
    Moment(now.duration_since(begun).as_micros() as u64)
}
