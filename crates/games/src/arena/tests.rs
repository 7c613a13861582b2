//! Tests of rules that need access to the world: hits, knockback, shields. `tests/arena.rs` tests what is visible from
//! outside.

use std::collections::BTreeMap;

use super::*;
use tickwire::game::{Effect, Recipients, RoomEffect};
use tickwire::tick::{TickRate, ViewTime};

const STILL: AvatarInput = AvatarInput { heading: 0, run: false, dash: false, throw: false };

/// Two avatars three metres apart in an open area, the first facing the second.
fn duel(rate: u16) -> (World, Context, [EntityId; 2]) {
    let rate = TickRate::new(rate).expect("a valid rate");
    let map = Map::parse(&format!("{}\n", ".".repeat(20)).repeat(20)).expect("a valid map");
    let mut world = World::new(map, rate);
    let mut cx = Context::new(rate, 1);
    let ids = [3, 7].map(|seat| world.enter(Seat(seat), &mut cx));
    for (avatar, x) in world.avatars.iter_mut().zip([256, 448]) {
        avatar.state = AvatarState { x, y: 640, ..AvatarState::default() };
        avatar.shield = 0;
        avatar.score = 5;
    }
    (world, cx, ids)
}

fn run(world: &mut World, cx: &mut Context, ids: [EntityId; 2], throw: bool, ticks: usize) {
    for tick in 0..ticks {
        world.sparks.clear();
        world.steer(ids[0], AvatarInput { throw: throw && tick == 0, ..STILL }, None, cx);
        world.steer(ids[1], STILL, None, cx);
        world.step(cx);
    }
}

#[test]
fn a_hit_is_told_scored_and_carries_two_metres_at_every_rate() {
    for rate in [1, 10, 20, 30, 60, 120] {
        let (mut world, mut cx, ids) = duel(rate);
        run(&mut world, &mut cx, ids, true, 3 * usize::from(rate) + 8);
        let effects = cx.take_effects();
        let [Effect::Emit { to: Recipients::Around([_, 640]), kind: 0, body }, Effect::Room(judged)] = &effects[..]
        else {
            panic!("{rate} Hz: {effects:?}")
        };
        assert_eq!(body[..], *b"[3,7]");
        let now = ViewTime { tick: cx.tick(), sixteenths: 0 };
        assert_eq!(judged, &RoomEffect::Judged { shooter: Seat(3), victim: Seat(7), shown: now });
        let [thrower, victim] = &world.avatars[..] else { panic!("two avatars") };
        assert!(thrower.score >= 7 && victim.score >= 4, "sparks may add to it");
        let carried = victim.state.x - 448;
        assert!((110..=140).contains(&carried), "{rate} Hz: carried {carried} quanta");
        assert_eq!((victim.state.y, victim.state.kx, thrower.state.x), (640, 0, 256));
    }
}

#[test]
fn a_shield_absorbs_and_a_hit_gives_one() {
    let (mut world, mut cx, ids) = duel(20);
    world.avatars[1].shield = 100;
    run(&mut world, &mut cx, ids, true, 15);
    assert!(cx.take_effects().is_empty() && world.snowballs.is_empty());
    assert_eq!(world.avatars[1].state.x, 448);

    world.avatars[1].shield = 0;
    run(&mut world, &mut cx, ids, true, 5);
    assert_eq!(cx.take_effects().len(), 2);
    assert!(world.avatars[1].shield > 0);
    assert_eq!(world.avatars[1].state.mood, Mood::Hit);
}

#[test]
fn snowballs_melt_and_outlive_their_thrower() {
    let (mut world, mut cx, ids) = duel(20);
    world.avatars[1].state.y = 64;
    run(&mut world, &mut cx, ids, true, 2);
    assert_eq!(world.snowballs.len(), 1);
    world.exit(ids[0]);
    world.step(&mut cx);
    assert_eq!(world.snowballs.len(), 1);
    for _ in 0..25 {
        world.step(&mut cx);
    }
    assert!(world.snowballs.is_empty());
}

#[test]
fn sparks_are_collected_scored_and_lit_again_elsewhere() {
    let (mut world, mut cx, ids) = duel(20);
    world.step(&mut cx);
    let target = world.sparks.len();
    for _ in 0..200 {
        let Some(spark) = world.sparks.first().copied() else { panic!("sparks") };
        let score = world.avatars[0].score;
        (world.avatars[0].state.x, world.avatars[0].state.y) = (spark.x, spark.y);
        world.step(&mut cx);
        assert!(world.avatars[0].score >= score + if spark.big { 3 } else { 1 });
        assert!(world.sparks.iter().all(|other| other.id != spark.id));
        assert!(world.sparks.is_sorted_by_key(|spark| spark.id));
        for _ in 0..50 {
            world.step(&mut cx);
        }
        assert!(world.sparks.len() + 1 >= target, "{} of {target}", world.sparks.len());
    }
    world.exit(ids[0]);
}

#[test]
fn options_choose_the_map() {
    let setup = |options: &[(&str, &str)]| RoomSetup {
        rate: TickRate::DEFAULT,
        seed: 1,
        options: options
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect::<BTreeMap<_, _>>(),
    };
    let field = Arena::new(&setup(&[("map", "field"), ("unknown", "ignored")])).expect("a valid map");
    assert_eq!(field.properties(), [("map".to_owned(), "field".to_owned())]);
    let refusal = Arena::new(&setup(&[("map", "moon")])).err().expect("no such map");
    assert_eq!(refusal.to_string(), "map \"moon\": must be courtyard, field or big");
}
