//! Checks of the engine's own tests, beyond those of every playtest: each input is consumed at most once and accounted for,
//! each command reaches the game once. And counts of how much the runs compared.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;
use tickwire::engine::{Client, InputRun, OverloadStep};
use tickwire::game::{PlayerInput, Wall};
use tickwire::id::{CorrectionEpoch, EntityId, Seq};
use tickwire::snapshot::{Frame, SeatNote};
use tickwire::testing::{Arrival, Player, PlayerId, Playtest, Watch};
use tickwire::tick::Tick;
use tickwire::wire::{Authority, Close, Continuity, EventBody, limits};

use crate::zoo::{Tape, WALLS, Wildness};

/// Makes a wrong message from the one that leads from a frame to the next, if it can.
pub type Falsify = fn(&[u8], &Frame, &Frame) -> Option<Vec<u8>>;

pub fn below(random: &mut Pcg32, bound: u32) -> u32 {
    ((u64::from(random.next_u32()) * u64::from(bound)) >> 32) as u32
}

/// Watches a playtest of the zoo.
pub struct Judge {
    pub authority: Authority,
    pub tape: Arc<Mutex<Tape>>,
    pub accounts: BTreeMap<PlayerId, Account>,
    /// Commands that each peer made so far, over all connections: no peer gives a number twice.
    pub commands: Vec<u32>,
    /// The newest command that reached the game for each entry of a player, by the entity that it brought.
    handed: BTreeMap<EntityId, u32>,
    /// What `handed` was before each tick that changed it, if the room has a journal.
    undo: Vec<(Tick, EntityId, u32)>,
    /// Of every message that a client received.
    pub digest: u64,
    /// Falsifies a message on its way to a client, once, when it returns one.
    pub tamper: Option<Falsify>,
    /// How far players see, in quanta.
    sight: Option<i32>,
    /// The walls through which nobody sees, and how many entities were hidden by them alone, added up over all ticks.
    walls: &'static [Wall],
    pub behind: u64,
    /// How many entities were out of somebody's view, added up over all ticks.
    pub hidden: u64,
}

/// A judge whom the test goes on asking while it watches.
pub struct Watching(pub Rc<RefCell<Judge>>);

impl Watch for Watching {
    fn stepped(&mut self, play: &Playtest) {
        self.0.borrow_mut().check_step(play);
        let is_short = play.room().overload_step() >= OverloadStep::ShorterSight;
        self.0.borrow_mut().check_views(play.frame(), is_short);
    }

    fn delivers(&mut self, play: &Playtest, player: PlayerId, message: &mut Vec<u8>) {
        let mut judge = self.0.borrow_mut();
        for byte in play.now().0.to_le_bytes().iter().chain(message.iter()) {
            judge.digest = (judge.digest ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
        if let Some(falsify) = judge.tamper
            && let Some(before) = play.frame_at(play[player].tick())
            && let Some(frame) = play.frame_at(play[player].tick().plus(1))
            && let Some(falsified) = falsify(message, before, frame)
        {
            (*message, judge.tamper) = (falsified, None);
        }
    }
}

impl Judge {
    /// The room goes on with a game that was restored, and that writes on another tape.
    pub fn continues_on(&mut self, tape: Arc<Mutex<Tape>>) {
        let before = std::mem::replace(&mut self.tape, tape);
        let mut before = before.lock().expect("the game does not panic");
        self.tape.lock().expect("the game does not panic").commands.append(&mut before.commands);
    }

    /// The room was recovered as it was at `tick`; its game was replayed on another tape. What reached the game later never
    /// did.
    pub fn goes_back_to(&mut self, tick: Tick, tape: Arc<Mutex<Tape>>) {
        *tape.lock().expect("the game does not panic") = Tape::default();
        self.tape = tape;
        while let Some((_, entity, before)) = self.undo.pop_if(|(at, ..)| at.is_after(tick)) {
            self.handed.insert(entity, before);
        }
    }

    pub fn new(Wildness { authority, sight, walls, .. }: Wildness, tape: Arc<Mutex<Tape>>, peers: usize) -> Self {
        let (accounts, commands, handed) = (BTreeMap::new(), vec![0; peers], BTreeMap::new());
        let (undo, digest, tamper) = (Vec::new(), 0xcbf2_9ce4_8422_2325, None);
        let walls: &[Wall] = if walls { &WALLS } else { &[] };
        let (hidden, behind) = (0, 0);
        Self { authority, tape, accounts, commands, handed, undo, digest, tamper, sight, walls, behind, hidden }
    }

    /// Whether every command of this connection's peer has reached the game, except those that its client has forgotten.
    pub fn has_handed_all(&self, account: &Account, client: &Client) -> bool {
        let (made, forgotten) = (self.commands[account.peer], account.forgotten(client));
        let handed = client.welcome().and_then(|welcome| self.handed.get(&welcome.entity));
        made == forgotten || handed == Some(&made)
    }

    /// A peer makes its next command. Returns its number.
    pub fn make(&mut self, peer: usize, player: PlayerId, client: &Client) -> u32 {
        self.commands[peer] += 1;
        let account = self.accounts.get_mut(&player).expect("a player has an account");
        if client.welcome().is_none() {
            account.before = self.commands[peer];
        }
        self.commands[peer]
    }

    /// Compares the game's answers to commands with the commands.
    pub fn check_echoes(&self, account: &Account, player: &Player) {
        let (mut echoes, mut replies) = (0, None::<Seq>);
        for event in player.events() {
            if let EventBody::Reply { command, .. } = event {
                assert!(replies.is_none_or(|last| command.is_after(last)), "a call is answered once");
                replies = Some(*command);
            }
            if let EventBody::Game { kind: 8, body } = event {
                let number = u32::from_le_bytes(body[..].try_into().expect("echoes have four bytes"));
                assert!(number > echoes && number <= self.commands[account.peer], "echo {number}");
                echoes = number;
            }
        }
    }

    /// Compares what players see with where everything is.
    fn check_views(&mut self, frame: &Frame, is_short: bool) {
        let Some(sight) = self.sight else { return };
        let sight = if is_short { sight * 2 / 3 } else { sight };
        let positions = || {
            let rows =
                frame.zones().iter().flat_map(|zone| zone.zone().rows(frame.schema()).map(|row| (zone.id(), row)));
            rows.filter(|(_, row)| row.kind.0 < 2).map(|(zone, row)| (zone, row.id, [row.values[0], row.values[1]]))
        };
        for note in frame.notes() {
            let Some((_, _, own)) = positions().find(|(_, id, _)| *id == note.entity) else { continue };
            for (zone, id, at) in positions() {
                let far =
                    (0..2).map(|axis| i64::from(at[axis] - own[axis]).pow(2)).sum::<i64>() > i64::from(sight).pow(2);
                let seen = note.zones.contains(&zone);
                let is_behind = !far && !seen && self.walls.iter().any(|wall| cuts(wall, own, at));
                self.behind += u64::from(is_behind);
                assert!(
                    far || seen || is_behind,
                    "{:?} at {own:?} does not see {id:?} at {at:?} in {zone:?}",
                    note.seat
                );
                self.hidden += u64::from(!seen);
            }
        }
    }

    fn check_step(&mut self, play: &Playtest) {
        let mut tape = self.tape.lock().expect("the game does not panic");
        let accounts = &mut self.accounts;
        for (seat, entity, number) in std::mem::take(&mut tape.commands) {
            let handed = self.handed.entry(entity).or_default();
            self.undo.push((play.frame().tick(), entity, *handed));
            let mine = play.frame().note(seat).filter(|note| note.entity == entity);
            if let Some(id) = mine.and_then(|_| play.seated(seat)) {
                let account = &accounts[&id];
                let next = 1 + account.forgotten(play[id].client()).max(*handed);
                assert_eq!(number, next, "commands reach the game once and in order");
                assert!(number <= self.commands[account.peer], "a command that nobody made");
            } else {
                // The session has ended since. Its last commands came with its end.
                assert!(number > *handed, "commands reach the game once and in order");
            }
            *handed = number;
        }
        let players = play.frame().notes().iter().filter(|note| note.seat.0 < limits::SEATS).count();
        assert_eq!(tape.inputs.len(), players, "everyone who has a seat moves");
        for taken in &tape.inputs {
            // Nobody is there: the game checks that nothing is done.
            let Some(id) = play.seated(taken.seat) else { continue };
            let note = play.frame().note(taken.seat).expect("a seat has a note");
            let account = accounts.get_mut(&id).expect("a player has an account");
            account.check_input(self.authority, taken, note, play[id].runs());
        }
    }
}

/// Whether the straight line between two places touches a wall.
fn cuts(wall: &Wall, from: [i32; 2], to: [i32; 2]) -> bool {
    let reaches =
        |axis: usize| from[axis].min(to[axis]) <= wall.most[axis] && from[axis].max(to[axis]) >= wall.least[axis];
    let side = |x: i32, y: i32| {
        let [dx, dy] = [0, 1].map(|axis| i64::from(to[axis] - from[axis]));
        dx * i64::from(y - from[1]) - dy * i64::from(x - from[0])
    };
    let ([left, top], [right, bottom]) = (wall.least, wall.most);
    let sides = [side(left, top), side(right, top), side(left, bottom), side(right, bottom)];
    reaches(0) && reaches(1) && sides.iter().any(|side| *side >= 0) && sides.iter().any(|side| *side <= 0)
}

/// What became of one player's inputs, and which commands its client knows.
pub struct Account {
    pub maker: Rc<RefCell<Maker>>,
    pub peer: usize,
    /// Whether the player claimed a seat.
    pub claimed: bool,
    /// The peer's newest command before it was welcomed, and the newest that its client had forgotten when it connected.
    before: u32,
    forgotten: u32,
    /// Whether the client knows the seat from an earlier connection.
    knows_seat: bool,
    consumed: Seq,
    fresh: u32,
    repeated: u32,
    /// `None` before the first tick of the connection.
    epoch: Option<CorrectionEpoch>,
}

impl Account {
    /// The account of a connection whose client knows none of the peer's commands, `before` so far.
    pub fn new(maker: Rc<RefCell<Maker>>, peer: usize, before: u32, claimed: bool) -> Self {
        let (consumed, epoch, forgotten) = (Seq(0), None, before);
        Self { maker, peer, claimed, before, forgotten, knows_seat: false, consumed, fresh: 0, repeated: 0, epoch }
    }

    /// The same, except that the client knows what the peer's last one knew.
    pub fn remembering(self, last: &Self, client: &Client) -> Self {
        let knows_seat = last.knows_seat || client.welcome().is_some();
        Self { forgotten: last.forgotten(client), knows_seat, ..self }
    }

    /// The newest command that the client has forgotten: what the game has not seen up to there never reaches it. Commands
    /// to a seat that was gone are not for the new one.
    fn forgotten(&self, client: &Client) -> u32 {
        let fresh = client.welcome().is_some_and(|welcome| welcome.continuity == Continuity::Fresh);
        if fresh && self.knows_seat { self.before } else { self.forgotten }
    }

    /// Compares a tick's move of this seat and the note about it with what the client made.
    fn check_input(&mut self, authority: Authority, taken: &PlayerInput, note: &SeatNote, runs: &[InputRun]) {
        let before = self.consumed;
        assert!(note.consumed.since(before) >= 0, "consumption goes back");
        self.consumed = note.consumed;
        self.fresh += u32::from(taken.fresh);
        self.repeated += u32::from(!taken.fresh);
        let used = self.fresh + note.superseded;
        assert!(used <= note.consumed.0, "an input counted twice");
        let maker = self.maker.borrow();
        assert!(note.consumed.0 as usize <= maker.made.len(), "an input consumed that was never made");
        let settled = note.consumed.0 - used;
        let unique = maker.unique || authority == Authority::Client;
        assert!(settled <= if unique { 0 } else { self.repeated }, "{settled} inputs vanished");
        if taken.fresh {
            let candidates = &maker.made[before.0 as usize..note.consumed.0 as usize];
            let known = candidates.iter().position(|made| taken.input.starts_with(made));
            let index = known.expect("the consumed input was made and is not an old one") as u32;
            let epoch = epoch_of(runs, before.plus(index + 1));
            let known = self.epoch.is_none_or(|known| known == epoch);
            assert!(authority == Authority::Server || !maker.unique || known, "a report of an old epoch");
        }
        self.epoch = Some(note.epoch);
    }
}

/// The epoch that an input knew.
fn epoch_of(runs: &[InputRun], number: Seq) -> CorrectionEpoch {
    let index = runs.partition_point(|run| !run.first.is_after(number));
    runs[index.checked_sub(1).expect("a consumed input was laid down")].epoch
}

/// Makes inputs and remembers them.
pub struct Maker {
    /// Whether no two inputs are alike; otherwise they are held for a while.
    pub unique: bool,
    /// By number minus one.
    pub made: Vec<[i32; 5]>,
    pub random: Pcg32,
}

impl Maker {
    pub fn next(&mut self) -> [i32; 5] {
        let random = &mut self.random;
        let mut input = self.made.last().copied().unwrap_or_default();
        if self.unique || self.made.is_empty() || below(random, 10) == 0 {
            input[0] = if self.unique { self.made.len() as i32 + 1 } else { below(random, 3).cast_signed() };
            input[1] = below(random, 1024).cast_signed();
            input[2] = below(random, 2).cast_signed();
            input[3] = below(random, 12_801).cast_signed() - 6400;
            input[4] = below(random, 12_801).cast_signed() - 6400;
        }
        self.made.push(input);
        input
    }
}

/// How many frames with a keyframe came to a player.
pub fn keyframes(player: &Player) -> usize {
    player.arrivals().iter().filter(|arrival| arrival.keyframe).count()
}

/// What was compared, to know that a run had something to compare.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    pub frames: u64,
    pub leaps: u64,
    pub keyframes: u64,
    pub events: u64,
    pub lost_events: u64,
    pub superseded: u64,
    pub corrections: u64,
    /// Frame messages that were repeated or overtaken, and frames that told the input lead.
    pub outdated: u64,
    pub leads: u64,
    /// Seats taken up again, with state and without, and claims to seats that were gone.
    pub states: u64,
    pub seats: u64,
    pub strangers: u64,
    /// Sessions that another one replaced.
    pub replaced: u64,
    /// Entities out of view, and those of them that only walls hid.
    pub hidden: u64,
    pub behind: u64,
}

impl Seen {
    pub fn note_player(&mut self, player: &Player, claimed: bool) {
        player.arrivals().iter().for_each(|arrival| self.note(arrival));
        self.events += player.events().count() as u64;
        self.outdated += player.outdated() as u64;
        self.leads += player.arrivals().iter().filter(|arrival| arrival.told.lead.is_some()).count() as u64;
        self.replaced += u64::from(player.ended() == Some(Close::Replaced));
        match player.client().welcome().map(|welcome| welcome.continuity) {
            Some(Continuity::State) => self.states += 1,
            Some(Continuity::Seat) => self.seats += 1,
            Some(Continuity::Fresh) if claimed => self.strangers += 1,
            _ => {}
        }
    }

    fn note(&mut self, arrival: &Arrival) {
        let told = &arrival.told;
        self.frames += 1;
        self.leaps += u64::from(told.advance > 1);
        self.keyframes += u64::from(arrival.keyframe);
        self.lost_events += u64::from(told.lost);
        self.superseded += u64::from(told.superseded);
        self.corrections += u64::from(told.correction.is_some());
    }
}

impl std::ops::AddAssign for Seen {
    fn add_assign(&mut self, other: Self) {
        self.frames += other.frames;
        self.leaps += other.leaps;
        self.keyframes += other.keyframes;
        self.events += other.events;
        self.lost_events += other.lost_events;
        self.superseded += other.superseded;
        self.corrections += other.corrections;
        self.outdated += other.outdated;
        self.leads += other.leads;
        self.states += other.states;
        self.seats += other.seats;
        self.strangers += other.strangers;
        self.replaced += other.replaced;
        self.hidden += other.hidden;
        self.behind += other.behind;
    }
}
