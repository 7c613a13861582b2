//! The engine alone: a room with your own loop and transport, here one thread and plain TCP. Messages are those of
//! PROTOCOL.md, each preceded by its length in four bytes. The loop shows everything that a shell around the engine must
//! do: move bytes, read the clock, tick, and do what the host requires.

#![allow(clippy::disallowed_methods, reason = "the shell is where the clock is read")]

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rand::TryRng;
use tickwire::engine::{
    Admitted, EventQueue, History, Host, HostOutput, PendingInput, Readiness, Room, RoomConfig, RoomOutput, RoomPolicy,
    SeatSession, Secret, Session, SessionEvent, Waiting,
};
use tickwire::game::RoomSetup;
use tickwire::tick::{Moment, TickClock};
use tickwire::wire::limits;
use tickwire::{Close, Seat, TickRate};
use tickwire_games::arena::Arena;

/// Most connections.
const MOST: usize = 100;

/// A connection: its bytes, its session, and what waits between the session and the room.
struct Peer {
    number: u64,
    /// Lives as long as the connection.
    wanted: Rc<()>,
    stream: TcpStream,
    arrived: Vec<u8>,
    session: Session,
    seat: Option<SeatSession>,
    pending: PendingInput,
    events: EventQueue,
    ended: Option<Close>,
}

/// A connection that waits for the room's answer.
struct Applicant {
    number: u64,
    wanted: Weak<()>,
}

impl Waiting for Applicant {
    fn is_wanted(&self) -> bool {
        self.wanted.strong_count() > 0
    }
}

impl Peer {
    fn new(number: u64, stream: TcpStream, now: Moment) -> Self {
        let (arrived, pending, events) = Default::default();
        let session = Session::new(now);
        Self { number, wanted: Rc::default(), stream, arrived, session, seat: None, pending, events, ended: None }
    }

    /// The next complete message; `None` if there is none yet.
    fn receive(&mut self) -> Result<Option<Vec<u8>>, Close> {
        let mut chunk = [0; 4096];
        match self.stream.read(&mut chunk) {
            Ok(0) => return Err(Close::Lost),
            Ok(count) => self.arrived.extend_from_slice(&chunk[..count]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return Err(Close::Lost),
        }
        let Some(head) = self.arrived.first_chunk() else { return Ok(None) };
        let length = u32::from_le_bytes(*head) as usize;
        if length > limits::CLIENT_MESSAGE {
            return Err(Close::BadMessage);
        }
        let whole = self.arrived.len() >= 4 + length;
        Ok(whole.then(|| self.arrived.drain(..4 + length).skip(4).collect()))
    }

    /// Sends a message. If the client's socket takes no more, its session ends: this loop keeps no queue.
    fn send(&mut self, message: &[u8]) -> Result<(), Close> {
        let head = (message.len() as u32).to_le_bytes();
        self.stream.write_all(&[&head, message].concat()).map_err(|_| Close::SlowConsumer)
    }

    /// The room has admitted the client.
    fn enter(&mut self, now: Moment, admitted: Admitted) -> Result<(), Close> {
        let Admitted { welcome, start, events } = admitted;
        self.seat = Some(SeatSession { seat: start.seat, generation: start.seat_generation });
        self.events = events;
        let welcome = self.session.enter(now, welcome, &start);
        self.send(&welcome)
    }

    /// Ends the session if something went wrong. The first reason counts.
    fn note(&mut self, outcome: Result<(), Close>) {
        if let Err(close) = outcome {
            self.ended.get_or_insert(close);
            self.pending.end(close);
        }
    }
}

/// Serves one room of the arena on `listener` until `stop` is set.
pub fn serve(listener: &TcpListener, stop: &AtomicBool) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let (start, rate) = (Instant::now(), TickRate::DEFAULT);
    let setup = RoomSetup { rate, seed: 1, options: BTreeMap::new() };
    let arena = Arena::new(&setup).map_err(io::Error::other)?;
    let policy = RoomPolicy { hold: Duration::from_secs(30), ..RoomPolicy::default() };
    let room = Room::new(RoomConfig::new("only", "arena", setup, policy), Box::new(arena));
    let mut host = Host::new(Moment(0), room, History::new(rate));
    let mut clock = TickClock::new(rate, Moment(0));
    let (mut peers, mut accepted): (Vec<Peer>, u64) = (Vec::new(), 0);
    while !stop.load(Ordering::Relaxed) {
        let now = Moment(0).plus(start.elapsed());
        while peers.len() < MOST
            && let Ok((stream, _)) = listener.accept()
        {
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            accepted += 1;
            peers.push(Peer::new(accepted, stream, now));
        }
        for peer in &mut peers {
            let heard = peer.session.on_alarm(now).and_then(|_| listen(peer, &mut host, now));
            peer.note(heard);
        }
        for _ in 0..clock.advance(now).steps {
            collect(&mut host, &mut peers);
            host.answer_requests(limits::JOINS_PER_TICK, random_secret);
            host.tick(now, |_| {});
            follow(&mut host, &mut peers, now);
            // Some have ended on the way: their seats become free, too.
            collect(&mut host, &mut peers);
            peers.retain(|peer| peer.ended.is_none());
        }
        for peer in &mut peers {
            let told = tell(peer, host.frames(), now);
            peer.note(told);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

/// Handles the messages of a client.
fn listen(peer: &mut Peer, host: &mut Host<Applicant>, now: Moment) -> Result<(), Close> {
    while let Some(message) = peer.receive()? {
        let heard = peer.session.on_message(now, &message)?;
        if peer.seat.is_some() {
            peer.pending.hear();
        }
        match heard {
            SessionEvent::Enter(request) => {
                let applicant = Applicant { number: peer.number, wanted: Rc::downgrade(&peer.wanted) };
                host.request(Arc::new(*request), applicant)?;
            }
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
            SessionEvent::Reply(bytes) => peer.send(&bytes)?,
            SessionEvent::Nothing | SessionEvent::Resync | SessionEvent::Feel(_) | SessionEvent::Refresh(_) => {}
        }
    }
    Ok(())
}

/// Passes on what sessions have received, and their ends.
fn collect(host: &mut Host<Applicant>, peers: &mut [Peer]) {
    let mut ended = Vec::new();
    for peer in peers {
        let Some(seat) = peer.seat else { continue };
        ended.extend(host.collect(seat, &mut peer.pending).map(|close| (seat, close)));
    }
    ended.into_iter().for_each(|(seat, close)| host.disconnect(seat, close));
}

/// Does what the host requires.
fn follow(host: &mut Host<Applicant>, peers: &mut [Peer], now: Moment) {
    while let Some(output) = host.poll_output() {
        match output {
            HostOutput::Answer { waiting, answer } => {
                if let Ok(admitted) = &answer {
                    in_seat(peers, admitted.start.seat).for_each(|replaced| replaced.note(Err(Close::Replaced)));
                }
                let Some(peer) = peers.iter_mut().find(|peer| peer.number == waiting.number) else { continue };
                let entered = answer.map_err(|reason| reason.close()).and_then(|admitted| peer.enter(now, *admitted));
                peer.note(entered);
            }
            HostOutput::Room(RoomOutput::Event { seats, event }) => {
                for seat in seats {
                    in_seat(peers, seat).for_each(|peer| peer.events.push(event.clone()));
                }
            }
            HostOutput::Room(RoomOutput::Freed { seat, reason, .. }) => {
                in_seat(peers, seat).for_each(|peer| peer.note(Err(reason.close())));
            }
            HostOutput::Room(RoomOutput::Over(reason)) => {
                peers.iter_mut().for_each(|peer| peer.note(Err(reason.close())));
            }
            // This loop keeps no journal.
            HostOutput::Parted { .. }
            | HostOutput::CommandsSafe { .. }
            | HostOutput::Filmed(_)
            | HostOutput::Room(
                RoomOutput::Frame { .. }
                | RoomOutput::Listed
                | RoomOutput::Record(_)
                | RoomOutput::Reserved
                | RoomOutput::Channel(_)
                | RoomOutput::ServerEvent(_)
                | RoomOutput::TicketBack { .. }
                | RoomOutput::Judged(_)
                | RoomOutput::Tap(_),
            ) => {}
        }
    }
}

/// The connections whose client has or had a seat.
fn in_seat(peers: &mut [Peer], seat: Seat) -> impl Iterator<Item = &mut Peer> {
    peers.iter_mut().filter(move |peer| peer.seat.is_some_and(|mine| mine.seat == seat))
}

/// Sends the newest frame if the session is ready for it.
fn tell(peer: &mut Peer, history: &History, now: Moment) -> Result<(), Close> {
    let Some(newest) = history.newest() else { return Ok(()) };
    if peer.session.readiness(now, newest) != Readiness::Ready {
        return Ok(());
    }
    let mut frames = Vec::new();
    let base = peer.session.sender().map_or(newest.tick(), |sender| sender.base());
    history.since(base, newest, &mut frames);
    let batch = peer.events.batch(newest.tick());
    let message = peer.session.compose(now, &frames, batch.as_ref());
    peer.send(&message)
}

fn random_secret() -> Secret {
    let mut secret = Secret::default();
    rand::rngs::SysRng.try_fill_bytes(&mut secret).expect("the operating system has randomness");
    secret
}

fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:8081")?;
    println!("one room of the arena at {}; stop with ctrl-c", listener.local_addr()?);
    serve(&listener, &AtomicBool::new(false))
}
