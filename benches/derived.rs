//! What it costs that a game has types of its own: the same crowd by hand and derived, input by input and row by row.

#[path = "../tests/crowds/mod.rs"]
mod crowds;

use std::collections::BTreeMap;
use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use crowds::{Crowd, TypedCrowd, drive};
use tickwire::game::Game;

fn derived(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("derived");
    for players in [10, 100, 1000] {
        group.throughput(Throughput::Elements(players.into()));
        let games: [(&str, Box<dyn Game>); 2] =
            [("by hand", Box::<Crowd>::default()), ("derived", Box::<TypedCrowd>::default())];
        for (name, game) in games {
            let mut room = crowds::room(game);
            (0..players).for_each(|n| _ = drive::enter(&mut room, &format!("p{n}"), BTreeMap::new()));
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
criterion_main!(benches);
