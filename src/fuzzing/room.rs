//! A room under any sequence of what can happen to it: joins, inputs, commands, breaks, returns, takeovers, leaves, ticks.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::pawns::Pawns;
use crate::engine::{Claim, Command, Event, EventLog, History, InputRun, ResumeToken, Room, RoomConfig};
use crate::game::{Input, RoomSetup};
use crate::id::{CorrectionEpoch, Seat, Seq};
use crate::tick::{Tick, TickRate};
use crate::wire::{Authority, Close, Continuity};

/// A taken seat: what its client knows, and what it was told.
struct Tenure {
    log: EventLog,
    /// What was posted to it, by number minus one.
    posted: Vec<Arc<Event>>,
    token: ResumeToken,
    former: Option<ResumeToken>,
    /// The newest event that the client knows.
    known: Seq,
    /// The newest number ever told, whether it arrived or not.
    told: Seq,
    live: bool,
    newest_input: Seq,
    newest_command: Seq,
}

struct Play {
    room: Room,
    tenures: BTreeMap<Seat, Tenure>,
    history: History,
    secrets: u64,
    holds: bool,
}

/// Bytes as a story of a room, four for each thing that happens.
pub fn room_operations(data: &[u8]) {
    let Some((first, story)) = data.split_first() else { return };
    let mut play = Play::new(*first);
    for step in story.chunks(4).take(512) {
        let [what, who, a, b] = std::array::from_fn(|byte| step.get(byte).copied().unwrap_or(0));
        play.happen(what, who, a, b);
        play.check();
    }
}

impl Play {
    fn new(first: u8) -> Self {
        let rate = TickRate::new(20).expect("a usual rate");
        let setup = RoomSetup { rate, seed: 1, options: BTreeMap::new() };
        let game = Pawns::new(if first.is_multiple_of(2) { Authority::Server } else { Authority::Client });
        let config = RoomConfig { id: "room".to_owned(), game: "pawns".to_owned(), setup, capacity: Some(6) };
        let hold = std::time::Duration::from_millis(u64::from(first / 2 % 4) * 500);
        let (room, holds) = (Room::new(config, Box::new(game)).holding_seats_for(hold), !hold.is_zero());
        Self { room, tenures: BTreeMap::new(), history: History::new(60, 1 << 20), secrets: 0, holds }
    }

    fn happen(&mut self, what: u8, who: u8, a: u8, b: u8) {
        let number = i32::from_le_bytes([a, b, a ^ what, b ^ who]);
        let seat = self.tenures.keys().nth(usize::from(who) % self.tenures.len().max(1)).copied().unwrap_or(Seat(7));
        match what % 12 {
            0 => self.join(),
            1 | 2 => self.offer(seat, a, number),
            3 => self.command(seat, what, a, b),
            4 => {
                let closes = [Close::Lost, Close::GoingAway, Close::HeartbeatLost, Close::Left, Close::Cheating];
                self.drop_out(seat, closes[usize::from(a) % closes.len()]);
            }
            5 => self.resume(seat, a, b),
            6 => {
                self.room.leave(seat, Close::Left);
                self.tenures.remove(&seat);
            }
            7 => self.hear(seat, a.is_multiple_of(4)),
            8 => self.flood(seat, b),
            _ => self.tick(),
        }
        self.route();
    }

    fn secret(&mut self) -> [u8; 16] {
        self.secrets += 1;
        u128::from(self.secrets).to_le_bytes()
    }

    fn join(&mut self) {
        let Ok(mut admitted) = self.room.admit("name".to_owned(), BTreeMap::new()) else {
            return assert_eq!(self.tenures.len(), 6, "only a full room refuses");
        };
        let (seat, secret) = (admitted.entry.seat, self.secret());
        self.room.give_token(&mut admitted, secret);
        let token = ResumeToken::new(seat, secret);
        let (log, posted) = Default::default();
        let zero = Seq(0);
        let tenure = Tenure {
            log,
            posted,
            token,
            former: None,
            known: zero,
            told: zero,
            live: true,
            newest_input: zero,
            newest_command: zero,
        };
        assert!(self.tenures.insert(seat, tenure).is_none(), "a seat is given to one player");
    }

    fn offer(&mut self, seat: Seat, a: u8, number: i32) {
        let Some(tenure) = self.tenures.get_mut(&seat).filter(|tenure| tenure.live) else { return };
        let inputs = &self.room.spec().inputs;
        let (mut input, width) = (inputs.neutral(), inputs.fields().len());
        for column in 0..width {
            // A session passes on what the schema admits, and nothing else.
            let sizes = [number, number >> 16, number >> 24, number & 1, input[column]];
            let fits = |value: &i32| inputs.admits(&with(input, column, *value)[..width]);
            input[column] = sizes.into_iter().find(fits).unwrap_or_default();
        }
        // Old and doubled ones too.
        let (count, back) = (u16::from(a % 7) + 1, u32::from(a / 7 % 5));
        let first = Seq(tenure.newest_input.0.saturating_sub(back) + 1);
        let last = first.plus(u32::from(count) - 1);
        tenure.newest_input = if last.is_after(tenure.newest_input) { last } else { tenure.newest_input };
        self.room.offer(seat, &InputRun { first, count, epoch: CorrectionEpoch(a), input });
    }

    fn command(&mut self, seat: Seat, what: u8, a: u8, b: u8) {
        let Some(tenure) = self.tenures.get_mut(&seat).filter(|tenure| tenure.live) else { return };
        tenure.newest_command = tenure.newest_command.plus(u32::from(a % 2));
        let body = Bytes::from(vec![a; usize::from(b)]);
        let command = match what / 12 % 3 {
            0 => Command::Message { kind: a.into(), body },
            1 => Command::Call { kind: a.into(), body },
            _ => Command::Chat { to: (0..a % 4).map(|seat| Seat(seat.into())).collect(), text: "x".repeat(b.into()) },
        };
        self.room.command(seat, tenure.newest_command, &command);
    }

    /// Fills a log until its oldest go.
    fn flood(&mut self, seat: Seat, size: u8) {
        for _ in 0..size {
            self.command(seat, 24, 1, 240);
        }
    }

    fn drop_out(&mut self, seat: Seat, close: Close) {
        let held = self.room.drop_out(seat, close);
        match self.tenures.get_mut(&seat) {
            Some(tenure) if held => tenure.live = false,
            Some(_) => _ = self.tenures.remove(&seat),
            None => assert!(!held, "nobody is not held"),
        }
    }

    /// A client comes back, perhaps while another connection of it still lives.
    fn resume(&mut self, seat: Seat, a: u8, b: u8) {
        let secret = self.secret();
        let Some(tenure) = self.tenures.get_mut(&seat) else { return };
        let former = a.is_multiple_of(5);
        let token = if former { tenure.former.unwrap_or(tenure.token) } else { tenure.token };
        let Some(found) = self.room.recognise(&token, None) else {
            assert!(former || !self.holds, "the newest token opens the seat");
            return;
        };
        assert_eq!(found, seat);
        self.route();
        let tenure = self.tenures.get_mut(&seat).expect("it was there");
        let back = Tick(self.room.frame().tick().0.wrapping_sub(u32::from(b)));
        let events = match a % 7 {
            0 => None,
            1 => Some(tenure.told.plus(1 + u32::from(b))),
            _ => Some(tenure.known),
        };
        let claim = Claim { token, tick: (a & 8 != 0).then_some(back), events };
        let base = claim.tick.and_then(|tick| self.history.get(tick)).cloned();
        let possible = events.is_none_or(|events| !events.is_after(tenure.told));
        match self.room.resume(seat, &claim, &mut tenure.log, base.as_deref(), secret) {
            Ok(admitted) => {
                assert!(possible, "what was never told cannot be known");
                assert_eq!((admitted.entry.seat, admitted.welcome.listed), (seat, Seq(tenure.posted.len() as u32)));
                assert_ne!(admitted.welcome.continuity, Continuity::Fresh);
                let told = admitted.welcome.events;
                assert!(events.is_none_or(|events| !events.is_after(told)), "nothing is told twice");
                (tenure.known, tenure.live) = (told, true);
                tenure.told = if told.is_after(tenure.told) { told } else { tenure.told };
                (tenure.former, tenure.token) = (Some(token), ResumeToken::new(seat, secret));
                (tenure.newest_input, tenure.newest_command) = (Seq(0), admitted.entry.commands);
            }
            Err(_) => assert!(!possible, "what was told may be known"),
        }
    }

    /// A batch goes out; it arrives, or the connection breaks before.
    fn hear(&mut self, seat: Seat, lost: bool) {
        let tick = self.room.frame().tick();
        let Some(tenure) = self.tenures.get_mut(&seat).filter(|tenure| tenure.live) else { return };
        self.room.confirm(seat);
        tenure.former = None;
        if let Some(batch) = tenure.log.batch(tick) {
            let batch = batch.as_wire(tick);
            assert_eq!(batch.first, tenure.known.plus(1 + batch.lost), "each event once, or its loss is told");
            for (item, number) in batch.items.iter().zip(batch.first.0..) {
                assert!(item.body == tenure.posted[number as usize - 1].body, "the event of this number");
            }
            let last = batch.first.plus(batch.items.len() as u32 - 1);
            tenure.told = if last.is_after(tenure.told) { last } else { tenure.told };
            if lost {
                return self.drop_out(seat, Close::Lost);
            }
            tenure.known = last;
        }
        assert!(tenure.log.ack(tenure.known).is_ok(), "what was heard may be acknowledged");
        assert!(tenure.log.ack(Seq(tenure.posted.len() as u32 + 1)).is_err(), "what never was may not");
    }

    fn tick(&mut self) {
        let before = self.room.frame().tick();
        let ticked = self.room.tick();
        assert_eq!(ticked.frame.tick(), before.plus(1));
        for seat in ticked.released {
            assert!(self.tenures.remove(&seat).is_some_and(|tenure| !tenure.live), "only held seats are released");
        }
        let seats: Vec<Seat> = ticked.frame.notes().iter().map(|note| note.seat).collect();
        assert!(seats.iter().eq(self.tenures.keys()), "a note for each seat");
        self.history.push(ticked.frame);
        self.route();
        for (seat, close) in ticked.kicks {
            self.room.leave(seat, close.close());
            self.tenures.remove(&seat);
        }
    }

    fn route(&mut self) {
        for post in self.room.take_posts() {
            for seat in post.seats {
                if let Some(tenure) = self.tenures.get_mut(&seat) {
                    tenure.push(&post.event);
                }
            }
        }
    }

    fn check(&self) {
        let live = self.tenures.values().filter(|tenure| tenure.live).count();
        assert_eq!(self.room.players(), self.tenures.len(), "players are the taken seats");
        assert_eq!(self.room.players(), live + self.room.away(), "live ones and held ones");
    }
}

impl Tenure {
    fn push(&mut self, event: &Arc<Event>) {
        self.log.push(event.clone());
        self.posted.push(event.clone());
    }
}

fn with(mut input: Input, column: usize, value: i32) -> Input {
    input[column] = value;
    input
}
