//! A room of the arena whose clock is its caller's: a program that plays clients in virtual time drives it over stdin and
//! stdout. It is a shell around the host, as the server's actors are; links and clients are the caller's.
//!
//! A request is its length (`u32`, of what follows), an operation, the moment in microseconds (`u64`), a connection (`u16`) and
//! bytes; all numbers are little endian. Operations: 0 opens the connection, 1 is a message of its client, 2 loses it, 3 runs
//! what is due. The answer is its length, the moment of the next tick, and items: a kind, a connection, a length (`u32`)
//! and bytes. Kinds: 0 a message to the client, 1 the end of the session with its close code, 2 the rows of a tick: its number
//! and when it was due, then `id`, `x` and `y` of each avatar.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use tickwire::engine::{
    Admitted, EventQueue, History, Host, HostOutput, PendingInput, Readiness, Room, RoomConfig, RoomOutput, RoomPolicy,
    SeatSession, Secret, Session, SessionEvent, Waiting,
};
use tickwire::game::RoomSetup;
use tickwire::tick::{Moment, TickClock};
use tickwire::wire::limits;
use tickwire::{Close, Seat, TickRate};
use tickwire_games::arena::{AVATAR, Arena};

const OPEN: u8 = 0;
const MESSAGE: u8 = 1;
const LOST: u8 = 2;

/// A connection with its session, and what waits between the session and the room.
struct Peer {
    session: Session,
    seat: Option<SeatSession>,
    pending: PendingInput,
    events: EventQueue,
    ended: bool,
}

/// The number of the connection that waits for the room's answer.
struct Applicant(u16);

impl Waiting for Applicant {}

struct Lockstep {
    host: Host<Applicant>,
    clock: TickClock,
    peers: BTreeMap<u16, Peer>,
    secrets: u64,
    answer: Vec<u8>,
}

impl Lockstep {
    fn new(rate: TickRate, map: &str, seed: u64) -> Self {
        let options = BTreeMap::from([("map".to_owned(), map.to_owned())]);
        let setup = RoomSetup { rate, seed, options };
        let arena = Arena::new(&setup).expect("the map is known");
        let policy = RoomPolicy { hold: Duration::from_secs(30), ..RoomPolicy::default() };
        let room = Room::new(RoomConfig::new("only", "arena", setup, policy), Box::new(arena));
        let host = Host::new(Moment(0), room, History::new(rate));
        let (clock, peers) = (TickClock::new(rate, Moment(0)), BTreeMap::new());
        Self { host, clock, peers, secrets: 0, answer: Vec::new() }
    }

    fn handle(&mut self, operation: u8, now: Moment, number: u16, bytes: &[u8]) {
        match operation {
            OPEN => {
                let (pending, events) = Default::default();
                let session = Session::new(now);
                self.peers.insert(number, Peer { session, seat: None, pending, events, ended: false });
            }
            MESSAGE => {
                let heard = self.hear(now, number, bytes);
                self.conclude(number, heard);
                self.send_frame(now, number);
            }
            LOST => self.conclude(number, Err(Close::Lost)),
            _ => self.run(now),
        }
        self.peers.retain(|_, peer| !peer.ended);
    }

    fn run(&mut self, now: Moment) {
        let numbers: Vec<u16> = self.peers.keys().copied().collect();
        for number in &numbers {
            let checked = self.peers.get_mut(number).map_or(Ok(false), |peer| peer.session.on_alarm(now));
            self.conclude(*number, checked.map(|_| ()));
        }
        let deadline = self.clock.deadline();
        let period = self.clock.rate().period();
        for step in 0..self.clock.advance(now).steps {
            self.collect();
            let secrets = &mut self.secrets;
            self.host.answer_requests(limits::JOINS_PER_TICK, || secret(secrets));
            self.host.tick(now, |_| {});
            self.tell_rows(deadline.plus(period * step));
            self.follow(now);
            self.collect();
        }
        numbers.into_iter().for_each(|number| self.send_frame(now, number));
    }

    fn hear(&mut self, now: Moment, number: u16, bytes: &[u8]) -> Result<(), Close> {
        let Some(peer) = self.peers.get_mut(&number) else { return Ok(()) };
        let heard = peer.session.on_message(now, bytes)?;
        if peer.seat.is_some() {
            peer.pending.hear();
        }
        match heard {
            SessionEvent::Enter(request) => self.host.request(Arc::new(*request), Applicant(number))?,
            SessionEvent::Inputs { events } => {
                peer.pending.push_inputs(peer.session.runs());
                peer.pending.events_arrived(events);
            }
            SessionEvent::Events(upto) => peer.pending.events_arrived(upto),
            SessionEvent::Command { seq, command } => {
                if !peer.pending.push_command(seq, command) {
                    return Err(Close::RateLimited);
                }
            }
            SessionEvent::Reply(bytes) => self.item(0, number, &bytes),
            SessionEvent::Nothing | SessionEvent::Resync | SessionEvent::Feel(_) | SessionEvent::Refresh(_) => {}
        }
        Ok(())
    }

    /// Ends a session when something went wrong.
    fn conclude(&mut self, number: u16, outcome: Result<(), Close>) {
        let (Err(close), Some(peer)) = (outcome, self.peers.get_mut(&number)) else { return };
        if peer.ended {
            return;
        }
        peer.ended = true;
        peer.pending.end(close);
        if let Some(seat) = peer.seat
            && let Some(close) = self.host.collect(seat, &mut peer.pending)
        {
            self.host.disconnect(seat, close);
        }
        self.item(1, number, &close.code().to_le_bytes());
    }

    fn collect(&mut self) {
        for peer in self.peers.values_mut().filter(|peer| !peer.ended) {
            let Some(seat) = peer.seat else { continue };
            let ended = self.host.collect(seat, &mut peer.pending);
            assert_eq!(ended, None, "a session that has ended is gone");
        }
    }

    fn follow(&mut self, now: Moment) {
        while let Some(output) = self.host.poll_output() {
            match output {
                HostOutput::Answer { waiting: Applicant(number), answer: Ok(admitted) } => {
                    self.enter(now, number, *admitted);
                }
                HostOutput::Answer { waiting: Applicant(number), answer: Err(reason) } => {
                    self.conclude(number, Err(reason.close()));
                }
                HostOutput::Room(RoomOutput::Event { seats, event }) => {
                    let peers = self.peers.values_mut();
                    for peer in peers.filter(|peer| peer.seat.is_some_and(|mine| seats.contains(&mine.seat))) {
                        peer.events.push(event.clone());
                    }
                }
                HostOutput::Room(RoomOutput::Freed { seat, reason, .. }) => self.end_seat(seat, reason.close()),
                HostOutput::Parted { .. }
                | HostOutput::CommandsSafe { .. }
                | HostOutput::Filmed(_)
                | HostOutput::Room(_) => {}
            }
        }
    }

    fn enter(&mut self, now: Moment, number: u16, admitted: Admitted) {
        let Admitted { welcome, start, events } = admitted;
        self.end_seat(start.seat, Close::Replaced);
        let Some(peer) = self.peers.get_mut(&number) else { return };
        peer.seat = Some(SeatSession { seat: start.seat, generation: start.seat_generation });
        peer.events = events;
        let welcome = peer.session.enter(now, welcome, &start);
        self.item(0, number, &welcome);
    }

    fn end_seat(&mut self, seat: Seat, close: Close) {
        let held = |peer: &Peer| peer.seat.is_some_and(|mine| mine.seat == seat);
        let numbers: Vec<u16> = self.peers.iter().filter(|(_, peer)| held(peer)).map(|(number, _)| *number).collect();
        numbers.into_iter().for_each(|number| self.conclude(number, Err(close)));
    }

    fn send_frame(&mut self, now: Moment, number: u16) {
        let Some(newest) = self.host.frames().newest() else { return };
        let Some(peer) = self.peers.get_mut(&number).filter(|peer| !peer.ended) else { return };
        if peer.session.readiness(now, newest) != Readiness::Ready {
            return;
        }
        let mut frames = Vec::new();
        let base = peer.session.sender().map_or(newest.tick(), |sender| sender.base());
        self.host.frames().since(base, newest, &mut frames);
        let batch = peer.events.batch(newest.tick());
        let message = peer.session.compose(now, &frames, batch.as_ref());
        self.item(0, number, &message);
    }

    /// Tells the caller where all avatars are.
    fn tell_rows(&mut self, due: Moment) {
        let frame = self.host.room().frame().clone();
        let mut bytes = frame.tick().0.to_le_bytes().to_vec();
        bytes.extend(due.0.to_le_bytes());
        for zone in frame.zones() {
            for row in zone.zone().rows(frame.schema()).filter(|row| row.kind == AVATAR) {
                bytes.extend(row.id.0.to_le_bytes());
                row.values[..2].iter().for_each(|value| bytes.extend(value.to_le_bytes()));
            }
        }
        self.item(2, 0, &bytes);
    }

    fn item(&mut self, kind: u8, number: u16, bytes: &[u8]) {
        self.answer.push(kind);
        self.answer.extend(number.to_le_bytes());
        self.answer.extend((bytes.len() as u32).to_le_bytes());
        self.answer.extend_from_slice(bytes);
    }
}

/// Different for every seat, and the same in every run.
fn secret(count: &mut u64) -> Secret {
    *count += 1;
    let mut secret = Secret::default();
    secret[..8].copy_from_slice(&count.to_le_bytes());
    secret
}

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [rate, map, seed] = &arguments[..] else { panic!("usage: lockstep TICKS_PER_SECOND MAP SEED") };
    let rate = TickRate::new(rate.parse().expect("a number")).expect("a possible number of ticks per second");
    let mut lockstep = Lockstep::new(rate, map, seed.parse().expect("a number"));
    let (mut requests, mut answers) = (io::stdin().lock(), io::stdout().lock());
    loop {
        let mut head = [0; 4];
        if requests.read_exact(&mut head).is_err() {
            return Ok(());
        }
        let mut request = vec![0; u32::from_le_bytes(head) as usize];
        requests.read_exact(&mut request)?;
        let (head, bytes) = request.split_at_checked(11).expect("a whole request");
        let now = Moment(u64::from_le_bytes(head[1..9].try_into().expect("eight bytes")));
        lockstep.handle(head[0], now, u16::from_le_bytes([head[9], head[10]]), bytes);
        let answer = std::mem::take(&mut lockstep.answer);
        answers.write_all(&(answer.len() as u32 + 8).to_le_bytes())?;
        answers.write_all(&lockstep.clock.deadline().0.to_le_bytes())?;
        answers.write_all(&answer)?;
        answers.flush()?;
    }
}
