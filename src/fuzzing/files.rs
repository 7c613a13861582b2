//! Bytes as recordings: read, watched and run again, or refused.

use std::sync::OnceLock;
use std::time::Duration;

use super::pawns::Pawns;
use crate::engine::RoomInput;
use crate::engine::film::Projector;
use crate::engine::recording::{Inputs, Recording, Rerun, Start, with_changed_blocks};
use crate::engine::replay::Replay;
use crate::game::{Game, RoomSetup, SetupError};
use crate::testing::{Plan, Playtest};
use crate::wire::Authority;

/// Most ticks of a replay.
const TICKS: usize = 2000;

/// Bytes as a recording, as changes to a sound one, or as the inputs of one.
pub fn recording(data: &[u8]) {
    let Some((&first, rest)) = data.split_first() else { return };
    match first % 4 {
        0 => read(rest),
        1 => read(&changed(rest)),
        // The readers of files that are cut off.
        2 => {
            let file = sound(rest.len() % SOUND);
            let cut =
                rest.iter().fold(0_usize, |at, byte| at.wrapping_mul(251) + usize::from(*byte)) % (file.len() + 1);
            read(&file[..cut]);
        }
        _ => run_inputs(rest),
    }
}

/// What `tickwire replay` and the pages do with a file.
fn read(file: &[u8]) {
    let _ = Recording::decode_header(file);
    let Ok(recording) = Recording::decode(file) else { return };
    let written = Recording::decode(&recording.encode()).expect("what was read can be written");
    assert_eq!(written.header, recording.header);
    if let Rerun::Possible(inputs) = &recording.rerun {
        inputs.identities();
    }
    if let Ok(mut projector) = Projector::new(&recording.header.schema, &recording.film) {
        while let Ok(true) = projector.advance() {}
    }
    run(&recording);
}

fn run(recording: &Recording) {
    let Ok(mut replay) = Replay::new(recording, pawns) else { return };
    for _ in 0..TICKS {
        if !matches!(replay.step(), Ok(Some(_))) {
            return;
        }
    }
}

fn pawns(_: &RoomSetup) -> Result<Box<dyn Game>, SetupError> {
    Ok(Box::new(Pawns::new(Authority::Server)))
}

/// Four bytes for each change: which block and where, and what is there then.
fn changed(changes: &[u8]) -> Vec<u8> {
    let number = changes.len() % SOUND;
    with_changed_blocks(sound(number), |kind, content| {
        for change in changes.chunks_exact(4) {
            let [which, low, high, new] = std::array::from_fn(|index| change[index]);
            let at = usize::from(u16::from_le_bytes([low, high]));
            if b"HFRE"[usize::from(which % 4)] != kind || content.is_empty() {
                continue;
            }
            let at = at % content.len();
            match which / 4 % 4 {
                0 => content.insert(at, new),
                1 => _ = content.remove(at),
                _ => content[at] = new,
            }
        }
    })
}

/// A room that begins as a sound one does, with inputs of any kind.
fn run_inputs(bytes: &[u8]) {
    let mut recording = Recording::decode(sound(bytes.len() % SOUND)).expect("it is sound");
    if let Rerun::Possible(inputs) = &mut recording.rerun {
        inputs.inputs = bytes.to_vec();
        run(&recording);
    }
}

/// How many sound recordings there are.
const SOUND: usize = 2;

/// The file of a short recording with players, chat, commands and a held seat: from the room's beginning, or from the state at the
/// end of that, with ticks alone.
fn sound(number: usize) -> &'static [u8] {
    static FILES: OnceLock<[Vec<u8>; SOUND]> = OnceLock::new();
    let make = || {
        let plan = Plan { hold: Duration::from_secs(5), ..Plan::default() };
        let mut play = Playtest::new(plan, pawns);
        let [ada, bob] = ["Ada", "Bob"].map(|name| play.join(name));
        play.run_ticks(5);
        play[ada].hold(&[1, -1]);
        play[ada].chat(&[], "hello");
        play[bob].call(1, &[1, 2, 3]);
        play.run_ticks(5);
        play.cut(bob, true);
        play.run_ticks(15);
        let (first, mut second) = (play.recording("a sound one").encode(), play.recording("another"));
        let start = Start::Checkpoint(Box::new(play.checkpoint().expect("pawns are saved")));
        let mut inputs = Vec::new();
        (0..20).for_each(|_| RoomInput::Tick.append_to(&mut inputs));
        second.rerun = Rerun::Possible(Box::new(Inputs { start, inputs }));
        second.film.clear();
        [first, second.encode()]
    };
    &FILES.get_or_init(make)[number]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_changed_is_reached() {
        for number in 0..SOUND {
            let recording = Recording::decode(sound(number)).expect("it is sound");
            let mut replay = Replay::new(&recording, pawns).expect("it can be run again");
            let steps = std::iter::from_fn(|| replay.step().expect("it is sound")).count();
            assert!(steps >= 20, "{steps}");
        }
        // Headers, films and inputs that were changed are read, because their checksums are right.
        let readable = (0..u8::MAX).map(|at| changed(&[9, at, 0, 0x61])).filter(|file| Recording::decode(file).is_ok());
        assert!(readable.count() > 50);
    }
}
