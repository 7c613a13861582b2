//! What a tick costs: one input per player, a step, a frozen frame with its delta; a tick in which nothing changes; and one
//! session's message.

mod crowd;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tickwire::engine::{FrameSender, InputRun, Transport};
use tickwire::id::Seat;
use tickwire::tick::Moment;
use tickwire::wire::Features;

/// Two players who do nothing, as in most rooms of a crowd of small ones.
fn quiet_tick(criterion: &mut Criterion) {
    let (mut room, _) = crowd::room(2);
    let still = |seat| InputRun { input: [0; 8], ..crowd::run(seat, 40) };
    (0..2).for_each(|seat| crowd::drive::offer(&mut room, Seat(seat), still(seat)));
    (0..200).for_each(|_| _ = crowd::drive::tick(&mut room));
    criterion.bench_function("room_tick/quiet", |bencher| bencher.iter(|| black_box(crowd::drive::tick(&mut room))));
}

fn tick(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("room_tick");
    for players in [10, 100, 1000] {
        let (mut room, first) = crowd::room(players);
        let mut n = 40;
        group.throughput(Throughput::Elements(players.into()));
        group.bench_with_input(BenchmarkId::new("tick", players), &players, |bencher, _| {
            bencher.iter(|| {
                crowd::offer(&mut room, players, n);
                n += 1;
                black_box(crowd::drive::tick(&mut room))
            });
        });
        let (before, after) = ([crowd::drive::tick(&mut room)], [crowd::drive::tick(&mut room)]);
        let in_the_room = || {
            let mut sender = FrameSender::new(Moment(0), &first.start, 0, Features::NONE, Transport::Ordered);
            sender.compose(Moment(1), &before, None);
            sender
        };
        group.bench_with_input(BenchmarkId::new("compose", players), &players, |bencher, _| {
            let compose = |sender: &mut FrameSender| black_box(sender.compose(Moment(2), &after, None));
            bencher.iter_batched_ref(in_the_room, compose, criterion::BatchSize::SmallInput);
        });
        let message = in_the_room().compose(Moment(2), &after, None);
        println!("{players} players: a message has {} bytes", message.len());
    }
    group.finish();
}

criterion_group!(benches, tick, quiet_tick);
criterion_main!(benches);
