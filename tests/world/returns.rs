//! Which client resumes which seat, and what happens to commands meanwhile: cases that random seeds seldom reach. And that the
//! judge notices a command that reaches the game twice, too early or never.

use std::time::Duration;

use tickwire::engine::link::{Outage, Profile};
use tickwire::id::Seat;
use tickwire::tick::Moment;
use tickwire::wire::{Close, Continuity, EventBody};

use crate::sim::{Memory, Plan, World};
use crate::{calm, seconds};

/// A single peer, 100 ms from the server, in a room that holds seats for two seconds.
fn far() -> World {
    let link = Profile { rtt_ms: 200.0, jitter_ms: 0.0, ..Profile::named("lan").expect("a known profile") };
    let mut world = World::new(Plan { hold: 2, ..calm(link, 0, 1) });
    run(&mut world, 2000);
    world
}

fn run(world: &mut World, millis: u64) {
    world.run_until(Moment(world.play.now().0 + millis * 1000));
}

/// The connection breaks, and the server hears of it when it is `told`.
fn lose(world: &mut World, told: bool, back_in: u64, memory: Memory) {
    let player = world.player(0);
    world.play.cut(player, told);
    world.part(0, Duration::from_millis(back_in), memory);
}

/// The connection breaks when the server has taken in a command, which the game will see 200 ms later.
fn lose_after_a_command(world: &mut World, back_in: u64, memory: Memory) {
    world.play.pause(Duration::from_millis(400));
    world.command(0, 1);
    run(world, 200);
    lose(world, false, back_in, memory);
}

fn continuity(world: &World) -> Continuity {
    world.client(0).welcome().continuity
}

#[test]
fn a_command_that_did_not_arrive_is_made_on_the_next_connection() {
    let mut world = far();
    world.command(0, 0);
    lose(&mut world, true, 300, Memory::All);
    run(&mut world, 1000);
    assert_eq!(continuity(&world), Continuity::State);
    // Which waits for it.
    world.heal();
}

#[test]
fn hundreds_of_commands_that_waited_for_a_connection_do_not_cost_it() {
    let mut world = far();
    world.play.cut(world.player(0), true);
    (0..300).for_each(|_| world.command(0, 0));
    world.part(0, Duration::from_millis(300), Memory::All);
    // Sixty milliseconds for each.
    run(&mut world, 20_000);
    assert_eq!(continuity(&world), Continuity::State);
    world.heal();
    // Each reached the game once, and in order, or the judge would have said so; and no session took offence.
    assert_eq!(world.endings(), [(Close::Lost.label(), 1)].into());
}

#[test]
fn a_command_forgotten_with_its_seat_is_not_awaited_later() {
    let mut world = far();
    world.command(0, 0);
    lose(&mut world, true, 2500, Memory::All);
    run(&mut world, 3500);
    assert_eq!(continuity(&world), Continuity::Fresh);
    // No command on the connection that learnt of it, but on the next one.
    lose(&mut world, true, 300, Memory::All);
    run(&mut world, 1000);
    assert_eq!(continuity(&world), Continuity::State);
    world.command(0, 0);
    world.heal();
}

/// The connection breaks; the client makes a command when it has claimed its seat again and no answer has come.
fn command_on_the_way_back(back_in: u64) -> World {
    let mut world = far();
    lose(&mut world, true, back_in, Memory::All);
    run(&mut world, back_in + 50);
    assert!(world.client(0).client().welcome().is_none());
    world.command(0, 0);
    run(&mut world, 500);
    world
}

#[test]
fn a_command_made_on_the_way_back_reaches_the_seat() {
    let mut world = command_on_the_way_back(300);
    assert_eq!(continuity(&world), Continuity::State);
    world.heal();
}

#[test]
fn a_command_made_on_the_way_back_is_not_for_another_seat() {
    let mut world = command_on_the_way_back(2500);
    assert_eq!(continuity(&world), Continuity::Fresh);
    // The next one is the first that the new seat hears of.
    world.command(0, 0);
    world.heal();
}

#[test]
fn an_older_right_brings_the_answers_of_its_own_seat() {
    let mut world = far();
    lose_after_a_command(&mut world, 100, Memory::Nothing);
    run(&mut world, 600);
    assert_eq!(world.client(0).welcome().seat, Seat(1));
    lose(&mut world, false, 100, Memory::OldPass);
    run(&mut world, 600);
    assert_eq!((continuity(&world), world.client(0).welcome().seat), (Continuity::Seat, Seat(0)));
    world.heal();
    assert!(world.client(0).events().any(|event| matches!(event, EventBody::Game { kind: 8, .. })), "the answer came");
}

#[test]
fn a_command_seen_while_its_client_is_on_the_way_back_is_not_made_again() {
    let mut world = far();
    lose_after_a_command(&mut world, 150, Memory::All);
    run(&mut world, 600);
    assert_eq!(continuity(&world), Continuity::State);
    world.command(0, 0);
    world.heal();
}

#[test]
fn the_time_for_healing_counts_from_the_last_cut() {
    let cut = Some(Outage { for_ms: 2000.0, every_ms: 5000.0 });
    let mut world = World::new(calm(Profile { cut, ..Profile::named("lan").expect("a known profile") }, 0, 5));
    run(&mut world, 5000);
    world.heal();
    assert!(world.play.now() > seconds(5 + 30), "it took longer than one cut allows");
}

/// The game sees a command that the peer's client did not send.
fn forge(number: u32) {
    let mut world = far();
    (0..2).for_each(|_| world.command(0, 0));
    run(&mut world, 500);
    let entity = world.play.room().entity(Seat(0)).expect("the peer plays");
    let tape = world.judge.borrow().tape.clone();
    tape.lock().expect("the game does not panic").commands.push((Seat(0), entity, number));
    run(&mut world, 500);
}

#[test]
#[should_panic(expected = "commands reach the game once and in order")]
fn the_judge_notices_a_command_that_comes_twice() {
    forge(2);
}

#[test]
#[should_panic(expected = "a command that nobody made")]
fn the_judge_notices_a_command_that_nobody_made() {
    forge(3);
}

#[test]
#[should_panic(expected = "not healed within 30 s")]
fn the_judge_notices_a_command_that_never_comes() {
    let mut world = far();
    world.judge.borrow_mut().commands[0] += 1;
    world.heal();
}
