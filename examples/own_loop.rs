//! The engine alone: a room with your own loop and transport, here one thread and plain TCP. Messages are those of
//! PROTOCOL.md, each preceded by its length in four bytes. The loop shows everything that a shell around the engine must
//! do: move bytes, read the clock, tick the room, deliver events.

#![allow(clippy::disallowed_methods, reason = "the shell is where the clock is read")]

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tickwire::engine::{EventLog, History, Readiness, Refusal, Room, RoomConfig, Session, SessionEvent};
use tickwire::game::RoomSetup;
use tickwire::tick::{Moment, TickClock};
use tickwire::wire::limits;
use tickwire::{Close, Seat, TickRate};
use tickwire_games::arena::Arena;

/// Most connections.
const MOST: usize = 100;

/// A connection: its bytes, its session, and the events for its player.
struct Peer {
    stream: TcpStream,
    arrived: Vec<u8>,
    session: Session,
    log: EventLog,
    seat: Option<Seat>,
    ended: bool,
}

impl Peer {
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
}

/// Serves one room of the arena on `listener` until `stop` is set.
pub fn serve(listener: &TcpListener, stop: &AtomicBool) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let (start, rate) = (Instant::now(), TickRate::DEFAULT);
    let setup = RoomSetup { rate, seed: 1, options: BTreeMap::new() };
    let arena = Arena::new(&setup).map_err(io::Error::other)?;
    let config = RoomConfig { id: "only".to_owned(), game: "arena".to_owned(), setup, capacity: None };
    let mut room = Room::new(config, Box::new(arena));
    let mut history = History::new(rate.ticks_in(limits::HISTORY_SPAN), limits::HISTORY_BYTES);
    let mut clock = TickClock::new(rate, Moment(0));
    let mut peers: Vec<Peer> = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let now = Moment(0).plus(start.elapsed());
        while peers.len() < MOST
            && let Ok((stream, _)) = listener.accept()
        {
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            let (session, log) = (Session::new(now), EventLog::default());
            peers.push(Peer { stream, arrived: Vec::new(), session, log, seat: None, ended: false });
        }
        for index in 0..peers.len() {
            let peer = &mut peers[index];
            let heard = peer.session.on_alarm(now).and_then(|_| listen(peer, &mut room, now));
            end_if(heard, peer, &mut room);
            hand_out(&mut room, &mut peers);
        }
        for _ in 0..clock.advance(now).steps {
            let ticked = room.tick();
            history.push(ticked.frame);
            for (seat, reason) in ticked.kicks {
                let close = reason.close();
                peers.iter_mut().filter(|peer| peer.seat == Some(seat)).for_each(|p| end_if(Err(close), p, &mut room));
            }
        }
        hand_out(&mut room, &mut peers);
        for peer in &mut peers {
            let told = tell(peer, &history, now);
            end_if(told, peer, &mut room);
        }
        peers.retain(|peer| !peer.ended);
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

/// Handles the messages of a client.
fn listen(peer: &mut Peer, room: &mut Room, now: Moment) -> Result<(), Close> {
    while let Some(message) = peer.receive()? {
        match (peer.session.on_message(now, &message)?, peer.seat) {
            (SessionEvent::Enter(visit), _) => {
                let refused = |refusal| if refusal == Refusal::Full { Close::RoomFull } else { Close::Forbidden };
                let admitted = room.admit(visit.name, visit.player).map_err(refused)?;
                peer.seat = Some(admitted.entry.seat);
                let welcome = peer.session.enter(now, &admitted.entry, admitted.welcome);
                peer.send(&welcome)?;
            }
            (SessionEvent::Inputs { events }, Some(seat)) => {
                peer.session.runs().iter().for_each(|run| room.offer(seat, run));
                peer.log.ack(events).map_err(|_| Close::BadMessage)?;
            }
            (SessionEvent::Events(upto), _) => peer.log.ack(upto).map_err(|_| Close::BadMessage)?,
            (SessionEvent::Command { seq, command }, Some(seat)) => room.command(seat, seq, &command),
            (SessionEvent::Reply(bytes), _) => peer.send(&bytes)?,
            _ => {}
        }
    }
    Ok(())
}

/// Adds events to their recipients' logs, before other players can take their seats.
fn hand_out(room: &mut Room, peers: &mut [Peer]) {
    for post in room.take_posts() {
        let addressed = |peer: &&mut Peer| peer.seat.is_some_and(|seat| post.seats.contains(&seat));
        peers.iter_mut().filter(addressed).for_each(|peer| peer.log.push(post.event.clone()));
    }
}

/// Sends the newest frame if the session is ready for it.
fn tell(peer: &mut Peer, history: &History, now: Moment) -> Result<(), Close> {
    let Some(newest) = history.newest().cloned() else { return Ok(()) };
    if peer.session.readiness(now, &newest) != Readiness::Ready {
        return Ok(());
    }
    let mut frames = Vec::new();
    let base = peer.session.sender().map_or(newest.tick(), |sender| sender.tick());
    history.between(base, newest.tick(), &mut frames);
    let batch = peer.log.batch(newest.tick());
    if frames.is_empty() {
        frames.push(newest);
    }
    let message = peer.session.compose(now, &frames, batch.as_ref());
    peer.send(&message)
}

/// Frees the seat of a session that ended and marks its connection for removal.
fn end_if(outcome: Result<(), Close>, peer: &mut Peer, room: &mut Room) {
    if let Err(close) = outcome {
        peer.ended = true;
        if let Some(seat) = peer.seat.take() {
            room.leave(seat, close);
        }
    }
}

fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:8081")?;
    println!("one room of the arena at {}; stop with ctrl-c", listener.local_addr()?);
    serve(&listener, &AtomicBool::new(false))
}
