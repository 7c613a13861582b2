//! What the flight recorder costs per tick, and what a checkpoint costs: its making on the room's thread, its encoding, and
//! restoring a room from it.
//!
//! `TICKWIRE_HOST=with` (or `without`) plays `TICKWIRE_TICKS` ticks of `TICKWIRE_PLAYERS` players and ends: for a profiler that counts
//! instructions.

mod crowd;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group};
use tickwire::engine::{Checkpoint, History, Host, PendingInput, Room, SeatSession, Waiting};
use tickwire::id::Seat;
use tickwire::tick::Moment;

/// Nobody waits for an answer here.
struct Nobody;

impl Waiting for Nobody {}

fn host(players: u16) -> Host<Nobody> {
    let (room, _) = crowd::room(players);
    let frames = History::new(room.rate());
    Host::new(Moment(0), room, frames)
}

/// A tick with a new input of every fourth player, as people who steer send them at 20 Hz.
fn tick(host: &mut Host<Nobody>, pending: &mut PendingInput, players: u16, n: u32) {
    for seat in (0..players).filter(|seat| (u32::from(*seat) + n).is_multiple_of(4)) {
        let generation = host.room().live_generation(Seat(seat)).expect("everybody is there");
        pending.push_inputs(&[crowd::run(seat, n)]);
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
        for (name, recorded) in [("without", false), ("with", true)] {
            let mut host = if recorded { host(players).with_recorder() } else { host(players) };
            let (mut pending, mut n) = (PendingInput::default(), 40);
            group.bench_with_input(BenchmarkId::new(name, players), &players, |bencher, _| {
                bencher.iter(|| {
                    tick(&mut host, &mut pending, players, n);
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
        let mut host = host(players);
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
    let Ok(host) = std::env::var("TICKWIRE_HOST") else {
        benches();
        return Criterion::default().configure_from_args().final_summary();
    };
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u32>().ok());
    let players = number("TICKWIRE_PLAYERS").unwrap_or(100) as u16;
    let plain = self::host(players);
    let mut host = if host == "with" { plain.with_recorder() } else { plain };
    let mut pending = PendingInput::default();
    (0..number("TICKWIRE_TICKS").unwrap_or(1000)).for_each(|n| tick(&mut host, &mut pending, players, 40 + n));
}
