//! What it costs that a game has types of its own: the same crowd by hand and derived, input by input and row by row.
//!
//! `scripts/derived-cost` counts the instructions of a tick of each instead of the time, which a busy machine does not change.

#[path = "../tests/crowds/mod.rs"]
mod crowds;

use std::collections::BTreeMap;
use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group};
use crowds::{Crowd, TypedCrowd, drive};
use tickwire::engine::Room;
use tickwire::game::Game;

fn games() -> [(&'static str, Box<dyn Game>); 2] {
    [("by hand", Box::<Crowd>::default()), ("derived", Box::<TypedCrowd>::default())]
}

fn room_of(game: Box<dyn Game>, players: u16) -> Room {
    let mut room = crowds::room(game);
    (0..players).for_each(|n| _ = drive::enter(&mut room, &format!("p{n}"), BTreeMap::new()));
    room
}

fn derived(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("derived");
    for players in [10, 100, 1000] {
        group.throughput(Throughput::Elements(players.into()));
        for (name, game) in games() {
            let mut room = room_of(game, players);
            let mut n = 0;
            group.bench_with_input(BenchmarkId::new(name, players), &players, |bencher, _| {
                bencher.iter(|| {
                    n += 1;
                    crowds::offer(&mut room, players, n);
                    black_box(drive::tick(&mut room))
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, derived);

fn main() {
    // A game, players and ticks: plays so much, for a program that counts instructions.
    let Ok(wanted) = std::env::var("TICKWIRE_COUNT") else {
        benches();
        return Criterion::default().configure_from_args().final_summary();
    };
    let mut parts = wanted.split(',');
    let name = parts.next().expect("a game");
    let [players, ticks] = [(); 2].map(|()| parts.next().and_then(|part| part.parse().ok()).expect("a number"));
    let (_, game) = games().into_iter().find(|(other, _)| *other == name).expect("such a game");
    let mut room = room_of(game, players);
    for n in 1..=u32::from(ticks) {
        crowds::offer(&mut room, players, n);
        black_box(drive::tick(&mut room));
    }
}
