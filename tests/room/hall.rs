//! A small game in a room with its host, and the events that its clients have not received yet.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tickwire::engine::{
    Admitted, Claim, Command, Event, EventQueue, History, Host, HostOutput, InputRun, JoinRequest, PendingInput,
    ResumeToken, Room, RoomConfig, RoomCounters, RoomOutput, RoomPolicy, SeatSession, Waiting,
};
use tickwire::game::{Context, Game, Player, PlayerInput, Recipients, Refused, RoomSetup, SnapshotWriter, Spec};
use tickwire::id::{EntityId, Incarnation, KindId, Seat, Seq};
use tickwire::snapshot::{Field, InputSchema, Kind, Schema, Shape};
use tickwire::tick::{Moment, Tick, TickRate};
use tickwire::wire::{Authority, Close, EventBody, Join, Role, limits};

/// A game that reports each call of its hooks to everyone.
#[derive(Default)]
pub struct Tell(BTreeMap<Seat, (EntityId, i32)>);

impl Game for Tell {
    fn spec(&self) -> Spec {
        let schema = Schema::new(vec![Kind::new("dot", vec![Field::held("x", Shape::Int { min: 0, max: 9 })])]);
        let inputs = InputSchema::new(vec![Field::held("x", Shape::Int { min: 0, max: 9 })]);
        Spec {
            schema: Arc::new(schema.expect("a valid schema")),
            inputs: inputs.expect("a valid schema"),
            authority: Authority::Server,
            capacity: 3,
            properties: Vec::new(),
        }
    }
    fn join(&mut self, player: &Player, cx: &mut Context) -> Result<EntityId, Refused> {
        let id = cx.spawn();
        self.0.insert(player.seat, (id, 0));
        Ok(id)
    }
    fn leave(&mut self, seat: Seat, cx: &mut Context) {
        self.0.remove(&seat);
        cx.emit(Recipients::All, 1, Bytes::new());
    }
    fn step(&mut self, inputs: &[PlayerInput], _: &mut Context) {
        inputs.iter().for_each(|one| self.0.get_mut(&one.seat).expect("seated").1 = one.input[0]);
    }
    fn write_snapshot(&self, out: &mut SnapshotWriter) {
        self.0.values().for_each(|(id, x)| out.entity(KindId(0), *id, &[*x]));
    }
    fn call(&mut self, _: Seat, kind: u16, body: &[u8], _: &mut Context) -> Result<Bytes, Refused> {
        if kind == 0 { Ok(Bytes::copy_from_slice(body)) } else { Err("no".repeat(limits::BODY).into()) }
    }
    fn chat(&mut self, _: Seat, text: &str, _: &mut Context) -> bool {
        text != "quack"
    }
    fn disconnected(&mut self, seat: Seat, cx: &mut Context) {
        cx.emit(Recipients::Except(seat), 2, Bytes::new());
    }
    fn reconnected(&mut self, seat: Seat, cx: &mut Context) {
        cx.emit(Recipients::Only(seat), 3, Bytes::new());
    }
}

/// A client that waits for its answer.
pub struct Here;

impl Waiting for Here {}

/// A host and the events that its clients have not received yet.
pub struct Hall {
    pub host: Host<Here>,
    queues: BTreeMap<Seat, EventQueue>,
    answer: Option<Result<Box<Admitted>, Close>>,
    expired: Vec<Seat>,
    secrets: u8,
}

impl Hall {
    pub fn new(hold: u64) -> Self {
        Self::starting_at(hold, RoomCounters::default())
    }

    /// A hall whose counters start there.
    pub fn starting_at(hold: u64, counters: RoomCounters) -> Self {
        let setup = RoomSetup { rate: TickRate::DEFAULT, seed: 1, options: BTreeMap::new() };
        let policy = RoomPolicy { hold: Duration::from_secs(hold), ..RoomPolicy::default() };
        let config = RoomConfig::new("hall", "tell", setup, policy);
        let room = Room::new(RoomConfig { counters, ..config }, Box::<Tell>::default());
        let host = Host::new(Moment(0), room, History::new(TickRate::DEFAULT));
        Self { host, queues: BTreeMap::new(), answer: None, expired: Vec::new(), secrets: 0 }
    }

    pub fn room(&self) -> &Room {
        self.host.room()
    }

    pub fn ask(&mut self, request: JoinRequest) -> Result<Admitted, Close> {
        self.secrets += 1;
        let secret = [self.secrets; 16];
        self.host.request(Arc::new(request), Here)?;
        self.host.answer_requests(1, || secret);
        self.follow();
        let mut admitted = self.answer.take().expect("a request is answered")?;
        self.queues.insert(admitted.start.seat, std::mem::take(&mut admitted.events));
        Ok(*admitted)
    }

    /// A player joins and sends a first message.
    pub fn join(&mut self) -> Admitted {
        let admitted = self.enter();
        self.confirm(&admitted);
        admitted
    }

    pub fn confirm(&mut self, admitted: &Admitted) {
        self.collect(admitted, PendingInput::hear);
    }

    pub fn enter(&mut self) -> Admitted {
        self.ask(guest()).expect("there is room")
    }

    /// A client claims its seat, or nothing.
    pub fn back(&mut self, token: ResumeToken, tick: Option<Tick>) -> Option<Admitted> {
        self.claim(Claim { token, incarnation: Incarnation::FIRST, tick, events: None }, None).ok()
    }

    pub fn claim(&mut self, claim: Claim, identity: Option<&str>) -> Result<Admitted, Close> {
        let join = Join::Return { room: "hall".to_owned() };
        let identity = identity.map(str::to_owned);
        self.ask(JoinRequest { join, claim: Some(claim), identity, ..guest() })
    }

    /// Passes on what a client sent.
    pub fn collect(&mut self, client: &Admitted, fill: impl FnOnce(&mut PendingInput)) {
        let mut pending = PendingInput::default();
        fill(&mut pending);
        let session = SeatSession { seat: client.start.seat, generation: client.start.seat_generation };
        if let Some(close) = self.host.collect(session, &mut pending) {
            self.host.disconnect(session, close);
        }
        self.follow();
    }

    pub fn offer(&mut self, client: &Admitted, run: InputRun) {
        self.collect(client, |pending| _ = pending.push_inputs(&[run]));
    }

    pub fn command(&mut self, client: &Admitted, seq: u32, command: Command) {
        self.collect(client, |pending| assert!(pending.push_command(Seq(seq), command), "one command fits"));
    }

    /// A connection ends. Returns whether the seat is held.
    pub fn disconnect(&mut self, client: &Admitted, close: Close) -> bool {
        self.collect(client, |pending| _ = pending.end(close));
        self.room().entity(client.start.seat).is_some()
    }

    /// Returns the seats whose hold has expired.
    pub fn tick(&mut self) -> Vec<Seat> {
        self.host.tick(Moment(0), |_| {});
        self.follow();
        std::mem::take(&mut self.expired)
    }

    pub fn follow(&mut self) {
        while let Some(output) = self.host.poll_output() {
            match output {
                HostOutput::Answer { answer, .. } => self.answer = Some(answer.map_err(|reason| reason.close())),
                HostOutput::Room(RoomOutput::Event { seats, event }) => {
                    for seat in seats {
                        self.queues.get_mut(&seat).into_iter().for_each(|queue| queue.push(event.clone()));
                    }
                }
                HostOutput::Room(RoomOutput::Freed { seat, expired: true, .. }) => self.expired.push(seat),
                HostOutput::Parted { .. }
                | HostOutput::CommandsSafe { .. }
                | HostOutput::Filmed(_)
                | HostOutput::Room(_) => {}
            }
        }
    }

    /// The events not sent to a seat yet, as bodies with their ages in ticks.
    pub fn heard(&mut self, seat: Seat) -> Vec<(u32, EventBody<'static>)> {
        let upcoming = self.room().frame().tick().plus(1);
        let mut heard = Vec::new();
        while let Some(batch) = self.queues.get_mut(&seat).expect("a queue per seat").batch(upcoming) {
            let age = |event: &Event| upcoming.since(event.tick).cast_unsigned();
            heard.extend(batch.events().iter().map(|event| (age(event), event.body().into_owned())));
        }
        heard
    }

    pub fn bodies(&mut self, seat: Seat) -> Vec<EventBody<'static>> {
        self.heard(seat).into_iter().map(|(_, body)| body).collect()
    }
}

pub fn guest() -> JoinRequest {
    JoinRequest::guest(Join::ById { room: "hall".to_owned() }, Role::Player, "ada")
}
