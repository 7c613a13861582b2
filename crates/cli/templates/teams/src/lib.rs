//! The game: two teams lay traps that only they see. Whoever runs into a trap of the others starts again at home, and the others have a
//! point; the team that has the most after two minutes wins.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use tickwire::prelude::*;

/// The width and the height of the field.
pub const SIDE: i32 = 640;
/// How far a player runs in a second. The page predicts with the same number.
pub const SPEED: i32 = 240;
/// How near a player must come to a trap.
const REACH: i32 = 20;
/// How many traps a team has at most; a further one takes the place of the oldest.
const TRAPS: usize = 6;
/// How long a match takes, in seconds.
const MATCH: u32 = 120;

/// A side of the match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Labels)]
pub enum Team {
    Red,
    Blue,
}

impl Team {
    /// The other side.
    fn other(self) -> Self {
        if self == Self::Red { Self::Blue } else { Self::Red }
    }

    /// The zone that only this team sees. Zone 0 is everybody's.
    fn zone(self) -> ZoneId {
        ZoneId(1 + self as u16)
    }

    /// Where its players start.
    fn home(self) -> i32 {
        if self == Self::Red { 60 } else { SIDE - 60 }
    }
}

/// Somebody who runs.
#[derive(Debug, PartialEq, Row)]
pub struct Runner {
    #[row(range = 0..=SIDE, motion = linear)]
    pub x: i32,
    #[row(range = 0..=SIDE, motion = linear)]
    pub y: i32,
    pub team: Team,
    /// Whether this tick placed the runner at home.
    #[row(skip)]
    pub placed: bool,
}

/// A trap, which only the team sees that has laid it.
#[derive(Debug, PartialEq, Row)]
pub struct Trap {
    #[row(range = 0..=SIDE)]
    pub x: i32,
    #[row(range = 0..=SIDE)]
    pub y: i32,
}

/// What a player wants.
#[derive(Input)]
pub struct Steer {
    /// To the left (-1) or to the right (1).
    #[input(range = -1..=1)]
    pub right: i32,
    /// Up (-1) or down (1).
    #[input(range = -1..=1)]
    pub down: i32,
}

/// What a player asks for once.
#[derive(Debug, PartialEq, Message)]
pub enum Command {
    /// Lay a trap where the own runner is.
    Lay,
}

/// What everybody is told.
#[derive(Debug, PartialEq, Message)]
pub enum Event {
    Caught { who: Seat, red: u32, blue: u32 },
}

/// The rules.
#[derive(Default)]
pub struct Rules {
    runners: Players<Runner>,
    traps: BTreeMap<EntityId, (Team, Trap)>,
    points: [u32; 2],
    /// Ticks since the match began.
    age: u32,
}

impl Rules {
    fn size(&self, team: Team) -> usize {
        self.runners.iter().filter(|(_, runner)| runner.team == team).count()
    }

    /// The trap of the others into which somebody ran, if there is one.
    fn sprung(&self, runner: &Runner) -> Option<EntityId> {
        let near = |trap: &Trap| (trap.x - runner.x).abs() < REACH && (trap.y - runner.y).abs() < REACH;
        let traps = self.traps.iter().filter(|(_, (team, trap))| *team != runner.team && near(trap));
        traps.map(|(id, _)| *id).next()
    }

    /// Announces the time that is left, and the result at the end.
    fn keep_time(&mut self, cx: &mut Context) {
        let rate = u32::from(cx.rate().per_second());
        if self.age.is_multiple_of(rate) {
            let left = MATCH.saturating_sub(self.age / rate);
            cx.set_property("left", &left.to_string());
            if self.age == MATCH * rate {
                let [red, blue] = self.points;
                cx.end(format!("{{\"red\":{red},\"blue\":{blue}}}"));
            }
        }
        self.age += 1;
    }
}

#[tickwire::game]
impl TypedGame for Rules {
    type Rows = (Runner, Trap);
    type Input = Steer;
    type Command = Command;
    type Event = Event;

    fn join(&mut self, player: &Player, cx: &mut Context) -> Result<EntityId, Refused> {
        let team = if self.size(Team::Red) <= self.size(Team::Blue) { Team::Red } else { Team::Blue };
        // The player gets what everybody sees and what the team sees, and nothing else: a modified page knows no more.
        cx.subscribe(player.seat, vec![ZoneId(0), team.zone()]);
        Ok(self.runners.join(player.seat, Runner { x: team.home(), y: SIDE / 2, team, placed: false }, cx))
    }

    fn leave(&mut self, seat: Seat, _: &mut Context) {
        self.runners.leave(seat);
    }

    fn command(&mut self, seat: Seat, command: Command, cx: &mut Context) {
        let Command::Lay = command;
        let Runner { x, y, team, .. } = self.runners[seat];
        let own = self.traps.iter().filter(|(_, (of, _))| *of == team).map(|(id, _)| *id).collect::<Vec<_>>();
        if own.len() >= TRAPS {
            self.traps.remove(&own[0]);
        }
        // An id that does not tell the others how many traps there are.
        self.traps.insert(cx.spawn_hidden(), (team, Trap { x, y }));
    }

    fn step(&mut self, inputs: Inputs<Steer>, cx: &mut Context) {
        let pace = SPEED / i32::from(cx.rate().per_second());
        for player in inputs {
            let runner = &mut self.runners[player.seat];
            runner.x = (runner.x + pace * player.input.right).clamp(0, SIDE);
            runner.y = (runner.y + pace * player.input.down).clamp(0, SIDE);
            runner.placed = false;
            if let Some(trap) = self.sprung(&self.runners[player.seat]) {
                self.traps.remove(&trap);
                let runner = &mut self.runners[player.seat];
                (runner.x, runner.y, runner.placed) = (runner.team.home(), SIDE / 2, true);
                self.points[runner.team.other() as usize] += 1;
                let [red, blue] = self.points;
                cx.send(Recipients::All, &Event::Caught { who: player.seat, red, blue });
            }
        }
        self.keep_time(cx);
    }

    fn write_snapshot(&self, out: &mut RowWriter<(Runner, Trap)>) {
        for (id, runner) in self.runners.entities() {
            out.entity(id, runner);
            if runner.placed {
                out.teleported::<Runner, _>(id);
            }
        }
        for (id, (team, trap)) in &self.traps {
            out.row(team.zone(), *id, trap);
        }
    }
}

/// The server with this game.
pub fn server(config: Config) -> Server {
    Server::new(config).game("__NAME__", |_| Ok(Box::new(Rules::default())))
}

/// Serves at an address until ctrl-c, with the page in a folder if there is one.
pub fn serve(address: SocketAddr, page: Option<PathBuf>) -> io::Result<()> {
    let pages = page.map_or(Pages::None, Pages::Folder);
    server(Config { bind: address, pages, ..Config::default() }).serve()
}
