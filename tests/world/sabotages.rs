//! Faults that are planted on purpose: the world must find each of them. What nobody finds when it is there may be there.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rand_pcg::Pcg32;
use tickwire::TickRate;
use tickwire::engine::link::Profile;
use tickwire::game::{Game, RoomSetup, Saved, SetupError};
use tickwire::testing::{self, Playtest, Sabotage};
use tickwire_games::arena::Arena;

use crate::judge::below;
use crate::sim::Plan;
use crate::{live_by, plan};

const PROFILES: [&str; 4] = ["lan", "wifi", "lte", "train"];
/// Seeds that are tried on each profile until one finds the fault.
const SEEDS: u64 = 120;

/// Runs seeds until one finds something. Returns what it says.
fn found(run: impl Fn(&'static str, u64)) -> Option<String> {
    for (seed, profile) in (0..SEEDS).flat_map(|seed| PROFILES.map(|profile| (seed, profile))) {
        let Err(failed) = catch_unwind(AssertUnwindSafe(|| run(profile, seed))) else { continue };
        let text = failed.downcast_ref::<String>().cloned();
        let text = text.or_else(|| failed.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        println!("found with seed {seed} on profile {profile}: {text:?}");
        return text;
    }
    None
}

/// The arena, of whose players one field is not saved.
struct Forgetful(Arena, Option<&'static str>);

impl Game for Forgetful {
    delegate!(0: spec, join, leave, step, write_snapshot, load);
    fn save(&self) -> Option<Saved> {
        let Saved { version, bytes } = self.0.save()?;
        let mut bytes = bytes.to_vec();
        self.1.into_iter().for_each(|name| forget(&mut bytes, name));
        Some(Saved { version, bytes: bytes.into() })
    }
}

/// Makes every number of this name zero, in CBOR: the name with its length, and the number with its own.
fn forget(bytes: &mut [u8], name: &str) {
    let key = [&[0x60 + name.len() as u8], name.as_bytes()].concat();
    for at in 0..bytes.len() {
        let Some(number) = bytes[at..].strip_prefix(&key[..]).map(|_| at + key.len()) else { continue };
        let length = [0, 1, 2, 4].get((bytes[number] & 0x1f).saturating_sub(23) as usize).copied().unwrap_or(0);
        // Of a short number the head has the value, of a negative one another type.
        bytes[number] = if length == 0 { 0 } else { bytes[number] & 0x1f };
        bytes[number + 1..=number + length].fill(0);
    }
}

/// A run of the arena in which players come, run, throw and go at random, and the server crashes.
fn arena(profile: &'static str, seed: u64, unsaved: Option<&'static str>) {
    let link = Profile::named(profile).expect("a known profile");
    let rate = TickRate::new(plan(profile, seed).rate).expect("a valid rate");
    let journal = Some([0, 1, 2, 5, 12][seed as usize % 5]);
    let staged = testing::Plan { seed, rate, link, journal, ..testing::Plan::default() };
    let make = move |setup: &RoomSetup| -> Result<Box<dyn Game>, SetupError> {
        Ok(Box::new(Forgetful(Arena::new(setup)?, unsaved)))
    };
    let mut play = Playtest::new(staged, make);
    let mut random = Pcg32::new(seed, 12);
    for peer in 0..5 {
        play.join(&format!("p{peer}"));
    }
    let mut players: Vec<_> = Vec::new();
    for step in 0..150 {
        if step % 30 == 0 {
            // A crash has broken every connection.
            players = (0..5).map(|peer| play.join(&format!("p{peer}"))).collect();
        }
        for player in &players {
            if play[*player].is_open() && below(&mut random, 3) == 0 {
                let heading = below(&mut random, 256).cast_signed();
                let [dash, throw] = [(); 2].map(|()| i32::from(below(&mut random, 3) == 0));
                play[*player].hold(&[heading, 1, dash, throw]);
            }
        }
        play.run_ticks(2);
        if step % 30 == 29 {
            play.crash(below(&mut random, 3) as usize);
        }
    }
}

#[test]
fn a_field_of_the_arena_that_is_not_saved_is_found() {
    for seed in 0..3 {
        PROFILES.iter().for_each(|profile| arena(profile, seed, None));
    }
    for unsaved in ["shield", "life"] {
        let said = found(|profile, seed| arena(profile, seed, Some(unsaved)));
        let said = said.unwrap_or_else(|| panic!("nobody misses {unsaved}"));
        let differs = ["cannot be recovered", "what was replayed", "differ"].iter().any(|text| said.contains(text));
        assert!(differs, "{unsaved}: {said}");
    }
}

/// The world of a seed, with a journal and the fault.
fn sabotaged(profile: &'static str, seed: u64, sabotage: Option<Sabotage>) {
    let late = 2 + seed as u32 % 12;
    live_by(Plan { journal: Some(late), restarts: false, hold: 4, sabotage, ..plan(profile, seed) });
}

#[test]
fn an_entity_id_that_is_used_again_is_found() {
    PROFILES.iter().for_each(|profile| sabotaged(profile, 3, None));
    let said = found(|profile, seed| sabotaged(profile, seed, Some(Sabotage::ReusedIds)));
    let said = said.expect("nobody notices");
    assert!(said.contains("the id of an entity that was forgotten has come back"), "{said}");
}

#[test]
fn a_token_that_is_told_before_its_record_is_safe_is_found() {
    let said = found(|profile, seed| sabotaged(profile, seed, Some(Sabotage::EarlyTokens)));
    let said = said.expect("nobody notices");
    assert!(said.contains("an honest claim"), "{said}");
}
