//! What a room tells systems outside of it: only what is public, only what is safe, and with the same keys when the room is
//! rebuilt.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tickwire::TickRate;
use tickwire::engine::{
    Command, Enter, History, Host, HostOutput, JoinRequest, JournalEntry, PendingInput, Recovery, Room, RoomConfig,
    RoomInput, RoomOutput, RoomPolicy, SeatSession, TapBody, TapEntry, Waiting, recover,
};
use tickwire::game::{
    Context, Game, LoadError, Player, PlayerInput, Recipients, Refused, RoomSetup, Saved, SnapshotWriter, Spec,
};
use tickwire::id::{EntityId, KindId, Seat, Seq};
use tickwire::snapshot::{Field, InputSchema, Kind, Schema, Shape};
use tickwire::tick::Moment;
use tickwire::wire::{Authority, Close, Join, Role};

/// A game that emits what its players say, for everybody or for one, publicly or not, and ends when it is told to.
#[derive(Default)]
struct Speaker(BTreeMap<Seat, EntityId>);

const FOR_ALL: u16 = 1;
const FOR_ONE: u16 = 2;
const INSIDE: u16 = 3;
const END: u16 = 4;

impl Game for Speaker {
    fn spec(&self) -> Spec {
        let schema = Schema::new(vec![Kind::new("dot", vec![Field::held("x", Shape::Int { min: 0, max: 9 })])]);
        let inputs = InputSchema::new(vec![Field::held("x", Shape::Int { min: 0, max: 9 })]);
        Spec {
            schema: Arc::new(schema.expect("a valid schema")),
            inputs: inputs.expect("a valid schema"),
            authority: Authority::Server,
            capacity: 8,
            properties: Vec::new(),
        }
    }
    fn join(&mut self, player: &Player, cx: &mut Context) -> Result<EntityId, Refused> {
        let id = cx.spawn();
        self.0.insert(player.seat, id);
        cx.set_property("newest", &player.name);
        Ok(id)
    }
    fn leave(&mut self, seat: Seat, _: &mut Context) {
        self.0.remove(&seat);
    }
    fn step(&mut self, _: &[PlayerInput], _: &mut Context) {}
    fn write_snapshot(&self, out: &mut SnapshotWriter) {
        self.0.values().for_each(|id| out.entity(KindId(0), *id, &[1]));
    }
    fn command(&mut self, seat: Seat, kind: u16, body: &[u8], cx: &mut Context) {
        match kind {
            FOR_ONE => cx.emit(Recipients::Only(seat), FOR_ALL, body.to_vec()),
            END => cx.end(body.to_vec()),
            kind => cx.emit(Recipients::All, kind, body.to_vec()),
        }
    }
    fn public_event(&self, kind: u16, body: &[u8]) -> Option<(String, Value)> {
        (kind == FOR_ALL).then(|| ("said".to_owned(), json!({ "text": String::from_utf8_lossy(body) })))
    }
    fn save(&self) -> Option<Saved> {
        Some(Saved::new(1, &self.0))
    }
    fn load(&mut self, saved: &Saved) -> Result<(), LoadError> {
        self.0 = saved.read()?;
        Ok(())
    }
}

struct Here;
impl Waiting for Here {}

/// A tapped room with a journal.
struct Tapped {
    host: Host<Here>,
    told: Vec<Arc<TapEntry>>,
    journal: Vec<JournalEntry>,
    sessions: Vec<SeatSession>,
    commands: u32,
}

impl Tapped {
    fn new() -> Self {
        let setup = RoomSetup { rate: TickRate::DEFAULT, seed: 1, options: BTreeMap::new() };
        let policy = RoomPolicy { hold: Duration::from_secs(30), ..RoomPolicy::default() };
        let config = RoomConfig::new("hall", "speaker", setup, policy);
        Self::around(Room::new(config, Box::<Speaker>::default()))
    }

    fn around(room: Room) -> Self {
        let host = Host::new(Moment(0), room, History::new(TickRate::DEFAULT)).with_tap().with_journal();
        let mut tapped = Self { host, told: Vec::new(), journal: Vec::new(), sessions: Vec::new(), commands: 0 };
        tapped.record();
        tapped
    }

    fn record(&mut self) {
        self.journal.push(self.host.take_entry());
        self.follow();
    }

    fn join(&mut self, name: &str) {
        let join = Join::ById { room: "hall".to_owned() };
        let seats = |host: &Host<Here>| host.room().roster().iter().map(|player| player.seat).collect::<Vec<_>>();
        let before = seats(&self.host);
        self.host.request(Arc::new(JoinRequest::guest(join, Role::Player, name)), Here).expect("few wait");
        self.host.answer_requests(1, || [7; 16]);
        let seat = *seats(&self.host).iter().find(|seat| !before.contains(seat)).expect("there is room");
        let generation = self.host.room().live_generation(seat).expect("the seat is taken");
        self.sessions.push(SeatSession { seat, generation });
    }

    fn say(&mut self, seat: usize, command: Command) {
        self.commands += 1;
        let mut pending = PendingInput::default();
        pending.hear();
        assert!(pending.push_command(Seq(self.commands), command));
        assert!(self.host.collect(self.sessions[seat], &mut pending).is_none());
    }

    fn message(&mut self, seat: usize, kind: u16, body: &str) {
        self.say(seat, Command::Message { kind, body: body.as_bytes().to_vec().into() });
    }

    fn tick(&mut self) {
        self.host.tick(Moment(0), |_| {});
        self.record();
    }

    /// Everything that was recorded is safe.
    fn make_safe(&mut self) {
        let upto = self.journal.last().expect("an entry").upto();
        self.host.safe(upto);
        self.follow();
    }

    fn follow(&mut self) {
        while let Some(output) = self.host.poll_output() {
            if let HostOutput::Room(RoomOutput::Tap(entry)) = output {
                self.told.push(entry);
            }
        }
    }

    fn kinds(&self) -> Vec<&'static str> {
        self.told.iter().map(|entry| entry.body.kind()).collect()
    }

    /// What a recovery tells: what the newest checkpoint carries along, and what the inputs after it lead to.
    fn retold(&self) -> Vec<TapEntry> {
        self.rebuilt().1
    }

    /// The room as a recovery has it, and what that tells.
    fn rebuilt(&self) -> (Room, Vec<TapEntry>) {
        let newest = self.journal.iter().rposition(|entry| entry.checkpoint.is_some()).expect("there is one");
        let (first, tail) = self.journal[newest..].split_first().expect("it is there");
        let checkpoint = first.checkpoint.as_deref().expect("a checkpoint").clone();
        let mut told = checkpoint.unstored().to_vec();
        let game = Box::<Speaker>::default();
        let Recovery { room, entries, .. } = recover(checkpoint, first.upto(), tail, game).expect("it can be rebuilt");
        told.extend(entries.iter().map(|entry| TapEntry::clone(entry)));
        (room, told)
    }
}

#[test]
fn what_is_public_is_told_once_it_is_safe() {
    let mut room = Tapped::new();
    room.join("ada");
    room.join("bob");
    room.message(0, FOR_ALL, "hello");
    room.message(0, FOR_ONE, "a secret");
    room.message(0, INSIDE, "a detail");
    room.say(1, Command::Chat { to: Vec::new(), text: "good day".to_owned() });
    room.say(1, Command::Chat { to: vec![Seat(0)], text: "psst".to_owned() });
    room.tick();
    assert_eq!(room.kinds(), [] as [&str; 0], "nothing is safe yet");
    room.make_safe();
    let wanted =
        ["room.made", "player.joined", "room.property", "player.joined", "room.property", "game.event", "chat"];
    assert_eq!(room.kinds(), wanted);
    let said = TapBody::GameEvent { name: "said".to_owned(), data: json!({ "text": "hello" }) };
    assert_eq!(room.told[5].body, said);
    assert!(room.told.is_sorted_by(|a, b| a.key < b.key), "{:?}", room.told);
    room.host.disconnect(room.sessions[1], Close::Left);
    room.message(0, END, r#"{"winner":0}"#);
    room.tick();
    room.make_safe();
    let more: Vec<&TapBody> = room.told[7..].iter().map(|entry| &entry.body).collect();
    let [TapBody::PlayerLeft { seat: Seat(1), name, .. }, TapBody::MatchEnded { result }] = more[..] else {
        panic!("{more:?}")
    };
    assert_eq!((&name[..], result), ("bob", &json!({ "winner": 0 })));
}

/// At every tick of a life: whatever was told before a crash, or was about to be, is told after it with the same keys.
#[test]
fn a_crash_at_any_tick_repeats_what_was_not_stored_with_equal_keys() {
    let mut room = Tapped::new();
    let mut stored = 0;
    // Rooms make checkpoints every ten seconds.
    for tick in 0_u64..500 {
        match tick % 40 {
            0 if tick < 280 => room.join(&format!("p{tick}")),
            7 => room.message(0, FOR_ALL, &format!("at {tick}")),
            8 => room.host.kick(Seat(1), Close::Kicked.into()),
            9 => room.say(0, Command::Chat { to: Vec::new(), text: format!("line {tick}") }),
            _ => {}
        }
        room.tick();
        // A record is safe some ticks late, and what was told is stored some entries late.
        if tick % 3 == 0 {
            room.make_safe();
            stored = stored.max((room.told.len() as u64).saturating_sub(tick % 5));
            room.host.tap_stored(stored);
        }
        let retold: BTreeMap<_, _> = room.retold().into_iter().map(|entry| (entry.key.clone(), entry)).collect();
        for entry in &room.told[stored as usize..] {
            assert_eq!(retold.get(&entry.key), Some(&**entry), "told before tick {tick}, and not stored");
        }
    }
    assert!(room.journal.iter().filter(|entry| entry.checkpoint.is_some()).count() >= 3);
    assert!(room.told.len() > 25, "{:?}", room.kinds());
}

/// A client that sent nothing after its welcome may not know its token, so its seat is not held across a crash.
#[test]
fn who_had_not_said_anything_before_a_crash_is_told_to_have_left_after_it() {
    let mut room = Tapped::new();
    room.join("ada");
    room.message(0, FOR_ALL, "hello");
    room.join("bob");
    room.tick();
    room.make_safe();
    for crash in 2..=3 {
        let (mut rebuilt, retold) = room.rebuilt();
        assert_eq!(crash == 3, retold.iter().any(|entry| entry.body.kind() == "player.left"));
        let incarnation = rebuilt.config().incarnation.next();
        rebuilt.apply(RoomInput::Recovered { incarnation, spare_ids: 0 }, &mut Vec::new());
        room = Tapped::around(rebuilt);
        if crash == 2 {
            // What comes next has the same keys when it is told again.
            room.join("cy");
            room.tick();
            room.make_safe();
            assert_eq!(room.kinds()[..3], ["room.resumed", "player.left", "player.joined"]);
            let retold = room.retold();
            assert!(room.told.iter().all(|entry| retold.contains(entry)), "{:?} {retold:?}", room.told);
        }
    }
    assert_eq!(room.kinds(), [] as [&str; 0], "nothing is safe yet");
    let first = room.journal[0].checkpoint.as_deref().expect("a room begins with one");
    let left = first.unstored().iter().filter_map(|entry| match &entry.body {
        TapBody::PlayerLeft { name, .. } => Some(&name[..]),
        _ => None,
    });
    assert_eq!(left.collect::<Vec<_>>(), ["cy"], "bob has left once");
}

#[test]
fn a_room_that_nobody_taps_tells_nothing_and_an_end_tells_who_left() {
    let setup = RoomSetup { rate: TickRate::DEFAULT, seed: 1, options: BTreeMap::new() };
    let config = RoomConfig::new("hall", "speaker", setup, RoomPolicy::default());
    let mut room = Room::new(config, Box::<Speaker>::default());
    let (identity, options, secret) = (None, BTreeMap::new(), None);
    let enter = Enter { role: Role::Player, identity, name: "ada".into(), options, reserved: false, secret };
    let mut outputs = Vec::new();
    room.apply(RoomInput::Enter(enter), &mut outputs);
    assert!(!outputs.iter().any(|output| matches!(output, RoomOutput::Tap(_))));

    let mut room = Tapped::new();
    room.join("ada");
    room.tick();
    room.host.tap_end(&Close::RoomClosed.into(), false);
    room.host.refuse_requests(Close::RoomClosed);
    room.follow();
    assert_eq!(room.kinds()[3..], ["player.left", "room.ended"]);
}
