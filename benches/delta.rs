//! What a zone costs: time of delta, apply and keyframe, and their bytes.

mod crowd;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tickwire::snapshot::Marks;
use tickwire::snapshot::delta::{apply, diff, read_keyframe, write_keyframe};

fn delta(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("delta");
    for players in [20, 200, 1000] {
        let (mut room, _) = crowd::room(players);
        let (mut bytes, ticks) = (0, 200);
        for n in 40..40 + ticks {
            crowd::offer(&mut room, players, n);
            bytes += crowd::drive::tick(&mut room).zones()[0].delta().len();
        }
        let base = room.frame().clone();
        let next = crowd::drive::tick(&mut room);
        let (schema, base, next) = (base.schema(), base.zones()[0].zone(), next.zones()[0].zone());
        let (mut out, mut keyframe) = (Vec::new(), Vec::new());
        write_keyframe(schema, next, &mut keyframe);
        let rows = f64::from(players);
        let per_row = bytes as f64 / f64::from(ticks) / rows;
        let whole = keyframe.len() as f64 / rows;
        println!("{players} rows: {per_row:.2} bytes per row and tick, keyframe {whole:.2} bytes per row");

        group.throughput(Throughput::Elements(players.into()));
        group.bench_with_input(BenchmarkId::new("diff", players), &players, |bencher, _| {
            bencher.iter(|| {
                out.clear();
                diff(schema, black_box(base), black_box(next), &Marks::default(), &mut out);
            });
        });
        group.bench_with_input(BenchmarkId::new("apply", players), &out.clone(), |bencher, delta| {
            bencher.iter(|| apply(schema, black_box(base), black_box(delta)));
        });
        group.bench_with_input(BenchmarkId::new("write_keyframe", players), &players, |bencher, _| {
            bencher.iter(|| {
                out.clear();
                write_keyframe(schema, black_box(next), &mut out);
            });
        });
        group.bench_with_input(BenchmarkId::new("read_keyframe", players), &keyframe, |bencher, keyframe| {
            bencher.iter(|| read_keyframe(schema, black_box(keyframe)));
        });
        group.bench_with_input(BenchmarkId::new("hash", players), &players, |bencher, _| {
            bencher.iter(|| black_box(next).hash());
        });
    }
    group.finish();
}

criterion_group!(benches, delta);
criterion_main!(benches);
