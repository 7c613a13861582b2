//! Runs many bots on threads of their own: they join one by one and leave together.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::bot;
use super::conductor::{Before, Conductor};
use super::hostile::{self, Attacker};
use super::join_tokens::JoinTokens;
use super::objective::Objective;
use super::pilot::Behaviour;
use super::report::Report;
use super::schedule::{Job, Schedule};
use super::tally::Tally;
use super::trust::Trust;
use super::witness::Witnesses;
use tickwire::engine::link::Profile;
use tickwire::tick::Moment;

/// The configuration of a swarm.
#[derive(Clone, Debug)]
pub struct Config {
    /// The endpoint, `ws://host:port/play`.
    pub url: String,
    /// The game to play.
    pub game: String,
    /// The options of the rooms to play in, such as the map.
    pub options: Vec<(String, String)>,
    /// What bots are called; each adds its number.
    pub name: String,
    /// Signs join tokens for the bots, if the server wants them.
    pub tokens: Option<JoinTokens>,
    /// For `wss`: a file with certificates in PEM to trust instead of the system's.
    pub ca: Option<PathBuf>,
    /// The behaviour of each bot.
    pub players: Vec<Behaviour>,
    /// The number of rooms over which bots are spread. With one, they join players who are there already.
    pub rooms: u32,
    /// How long to play after all bots have joined. Followers stay as long as their recording lasts.
    pub duration: Duration,
    /// How long the ramp takes, in which the bots join.
    pub ramp: Duration,
    /// The seed of all decisions of the bots.
    pub seed: u64,
    /// Which bots rebuild and compare the state.
    pub verify: Verify,
    /// Frame messages per second that each bot requests; 0 for one per tick.
    pub rate: u16,
    /// Threads for the bots.
    pub threads: usize,
    /// Objectives, besides those that every run has.
    pub objectives: Vec<Objective>,
    /// Churn once all bots have joined: bots that leave per second. As many rejoin.
    pub churn: f64,
    /// The profile of every bot's network link.
    pub profile: Option<Profile>,
    /// The share of bots that are hostile, 0 to 1.
    pub hostile: f64,
    /// The id of the server's process, if it runs on this machine; its processor time is measured.
    pub server_pid: Option<u32>,
    /// Set it to end the run early: the bots leave, and the report says what was measured, without a verdict.
    pub stop: Arc<AtomicBool>,
}

/// Twenty wanderers in one room of the arena on this machine, for half a minute.
impl Default for Config {
    fn default() -> Self {
        Self {
            url: "ws://127.0.0.1:8080/play".to_owned(),
            game: "arena".to_owned(),
            players: vec![Behaviour::Wander; 20],
            options: Vec::new(),
            name: "bot".to_owned(),
            tokens: None,
            ca: None,
            rooms: 1,
            duration: Duration::from_secs(30),
            ramp: Duration::from_millis(200),
            seed: 1,
            verify: Verify::Sample(32),
            rate: 0,
            threads: 1,
            objectives: Vec::new(),
            churn: 0.0,
            profile: None,
            hostile: 0.0,
            server_pid: None,
            stop: Arc::default(),
        }
    }
}

/// Which bots rebuild the state; the others only check that messages decode and ticks rise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verify {
    /// This many bots, evenly spread.
    Sample(u32),
    /// All bots.
    All,
}

impl Verify {
    pub(super) fn includes(self, number: u32, of: u32) -> bool {
        let share = |number: u32, wanted: u32| u64::from(number) * u64::from(wanted) / u64::from(of.max(1));
        match self {
            Self::All => true,
            Self::Sample(wanted) => share(number + 1, wanted.min(of)) > share(number, wanted.min(of)),
        }
    }
}

/// The progress of a run.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Time since the start.
    pub elapsed: Duration,
    /// Expected duration, ramp included.
    pub expected: Duration,
    /// Bots that were admitted.
    pub joined: u64,
    /// Failures.
    pub failures: u64,
}

/// The state that all bots share.
#[derive(Debug)]
pub struct Shared {
    start: Instant,
    tally: Mutex<Tally>,
    witnesses: Mutex<Witnesses>,
    trust: Trust,
    over: AtomicBool,
    /// Whether the run ends before its time.
    interrupted: AtomicBool,
    woken: Notify,
    /// Hostile bots that have not finished.
    attackers: AtomicUsize,
}

impl Shared {
    fn new(start: Instant, attackers: usize, trust: Trust) -> Self {
        let (tally, witnesses, attackers) = (Mutex::new(Tally::new()), Mutex::default(), AtomicUsize::new(attackers));
        let (over, interrupted, woken) = (AtomicBool::new(false), AtomicBool::new(false), Notify::new());
        Self { start, tally, witnesses, trust, over, interrupted, woken, attackers }
    }

    /// Whom bots trust that connect over TLS.
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// The swarm's clock.
    pub fn now(&self) -> Moment {
        Moment(0).plus(self.start.elapsed())
    }

    /// Converts a moment of the swarm's clock for timers.
    pub fn at(&self, moment: Moment) -> Instant {
        self.start + moment.since(Moment(0))
    }

    /// The sums so far. Hold the guard briefly: other threads wait for it.
    pub fn tally(&self) -> MutexGuard<'_, Tally> {
        // A bot that panicked has spoilt only its own figures.
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What bots say that they see.
    pub fn witnesses(&self) -> MutexGuard<'_, Witnesses> {
        self.witnesses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether all bots must leave.
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// Tells all bots to leave.
    pub fn finish(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    /// Tells all bots to leave before their time, and those that have not joined yet not to.
    pub fn interrupt(&self) {
        self.interrupted.store(true, Ordering::Relaxed);
        self.finish();
        self.woken.notify_waiters();
    }

    /// Whether the run ends before its time.
    pub fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    /// Completes when the run ends before its time.
    pub async fn interrupted(&self) {
        // Made before the check, so that no wake-up is missed in between.
        let woken = self.woken.notified();
        if !self.is_interrupted() {
            woken.await;
        }
    }

    /// Waits until `at`, unless the run ends before its time.
    pub async fn wait(&self, at: Instant) {
        tokio::select! {
            () = sleep_until(at) => {}
            () = self.interrupted() => {}
        }
    }

    /// Whether some hostile bot has not finished.
    pub fn is_attacked(&self) -> bool {
        self.attackers.load(Ordering::Relaxed) > 0
    }
}

/// Runs a swarm to its end and calls `on_progress` about ten times per second.
///
/// # Errors
/// When a runtime cannot be started. Failures of bots are in the report.
pub fn run(config: &Config, mut on_progress: impl FnMut(Progress)) -> io::Result<Report> {
    let threads = config.threads.max(1);
    let longest = config.players.iter().map(|player| match player {
        // Recordings have 20 frames per second; used for the progress bar only.
        Behaviour::Follow(path) => Duration::from_millis(50) * u32::try_from(path.len()).unwrap_or(u32::MAX),
        _ => config.duration,
    });
    let expected = config.ramp + longest.max().unwrap_or_default();
    let trust = Trust::new(config.ca.clone());
    let before = Before::read(&config.url, &trust);
    let start = Instant::now();
    let schedule = Schedule::new(config, start);
    let shared = Arc::new(Shared::new(start, schedule.attackers.len(), trust));
    let shares = schedule.dealt_to(threads);
    let mut conductor = Conductor::new(config, &shared, before);
    std::thread::scope(|scope| {
        let runs: Vec<_> = shares.into_iter().map(|share| scope.spawn(|| run_share(share, &shared))).collect();
        while runs.iter().any(|run| !run.is_finished()) {
            let (joined, failures) = {
                let tally = shared.tally();
                (tally.counts.joined, tally.failed())
            };
            conductor.look();
            on_progress(Progress { elapsed: start.elapsed(), expected, joined, failures });
            std::thread::sleep(Duration::from_millis(50));
        }
        runs.into_iter().try_for_each(|run| run.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })?;
    let seen = conductor.end();
    Ok(Report::new(config, &mut shared.tally(), start.elapsed(), seen))
}

fn run_share(share: Schedule, shared: &Arc<Shared>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut bots = JoinSet::new();
        share.jobs.into_iter().for_each(|job: Job| _ = bots.spawn(bot::run(job, shared.clone())));
        for attacker in share.attackers {
            let shared = shared.clone();
            bots.spawn(attack(attacker, shared));
        }
        while let Some(ended) = bots.join_next().await {
            if let Err(error) = ended {
                std::panic::resume_unwind(error.into_panic());
            }
        }
    });
    Ok(())
}

async fn attack(attacker: Attacker, shared: Arc<Shared>) {
    tokio::select! {
        () = hostile::run(attacker, shared.clone()) => {}
        () = shared.interrupted() => {}
    }
    shared.attackers.fetch_sub(1, Ordering::Relaxed);
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
