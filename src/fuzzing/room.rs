//! A room and its host under any sequence of what can happen to them: joins, inputs, commands, breaks, returns,
//! takeovers, kicks, ticks. A second room gets the recorded inputs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::pawns::Pawns;
use crate::engine::{
    Admitted, Claim, Command, Event, EventQueue, History, Host, HostOutput, InputRun, JoinRequest, PendingInput,
    ResumeToken, Room, RoomConfig, RoomOutput, RoomPolicy, SeatSession, Waiting,
};
use crate::game::{InputValues, RoomSetup};
use crate::id::{CorrectionEpoch, Incarnation, Seat, Seq};
use crate::testing::replica::{OutputDigest, Replica};
use crate::tick::{Moment, Tick, TickRate};
use crate::wire::{Authority, Close, Continuity, Join, Role, limits};

/// A taken seat: what its client knows, and what it was told.
struct Tenure {
    session: SeatSession,
    queue: EventQueue,
    /// What was posted to it, by number minus one.
    posted: Vec<Arc<Event>>,
    token: ResumeToken,
    former: Option<ResumeToken>,
    /// The newest event that the client knows.
    known: Seq,
    live: bool,
    newest_input: Seq,
    newest_command: Seq,
}

struct Play {
    host: Host<Client>,
    replica: Replica,
    digest: OutputDigest,
    tenures: BTreeMap<Seat, Tenure>,
    secrets: u64,
    holds: bool,
    /// The answer to the last request.
    answer: Option<Result<Box<Admitted>, Close>>,
}

struct Client;

impl Waiting for Client {}

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
        let hold = Duration::from_millis(u64::from(first / 2 % 4) * 500);
        let rate = TickRate::new(20).expect("a usual rate");
        let [room, second] = [(); 2].map(|()| {
            let setup = RoomSetup { rate, seed: 1, options: BTreeMap::new() };
            let game = Pawns::new(if first.is_multiple_of(2) { Authority::Server } else { Authority::Client });
            let policy = RoomPolicy { capacity: Some(6), hold, most_spectators: 2, ..RoomPolicy::default() };
            let config = RoomConfig::new("room", "pawns", setup, policy);
            Room::new(config, Box::new(game))
        });
        Self {
            host: Host::new(Moment(0), room, History::new(rate)).with_record(),
            replica: Replica::new(second),
            digest: OutputDigest::default(),
            tenures: BTreeMap::new(),
            secrets: 0,
            holds: !hold.is_zero(),
            answer: None,
        }
    }

    fn happen(&mut self, what: u8, who: u8, a: u8, b: u8) {
        let number = i32::from_le_bytes([a, b, a ^ what, b ^ who]);
        let seat = self.tenures.keys().nth(usize::from(who) % self.tenures.len().max(1)).copied().unwrap_or(Seat(7));
        match what % 12 {
            0 => self.join(if a.is_multiple_of(8) { Role::Spectator } else { Role::Player }),
            1 | 2 => self.offer(seat, a, number),
            3 => self.command(seat, what, a, b),
            4 => {
                let closes = [Close::Lost, Close::GoingAway, Close::HeartbeatLost, Close::Left, Close::Cheating];
                self.disconnect(seat, closes[usize::from(a) % closes.len()]);
            }
            5 => self.resume(seat, a, b),
            6 => self.host.kick(seat, Close::Kicked.into()),
            7 => self.hear(seat, a.is_multiple_of(4)),
            8 => self.flood(seat, b),
            9 if a == 1 => self.host.lock(b.is_multiple_of(2)),
            _ => self.tick(),
        }
        self.follow();
    }

    /// Asks the host to admit a client. Also returns the token that it would have.
    fn ask(&mut self, request: JoinRequest) -> Result<(Admitted, ResumeToken), Close> {
        self.secrets += 1;
        let secret = u128::from(self.secrets).to_le_bytes();
        self.host.request(Arc::new(request), Client)?;
        self.host.answer_requests(1, || secret);
        self.follow();
        let admitted = self.answer.take().expect("a request is answered")?;
        let token = ResumeToken::new(admitted.welcome.seat, secret);
        Ok((*admitted, token))
    }

    fn join(&mut self, role: Role) {
        let join = Join::ById { room: "room".to_owned() };
        let (admitted, token) = match self.ask(JoinRequest::guest(join, role, "name")) {
            Ok(admitted) => admitted,
            Err(close) => return assert!(matches!(close, Close::RoomFull | Close::Locked), "{close:?}"),
        };
        let (seat, generation) = (admitted.welcome.seat, admitted.start.seat_generation);
        let tenure = self.tenures.entry(seat).or_insert_with(|| Tenure::new(seat));
        assert!(tenure.posted.len() <= admitted.events.len(), "newcomers get all events since they entered");
        tenure.posted = admitted.events.iter().cloned().collect();
        tenure.session = SeatSession { seat, generation };
        (tenure.queue, tenure.token, tenure.live) = (admitted.events, token, true);
    }

    /// Passes on what a client sent.
    fn collect(&mut self, seat: Seat, fill: impl FnOnce(&mut PendingInput)) {
        let Some(tenure) = self.tenures.get(&seat).filter(|tenure| tenure.live) else { return };
        let mut pending = PendingInput::default();
        fill(&mut pending);
        if let Some(close) = self.host.collect(tenure.session, &mut pending) {
            self.host.disconnect(tenure.session, close);
        }
        self.follow();
    }

    fn offer(&mut self, seat: Seat, a: u8, number: i32) {
        let Some(tenure) = self.tenures.get_mut(&seat).filter(|tenure| tenure.live) else { return };
        let inputs = &self.host.room().spec().inputs;
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
        let run = InputRun { first, count, epoch: CorrectionEpoch(a), view: None, input };
        self.collect(seat, |pending| _ = pending.push_inputs(&[run]));
    }

    fn command(&mut self, seat: Seat, what: u8, a: u8, b: u8) {
        let Some(tenure) = self.tenures.get_mut(&seat).filter(|tenure| tenure.live) else { return };
        tenure.newest_command = tenure.newest_command.plus(u32::from(a % 2));
        let (seq, body) = (tenure.newest_command, Bytes::from(vec![a; usize::from(b)]));
        let command = match what / 12 % 3 {
            0 => Command::Message { kind: a.into(), body },
            1 => Command::Call { kind: a.into(), body },
            _ => Command::Chat { to: (0..a % 4).map(|seat| Seat(seat.into())).collect(), text: "x".repeat(b.into()) },
        };
        self.collect(seat, |pending| assert!(pending.push_command(seq, command), "one command fits"));
    }

    /// Fills a log until its oldest go.
    fn flood(&mut self, seat: Seat, size: u8) {
        for _ in 0..size {
            self.command(seat, 24, 1, 240);
        }
    }

    fn disconnect(&mut self, seat: Seat, close: Close) {
        self.collect(seat, |pending| _ = pending.end(close));
        if let Some(tenure) = self.tenures.get_mut(&seat) {
            tenure.live = false;
        }
    }

    /// A client comes back, perhaps while another connection of it still lives.
    fn resume(&mut self, seat: Seat, a: u8, b: u8) {
        let Some(tenure) = self.tenures.get_mut(&seat) else { return };
        let former = a.is_multiple_of(5);
        let token = if former { tenure.former.unwrap_or(tenure.token) } else { tenure.token };
        let (posted, known) = (Seq(tenure.posted.len() as u32), tenure.known);
        let back = Tick(self.host.room().frame().tick().0.wrapping_sub(u32::from(b)));
        let events = match a % 7 {
            0 => None,
            1 => Some(posted.plus(1 + u32::from(b))),
            2 => Some(posted),
            _ => Some(known),
        };
        let claim = Claim { token, incarnation: Incarnation::FIRST, tick: (a & 8 != 0).then_some(back), events };
        let request = JoinRequest::guest(Join::Return { room: "room".to_owned() }, Role::Player, "name");
        let (admitted, next) = match self.ask(JoinRequest { claim: Some(claim), ..request }) {
            Ok(admitted) => admitted,
            Err(Close::NoSuchRoom) => {
                return assert!(former || !self.holds || seat.0 >= limits::SEATS, "the newest token opens the seat");
            }
            Err(close) => return assert_eq!((close, a % 7), (Close::BadMessage, 1), "what happened may be known"),
        };
        let told = admitted.welcome.events;
        assert_eq!((admitted.welcome.seat, admitted.welcome.listed), (seat, posted), "the list includes every event");
        assert_ne!(admitted.welcome.continuity, Continuity::Fresh);
        assert!(events.is_none_or(|events| !events.is_after(told)), "nothing is told twice");
        let tenure = self.tenures.get_mut(&seat).expect("it was there");
        tenure.session.generation = admitted.start.seat_generation;
        (tenure.known, tenure.live, tenure.queue) = (told, true, admitted.events);
        (tenure.former, tenure.token) = (Some(token), next);
        (tenure.newest_input, tenure.newest_command) = (Seq(0), admitted.welcome.commands);
    }

    /// A batch goes out; it arrives, or the connection breaks before.
    fn hear(&mut self, seat: Seat, lost: bool) {
        let tick = self.host.room().frame().tick();
        let Some(tenure) = self.tenures.get_mut(&seat).filter(|tenure| tenure.live) else { return };
        tenure.former = None;
        if let Some(batch) = tenure.queue.batch(tick) {
            let last = batch.last();
            assert_eq!(batch.first(), tenure.known.plus(1 + batch.lost()), "each event once, or its loss is told");
            for (event, number) in batch.events().iter().zip(batch.first().0..) {
                assert_eq!(*event, tenure.posted[number as usize - 1], "the event of this number");
            }
            if lost {
                self.collect(seat, PendingInput::hear);
                return self.disconnect(seat, Close::Lost);
            }
            tenure.known = last;
        }
        let known = tenure.known;
        self.collect(seat, |pending| {
            pending.hear();
            pending.events_arrived(known);
        });
    }

    fn tick(&mut self) {
        let before = self.host.room().frame().tick();
        self.host.tick(Moment(0), |_| {});
        assert_eq!(self.host.room().frame().tick(), before.plus(1));
        self.follow();
        let record = self.host.take_record();
        self.replica.apply(&record);
        self.replica.compare(self.host.room().frame(), &self.digest);
    }

    fn follow(&mut self) {
        while let Some(output) = self.host.poll_output() {
            match output {
                HostOutput::Answer { answer, .. } => {
                    answer.iter().for_each(|admitted| self.digest.admitted(admitted));
                    self.answer = Some(answer.map_err(|reason| reason.close()));
                }
                HostOutput::Parted { .. } | HostOutput::CommandsSafe { .. } | HostOutput::Filmed(_) => {}
                HostOutput::Room(output) => {
                    self.digest.output(&output);
                    self.follow_room(output);
                }
            }
        }
    }

    fn follow_room(&mut self, output: RoomOutput) {
        match output {
            RoomOutput::Event { seats, event } => {
                for seat in seats {
                    self.tenures.entry(seat).or_insert_with(|| Tenure::new(seat)).push(&event);
                }
            }
            RoomOutput::Freed { seat, expired, .. } => {
                let tenure = self.tenures.remove(&seat);
                assert!(!expired || tenure.is_some_and(|tenure| !tenure.live), "only held seats expire");
            }
            RoomOutput::Frame { frame, .. } => {
                let seats: Vec<Seat> = frame.notes().iter().map(|note| note.seat).collect();
                assert!(seats.iter().eq(self.tenures.keys()), "a note for each seat");
            }
            RoomOutput::Listed
            | RoomOutput::Over(_)
            | RoomOutput::Record(_)
            | RoomOutput::Channel(_)
            | RoomOutput::Reserved
            | RoomOutput::ServerEvent(_)
            | RoomOutput::TicketBack { .. }
            | RoomOutput::Judged(_)
            | RoomOutput::Tap(_) => {}
        }
    }

    fn check(&self) {
        let room = self.host.room();
        let live = self.tenures.values().filter(|tenure| tenure.live).count();
        assert_eq!(room.players() + room.spectators(), self.tenures.len(), "clients are the taken seats");
        assert_eq!(self.tenures.len(), live + room.away(), "live ones and held ones");
    }
}

impl Tenure {
    /// A seat whose welcome is not known yet.
    fn new(seat: Seat) -> Self {
        let zero = Seq(0);
        Self {
            session: SeatSession { seat, generation: 0 },
            queue: EventQueue::default(),
            posted: Vec::new(),
            token: ResumeToken::new(seat, [0; 16]),
            former: None,
            known: zero,
            live: false,
            newest_input: zero,
            newest_command: zero,
        }
    }

    fn push(&mut self, event: &Arc<Event>) {
        self.queue.push(event.clone());
        self.posted.push(event.clone());
    }
}

fn with(mut input: InputValues, column: usize, value: i32) -> InputValues {
    input[column] = value;
    input
}
