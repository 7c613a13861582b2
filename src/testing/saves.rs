//! Whether a game saves all of its state.

use std::time::Duration;

use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;

use super::plan::Plan;
use super::player::PlayerId;
use super::playtest::Playtest;
use crate::engine::recording::Recording;
use crate::engine::{Checkpoint, History, Host, Room};
use crate::game::{Game, RoomSetup, SetupError};
use crate::snapshot::InputSchema;
use crate::wire::{Close, Features};

/// Players at most.
const PLAYERS: usize = 6;
/// How long a saved room and its original go on side by side, in ticks.
const TICKS: u32 = 200;
/// How many saved rooms are compared.
const ROUNDS: u32 = 10;
/// Ticks between two whims of the players.
const STRIDE: u32 = 5;

/// Plays a game with players who join, leave, lose their connections and act at random. Every 200 ticks the room is saved,
/// and a second room that was restored from it goes on beside the original under the same inputs. Both must make the same
/// frames and events at each tick. This finds a field that is not saved, and a result that depends on the order of a hash
/// map, on a clock or on randomness of the game's own.
///
/// ```
/// # use tickwire_games::arena::Arena as MyGame;
/// use tickwire::testing::{Plan, check_saves};
///
/// check_saves(Plan::default(), |setup| Ok(Box::new(MyGame::new(setup)?)));
/// ```
///
/// Returns the playtest, for assertions about the game.
///
/// # Panics
/// When the game is not saved, cannot load what it saved, or goes on otherwise.
pub fn check_saves(
    plan: Plan,
    factory: impl FnMut(&RoomSetup) -> Result<Box<dyn Game>, SetupError> + 'static,
) -> Playtest {
    let mut play = Playtest::new(
        Plan { checkpoint_every: TICKS, hold: Duration::from_secs(3), features: Features::VIEW_TIME, ..plan },
        factory,
    );
    assert!(play.checkpoint().is_some(), "the game is not saved: implement Game::save");
    let mut crowd = Crowd { playing: Vec::new(), lost: Vec::new(), random: Pcg32::new(play.plan.seed, 11) };
    for _ in 0..ROUNDS * TICKS / STRIDE {
        crowd.act(&mut play);
        play.run_ticks(STRIDE);
    }
    play
}

impl Playtest {
    /// Restarts the server, as a deploy does: the room goes on from its checkpoint under the next incarnation, every
    /// connection is closed with [`Close::Draining`], and recent frames are forgotten. Does nothing when the game is not
    /// saved, or the room has a [journal](Plan::journal).
    pub fn restart(&mut self) {
        if self.journal.is_some() {
            return;
        }
        let Some(checkpoint) = self.checkpoint() else { return };
        let record = self.host.take_record();
        self.replica.apply(&record);
        let [room, second] = [(); 2].map(|()| self.restored(&checkpoint));
        let incarnation = checkpoint.config().incarnation.next();
        self.end_all(Close::Draining);
        self.host = Host::new(self.now, room, History::new(self.plan.rate)).with_record().with_recorder();
        self.replica.restart(second);
        self.host.recover(incarnation, 0);
        self.follow_outputs();
    }

    pub(super) fn restored(&mut self, checkpoint: &Checkpoint) -> Room {
        let checkpoint = Checkpoint::decode(&checkpoint.encode()).expect("a checkpoint can be read");
        let game = (self.factory)(&checkpoint.config().setup).expect("the game was made before");
        Room::restore(checkpoint, game).unwrap_or_else(|error| panic!("the room cannot be restored: {error}"))
    }

    /// The state of the room; `None` when its game is not saved.
    pub fn checkpoint(&mut self) -> Option<Checkpoint> {
        self.host.checkpoint()
    }

    /// The last minute of the room, as a server would record it.
    pub fn recording(&self, reason: &str) -> Recording {
        self.host.recording(reason).expect("it is kept")
    }
}

/// Players who act at random.
struct Crowd {
    /// With the input that each of them holds.
    playing: Vec<(PlayerId, Vec<i32>)>,
    /// Their connections are broken.
    lost: Vec<PlayerId>,
    random: Pcg32,
}

impl Crowd {
    fn act(&mut self, play: &mut Playtest) {
        let inputs = play.room().spec().inputs.clone();
        let whole = self.playing.len() + self.lost.len() >= PLAYERS;
        if !whole && self.below(4) == 0 {
            self.playing.push((play.join("Ada"), inputs.neutral()[..inputs.fields().len()].to_vec()));
        }
        if !self.lost.is_empty() && self.below(10) == 0 {
            let back = play.resume(self.lost.remove(0), "Ada");
            self.playing.push((back, inputs.neutral()[..inputs.fields().len()].to_vec()));
        }
        for (player, mut input) in std::mem::take(&mut self.playing) {
            if !play[player].is_open() {
                continue;
            }
            match self.below(200) {
                0 => {
                    play.leave(player);
                    continue;
                }
                1 if play[player].client().pass().is_some() => {
                    play.cut(player, true);
                    self.lost.push(player);
                    continue;
                }
                2 => _ = play[player].chat(&[], "hello"),
                3..80 => {
                    self.change(&inputs, &mut input);
                    play[player].shows(self.below(96) as u16);
                    play[player].hold(&input);
                }
                _ => {}
            }
            self.playing.push((player, input));
        }
    }

    /// Changes one field, mostly a little: players who report their positions mostly walk.
    fn change(&mut self, inputs: &InputSchema, input: &mut [i32]) {
        let field = self.below(input.len() as u32) as usize;
        let Some((min, max)) = inputs.bounds().nth(field) else { return };
        let span = max.abs_diff(min);
        let leap = self.below(8) == 0;
        let reach = if leap { span } else { (span / 200).max(1) };
        let moved = i64::from(input[field]) - i64::from(reach)
            + i64::from(self.below(reach.saturating_mul(2).saturating_add(1)));
        input[field] = moved.clamp(min.into(), max.into()) as i32;
    }

    fn below(&mut self, bound: u32) -> u32 {
        ((u64::from(self.random.next_u32()) * u64::from(bound)) >> 32) as u32
    }
}
