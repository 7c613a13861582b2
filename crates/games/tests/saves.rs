//! The games are saved whole.

use tickwire::engine::{Checkpoint, Room};
use tickwire::game::{Context, Game, LoadError, Player, PlayerInput, Refused, RoomSetup, Saved, SnapshotWriter, Spec};
use tickwire::id::{EntityId, Seat};
use tickwire::testing::{Plan, check_saves};
use tickwire_games::arena::Arena;
use tickwire_games::plaza::Plaza;

#[test]
fn the_arena_is_saved_whole() {
    for seed in 0..8 {
        let play = check_saves(Plan { seed, ..Plan::default() }, |setup| Ok(Box::new(Arena::new(setup)?)));
        assert!(play.frame().rows() > 0, "there was something to save");
    }
}

#[test]
fn the_big_arena_is_saved_whole() {
    let options = std::collections::BTreeMap::from([("map".to_owned(), "big".to_owned())]);
    for seed in 0..4 {
        let plan = Plan { seed, options: options.clone(), ..Plan::default() };
        check_saves(plan, |setup| Ok(Box::new(Arena::new(setup)?)));
    }
}

#[test]
fn the_plaza_is_saved_whole() {
    for seed in 0..8 {
        check_saves(Plan { seed, ..Plan::default() }, |setup| Ok(Box::new(Plaza::new(setup)?)));
    }
}

/// An arena that forgets one field of its state when it is saved.
struct Forgetful {
    arena: Arena,
    field: &'static str,
}

impl Game for Forgetful {
    fn spec(&self) -> Spec {
        self.arena.spec()
    }
    fn join(&mut self, player: &Player, cx: &mut Context) -> Result<EntityId, Refused> {
        self.arena.join(player, cx)
    }
    fn leave(&mut self, seat: Seat, cx: &mut Context) {
        self.arena.leave(seat, cx);
    }
    fn step(&mut self, inputs: &[PlayerInput], cx: &mut Context) {
        self.arena.step(inputs, cx);
    }
    fn write_snapshot(&self, out: &mut SnapshotWriter) {
        self.arena.write_snapshot(out);
    }
    fn save(&self) -> Option<Saved> {
        let mut saved = self.arena.save()?;
        // In CBOR, a short text is its length and its bytes, and a small number is one byte.
        let bytes = saved.bytes.to_vec();
        let name = [&[0x60 + self.field.len() as u8], self.field.as_bytes()].concat();
        let mut forgotten = bytes.clone();
        for at in 0..bytes.len() - name.len() {
            if bytes[at..].starts_with(&name) && bytes[at + name.len()] < 0x18 {
                forgotten[at + name.len()] = 0;
            }
        }
        saved.bytes = forgotten.into();
        Some(saved)
    }
    fn load(&mut self, saved: &Saved) -> Result<(), LoadError> {
        self.arena.load(saved)
    }
}

#[test]
fn a_field_that_is_not_saved_is_found() {
    for field in ["score", "wait", "reload", "shield", "life"] {
        let play = move || {
            check_saves(Plan::default(), move |setup: &RoomSetup| {
                Ok(Box::new(Forgetful { arena: Arena::new(setup)?, field }))
            });
        };
        let found = std::thread::spawn(play).join().expect_err(field);
        let said = found.downcast_ref::<String>().map_or("", String::as_str);
        assert!(said.contains("the same inputs lead to the same rows"), "{field}: {said}");
    }
}

#[test]
fn a_damaged_checkpoint_is_an_error_or_a_room() {
    let make = |setup: &RoomSetup| Ok(Box::new(Arena::new(setup)?) as Box<dyn Game>);
    let mut play = check_saves(Plan::default(), make);
    let whole = play.checkpoint().expect("the arena is saved").encode();
    let mut refused = 0;
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 1 << (at % 8);
        let restored = Checkpoint::decode(&damaged)
            .and_then(|checkpoint| Room::restore(checkpoint, make(&play.room().config().setup).expect("an arena")));
        refused += usize::from(restored.is_err());
        assert!(Checkpoint::decode(&whole[..at]).is_err(), "cut after {at} bytes");
    }
    println!("{refused} of {} changed bits were noticed", whole.len());
    assert!(refused > whole.len() / 4);
}
