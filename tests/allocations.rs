//! Allocation budgets: a steady room allocates per tick and per message, never per player. A performance test that
//! needs no quiet machine.

#![allow(unsafe_code, reason = "a global allocator is unsafe by its signature")]

mod drive;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use tickwire::engine::{FrameSender, InputRun, Room, RoomConfig, RoomInput, RoomPolicy, Transport};
use tickwire::game::{Context, Game, Player, PlayerInput, Refused, RoomSetup, SnapshotWriter, Spec};
use tickwire::id::{CorrectionEpoch, EntityId, KindId, Seat, Seq};
use tickwire::snapshot::{Field, InputSchema, Kind, Schema, Shape};
use tickwire::tick::{Moment, TickRate};
use tickwire::wire::{AckedTick, Authority, Features};

/// The system's allocator with a count of the allocations of each thread.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    // The thread-local counter of a thread that is ending is gone.
    let _ = ALLOCATIONS.try_with(|allocations| allocations.set(allocations.get() + 1));
}

// SAFETY: every call is passed on unchanged; counting touches no memory of the caller and does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as the caller promises.
        unsafe { System.realloc(block, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations_of<T>(work: impl FnOnce() -> T) -> (u64, T) {
    let before = ALLOCATIONS.get();
    let result = work();
    (ALLOCATIONS.get() - before, result)
}

/// Every player walks in a direction of their own, so that every row changes at every tick.
#[derive(Default)]
struct Crowd {
    walkers: Vec<(EntityId, i32, i32)>,
}

impl Game for Crowd {
    fn spec(&self) -> Spec {
        let place = || Shape::Fixed { min: 0, max: 1 << 20, per_unit: 64 };
        let fields = vec![Field::linear("x", place()), Field::linear("y", place())];
        let inputs = vec![Field::held("speed", Shape::Int { min: 0, max: 1000 })];
        Spec {
            schema: Arc::new(Schema::new(vec![Kind::new("walker", fields)]).expect("a valid schema")),
            inputs: InputSchema::new(inputs).expect("a valid schema"),
            authority: Authority::Server,
            capacity: 1000,
            properties: vec![],
        }
    }

    fn join(&mut self, _: &Player, cx: &mut Context) -> Result<EntityId, Refused> {
        let id = cx.spawn();
        self.walkers.push((id, 0, 0));
        Ok(id)
    }

    fn leave(&mut self, _: Seat, _: &mut Context) {}

    fn step(&mut self, inputs: &[PlayerInput], cx: &mut Context) {
        for ((_, x, y), step) in self.walkers.iter_mut().zip(inputs) {
            *x = (*x + step.input[0]) & 0xf_ffff;
            *y = (*y + cx.random_below(100).cast_signed()) & 0xf_ffff;
        }
    }

    fn write_snapshot(&self, out: &mut SnapshotWriter) {
        for (id, x, y) in &self.walkers {
            out.entity(KindId(0), *id, &[*x, *y]);
        }
    }
}

/// Returns the highest number of allocations of a tick and of composing its message for one session, over some ticks after a
/// warm-up. Every player has sent an input before each tick.
fn steady(players: u16) -> (u64, u64) {
    let setup = RoomSetup { rate: TickRate::DEFAULT, seed: 1, options: BTreeMap::new() };
    let config = RoomConfig::new("r", "crowd", setup, RoomPolicy::default());
    let mut room = Room::new(config, Box::<Crowd>::default());
    let mut sender = None;
    for n in 0..players {
        let admitted = drive::enter(&mut room, &format!("p{n}"), BTreeMap::new());
        sender
            .get_or_insert_with(|| FrameSender::new(Moment(0), &admitted.start, 0, Features::NONE, Transport::Ordered));
    }
    let mut sender = sender.expect("somebody joined");
    let (mut most_tick, mut most_compose, mut outputs) = (0, 0, Vec::new());
    for n in 1..=60_u32 {
        for seat in 0..players {
            let input = [n.cast_signed() % 7, 0, 0, 0, 0, 0, 0, 0];
            let run = InputRun { first: Seq(n), count: 1, epoch: CorrectionEpoch(0), view: None, input };
            drive::offer(&mut room, Seat(seat), run);
        }
        let (tick, _) = allocations_of(|| {
            outputs.clear();
            room.apply(RoomInput::Tick, &mut outputs)
        });
        let now = Moment(u64::from(n) * 50_000);
        let frames = [room.frame().clone()];
        let (compose, _) = allocations_of(|| sender.compose(now, &frames, None));
        assert!(sender.ack(now, AckedTick::Low(n as u8)));
        if n > 30 {
            (most_tick, most_compose) = (most_tick.max(tick), most_compose.max(compose));
        }
    }
    (most_tick, most_compose)
}

#[test]
fn a_tick_allocates_as_much_for_two_hundred_players_as_for_fifty() {
    let ((few, compose_few), (many, compose_many)) = (steady(50), steady(200));
    println!("a tick: {few} and {many} allocations; a message: {compose_few} and {compose_many}");
    assert!(few > 0 && many <= few, "{few} allocations with 50 players, {many} with 200");
    assert!(compose_many <= compose_few, "{compose_few} allocations with 50 players, {compose_many} with 200");
}
