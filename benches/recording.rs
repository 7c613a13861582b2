//! What it costs per tick that a room is recorded, written to a journal, or filmed for the archive of matches, and that it keeps the
//! rows that players were shown; and what a checkpoint costs: its making on the room's thread, its encoding, and restoring a room
//! from it.
//!
//! `TICKWIRE_HOST=without` (or `with`, `journal`, `archive`; `no-rewind`, which keeps no rows, `views`, whose players tell what they
//! are shown, and `digests`, which are `views` with one feel digest per tick) plays `TICKWIRE_TICKS` ticks of `TICKWIRE_PLAYERS` players and ends: for a
//! profiler that counts instructions. `journal` also tells the bytes per minute, with `TICKWIRE_SIZES=1` those of checkpoints, too. What the journal's thread does with them is not in it:
//! `web-demo/test/bench/durability.js` measures whole servers.

mod crowd;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group};
use tickwire::engine::{
    Checkpoint, Display, History, Host, InputRun, PendingInput, Room, SeatSession, Session, SessionEvent, Waiting,
};
use tickwire::id::Seat;
use tickwire::tick::{Moment, ViewTime};
use tickwire::wire::{ClientMessage, Hello, Join, encode_client};

/// Nobody waits for an answer here.
struct Nobody;

impl Waiting for Nobody {}

fn host(name: &str, players: u16) -> Host<Nobody> {
    let options: &[(&str, &str)] = if name == "no-rewind" { &[("rewind", "0")] } else { &[] };
    let (room, _) = crowd::room_with(players, options);
    let frames = History::new(room.rate());
    Host::new(Moment(0), room, frames)
}

/// A tick with a new input of every fourth player, as people who steer send them at 20 Hz.
fn tick(host: &mut Host<Nobody>, pending: &mut PendingInput, players: u16, n: u32) {
    tick_shown(host, pending, players, n, None);
}

/// The same; the players were shown the world so many 16ths of a tick ago.
fn tick_shown(host: &mut Host<Nobody>, pending: &mut PendingInput, players: u16, n: u32, behind: Option<u16>) {
    let view = behind.map(|behind| ViewTime::before(host.room().frame().tick(), behind));
    for seat in (0..players).filter(|seat| (u32::from(*seat) + n).is_multiple_of(4)) {
        let generation = host.room().live_generation(Seat(seat)).expect("everybody is there");
        pending.push_inputs(&[InputRun { view, ..crowd::run(seat, n) }]);
        let _ = host.collect(SeatSession { seat: Seat(seat), generation }, pending);
    }
    host.tick(Moment(0), |_| {});
    while let Some(output) = host.poll_output() {
        black_box(output);
    }
}

fn recorder(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("recorder");
    for players in [5, 100, 1000] {
        for name in ["without", "with", "journal", "archive"] {
            let mut host = surrounded(name, host(name, players));
            let (mut pending, mut n) = (PendingInput::default(), 40);
            group.bench_with_input(BenchmarkId::new(name, players), &players, |bencher, _| {
                bencher.iter(|| {
                    tick(&mut host, &mut pending, players, n);
                    if name == "journal" {
                        Journal::default().take(&mut host);
                    }
                    n += 1;
                });
            });
        }
    }
    group.finish();
}

fn checkpoint(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("checkpoint");
    for players in [5, 100, 1000] {
        let mut host = host("without", players);
        let mut pending = PendingInput::default();
        (40..60).for_each(|n| tick(&mut host, &mut pending, players, n));
        let encoded = host.checkpoint().expect("the arena is saved").encode();
        println!("{players} players: a checkpoint has {} bytes", encoded.len());
        let mut n = 60;
        // A frame makes its keyframe once, so each checkpoint needs a tick before it.
        group.bench_with_input(BenchmarkId::new("tick_and_make", players), &players, |bencher, _| {
            bencher.iter(|| {
                tick(&mut host, &mut pending, players, n);
                n += 1;
                black_box(host.checkpoint())
            });
        });
        let checkpoint = host.checkpoint().expect("the arena is saved");
        group.bench_with_input(BenchmarkId::new("encode", players), &players, |bencher, _| {
            bencher.iter(|| black_box(checkpoint.encode()));
        });
        group.bench_with_input(BenchmarkId::new("restore", players), &players, |bencher, _| {
            bencher.iter(|| {
                let checkpoint = Checkpoint::decode(&encoded).expect("it can be read");
                let game = crowd::arena(&checkpoint.config().setup);
                black_box(Room::restore(checkpoint, game).expect("it can be restored"))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, recorder, checkpoint);

fn main() {
    let Ok(name) = std::env::var("TICKWIRE_HOST") else {
        benches();
        return Criterion::default().configure_from_args().final_summary();
    };
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u32>().ok());
    let players = number("TICKWIRE_PLAYERS").unwrap_or(100) as u16;
    let ticks = number("TICKWIRE_TICKS").unwrap_or(1000);
    let is_journaled = name == "journal";
    let mut host = surrounded(&name, host(&name, players));
    let behind = matches!(&name[..], "views" | "digests").then_some(40);
    let mut teller = (name == "digests").then(Teller::new);
    let mut journal = Journal::default();
    let mut pending = PendingInput::default();
    for n in 0..ticks {
        tick_shown(&mut host, &mut pending, players, 40 + n, behind);
        if is_journaled {
            journal.take(&mut host);
        }
        if let Some(teller) = &mut teller {
            teller.tell(n);
        }
    }
    if is_journaled {
        let minutes = f64::from(ticks) / 1200.0;
        let [inputs, checkpoints] = [journal.inputs, journal.checkpoints].map(|bytes| bytes as f64 / minutes / 1000.0);
        println!("{players} players, per minute: {inputs:.1} kB of inputs, {checkpoints:.1} kB of checkpoints");
    }
}

fn surrounded(name: &str, host: Host<Nobody>) -> Host<Nobody> {
    match name {
        "without" | "no-rewind" | "views" | "digests" => host,
        "with" => host.with_recorder(),
        "journal" => host.with_journal(),
        "archive" => host.with_recorder().with_archive(),
        other => panic!("TICKWIRE_HOST is {other:?}: the first lines of benches/recording.rs have the names"),
    }
}

/// A session that hears how the game feels, as often as 200 sessions do at 20 ticks per second.
struct Teller {
    session: Session,
    digest: Vec<u8>,
}

impl Teller {
    fn new() -> Self {
        let (_, first) = crowd::room(1);
        let mut session = Session::new(Moment(0));
        let join = Join::JoinOrCreate { game: "arena".to_owned(), options: Vec::new() };
        let hello = Hello { features: Display::FEATURES, ..Hello::new(join, "teller") };
        session.on_message(Moment(0), &encode_client(&ClientMessage::Hello(hello))).expect("a hello");
        session.enter(Moment(0), first.welcome.clone(), &first.start);
        let body = [10, 60, 0, 0, 0, 3, 30, 16, 4, 2, 1, 5, 3];
        let digest = encode_client(&ClientMessage::FeelDigest { body: serde_bytes::Bytes::new(&body) });
        Self { session, digest }
    }

    fn tell(&mut self, n: u32) {
        let heard = self.session.on_message(Moment(10_000_000 * u64::from(n + 1)), &self.digest);
        assert!(matches!(black_box(heard), Ok(SessionEvent::Feel(_))));
    }
}

/// Adds up what a room writes. Encoding a checkpoint is the work of the journal's thread, and is not timed here.
#[derive(Default)]
struct Journal {
    inputs: usize,
    checkpoints: usize,
}

impl Journal {
    fn take(&mut self, host: &mut Host<Nobody>) {
        let entry = host.take_entry();
        host.safe(entry.upto());
        self.inputs += entry.inputs.len();
        self.checkpoints += entry.checkpoint.map_or(0, |checkpoint| {
            if std::env::var_os("TICKWIRE_SIZES").is_some() { checkpoint.encode().len() } else { 0 }
        });
    }
}
