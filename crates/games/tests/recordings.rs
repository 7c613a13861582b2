//! What was recorded of a room can be run again, watched, and told apart.

use std::convert::Infallible;
use std::time::Duration;

use tickwire::engine::film::{Change, Projector};
use tickwire::engine::recording::{Recording, RecordingError, Rerun, Start};
use tickwire::engine::replay::{Differs, Replay, ReplayError};
use tickwire::game::{Game, RoomSetup, SetupError};
use tickwire::testing::{Plan, Playtest, check_saves};
use tickwire::wire::EventBody;
use tickwire_games::arena::Arena;

fn arena(setup: &RoomSetup) -> Result<Box<dyn Game>, SetupError> {
    Ok(Box::new(Arena::new(setup)?))
}

/// A room of random players, after 100 s.
fn played() -> Playtest {
    check_saves(Plan { seed: 3, ..Plan::default() }, arena)
}

fn reread(recording: &Recording) -> Recording {
    Recording::decode(&recording.encode()).expect("a recording can be read")
}

/// Replays all of it; returns the number of ticks that were compared.
fn replayed(recording: &Recording) -> usize {
    let mut replay = Replay::new(recording, arena).expect("it can be run again");
    let mut compared = 0;
    while let Some(step) = replay.step().expect("it can be read") {
        assert_eq!(step.difference, None);
        compared += usize::from(step.compared);
    }
    compared
}

#[test]
fn the_last_minute_of_a_long_room_can_be_run_again_and_watched() {
    let play = played();
    let recording = reread(&play.recording("a test"));
    let (first, last) = recording.header.ticks;
    let ticks = last.since(first);
    assert_eq!(last, play.frame().tick());
    assert!((60 * 20..=90 * 20).contains(&ticks), "{ticks} ticks are kept");
    let Rerun::Possible(inputs) = &recording.rerun else { panic!("{:?}", recording.rerun) };
    assert!(matches!(inputs.start, Start::Checkpoint(_)), "the beginning is long ago");
    assert_eq!(replayed(&recording), ticks as usize);
    let longest = recording.film.iter().map(|reel| reel.last().since(reel.tick)).max();
    assert_eq!(longest, Some(2 * 20), "a keyframe comes every two seconds");
    let mut projector = Projector::new(&recording.header.schema, &recording.film).expect("it can be watched");
    loop {
        let shown = projector.tick().expect("there is a film");
        let frame = play.frame_at(shown).expect("every tick was made");
        let rows = projector.zones().values().map(|zone| zone.len()).sum::<usize>();
        assert_eq!(rows, frame.rows(), "{shown:?}");
        let seats = projector.presence().seats.iter().map(|(seat, taken)| (*seat, taken.entity, &*taken.zones));
        let wanted = frame.notes().iter().map(|note| (note.seat, note.entity, &*note.zones));
        assert!(seats.eq(wanted), "{shown:?}");
        if !projector.advance().expect("it can be watched") {
            assert_eq!(shown, last);
            break;
        }
    }
}

#[test]
fn a_short_room_is_recorded_from_its_beginning() {
    let mut play = Playtest::new(Plan::default(), arena);
    let ada = play.join("Ada");
    play[ada].hold(&[64, 1, 0, 1]);
    play.run_for(Duration::from_secs(5));
    let recording = reread(&play.recording("a test"));
    let Rerun::Possible(inputs) = &recording.rerun else { panic!("{:?}", recording.rerun) };
    assert!(matches!(inputs.start, Start::Beginning(_)));
    assert_eq!(replayed(&recording), play.frame().tick().0 as usize);
}

#[test]
fn a_replay_that_differs_is_told_by_tick_entity_and_field() {
    let mut play = Playtest::new(Plan::default(), arena);
    let ada = play.join("Ada");
    play[ada].hold(&[64, 1, 0, 0]);
    play.run_for(Duration::from_secs(5));
    let mut recording = play.recording("a test");
    let Rerun::Possible(inputs) = &mut recording.rerun else { panic!("{:?}", recording.rerun) };
    let Start::Beginning(config) = &mut inputs.start else { panic!("the room is young") };
    // Another seed puts everything elsewhere.
    config.setup.seed += 1;
    let mut replay = Replay::new(&recording, arena).expect("it can be run again");
    let found = std::iter::from_fn(|| replay.step().expect("it can be read")).find_map(|step| step.difference);
    let found = found.expect("a difference");
    assert_eq!((found.tick.0, found.kind.as_str()), (1, "avatar"), "{found}");
    assert!(matches!(&found.what, Differs::Field { name, .. } if name == "x"), "{found}");
}

#[test]
fn a_damaged_recording_is_an_error_that_names_the_place() {
    let file = played().recording("a test").encode();
    let step = (file.len() / 2000).max(1);
    for at in (0..file.len()).step_by(step) {
        let mut damaged = file.clone();
        damaged[at] ^= 1 << (at % 8);
        let error = Recording::decode(&damaged).expect_err("a changed bit is noticed");
        match error {
            RecordingError::Magic => assert!(at < 8, "{at}"),
            RecordingError::Damaged(block) => assert!(block <= at, "{block} {at}"),
            other => panic!("{other}"),
        }
        assert!(Recording::decode(&file[..at]).is_err(), "cut after {at} bytes");
    }
    assert!(Recording::decode(&[&file[..], &[0]].concat()).is_err(), "there is more than a recording");
}

#[test]
fn a_sealed_recording_can_be_watched_and_not_run_again() {
    let play = played();
    let plain = play.recording("a test").encode();
    let mut sealed = play.recording("a test");
    let Ok(()) = sealed.seal(|_, bytes| Ok::<_, Infallible>(swapped(bytes)));
    let file = sealed.encode();
    let names = |file: &[u8]| file.windows(3).any(|bytes| bytes == b"Ada");
    assert_eq!((names(&file), names(&plain)), (false, true), "names are sealed");
    let mut recording = Recording::decode(&file).expect("it can be read");
    assert!(matches!(Replay::new(&recording, arena), Err(ReplayError::Sealed)));
    assert!(Projector::new(&recording.header.schema, &recording.film).is_ok());
    recording.open(|sealed| Some(swapped(sealed))).expect("it can be read");
    assert!(replayed(&recording) > 1000);
}

#[test]
fn a_film_has_what_everybody_was_told_but_no_names_and_no_chat() {
    let mut play = Playtest::new(Plan::default(), arena);
    let ada = play.join("Ada");
    play.run_for(Duration::from_secs(1));
    let bob = play.join("Bob");
    play.run_for(Duration::from_secs(1));
    play[ada].chat(&[], "a secret word");
    play.run_for(Duration::from_secs(1));
    play.leave(bob);
    play.run_for(Duration::from_secs(1));
    let mut recording = play.recording("a test");
    let Ok(()) = recording.seal(|_, bytes| Ok::<_, Infallible>(swapped(bytes)));
    let file = recording.encode();
    for personal in ["Ada", "Bob", "secret"] {
        assert!(!file.windows(personal.len()).any(|bytes| bytes == personal.as_bytes()), "{personal}");
    }
    let recording = Recording::decode(&file).expect("it can be read");
    let mut projector = Projector::new(&recording.header.schema, &recording.film).expect("it can be watched");
    let (mut joined, mut left) = (0, 0);
    while projector.advance().expect("it can be watched") {
        for change in projector.changes() {
            match change {
                Change::Event(EventBody::Joined(entry)) => {
                    assert!(entry.name.is_empty() && projector.presence().seats.contains_key(&entry.seat));
                    joined += 1;
                }
                Change::Event(EventBody::Left { .. }) => left += 1,
                _ => {}
            }
        }
    }
    assert_eq!((joined, left, projector.presence().seats.len()), (2, 1, 1));
    assert!(projector.presence().properties.contains_key("map"), "{:?}", projector.presence().properties);
}

/// No cipher, but names cannot be found any more.
fn swapped(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|byte| byte ^ 0x5a).collect()
}
