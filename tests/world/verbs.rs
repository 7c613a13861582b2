//! Control of a room as a whole, in virtual time: spectators over bad links, locks, kicks, endings, idle players.

use std::sync::Arc;
use std::time::Duration;

use tickwire::engine::link::Profile;
use tickwire::engine::{Answer, CloseReason, Enter, Refusal, Room, RoomConfig, RoomInput, RoomOutput, RoomPolicy};
use tickwire::game::{Context, Game, Player, PlayerInput, Refused, RoomSetup, SnapshotWriter, Spec};
use tickwire::id::{EntityId, KindId, Seat, ZoneId};
use tickwire::snapshot::Frame;
use tickwire::testing::{Plan, Playtest};
use tickwire::wire::{Authority, Close, EventBody, Role, limits};
use tickwire::{InputSchema, Kind, Schema, TickRate};

use super::zoo::{Wildness, Zoo};

/// A game without anything, which does what its room is to be tested with.
#[derive(Default)]
struct Hall {
    script: Vec<(u32, Verb)>,
}

type Verb = fn(&mut Context);

impl Game for Hall {
    fn spec(&self) -> Spec {
        Spec {
            schema: Schema::new(vec![Kind::new("guest", vec![])]).expect("a schema").into(),
            inputs: InputSchema::new(vec![]).expect("a schema"),
            authority: Authority::Server,
            capacity: 3,
            properties: vec![("hall".to_owned(), "blue".to_owned())],
        }
    }
    fn join(&mut self, _: &Player, cx: &mut Context) -> Result<EntityId, Refused> {
        Ok(cx.spawn())
    }
    fn leave(&mut self, _: Seat, _: &mut Context) {}
    fn step(&mut self, _: &[PlayerInput], cx: &mut Context) {
        let now = cx.tick().0;
        self.script.iter().filter(|(tick, _)| *tick == now).for_each(|(_, verb)| verb(cx));
    }
    fn write_snapshot(&self, out: &mut SnapshotWriter) {
        out.entity(KindId(0), EntityId(77), &[]);
    }
    fn spectate(&self) -> Vec<ZoneId> {
        vec![ZoneId(3), ZoneId(0), ZoneId(3)]
    }
}

/// A room, and what it required since it was asked last.
struct Verbs {
    room: Room,
    outputs: Vec<RoomOutput>,
}

fn hall(script: &[(u32, Verb)]) -> Verbs {
    let setup = RoomSetup { rate: TickRate::DEFAULT, seed: 1, options: Default::default() };
    let policy = RoomPolicy { most_spectators: 2, ..RoomPolicy::default() };
    let config = RoomConfig::new("hall", "hall", setup, policy);
    Verbs { room: Room::new(config, Box::new(Hall { script: script.to_vec() })), outputs: Vec::new() }
}

impl Verbs {
    fn apply(&mut self, input: RoomInput) -> Option<Answer> {
        self.room.apply(input, &mut self.outputs)
    }

    fn enter(&mut self, role: Role, reserved: bool) -> Result<Seat, Refusal> {
        let (identity, name, options) = (None, "ada".to_owned(), Default::default());
        let answer = self.apply(RoomInput::Enter(Enter { role, identity, name, options, reserved, secret: None }));
        answer.expect("a room answers").map(|admitted| admitted.welcome.seat)
    }

    fn admit(&mut self) -> Result<Seat, Refusal> {
        self.enter(Role::Player, false)
    }

    fn spectate(&mut self) -> Result<Seat, Refusal> {
        self.enter(Role::Spectator, false)
    }

    fn leave(&mut self, seat: Seat) {
        self.apply(RoomInput::Disconnected { seat, close: Close::Left });
    }

    /// Forgets what the room required before, and runs a tick.
    fn tick(&mut self) -> Arc<Frame> {
        self.outputs.clear();
        self.apply(RoomInput::Tick);
        self.room.frame().clone()
    }

    /// The events, with whom they are for.
    fn posts(&mut self) -> Vec<(Vec<Seat>, EventBody<'static>)> {
        let posts = std::mem::take(&mut self.outputs).into_iter().filter_map(|output| match output {
            RoomOutput::Event { seats, event } => Some((seats, event.body().into_owned())),
            _ => None,
        });
        posts.collect()
    }

    fn freed(&self) -> Vec<(Seat, CloseReason)> {
        let freed = self.outputs.iter().filter_map(|output| match output {
            RoomOutput::Freed { seat, reason, expired: false } => Some((*seat, reason.clone())),
            _ => None,
        });
        freed.collect()
    }

    fn over(&self) -> Option<CloseReason> {
        self.outputs.iter().find_map(|output| match output {
            RoomOutput::Over(reason) => Some(reason.clone()),
            _ => None,
        })
    }

    fn is_listed_anew(&self) -> bool {
        self.outputs.iter().any(|output| matches!(output, RoomOutput::Listed))
    }
}

const EVE: Seat = Seat(limits::SEATS);

#[test]
fn spectators_agree_with_the_server_over_bad_links_and_are_nobody() {
    for seed in 0..40 {
        let link = Profile::named(["wifi", "lte"][seed as usize % 2]).expect("a known profile");
        let wild =
            Wildness { authority: Authority::Server, animals: 9, turmoil: true, sight: None, far: 1, walls: false };
        let plan = Plan { seed, link, ..Plan::default() };
        let mut play = Playtest::new(plan, move |setup| Ok(Box::new(Zoo::new(setup, wild).0)));
        let ada = play.join("Ada");
        let eve = play.spectate("Eve");
        play.run_for(Duration::from_secs(4));
        let zoe = play.spectate("Zoe");
        play.run_for(Duration::from_secs(4));
        play.leave(eve);
        play.run_for(Duration::from_secs(3));
        // The oracle compared every frame; these show that it had something to compare.
        let seen = [eve, zoe].map(|one| play[one].arrivals().len());
        assert!(seen.iter().all(|seen| *seen > 40), "seed {seed}: {seen:?}");
        assert_eq!((play[eve].ended(), play[zoe].ended()), (Some(Close::Left), None));
        assert_eq!((play.room().players() <= 1, play.room().spectators()), (true, 1), "seed {seed}: {ada:?}");
    }
}

#[test]
fn spectators_take_no_seat_and_get_the_lowest_number() {
    let mut hall = hall(&[]);
    assert_eq!((hall.spectate(), hall.spectate()), (Ok(EVE), Ok(Seat(EVE.0 + 1))));
    assert_eq!(hall.spectate(), Err(Refusal::Full));
    (0..3).for_each(|seat| assert_eq!(hall.admit(), Ok(Seat(seat))));
    assert_eq!(hall.admit(), Err(Refusal::Full));
    let frame = hall.tick();
    assert_eq!(frame.note(EVE).map(|note| note.zones.to_vec()), Some(vec![ZoneId(0), ZoneId(3)]));
    hall.leave(EVE);
    assert_eq!(hall.freed(), [(EVE, Close::Left.into())]);
    assert!(hall.posts().is_empty(), "nobody is told that a spectator left");
    assert_eq!(hall.spectate(), Ok(EVE));
    assert_eq!((hall.room.players(), hall.room.spectators()), (3, 2));
}

#[test]
fn a_lock_stops_newcomers_only() {
    let mut hall = hall(&[(1, |cx| cx.lock(true)), (3, |cx| cx.lock(false))]);
    hall.admit().expect("a seat");
    hall.tick();
    assert!(hall.is_listed_anew() && hall.room.is_locked());
    assert_eq!(hall.admit(), Err(Refusal::Shut(Close::Locked)));
    assert!(hall.enter(Role::Player, true).is_ok(), "a reserved seat stays reserved");
    assert!(hall.spectate().is_ok());
    hall.tick();
    assert!(!hall.is_listed_anew());
    hall.tick();
    assert!(hall.is_listed_anew());
    assert!(hall.admit().is_ok());
}

#[test]
fn the_first_ending_counts_and_its_result_arrives_before_it() {
    // A lock lets spectators in; an ending does not, locked or not.
    let mut hall = hall(&[(1, |cx| cx.lock(true)), (2, |cx| cx.end("won")), (5, |cx| cx.close("too late"))]);
    hall.admit().expect("a seat");
    hall.spectate().expect("a place");
    hall.tick();
    hall.tick();
    assert!(hall.over().is_none());
    let result = serde_bytes::ByteBuf::from(b"won".to_vec());
    let ended = EventBody::Ended { result: std::borrow::Cow::Owned(result) };
    assert_eq!(hall.posts(), [(vec![Seat(0), EVE], ended)]);
    assert_eq!(hall.admit(), Err(Refusal::Shut(Close::MatchOver)));
    assert_eq!(hall.spectate(), Err(Refusal::Shut(Close::MatchOver)));
    let over = (0..100).find_map(|waited| {
        hall.tick();
        hall.over().map(|reason| (waited, reason))
    });
    // A second at 20 Hz.
    assert_eq!(over, Some((19, CloseReason::from(Close::MatchOver))));
    assert_eq!(hall.room.result(), Some(3));
}

#[test]
fn operators_end_rooms_and_sessions() {
    let mut hall = hall(&[]);
    let ada = hall.admit().expect("a seat");
    hall.spectate().expect("a place");
    let enough = CloseReason::with_text(Close::Kicked, "that is enough");
    for seat in [ada, EVE, Seat(2), Seat(EVE.0 + 1)] {
        hall.apply(RoomInput::Kick { seat, reason: enough.clone() });
    }
    hall.tick();
    assert_eq!(hall.freed(), [(ada, enough.clone()), (EVE, enough)], "whoever is there");
    hall.apply(RoomInput::Close(CloseReason::with_text(Close::RoomClosed, "the hall is needed")));
    hall.tick();
    assert_eq!(hall.over().map(|reason| reason.text().to_owned()).as_deref(), Some("the hall is needed"));
}

#[test]
fn a_kick_does_not_hit_who_takes_the_seat_next() {
    let mut hall = hall(&[]);
    let seats = [hall.admit().expect("a seat"), hall.spectate().expect("a place")];
    seats.iter().for_each(|seat| _ = hall.apply(RoomInput::Kick { seat: *seat, reason: Close::Kicked.into() }));
    seats.iter().for_each(|seat| hall.leave(*seat));
    assert_eq!([hall.admit(), hall.spectate()], seats.map(Ok));
    hall.tick();
    assert!(hall.freed().is_empty());
}

#[test]
fn properties_are_told_once_and_bounded() {
    let mut hall = hall(&[
        (1, |cx| cx.set_property("hall", "blue")),
        (2, |cx| cx.set_property("hall", "red")),
        (3, |cx| cx.set_property("hall", "")),
        (4, |cx| cx.set_property("never", "")),
    ]);
    hall.admit().expect("a seat");
    let told: Vec<_> =
        (0..4).map(|_| (hall.tick().tick().0, hall.posts().len(), hall.room.properties().len())).collect();
    assert_eq!(told, [(1, 0, 1), (2, 1, 1), (3, 1, 0), (4, 0, 0)]);
    let mut cx = Context::new(TickRate::DEFAULT, 1);
    (0..limits::PROPERTIES).for_each(|n| cx.set_property(&n.to_string(), "x"));
    let too_many = std::panic::catch_unwind(move || cx.set_property("one more", "x"));
    assert!(too_many.is_err());
    let long = "x".repeat(limits::TEXT + 1);
    assert!(std::panic::catch_unwind(|| Context::new(TickRate::DEFAULT, 1).set_property("key", &long)).is_err());
}

#[test]
fn who_is_idle_is_let_go_and_who_comes_back_is_not() {
    let plan = Plan { idle_after: Duration::from_secs(5), ..Plan::default() };
    let wild = Wildness { authority: Authority::Server, animals: 0, turmoil: false, sight: None, far: 1, walls: false };
    let mut play = Playtest::new(plan, move |setup| Ok(Box::new(Zoo::new(setup, wild).0)));
    let (ada, bob) = (play.join("Ada"), play.join("Bob"));
    let eve = play.spectate("Eve");
    for round in 0..4 {
        play[ada].hold(&[round, 0, 0, 0, 0]);
        play.run_for(Duration::from_secs(2));
    }
    assert_eq!((play[ada].ended(), play[bob].ended(), play[eve].ended()), (None, Some(Close::Idle), None));
    // Held keys are nothing new.
    play.run_for(Duration::from_secs(4));
    assert_eq!(play[ada].ended(), Some(Close::Idle));
    assert_eq!(play.room().players(), 0, "no seat is held for them");
}
