//! Runs many bots, one by one into the rooms and all together out of them, on threads of their own.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::bot::{self, Job};
use super::machine::Usage;
use super::pilot::Behaviour;
use super::report::Report;
use super::tally::Tally;
use crate::tick::Moment;
use crate::wire::Join;

/// What a swarm is to do.
#[derive(Clone, Debug)]
pub struct Config {
    /// The endpoint, `ws://host:port/play`.
    pub url: String,
    /// Which game to play.
    pub game: String,
    /// What each bot is up to.
    pub players: Vec<Behaviour>,
    /// Over how many rooms bots are spread. With one, they join whoever plays already.
    pub rooms: u32,
    /// How long to play once all have come. Followers stay as long as their recording lasts.
    pub duration: Duration,
    /// How long the coming takes.
    pub ramp: Duration,
    /// All decisions of the bots follow from it.
    pub seed: u64,
    /// Who rebuilds the state and compares it.
    pub verify: Verify,
    /// Frame messages per second that each bot asks for; 0 for one per tick.
    pub rate: u16,
    /// Threads for the bots.
    pub threads: usize,
}

/// How many bots rebuild the state; the others only check that messages decode and ticks rise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verify {
    /// So many, evenly spread.
    Sample(u32),
    /// Every one.
    All,
}

impl Verify {
    fn includes(self, number: u32, of: u32) -> bool {
        let share = |number: u32, wanted: u32| u64::from(number) * u64::from(wanted) / u64::from(of.max(1));
        match self {
            Self::All => true,
            Self::Sample(wanted) => share(number + 1, wanted.min(of)) > share(number, wanted.min(of)),
        }
    }
}

/// How far a run is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Since the start.
    pub elapsed: Duration,
    /// Ramp and play together.
    pub expected: Duration,
    /// Bots that were let in.
    pub joined: u64,
    /// Things that went wrong.
    pub failures: u64,
}

/// What all bots share.
#[derive(Debug)]
pub struct Shared {
    start: Instant,
    tally: Mutex<Tally>,
}

impl Shared {
    /// The swarm's clock.
    pub fn now(&self) -> Moment {
        Moment(0).plus(self.start.elapsed())
    }

    /// The sums so far. Hold it shortly: the other threads wait.
    pub fn tally(&self) -> MutexGuard<'_, Tally> {
        // A bot that panicked has spoilt nothing but its own figures.
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs a swarm to its end, telling `on_progress` about ten times per second.
///
/// # Errors
/// When a runtime cannot be started. What goes wrong for bots is in the report.
pub fn run(config: &Config, mut on_progress: impl FnMut(Progress)) -> io::Result<Report> {
    let before = Usage::now();
    let start = Instant::now();
    let shared = Arc::new(Shared { start, tally: Mutex::new(Tally::new()) });
    let threads = config.threads.max(1);
    let longest = config.players.iter().map(|player| match player {
        // Recordings have 20 frames per second; this is for the progress bar only.
        Behaviour::Follow(path) => Duration::from_millis(50) * u32::try_from(path.len()).unwrap_or(u32::MAX),
        _ => config.duration,
    });
    let expected = config.ramp + longest.max().unwrap_or_default();
    let mut shares: Vec<Vec<Job>> = (0..threads).map(|_| Vec::new()).collect();
    for (number, behaviour) in (0_u32..).zip(&config.players) {
        shares[number as usize % threads].push(job(config, number, behaviour.clone(), start));
    }
    std::thread::scope(|scope| {
        let runs: Vec<_> = shares.into_iter().map(|jobs| scope.spawn(|| run_share(jobs, &shared))).collect();
        while runs.iter().any(|run| !run.is_finished()) {
            let (joined, failures) = {
                let tally = shared.tally();
                (tally.counts.joined, tally.failures.values().map(|failed| failed.count).sum())
            };
            on_progress(Progress { elapsed: start.elapsed(), expected, joined, failures });
            std::thread::sleep(Duration::from_millis(100));
        }
        runs.into_iter().try_for_each(|run| run.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })?;
    let usage = before.zip(Usage::now());
    Ok(Report::new(config, &mut shared.tally(), start.elapsed(), usage))
}

fn job(config: &Config, number: u32, behaviour: Behaviour, start: Instant) -> Job {
    let players = config.players.len() as u32;
    let follows = matches!(behaviour, Behaviour::Follow(_));
    let room = number % config.rooms.max(1);
    // Rooms of one swarm differ by an option that no game knows.
    let options = if config.rooms > 1 {
        vec![("swarm".to_owned(), config.seed.to_string()), ("room".to_owned(), room.to_string())]
    } else {
        vec![]
    };
    let ends = start + config.ramp + config.duration;
    // A follower leaves by itself; a day bounds what can go wrong with that.
    let leave_at = if follows { start + Duration::from_secs(86_400) } else { ends };
    Job {
        number,
        url: config.url.clone(),
        join: Join::JoinOrCreate { game: config.game.clone(), options },
        verify: follows || config.verify.includes(number, players),
        behaviour,
        rate: config.rate,
        seed: config.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from(number),
        join_at: start + config.ramp.mul_f64(f64::from(number) / f64::from(players.max(1))),
        leave_at,
    }
}

fn run_share(jobs: Vec<Job>, shared: &Arc<Shared>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut bots = JoinSet::new();
        for job in jobs {
            bots.spawn(bot::run(job, shared.clone()));
        }
        while let Some(ended) = bots.join_next().await {
            if let Err(error) = ended {
                std::panic::resume_unwind(error.into_panic());
            }
        }
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verified_are_spread_evenly() {
        let verified = |verify: Verify, of: u32| (0..of).filter(|n| verify.includes(*n, of)).collect::<Vec<_>>();
        assert_eq!(verified(Verify::Sample(3), 9), [2, 5, 8]);
        assert_eq!(verified(Verify::Sample(32), 4), [0, 1, 2, 3]);
        assert!(verified(Verify::Sample(0), 4).is_empty());
        assert_eq!(verified(Verify::All, 2), [0, 1]);
    }
}
