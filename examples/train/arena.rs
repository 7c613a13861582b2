//! The arena with wandering players, as frames: rows with timers, moods and scores, and entities that come and go.

use std::collections::BTreeMap;
use std::sync::Arc;

use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;
use tickwire::engine::{Enter, InputRun, Room, RoomConfig, RoomInput, RoomPolicy};
use tickwire::game::RoomSetup;
use tickwire::id::{CorrectionEpoch, KindId, Seat, Seq, ZoneId};
use tickwire::snapshot::{Frame, Kind, Schema};
use tickwire::tick::{Tick, TickRate};
use tickwire::wire::Role;
use tickwire_games::arena::Arena;

/// Twice a second a wanderer chooses another turn, of at most half a turn per second; sometimes it dashes or throws.
struct Wanderer {
    heading: f64,
    turn: f64,
}

/// The frames of a game with `players` wanderers on the large map.
pub fn play(players: u16, ticks: u32, seed: u64) -> Vec<Frame> {
    let options = BTreeMap::from([("map".to_owned(), "field".to_owned())]);
    let setup = RoomSetup { rate: TickRate::DEFAULT, seed, options };
    let arena = Arena::new(&setup).expect("a map");
    let config = RoomConfig::new("r", "arena", setup, RoomPolicy::default());
    let (mut room, mut outputs) = (Room::new(config, Box::new(arena)), Vec::new());
    for n in 0..players {
        let (role, identity, options) = (Role::Player, None, BTreeMap::new());
        let enter = Enter { role, identity, name: format!("p{n}"), options, reserved: false, secret: None };
        room.apply(RoomInput::Enter(enter), &mut outputs).expect("a room answers").expect("there is room");
    }
    let mut random = Pcg32::new(seed, 12);
    let mut unit = move || f64::from(random.next_u32()) / (f64::from(u32::MAX) + 1.0);
    let mut wanderers: Vec<Wanderer> = (0..players).map(|_| Wanderer { heading: 256.0 * unit(), turn: 0.0 }).collect();
    let schema = room.frame().schema().clone();
    let mut frames = Vec::new();
    for n in 1..=ticks {
        for (seat, wanderer) in (0..).zip(&mut wanderers) {
            if unit() < 0.1 {
                wanderer.turn = 6.4 * (2.0 * unit() - 1.0);
            }
            wanderer.heading += wanderer.turn;
            let mut rarely = || i32::from(unit() < 0.02);
            let input = [wanderer.heading.round() as i32 & 255, 1, rarely(), rarely(), 0, 0, 0, 0];
            let (seat, run) =
                (Seat(seat), InputRun { first: Seq(n), count: 1, epoch: CorrectionEpoch(0), view: None, input });
            room.apply(RoomInput::Inputs { seat, run }, &mut outputs);
        }
        room.apply(RoomInput::Tick, &mut outputs);
        outputs.clear();
        let frame = room.frame();
        let last = frames.last();
        let initial = Frame::initial(schema.clone(), Tick(0));
        frames.push(copy(last.unwrap_or(&initial), frame, None));
    }
    frames
}

/// The same frames, split by kind, each under its own schema.
pub fn by_kind(frames: &[Frame]) -> Vec<Vec<Frame>> {
    let kinds: Vec<Kind> = frames[0].schema().kinds().to_vec();
    let split = (0..).zip(kinds).map(|(number, kind)| {
        let schema = Arc::new(Schema::new(vec![kind]).expect("a valid schema"));
        let mut copies = vec![Frame::initial(schema, Tick(0))];
        for frame in frames {
            copies.push(copy(&copies[copies.len() - 1], frame, Some(KindId(number))));
        }
        copies
    });
    split.collect()
}

/// Copies the rows of `frame` into a frame that follows `last`. With `only`, copies that kind alone, as the first kind.
fn copy(last: &Frame, frame: &Frame, only: Option<KindId>) -> Frame {
    last.freeze(Vec::new(), |out| {
        let zone = frame.zone(ZoneId(0)).expect("a zone with players").zone();
        for row in zone.rows(frame.schema()).filter(|row| only.is_none_or(|kind| kind == row.kind)) {
            let kind = only.map_or(row.kind, |_| KindId(0));
            out.entity(kind, row.id, row.values);
        }
    })
}
