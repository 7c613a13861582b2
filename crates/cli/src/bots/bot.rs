//! One bot: it joins, plays, leaves and rejoins as its schedule says.
//!
//! `engine::Client` holds the state of the protocol, the pilot makes the decisions; this file moves bytes and keeps time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;
use tokio::time::{Instant, timeout};

use super::bot_hello::BotHello;
use super::connector::Connector;
use super::driver::{Decision, Driver};
use super::movement::Movement;
use super::pilot::Behaviour;
use super::schedule::{Job, Manner};
use super::screen::Screen;
use super::sight::Sight;
use super::socket::{Ended, Wire};
use super::swarm::Shared;
use super::tally::Failure;
use super::witness::{Compared, Statement};
use tickwire::engine::{Arrived, Client, ClientEvent, Depth, OverloadLadder, OverloadStep};
use tickwire::id::Seq;
use tickwire::tick::Moment;
use tickwire::wire::{EventBody, Join, Redirect, WorldGrid, limits};

struct Bot {
    number: u32,
    shared: Arc<Shared>,
    connector: Connector,
    wire: Wire,
    client: Client,
    room: String,
    behaviour: Behaviour,
    driver: Driver,
    movement: Movement,
    sight: Sight,
    screen: Option<Screen>,
    period: Duration,
    /// When the timer is due next.
    due: Instant,
    leave_at: Option<Instant>,
    /// Changed inputs that no frame has covered yet, oldest first.
    pending: VecDeque<(Seq, Moment)>,
    last_input: Vec<i32>,
    consumed: Seq,
    last_frame: Moment,
    /// Whether the room goes on elsewhere, and no frame has come from there.
    is_moving: bool,
    /// The grid of a large world, if the bot rebuilds the state of one, and whether the room lets players see less far.
    grid: Option<WorldGrid>,
    is_short: bool,
}

/// Longest time from connecting to the welcome.
const JOIN_WITHIN: Duration = Duration::from_secs(10);
/// How long a follower stays after the last recorded position.
const LINGER: Duration = Duration::from_secs(1);
/// Pending inputs beyond this are not measured, because the server has expired them.
const PENDING: usize = limits::INPUT_LEAD as usize;

/// Plays one bot's stays from first to last and records the results in the tally.
pub async fn run(mut job: Job, shared: Arc<Shared>) {
    shared.wait(job.join_at).await;
    while !shared.is_interrupted() {
        let leave = job.leaves.pop_front();
        let ended = stay(&job, leave.map(|(at, _)| at), &shared).await;
        match (ended, leave) {
            (Ok(mut bot), leave) => match leave.filter(|_| !shared.is_over()) {
                Some((_, manner)) => {
                    shared.tally().counts.count_leaving(manner);
                    if manner == Manner::Graceful {
                        bot.wire.close_gracefully().await;
                    }
                }
                None => return bot.wire.close_gracefully().await,
            },
            (Err(Ended::Cut(until)), leave) => {
                shared.tally().counts.cuts += 1;
                // The stay that a link cut interrupted continues afterwards.
                if let Some(leave) = leave {
                    job.leaves.push_front(leave);
                }
                shared.wait(shared.at(until)).await;
                if shared.is_over() {
                    return;
                }
            }
            (Err(Ended::Stopped), _) => return,
            (Err(Ended::Failed(failure, text)), _) => {
                return shared.tally().fail(failure, job.number, &text);
            }
        }
        job.stays += 1;
    }
}

/// One stay, from connecting to the moment of leaving. The returned bot is still connected.
async fn stay(job: &Job, leave_at: Option<Instant>, shared: &Arc<Shared>) -> Result<Bot, Ended> {
    let refused = || Ended::Failed(Failure::Refused, "no welcome within 10 s".to_owned());
    let joined = tokio::select! {
        joined = timeout(JOIN_WITHIN, Bot::join(job, leave_at, shared)) => joined,
        () = shared.interrupted() => return Err(Ended::Stopped),
    };
    let mut bot = joined.map_err(|_| refused())??;
    let played = bot.play().await;
    let played = played.and_then(|()| bot.account());
    let now = shared.now();
    let silent = now.since(bot.last_frame);
    // A bot that was disconnected has of course missed what came after.
    let silent = if played.is_ok() { silent } else { Duration::ZERO };
    let mut tally = shared.tally();
    tally.left(job.number, &bot.room, bot.client.tick(), silent, job.profile.as_deref());
    bot.movement.count(!matches!(job.behaviour, Behaviour::Idle), &mut tally);
    if let Some(digest) = bot.screen.as_mut().and_then(|screen| screen.end(now)) {
        tally.feel.add(&digest);
    }
    drop(tally);
    played.map(|()| bot)
}

impl Bot {
    async fn join(job: &Job, leave_at: Option<Instant>, shared: &Arc<Shared>) -> Result<Self, Ended> {
        let started = Instant::now();
        let seed = job.seed.wrapping_add(u64::from(job.stays) << 32);
        let spawn = match &job.behaviour {
            Behaviour::Follow(path) => path.position(0).map(|(x, y)| ("spawn".to_owned(), format!("{x},{y}"))),
            _ => None,
        };
        let hello = BotHello::new(job, spawn.into_iter().collect())?;
        let mut connector = Connector::new(&job.url, job.profile.clone(), seed, hello);
        let mut wire = connector.open(shared).await?;
        wire.send(connector.hello.to_bytes(job.join.clone())).await?;
        let mut client = Client::new(Depth::Full).asking(job.rate).knowing(connector.hello.features());
        while client.welcome().is_none() {
            // The timeout around this call ends the wait.
            let answer = wire.next(started + 2 * JOIN_WITHIN).await.map_err(|ended| match ended {
                Ended::Failed(_, text) => Ended::Failed(Failure::Refused, text),
                other => other,
            })?;
            let Some(bytes) = answer else { continue };
            // The room is at another node of the cluster.
            if let ClientEvent::Redirect(redirect) = client.on_message(&bytes).map_err(protocol)? {
                wire = connector.follow(&redirect, shared).await?;
                wire.send(connector.hello.to_bytes(Join::Reserved { ticket: redirect.ticket })).await?;
            }
        }
        let Some(welcome) = client.welcome() else { return Err(protocol("no welcome")) };
        shared.tally().joined(job.stays > 0, welcome, shared.now(), started.elapsed());
        let (driver, movement) = (Driver::new(&job.behaviour, job.number, welcome, seed), Movement::new(welcome));
        let sight = Sight::new(welcome.schema.clone(), welcome.entity);
        let period = Duration::from_secs(1) / u32::from(welcome.rate.per_second());
        let room = welcome.room.clone();
        if job.verify || driver.looks() {
            // Counted once per bot, however often it rejoins.
            shared.tally().counts.verified += u64::from(job.stays == 0);
        } else {
            client.relax();
        }
        let rebuilds = job.verify || driver.looks();
        let grid = client.welcome().and_then(WorldGrid::of).filter(|_| rebuilds);
        let is_short = client.welcome().is_some_and(|welcome| welcome.properties.iter().any(is_short));
        let phase = Pcg32::new(seed, 6).next_u32();
        let due = Instant::now() + period.mul_f64(f64::from(phase) / f64::from(u32::MAX));
        let last_frame = shared.now();
        let screen = if job.has_screen { Screen::new(&client, last_frame) } else { None };
        Ok(Self {
            number: job.number,
            shared: shared.clone(),
            connector,
            wire,
            client,
            room,
            behaviour: job.behaviour.clone(),
            driver,
            movement,
            sight,
            screen,
            period,
            due,
            leave_at,
            pending: VecDeque::new(),
            last_input: Vec::new(),
            consumed: Seq(0),
            last_frame,
            is_moving: false,
            grid,
            is_short,
        })
    }

    /// A follower leaves when its recording has ended; other bots when their schedule or the end of the run says so.
    fn leaves(&self) -> bool {
        let over = self.shared.is_over() && !matches!(self.behaviour, Behaviour::Follow(_));
        over || self.shared.is_interrupted() || self.leave_at.is_some_and(|at| Instant::now() >= at)
    }

    async fn play(&mut self) -> Result<(), Ended> {
        while !self.leaves() {
            let until = self.leave_at.map_or(self.due, |at| at.min(self.due));
            match self.wire.next(until).await? {
                Some(bytes) => {
                    // The room has moved to another node of the cluster.
                    if let Some(redirect) = self.on_message(&bytes)? {
                        self.is_moving = true;
                        self.wire = self.connector.follow(&redirect, &self.shared).await?;
                        self.wire.send(self.connector.hello.claim(&mut self.client, &redirect)).await?;
                    }
                }
                None if Instant::now() >= self.due => self.on_timer()?,
                None => {}
            }
            self.feel();
            while let Some(bytes) = self.client.poll(self.shared.now()) {
                self.shared.tally().said(bytes.len());
                self.wire.send(bytes).await?;
            }
        }
        Ok(())
    }

    /// Handles a message. Returns where the room goes on, if it has moved.
    fn on_message(&mut self, bytes: &[u8]) -> Result<Option<Redirect>, Ended> {
        let now = self.shared.now();
        let event = self.client.on_message(bytes).map_err(protocol)?;
        if let Some(screen) = &mut self.screen {
            screen.on_event(&self.client, &event, now);
        }
        let arrived = match event {
            ClientEvent::Frame(arrived) => arrived,
            ClientEvent::Delivery(news) => {
                self.driver.on_events(&news.events);
                return Ok(None);
            }
            ClientEvent::Redirect(redirect) => return Ok(Some(redirect)),
            ClientEvent::Prepare(prepare) => {
                self.connector.prepare(prepare, &self.shared);
                return Ok(None);
            }
            ClientEvent::Welcome => {
                self.connector.home.arrived();
                return Ok(None);
            }
            _ => return Ok(None),
        };
        let gap = now.since(std::mem::replace(&mut self.last_frame, now));
        let mut tally = self.shared.tally();
        tally.moved(std::mem::take(&mut self.is_moving).then_some(gap));
        tally.arrived(&self.room, now, &arrived, bytes.len());
        while let Some((_, made)) = self.pending.pop_front_if(|(seq, _)| !seq.is_after(arrived.consumed)) {
            tally.latency.record(now.since(made));
        }
        if arrived.desyncs > 0 {
            tally.fail(Failure::Desync, self.number, &format!("a wrong hash at tick {}", arrived.tick.0));
        }
        drop(tally);
        if arrived.correction.is_some() {
            self.driver.on_correction();
        }
        self.driver.on_events(&arrived.events);
        self.movement.look(&self.client, &self.sight);
        self.check_view(&arrived);
        self.check_path(&arrived);
        Ok(None)
    }

    /// Once per second, compares what the bot sees of a large world with what others see.
    fn check_view(&mut self, arrived: &Arrived) {
        for event in &arrived.events {
            if let EventBody::Property { key, value } = event
                && key == OverloadLadder::PROPERTY
            {
                self.is_short = is_short(&(key.to_string(), value.to_string()));
            }
        }
        let every = Duration::from_secs(1).div_duration_f64(self.period).round() as u32;
        let Some(grid) = self.grid.filter(|_| arrived.tick.0.is_multiple_of(every.max(1))) else { return };
        let Some(said) = Statement::of(&self.client, &self.sight, &grid, self.is_short) else { return };
        let Compared { pairs, wrong, first } = self.shared.witnesses().hear(&self.room, arrived.tick, said);
        let mut tally = self.shared.tally();
        tally.counts.views += pairs;
        tally.counts.wrong_views += wrong;
        if let Some(text) = first {
            tally.fail(Failure::WrongView, self.number, &text);
        }
    }

    /// Checks a bot that replays a path: its entity must be where the bot was in the last input that the server consumed.
    fn check_path(&mut self, arrived: &Arrived) {
        let Behaviour::Follow(path) = &self.behaviour else { return };
        let mut tally = self.shared.tally();
        if let Some(correction) = arrived.correction {
            let text = format!("entity {} was moved back, reason {}", path.entity(), correction.reason);
            tally.fail(Failure::Corrected, self.number, &text);
        }
        let old = arrived.consumed == std::mem::replace(&mut self.consumed, arrived.consumed);
        // A corrected player is not at its reported position; the correction is counted instead.
        if old || arrived.correction.is_some() {
            return;
        }
        let index = (arrived.consumed.0 as usize).wrapping_sub(1);
        let Some((x, y)) = path.position(index) else { return };
        tally.counts.checked += 1;
        let own = self.sight.own(&self.client);
        let equal = own.is_some_and(|(kind, (own_x, own_y))| {
            // A position exactly between two steps may be rounded either way, hence the extra margin.
            let tolerance = self.sight.half_step(kind) + 1e-9;
            (own_x - x).abs() <= tolerance && (own_y - y).abs() <= tolerance
        });
        if !equal {
            tally.counts.mismatched += 1;
            let text = format!("entity {} at frame {index}: recorded {x}, {y}, found {own:?}", path.entity());
            tally.fail(Failure::Mismatch, self.number, &text);
        }
    }

    fn on_timer(&mut self) -> Result<(), Ended> {
        let instant = Instant::now();
        self.shared.tally().lateness.record(instant.saturating_duration_since(self.due));
        // Short delays are caught up, long ones are not.
        let earliest = instant.checked_sub(self.period * 3).unwrap_or(instant);
        self.due = (self.due + self.period).max(earliest);
        if self.driver.is_done() {
            return Ok(());
        }
        let decision = self.driver.decide(self.shared.now(), &mut self.client, &self.sight);
        let input = match decision.map_err(|text| Ended::Failed(Failure::Pilot, text))? {
            Decision::Input(input) => input,
            Decision::Wait => return Ok(()),
            Decision::Leave => {
                self.leave_at = Some(instant);
                return Ok(());
            }
        };
        self.movement.input(&input);
        let seq = self.client.input(&input);
        if input != self.last_input && self.pending.len() < PENDING {
            // An unchanged input is sent later by design, so it says nothing about latency.
            self.pending.push_back((seq, self.shared.now()));
        }
        self.last_input = input;
        if self.driver.is_done() {
            self.leave_at = Some(instant + LINGER);
        }
        Ok(())
    }

    /// Notes how the last seconds felt, and gives the client what it is to send of that.
    fn feel(&mut self) {
        let (Some(screen), now) = (&mut self.screen, self.shared.now()) else { return };
        let begun = self.shared.tally().begun;
        if let Some(digest) = screen.prepare(&mut self.client, now, begun) {
            self.shared.tally().feel.add(&digest);
        }
    }

    /// Checks what must hold at the end of a stay.
    fn account(&self) -> Result<(), Ended> {
        match &self.behaviour {
            Behaviour::Follow(_) if self.shared.is_interrupted() => Ok(()),
            Behaviour::Follow(path) if self.client.consumed().0 as usize != path.len() => {
                let text = format!("{} of {} positions were consumed", self.client.consumed().0, path.len());
                Err(Ended::Failed(Failure::Unfinished, text))
            }
            _ => Ok(()),
        }
    }
}

/// Whether this property of a room says that players see less far.
fn is_short((key, value): &(String, String)) -> bool {
    let step = value.parse().map_or(OverloadStep::None, OverloadStep::from_number);
    key == OverloadLadder::PROPERTY && step >= OverloadStep::ShorterSight
}

fn protocol(error: impl ToString) -> Ended {
    Ended::Failed(Failure::Protocol, error.to_string())
}
