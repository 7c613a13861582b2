//! The plan of a run: the ramp, the churn, which bots verify and which are hostile.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;
use tokio::time::Instant;

use super::hostile::Attacker;
use super::join_tokens::JoinTokens;
use super::pilot::Behaviour;
use super::swarm::{Config, Verify};
use tickwire::engine::link::Profile;
use tickwire::wire::Join;

/// How a bot leaves before the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// With a close frame.
    Graceful,
    /// Dropping the connection without a close frame.
    Abrupt,
}

/// The task of one bot.
#[derive(Debug)]
pub struct Job {
    /// Its number within the swarm.
    pub number: u32,
    /// The endpoint.
    pub url: String,
    /// The room to join.
    pub join: Join,
    /// Its name, as other players see it.
    pub name: String,
    /// Signs its join token, if it needs one.
    pub tokens: Option<JoinTokens>,
    /// The bot's behaviour.
    pub behaviour: Behaviour,
    /// Whether it rebuilds and checks the state.
    pub verify: bool,
    /// Whether it also draws what it rebuilds, to measure how the game feels.
    pub has_screen: bool,
    /// Frame messages per second that it requests; 0 for one per tick.
    pub rate: u16,
    /// Its own seed.
    pub seed: u64,
    /// The link in front of its socket.
    pub profile: Option<Arc<Profile>>,
    /// When to connect.
    pub join_at: Instant,
    /// When and how it leaves to rejoin at once; ascending.
    pub leaves: VecDeque<(Instant, Manner)>,
    /// How many stays it has completed.
    pub stays: u32,
}

/// The tasks of all bots in a run.
#[derive(Debug, Default)]
pub struct Schedule {
    /// The honest bots.
    pub jobs: Vec<Job>,
    /// The hostile bots.
    pub attackers: Vec<Attacker>,
}

/// At most so many bots have a screen: one costs about as much as rebuilding the state, and more would tell nothing new.
const SCREENS: u32 = 32;

/// No bot joins or leaves in the last part of a run, so that seats can be counted.
const QUIET: Duration = Duration::from_secs(1);

impl Schedule {
    /// The schedule of a run that starts at `start`.
    pub fn new(config: &Config, start: Instant) -> Self {
        let players = config.players.len() as u32;
        let attackers = (f64::from(players) * config.hostile.clamp(0.0, 1.0)).round() as u32;
        let hostile = Verify::Sample(attackers);
        let profile = config.profile.clone().map(Arc::new);
        let mut schedule = Self::default();
        for (number, behaviour) in (0_u32..).zip(&config.players) {
            let join_at = start + config.ramp.mul_f64(f64::from(number) / f64::from(players.max(1)));
            let seed = config.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from(number);
            if hostile.includes(number, players) {
                let turn = schedule.attackers.len();
                let (url, game, until) =
                    (config.url.clone(), config.game.clone(), start + config.ramp + config.duration);
                schedule.attackers.push(Attacker { number, url, game, turn, seed, join_at, until });
                continue;
            }
            // Verifying bots are chosen from the honest ones alone.
            let honest = schedule.jobs.len() as u32;
            schedule.jobs.push(Job {
                number,
                url: config.url.clone(),
                join: join(config, number),
                name: format!("{} {number}", config.name),
                tokens: config.tokens.clone(),
                behaviour: behaviour.clone(),
                verify: matches!(behaviour, Behaviour::Follow(_))
                    || config.verify.includes(honest, players - attackers),
                has_screen: false,
                rate: config.rate,
                seed,
                profile: profile.clone(),
                join_at,
                leaves: VecDeque::new(),
                stays: 0,
            });
        }
        schedule.give_screens();
        schedule.churn(config, start);
        schedule
    }

    /// A part of the schedule for each of so many threads. Those that cost more are dealt first, so that every thread gets as many
    /// of them.
    pub fn dealt_to(mut self, threads: usize) -> Vec<Self> {
        let mut parts: Vec<Self> = (0..threads).map(|_| Self::default()).collect();
        self.jobs.sort_by_key(|job| (!job.has_screen, !job.verify));
        self.jobs.into_iter().enumerate().for_each(|(index, job)| parts[index % threads].jobs.push(job));
        let attackers = self.attackers.into_iter().enumerate();
        attackers.for_each(|(index, attacker)| parts[index % threads].attackers.push(attacker));
        parts
    }

    /// Gives screens to an even sample of the bots that rebuild the state.
    fn give_screens(&mut self) {
        let verifying = self.jobs.iter().filter(|job| job.verify).count() as u32;
        for (job, turn) in self.jobs.iter_mut().filter(|job| job.verify).zip(0..) {
            job.has_screen = Verify::Sample(SCREENS).includes(turn, verifying);
        }
    }

    /// Plans departures and returns in a random order; every other departure is with a close frame.
    fn churn(&mut self, config: &Config, start: Instant) {
        if config.churn <= 0.0 || self.jobs.is_empty() {
            return;
        }
        let mut order: Vec<usize> = (0..self.jobs.len()).collect();
        let mut random = Pcg32::new(config.seed, 7);
        for last in (1..order.len()).rev() {
            let other = (u64::from(random.next_u32()) * (last as u64 + 1)) >> 32;
            order.swap(last, other as usize);
        }
        let lasts = config.duration.saturating_sub(QUIET).as_secs_f64();
        let leaves = (lasts * config.churn) as usize;
        for turn in 0..leaves {
            let round = turn / order.len();
            let manner = if (turn + round).is_multiple_of(2) { Manner::Graceful } else { Manner::Abrupt };
            let at = start + config.ramp + Duration::from_secs_f64(turn as f64 / config.churn);
            self.jobs[order[turn % order.len()]].leaves.push_back((at, manner));
        }
    }
}

fn join(config: &Config, number: u32) -> Join {
    let room = number % config.rooms.max(1);
    // Rooms of one swarm differ by an option that no game knows.
    let own = [("swarm".to_owned(), config.seed.to_string()), ("room".to_owned(), room.to_string())];
    let options = config.options.iter().cloned().chain(own.into_iter().filter(|_| config.rooms > 1)).collect();
    Join::JoinOrCreate { game: config.game.clone(), options }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(players: usize) -> Config {
        let (ramp, duration) = (Duration::from_secs(1), Duration::from_secs(11));
        Config { players: vec![Behaviour::Idle; players], ramp, duration, ..Config::default() }
    }

    #[tokio::test]
    async fn churn_is_spread_over_everyone_half_and_half() {
        let start = Instant::now();
        let schedule = Schedule::new(&Config { churn: 7.0, ..config(10) }, start);
        let leaves: Vec<_> = schedule.jobs.iter().flat_map(|job| &job.leaves).collect();
        assert_eq!(leaves.len(), 70, "seven per second until a second before the end");
        assert!(
            schedule.jobs.iter().all(|job| job.leaves.len() == 7 && job.leaves.iter().is_sorted_by_key(|(at, _)| *at))
        );
        assert_eq!(leaves.iter().filter(|(_, manner)| *manner == Manner::Abrupt).count(), 35);
        let first = leaves.iter().map(|(at, _)| *at).min();
        assert_eq!(first, Some(start + Duration::from_secs(1)), "not during the ramp");
        let one = schedule.jobs.iter().flat_map(|job| job.leaves.iter().map(|(_, manner)| *manner)).take(7);
        assert!(one.clone().any(|manner| manner == Manner::Abrupt) && one.clone().any(|m| m == Manner::Graceful));
    }

    #[tokio::test]
    async fn the_hostile_are_a_share_of_all() {
        let config = Config { hostile: 0.1, verify: Verify::Sample(20), ..config(200) };
        let schedule = Schedule::new(&config, Instant::now());
        assert_eq!((schedule.jobs.len(), schedule.attackers.len()), (180, 20));
        assert_eq!(schedule.jobs.iter().filter(|job| job.verify).count(), 20);
        assert!(schedule.attackers.iter().map(|attacker| attacker.turn).eq(0..20));
    }

    #[test]
    fn every_thread_gets_as_many_bots_that_rebuild_the_state() {
        // Without care, every tenth bot would be on the second thread.
        let config = Config { verify: Verify::Sample(20), ..config(200) };
        let parts = Schedule::new(&config, Instant::now()).dealt_to(2);
        let count = |part: &Schedule| (part.jobs.len(), part.jobs.iter().filter(|job| job.verify).count());
        assert_eq!(parts.iter().map(count).collect::<Vec<_>>(), [(100, 10), (100, 10)]);
    }

    #[test]
    fn of_many_bots_that_rebuild_the_state_a_part_has_a_screen() {
        let screens = |verify| {
            let schedule = Schedule::new(&Config { verify, ..config(200) }, Instant::now());
            assert!(schedule.jobs.iter().all(|job| job.verify || !job.has_screen));
            schedule.jobs.iter().filter(|job| job.has_screen).count()
        };
        assert_eq!([Verify::All, Verify::Sample(20), Verify::Sample(0)].map(screens), [32, 20, 0]);
    }
}
