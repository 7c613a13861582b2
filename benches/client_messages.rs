//! What each message of a client can cost at the most: reading it, the room's part, and what all others are told of it.
//!
//! Prints microseconds per message and per byte, and the share of a core that a connection, and all connections of an
//! address, may cause by the limits table. The room is the arena with a thousand players, whose hooks count, too. Times are
//! medians, so a busy machine shows in them.

#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

mod crowd;

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use crowd::drive;
use tickwire::engine::{Admitted, EventQueue, Room, RoomInput, RoomOutput, Session, SessionEvent, work};
use tickwire::id::{CorrectionEpoch, Seat, Seq, ZoneId};
use tickwire::server::Config;
use tickwire::snapshot::delta::write_keyframe;
use tickwire::tick::{Moment, Tick};
use tickwire::wire::{
    Ack, ClientMessage, Close, CommandBody, FrameMessage, FrameStamp, Hello, Inputs, Join, NumberedCommand, Resync,
    Run, ServerMessage, encode_client, encode_frame, encode_server, limits, pack_runs,
};

const PLAYERS: u16 = 1000;
const SAMPLES: u32 = 101;
/// A usual message costs this much at the most, or as many microseconds as it has bytes.
const USUAL_MICROS: f64 = 50.0;
/// The share of a core that rare messages of an address may take.
const RARE_SHARE: f64 = 0.01;

/// How often a message may come.
enum Allowed {
    /// Per second and connection; playing needs it all the time.
    Usual(f64),
    /// Per second and connection.
    Rare(f64),
    /// As often as the work budget of an address allows, which it takes so many microseconds from.
    Priced(u32),
}

struct World {
    room: Room,
    session: Session,
    queues: Vec<EventQueue>,
    outputs: Vec<RoomOutput>,
    now: Moment,
    command: Seq,
}

impl World {
    fn new() -> Self {
        let (room, first) = crowd::room(PLAYERS);
        let session = playing(&first);
        let queues = (0..PLAYERS + 2).map(|_| EventQueue::default()).collect();
        Self { room, session, queues, outputs: Vec::new(), now: Moment(0), command: Seq(0) }
    }

    /// The session hears `message` and the room does what it asks.
    fn hear(&mut self, message: &[u8]) {
        match self.session.on_message(self.now, message).expect("it is within the limits") {
            SessionEvent::Inputs { .. } => {
                let inputs = self.session.runs().iter().map(|run| RoomInput::Inputs { seat: Seat(0), run: *run });
                inputs.for_each(|input| _ = self.room.apply(input, &mut self.outputs));
            }
            SessionEvent::Command { seq, command } => {
                self.room.apply(RoomInput::Command { seat: Seat(0), seq, command }, &mut self.outputs);
            }
            _ => {}
        }
        self.tell();
    }

    /// Everyone's events go into their queues and into their next messages, and are acknowledged at once.
    fn tell(&mut self) {
        let mut outputs = std::mem::take(&mut self.outputs);
        for output in outputs.drain(..) {
            let RoomOutput::Event { seats, event } = output else { continue };
            seats.iter().for_each(|seat| self.queues[usize::from(seat.0)].push(event.clone()));
        }
        let tick = self.room.frame().tick().plus(2);
        for (queue, seat) in self.queues.iter_mut().zip(0..).filter(|(queue, _)| !queue.is_empty()) {
            let Some(batch) = queue.batch(tick) else { continue };
            let message = FrameMessage {
                stamp: FrameStamp::Long { tick: 1, consumed: 0 },
                note: None,
                events: None,
                zones: Vec::new(),
            };
            black_box(encode_frame(&message, Some(&batch.encoded(tick))));
            self.room.apply(RoomInput::EventsArrived { seat: Seat(seat), upto: batch.last() }, &mut outputs);
        }
        self.outputs = outputs;
    }

    /// Someone comes and goes again.
    fn pass_by(&mut self) {
        let enter = drive::entering("passer-by", BTreeMap::new());
        let answer = self.room.apply(RoomInput::Enter(enter), &mut self.outputs);
        let Admitted { welcome, start, .. } = *answer.expect("a room answers").expect("a free seat");
        black_box(encode_server(&ServerMessage::Welcome(Box::new(welcome))));
        self.keyframe();
        self.room.apply(RoomInput::Disconnected { seat: start.seat, close: Close::Left }, &mut self.outputs);
        self.tell();
    }

    fn keyframe(&self) {
        let (frame, mut out) = (self.room.frame(), Vec::new());
        frame.zones().iter().for_each(|zone| write_keyframe(frame.schema(), zone.zone(), &mut out));
        black_box(out);
    }

    /// The next command with this body.
    fn command(&mut self, body: CommandBody<'_>) -> Vec<u8> {
        self.command = self.command.plus(1);
        encode_client(&ClientMessage::Command(NumberedCommand { seq: self.command, body }))
    }
}

/// A session that plays in the seat of `admitted`.
fn playing(admitted: &Admitted) -> Session {
    let mut session = Session::new(Moment(0));
    session.on_message(Moment(0), &hello(String::new(), Vec::new())).expect("a hello");
    session.enter(Moment(0), admitted.welcome.clone(), &admitted.start);
    session
}

fn hello(token: String, player: Vec<(String, String)>) -> Vec<u8> {
    let join = Join::JoinOrCreate { game: "arena".to_owned(), options: player.clone() };
    let token = Some(token.as_str()).filter(|token| !token.is_empty());
    let name = "x".repeat(limits::NAME_CHARS);
    encode_client(&ClientMessage::Hello(Hello { player, token, ..Hello::new(join, &name) }))
}

/// The longest message of inputs: as many runs as there may be, each as long as it may be, no two alike in a row.
fn inputs(admitted: &Admitted) -> Vec<u8> {
    let schema = &admitted.welcome.inputs;
    let neutral = &schema.neutral()[..schema.fields().len()];
    let values = |n: i32| [&[n % 2][..], &neutral[1..]].concat();
    let runs: Vec<Run> =
        (0..limits::RUNS as i32).map(|n| Run { count: limits::RUN_LENGTH, values: values(n + 1) }).collect();
    let (counted, runs) = pack_runs(schema, &runs);
    let (held, runs) = (limits::RUN_LENGTH, serde_bytes::Bytes::new(&runs));
    encode_client(&ClientMessage::Inputs(Inputs {
        ack: Ack::default(),
        epoch: CorrectionEpoch(0),
        view: None,
        held,
        counted,
        runs,
    }))
}

/// The median time of `work` on what `prepare` makes, in microseconds; time enough passes in between for any rate.
fn time(
    world: &mut World,
    mut prepare: impl FnMut(&mut World) -> Vec<u8>,
    mut work: impl FnMut(&mut World, &[u8]),
) -> f64 {
    let mut times: Vec<Duration> = (0..SAMPLES)
        .map(|_| {
            world.now = world.now.plus(Duration::from_secs(3600));
            let message = prepare(world);
            let start = Instant::now();
            work(world, &message);
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e6
}

fn print(name: &str, bytes: usize, micros: f64, allowed: &Allowed) -> bool {
    let connections = Config::default().connections_per_address as f64;
    let (kind, connection, address) = match allowed {
        Allowed::Usual(rate) => ("usual", micros * rate / 1e6, micros * rate * connections / 1e6),
        Allowed::Rare(rate) => ("rare", micros * rate / 1e6, micros * rate * connections / 1e6),
        Allowed::Priced(price) => {
            let share = micros / f64::from(*price) * f64::from(limits::ADDRESS_WORK) / 1e6;
            ("priced", share, share)
        }
    };
    let held = match allowed {
        Allowed::Usual(_) => micros <= USUAL_MICROS.max(bytes as f64),
        Allowed::Rare(_) | Allowed::Priced(_) => address <= RARE_SHARE,
    };
    let per_byte = micros / bytes as f64;
    let (connection, address, word) = (100.0 * connection, 100.0 * address, if held { "ok" } else { "MISSED" });
    println!("{name:34} {kind:7} {bytes:6} {micros:9.2} {per_byte:9.3} {connection:9.3} {address:9.3}  {word}");
    held
}

fn main() {
    let mut world = World::new();
    let (players, rows) = (usize::from(PLAYERS), usize::from(PLAYERS));
    let admitted = drive::enter(&mut world.room, "last", BTreeMap::new());
    let options: Vec<_> = (0..limits::OPTIONS).map(|n| (format!("{n:064}"), "x".repeat(limits::TEXT))).collect();
    let (longest, text) = (vec![7; limits::BODY], "x".repeat(limits::CHAT_CHARS));
    let runs = inputs(&admitted);
    let hour = |rate: Duration| 1.0 / rate.as_secs_f64();
    println!("{:34} {:7} {:>6} {:>9} {:>9} {:>9} {:>9}", "", "", "bytes", "us", "us/byte", "% conn", "% address");
    let mut held = true;
    let mut row =
        |name: &str, bytes: usize, micros: f64, allowed: Allowed| held &= print(name, bytes, micros, &allowed);

    let micros = time(&mut world, |_| runs.clone(), |world, message| world.hear(message));
    row("inputs, the most runs", runs.len(), micros, Allowed::Usual(limits::MESSAGE_RATE.into()));
    let ack = encode_client(&ClientMessage::Ack(Ack::default()));
    let micros = time(&mut world, |_| ack.clone(), |world, message| world.hear(message));
    row("acknowledgement", ack.len(), micros, Allowed::Usual(limits::MESSAGE_RATE.into()));
    let ping = encode_client(&ClientMessage::Ping { stamp: u32::MAX });
    let micros = time(&mut world, |_| ping.clone(), |world, message| world.hear(message));
    row("ping", ping.len(), micros, Allowed::Usual(limits::PING_RATE.into()));
    for (name, call) in [("message to the game", false), ("call", true)] {
        let body = |body| if call { CommandBody::Call { kind: 9, body } } else { CommandBody::Game { kind: 9, body } };
        let make = |world: &mut World| world.command(body(serde_bytes::Bytes::new(&longest)));
        let micros = time(&mut world, make, |world, message| world.hear(message));
        row(name, limits::BODY, micros, Allowed::Usual(limits::COMMAND_RATE.into()));
    }
    for (name, to) in [("chat to everyone", 0), ("chat to a party", limits::CHAT_TO as u16)] {
        let make =
            |world: &mut World| world.command(CommandBody::Chat { to: (0..to).map(Seat).collect(), text: &text });
        let micros = time(&mut world, make, |world, message| world.hear(message));
        let recipients = if to == 0 { players } else { usize::from(to) + 1 };
        row(name, text.len(), micros, Allowed::Priced(work::chat_cost(recipients)));
    }
    let resync = encode_client(&ClientMessage::Resync(Resync { zone: ZoneId(0), tick: Tick(0) }));
    let micros = time(
        &mut world,
        |_| resync.clone(),
        |world, message| {
            world.hear(message);
            world.keyframe();
        },
    );
    row("resync", resync.len(), micros, Allowed::Priced(work::keyframe_cost(rows)));
    let greeting = hello("x".repeat(limits::TOKEN), options);
    let micros = time(
        &mut world,
        |_| greeting.clone(),
        |world, message| {
            black_box(Session::new(world.now).on_message(world.now, message).expect("a hello"));
            world.pass_by();
        },
    );
    row("hello, a join and a leave", greeting.len(), micros, Allowed::Priced(work::join_cost(players)));
    let refresh = encode_client(&ClientMessage::Refresh { token: &"x".repeat(limits::TOKEN) });
    let micros = time(&mut world, |_| refresh.clone(), |world, message| world.hear(message));
    row("refresh, without its signature", refresh.len(), micros, Allowed::Rare(hour(limits::REFRESH_EVERY)));
    println!("{}", if held { "all within the limits" } else { "MISSED" });
}
