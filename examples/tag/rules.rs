// Tag in two teams: the hunters touch the others and have a point for it, and every 20 seconds the teams change parts. Runners lay traps
// that only their own team sees, and find stars that make them fast. At home nobody is touched. Who types `/swap` changes sides. After two minutes it is over.

use std::collections::BTreeMap;

use tickwire::prelude::*;

const SIDE: i32 = 640;
const REACH: i32 = 20;
/// Seconds of a match, and of a turn as hunters.
const MATCH: u32 = 120;
const TURN: u32 = 20;
const STARS: usize = 3;
const TRAPS: usize = 6;

#[derive(Clone, Copy, Debug, Default, PartialEq, Labels)]
pub enum Team {
    #[default]
    Red,
    Blue,
}

impl Team {
    fn other(self) -> Self {
        if self == Self::Red { Self::Blue } else { Self::Red }
    }

    /// The zone that only this team sees. Zone 0 is everybody's.
    fn zone(self) -> ZoneId {
        if self == Self::Red { ZoneId(1) } else { ZoneId(2) }
    }

    fn home(self) -> i32 {
        if self == Self::Red { 60 } else { SIDE - 60 }
    }
}

/// Somebody who plays.
#[derive(Debug, PartialEq, Row)]
pub struct Runner {
    #[row(range = 0..=SIDE, motion = linear)]
    pub x: i32,
    #[row(range = 0..=SIDE, motion = linear)]
    pub y: i32,
    pub team: Team,
    /// Ticks for which the runner is fast.
    #[row(range = 0..=360)]
    pub boost: u16,
    /// Ticks for which the runner is stuck in a trap.
    #[row(range = 0..=240)]
    pub stuck: u16,
    /// Whether this tick placed the runner at home.
    #[row(skip)]
    pub placed: bool,
}

impl Runner {
    pub fn at_home(team: Team) -> Self {
        Self { x: team.home(), y: SIDE / 2, team, boost: 0, stuck: 0, placed: true }
    }

    fn is_home(&self) -> bool {
        self.is_near(self.team.home(), SIDE / 2)
    }

    fn is_near(&self, x: i32, y: i32) -> bool {
        (self.x - x).abs() < REACH && (self.y - y).abs() < REACH
    }

    /// The rule for one runner. `rule.ts` of the page has the same.
    pub fn run(&mut self, input: &Steer, rate: TickRate) {
        let speed = if self.boost > 0 { 400 } else { 240 };
        let pace = if self.stuck > 0 { 0 } else { speed / i32::from(rate.per_second()) };
        self.boost = self.boost.saturating_sub(1);
        self.stuck = self.stuck.saturating_sub(1);
        self.x = (self.x + pace * input.right).clamp(0, SIDE);
        self.y = (self.y + pace * input.down).clamp(0, SIDE);
    }
}

/// A trap, which only the team sees that has laid it.
#[derive(Debug, PartialEq, Row)]
pub struct Trap {
    #[row(range = 0..=SIDE)]
    pub x: i32,
    #[row(range = 0..=SIDE)]
    pub y: i32,
    pub team: Team,
}

/// Makes the runner fast who finds it.
#[derive(Debug, PartialEq, Row)]
pub struct Star {
    #[row(range = 0..=SIDE)]
    pub x: i32,
    #[row(range = 0..=SIDE)]
    pub y: i32,
}

#[derive(Input)]
pub struct Steer {
    #[input(range = -1..=1)]
    pub right: i32,
    #[input(range = -1..=1)]
    pub down: i32,
}

#[derive(Debug, PartialEq, Message)]
pub enum Command {
    /// Lay a trap here.
    Lay,
}

#[derive(Debug, PartialEq, Message)]
pub enum Event {
    Tagged { by: Seat, whom: Seat },
    Trapped { who: Seat },
    Over { red: u32, blue: u32 },
}

#[derive(Default)]
pub struct Tag {
    runners: Players<Runner>,
    traps: BTreeMap<EntityId, Trap>,
    stars: BTreeMap<EntityId, Star>,
    hunters: Team,
    red: u32,
    blue: u32,
    /// Ticks since the match began.
    age: u32,
}

impl Tag {
    /// What a runner finds on the way.
    fn find(&mut self, seat: Seat, cx: &mut Context) {
        let rate = cx.rate().per_second();
        let runner = &mut self.runners[seat];
        let trap = self.traps.iter().find(|(_, trap)| trap.team != runner.team && runner.is_near(trap.x, trap.y));
        if let Some(id) = trap.map(|(id, _)| *id) {
            self.traps.remove(&id);
            runner.stuck = 2 * rate;
            cx.send(Recipients::All, &Event::Trapped { who: seat });
        }
        if let Some(id) = self.stars.iter().find(|(_, star)| runner.is_near(star.x, star.y)).map(|(id, _)| *id) {
            self.stars.remove(&id);
            runner.boost = 3 * rate;
        }
    }

    /// The hunters who touch somebody, and whom.
    fn touches(&self) -> Vec<(Seat, Seat)> {
        let (hunters, others): (Vec<_>, Vec<_>) = self.runners.iter().partition(|(_, of)| of.team == self.hunters);
        let touched =
            |hunter: &Runner| others.iter().find(|(_, other)| !other.is_home() && hunter.is_near(other.x, other.y));
        hunters.iter().filter_map(|(by, hunter)| Some((*by, touched(hunter)?.0))).collect()
    }

    fn keep_time(&mut self, cx: &mut Context) {
        let rate = u32::from(cx.rate().per_second());
        if self.age.is_multiple_of(rate * TURN) && self.age > 0 {
            self.hunters = self.hunters.other();
        }
        if self.age.is_multiple_of(rate) && self.age <= rate * MATCH {
            cx.set_property("time", &format!("{:?} hunts, {} s left", self.hunters, MATCH - self.age / rate));
        }
        if self.age == rate * MATCH {
            let result = Event::Over { red: self.red, blue: self.blue };
            cx.send(Recipients::All, &result);
            cx.end(result.to_body()); // for those who keep results
        }
        self.age += 1;
    }
}

#[tickwire::game]
impl TypedGame for Tag {
    type Rows = (Runner, Trap, Star);
    type Input = Steer;
    type Command = Command;
    type Event = Event;

    fn join(&mut self, player: &Player, cx: &mut Context) -> Result<EntityId, Refused> {
        let red = self.runners.iter().filter(|(_, runner)| runner.team == Team::Red).count();
        let team = if 2 * red <= self.runners.len() { Team::Red } else { Team::Blue };
        cx.subscribe(player.seat, vec![ZoneId(0), team.zone()]);
        Ok(self.runners.join(player.seat, Runner::at_home(team), cx))
    }

    fn leave(&mut self, seat: Seat, _: &mut Context) {
        self.runners.leave(seat);
    }

    fn chat(&mut self, from: Seat, text: &str, cx: &mut Context) -> bool {
        if text != "/swap" {
            return true; // a line for everybody
        }
        let runner = &mut self.runners[from];
        runner.team = runner.team.other();
        cx.subscribe(from, vec![ZoneId(0), runner.team.zone()]);
        false
    }

    fn command(&mut self, seat: Seat, command: Command, cx: &mut Context) {
        let (Command::Lay, &Runner { x, y, team, .. }) = (command, &self.runners[seat]);
        if self.traps.values().filter(|trap| trap.team == team).count() < TRAPS {
            // An id that does not tell the others how many traps there are.
            self.traps.insert(cx.spawn_hidden(), Trap { x, y, team });
        }
    }

    fn step(&mut self, inputs: Inputs<Steer>, cx: &mut Context) {
        for player in inputs {
            let runner = &mut self.runners[player.seat];
            runner.placed = false;
            runner.run(&player.input, cx.rate());
            self.find(player.seat, cx);
        }
        for (by, whom) in self.touches() {
            if !self.runners[whom].is_home() {
                self.runners[whom] = Runner::at_home(self.hunters.other());
                *(if self.hunters == Team::Red { &mut self.red } else { &mut self.blue }) += 1;
                cx.send(Recipients::All, &Event::Tagged { by, whom });
            }
        }
        while self.stars.len() < STARS {
            let mut place = || cx.random_below(SIDE as u32 + 1) as i32;
            let star = Star { x: place(), y: place() };
            self.stars.insert(cx.spawn(), star);
        }
        self.keep_time(cx);
    }

    fn write_snapshot(&self, out: &mut RowWriter<(Runner, Trap, Star)>) {
        for (id, runner) in &self.runners {
            out.entity(id, runner);
            if runner.placed {
                out.teleported::<Runner, _>(id);
            }
        }
        self.traps.iter().for_each(|(id, trap)| out.row(trap.team.zone(), *id, trap));
        out.entities(self.stars.iter().map(|(id, star)| (*id, star)));
    }
}
