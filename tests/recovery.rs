//! Rooms are rebuilt from a checkpoint and the inputs after it, or it is said why not.

use std::collections::BTreeMap;
use std::sync::Arc;

use tickwire::TickRate;
use tickwire::engine::{
    Checkpoint, Enter, History, Host, JoinRequest, JournalEntry, Occupancy, Proof, RecoverError, Recovery, Room,
    RoomConfig, RoomInput, RoomPolicy, Waiting, recover,
};
use tickwire::game::RoomSetup;
use tickwire::tick::Moment;
use tickwire::wire::{Close, Join, Role};
use tickwire_games::arena::Arena;

/// A room, its first checkpoint, and what its journal would have.
struct Played {
    room: Room,
    checkpoint: Checkpoint,
    entries: Vec<JournalEntry>,
    recorded: u64,
}

fn arena(setup: &RoomSetup) -> Box<Arena> {
    Box::new(Arena::new(setup).expect("a known map"))
}

impl Played {
    fn new() -> Self {
        let setup = RoomSetup { rate: TickRate::DEFAULT, seed: 5, options: BTreeMap::new() };
        let game = arena(&setup);
        let mut room = Room::new(RoomConfig::new("one", "arena", setup, RoomPolicy::default()), game);
        let checkpoint = room.checkpoint().expect("the arena is saved");
        Self { room, checkpoint, entries: Vec::new(), recorded: 0 }
    }

    /// Records what happens in a tick.
    fn tick(&mut self, inputs: Vec<RoomInput>) {
        let mut record = Vec::new();
        for input in inputs.into_iter().chain([RoomInput::Tick]) {
            input.append_to(&mut record);
            self.room.apply(input, &mut Vec::new());
        }
        let proof = Some(Proof::of(self.room.frame()));
        let entry = JournalEntry { from: self.recorded, inputs: record, proof, ..JournalEntry::default() };
        self.recorded = entry.upto();
        self.entries.push(entry);
    }

    fn recover(&self) -> Result<Recovery, RecoverError> {
        let checkpoint = Checkpoint::decode(&self.checkpoint.encode()).expect("it is whole");
        let game = arena(&checkpoint.config().setup);
        recover(checkpoint, 0, &self.entries, game)
    }
}

fn enter(name: &str) -> RoomInput {
    let (identity, options, secret) = (None, BTreeMap::new(), None);
    RoomInput::Enter(Enter { role: Role::Player, identity, name: name.to_owned(), options, reserved: false, secret })
}

fn played() -> Played {
    let mut played = Played::new();
    played.tick(vec![enter("Ada"), enter("Bob")]);
    (0..30).for_each(|_| played.tick(Vec::new()));
    played
}

#[test]
fn a_room_goes_on_as_it_was() {
    let mut played = played();
    let Recovery { mut room, over, .. } = played.recover().expect("it can be rebuilt");
    assert!(over.is_none());
    for _ in 0..50 {
        assert_eq!(Proof::of(room.frame()), Proof::of(played.room.frame()));
        room.apply(RoomInput::Tick, &mut Vec::new());
        played.tick(Vec::new());
    }
}

#[test]
fn a_room_that_had_ended_says_so() {
    let mut played = played();
    played.tick(vec![RoomInput::Close(Close::RoomClosed.into())]);
    let over = played.recover().expect("it can be rebuilt").over;
    assert_eq!(over.map(|reason| reason.close()), Some(Close::RoomClosed));
}

#[test]
fn what_does_not_lead_to_the_same_room_is_named() {
    let mut differs = played();
    let proof = differs.entries[20].proof.as_mut().expect("each tick has one here");
    proof.hash ^= 1;
    let (tick, expected, found) = (proof.tick, proof.hash, proof.hash ^ 1);
    assert_eq!(differs.recover().map(drop), Err(RecoverError::Differs { tick, expected, found }));

    let mut misses = played();
    let gone = misses.entries.remove(10);
    let (expected, found) = (gone.from, gone.upto());
    assert_eq!(misses.recover().map(drop), Err(RecoverError::Gap { expected, found }));

    let mut doubled = played();
    doubled.entries.insert(10, JournalEntry { inputs: doubled.entries[9].inputs.clone(), ..JournalEntry::default() });
    assert!(matches!(doubled.recover(), Err(RecoverError::Gap { found: 0, .. })));

    let mut cut = played();
    let last = cut.entries.last_mut().expect("there are some");
    last.inputs = vec![0xff; 3];
    let upto = last.upto();
    assert_eq!(cut.recover().map(drop), Err(RecoverError::Malformed { upto, rest: 3 }));
}

struct Here;
impl Waiting for Here {}

#[test]
fn who_is_let_in_is_counted_when_the_record_of_it_is_safe() {
    let setup = RoomSetup { rate: TickRate::DEFAULT, seed: 5, options: BTreeMap::new() };
    let (game, policy) = (arena(&setup), RoomPolicy { most_spectators: 1, ..RoomPolicy::default() });
    let room = Room::new(RoomConfig::new("one", "arena", setup, policy), game);
    let mut host = Host::new(Moment(0), room, History::new(TickRate::DEFAULT)).with_journal();
    for role in [Role::Player, Role::Player, Role::Spectator] {
        let join = Join::ById { room: "one".to_owned() };
        host.request(Arc::new(JoinRequest::guest(join, role, "Ada")), Here).expect("few wait");
    }
    host.answer_requests(3, || [7; 16]);
    host.tick(Moment(0), |_| {});
    let count = |host: &Host<Here>| {
        let Occupancy { players, spectators, .. } = host.occupancy();
        [players, spectators]
    };
    assert_eq!((host.room().players(), count(&host)), (2, [0, 0]), "their places are promised until they are told");
    let upto = host.take_entry().upto();
    host.safe(upto);
    while host.poll_output().is_some() {}
    assert_eq!(count(&host), [2, 1]);
}
