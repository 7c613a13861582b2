//! One message of every variant and form, for the golden vectors, and inputs before they are packed. Values are at the limits
//! of the encoding: 250 and 251, 65535 and 65536, the largest number, zero, none, text beyond ASCII.

use std::borrow::Cow;

use serde_bytes::{ByteBuf, Bytes};
use tickwire::id::{CorrectionEpoch, EntityId, Incarnation, Seat, Seq, ZoneId};
use tickwire::snapshot::{Field, InputSchema, Kind, Motion, Schema, Shape};
use tickwire::tick::{Tick, TickRate};
use tickwire::wire::{
    Ack, AckedTick, Authority, ClientMessage, CommandBody, Continuity, Correction, Delivery, EventBatch, EventBody,
    EventItem, Features, FrameMessage, FrameStamp, Hello, Inputs, Join, Note, NumberedCommand, PROTOCOL_VERSION,
    Prepare, Redirect, Resume, Resync, Role, RosterEntry, Run, ServerMessage, Welcome, WorldGrid, ZoneForm, ZonePart,
    pack_runs,
};

const LONG: [u8; 300] = [0xa5; 300];

/// What clients say.
pub fn client() -> Vec<(&'static str, ClientMessage<'static>)> {
    let options = || pairs(&[("map", "yard"), ("größe", "2")]);
    let ack =
        |frames, events: Option<u32>| ClientMessage::Ack(Ack { tick: AckedTick::Low(frames), events: events.map(Seq) });
    let asked = |seq, body| ClientMessage::Command(NumberedCommand { seq: Seq(seq), body });
    let command = |seq, kind, body| asked(seq, CommandBody::Game { kind, body: Bytes::new(body) });
    vec![
        ("hello, join or create", hello(Join::JoinOrCreate { game: "arena".to_owned(), options: options() })),
        ("hello, create", hello(Join::Create { game: "arena".to_owned(), options: Vec::new() })),
        ("hello, by id, with everything", {
            ClientMessage::Hello(Hello {
                version: u16::MAX,
                features: Features(u32::MAX),
                join: Join::ById { room: "k7f3q2".to_owned() },
                name: "Zoë 🎈".to_owned(),
                player: options(),
                role: Role::Spectator,
                resume: Some(Resume {
                    token: Bytes::new(&[1, 2, 3]),
                    incarnation: Incarnation((1 << 53) - 1),
                    tick: Some(Tick(u32::MAX)),
                    events: Some(Seq(250)),
                }),
                token: Some("abc.def"),
                rate: 10,
                extensions: vec![(3, ByteBuf::from(vec![1, 2])), (251, ByteBuf::new())],
            })
        }),
        ("hello, reserved, without a memory", {
            let token: &[u8] = &[0; 18];
            let resume =
                Some(Resume { token: Bytes::new(token), incarnation: Incarnation::FIRST, tick: None, events: None });
            match hello(Join::Reserved { ticket: "abc".to_owned() }) {
                ClientMessage::Hello(hello) => ClientMessage::Hello(Hello { resume, ..hello }),
                other => other,
            }
        }),
        ("hello, return", hello(Join::Return { room: "k7f3q2".to_owned() })),
        ("ack", ack(1, None)),
        ("ack, with events", ack(255, Some(250))),
        ("ack, with many events", ack(0, Some(u32::MAX))),
        ("ack, of a whole tick", {
            ClientMessage::Ack(Ack { tick: AckedTick::Full(Tick(70_000)), events: Some(Seq(1)) })
        }),
        ("command", command(1, 7, b"hi")),
        ("command, long", command(70_000, u16::MAX, &LONG)),
        ("command, empty", command(2, 0, b"")),
        ("command, call", asked(3, CommandBody::Call { kind: 251, body: Bytes::new(b"?") })),
        ("command, chat", asked(4, CommandBody::Chat { to: Vec::new(), text: "grüß dich 🎈" })),
        ("command, whisper", asked(5, CommandBody::Chat { to: vec![Seat(0), Seat(251)], text: "psst" })),
        ("refresh", ClientMessage::Refresh { token: "abc.def.ghi" }),
        ("ping", ClientMessage::Ping { stamp: 123_456_789 }),
        ("feel digest", ClientMessage::FeelDigest { body: Bytes::new(&[0, 255, 7]) }),
        ("resync", ClientMessage::Resync(Resync { zone: ZoneId(300), tick: Tick(1000) })),
    ]
    .into_iter()
    .chain(inputs().iter().map(|vector| (vector.name, vector.message())))
    .collect()
}

/// An inputs message before it is packed.
pub struct InputsVector {
    pub name: &'static str,
    pub schema: InputSchema,
    pub ack: Ack,
    pub epoch: u8,
    pub view: Option<u16>,
    pub held: u16,
    pub runs: Vec<Run>,
}

impl InputsVector {
    /// What is sent. The packed runs live as long as the test.
    pub fn message(&self) -> ClientMessage<'static> {
        let (counted, runs) = pack_runs(&self.schema, &self.runs);
        let (ack, epoch, view, held) = (self.ack, CorrectionEpoch(self.epoch), self.view, self.held);
        ClientMessage::Inputs(Inputs { ack, epoch, view, held, counted, runs: Bytes::new(runs.leak()) })
    }
}

/// Inputs of every form, under schemas of several widths.
pub fn inputs() -> Vec<InputsVector> {
    let bound = 1 << 29;
    let field = |shape| Field::held("f", shape);
    let named = |(index, field): (usize, Field)| Field { name: format!("f{index}"), ..field };
    let schema = |fields: Vec<Field>| {
        InputSchema::new(fields.into_iter().enumerate().map(named).collect()).expect("a valid schema")
    };
    let buttons = || schema(vec![field(Shape::Angle { bits: 8 }), field(Shape::Bool), field(Shape::Bool)]);
    let wide = || {
        let range = Shape::Int { min: -bound, max: bound };
        schema(vec![field(Shape::Bool), field(range.clone()), field(range.clone()), field(range), field(Shape::Bool)])
    };
    let place = Shape::Fixed { min: -6400, max: 6400, per_unit: 64 };
    let ack = |frames, events: Option<u32>| Ack { tick: AckedTick::Low(frames), events: events.map(Seq) };
    let run = |count, values: &[i32]| Run { count, values: values.to_vec() };
    let vector =
        |name, schema, ack, epoch, held, runs| InputsVector { name, schema, ack, epoch, view: None, held, runs };
    vec![
        vector("inputs, one", buttons(), ack(17, None), 0, 0, vec![run(1, &[255, 1, 0])]),
        vector("inputs, held and one", buttons(), ack(17, None), 0, 4, vec![run(1, &[0, 0, 1])]),
        vector("inputs, held", buttons(), ack(250, None), 0, 5, vec![]),
        vector("inputs, held for long", buttons(), ack(251, Some(251)), 255, 1200, vec![]),
        vector("inputs, one run", buttons(), ack(0, Some(0)), 1, 0, vec![run(2, &[1, 1, 1])]),
        vector(
            "inputs, runs at the seams",
            wide(),
            ack(1, Some(u32::MAX)),
            0,
            1,
            vec![
                run(1, &[1, -bound, bound, 0, 1]),
                run(250, &[0, bound, -bound, -1, 1]),
                run(251, &[1, 1, -1, 12_345_678, 0]),
                run(1200, &[0, 0, 0, 0, 0]),
            ],
        ),
        vector(
            "inputs, a place",
            schema(vec![field(place.clone()), field(place)]),
            ack(9, None),
            3,
            0,
            vec![run(1, &[6400, -1])],
        ),
        vector("inputs, no fields", schema(vec![]), ack(9, None), 0, 0, vec![run(1, &[])]),
        InputsVector {
            view: Some(40),
            ..vector("inputs, with a view time", buttons(), ack(9, None), 0, 0, vec![run(1, &[1, 0, 1])])
        },
        InputsVector {
            view: Some(u16::MAX),
            ack: Ack { tick: AckedTick::Full(Tick(u32::MAX)), events: Some(Seq(3)) },
            ..vector("inputs, with everything", buttons(), ack(0, None), 2, 3, vec![run(3, &[1, 0, 1])])
        },
    ]
}

fn hello(join: Join) -> ClientMessage<'static> {
    ClientMessage::Hello(Hello::new(join, "Ada"))
}

/// What servers say.
pub fn server() -> Vec<(&'static str, ServerMessage<'static>)> {
    let others = [
        ("pong", ServerMessage::Pong { stamp: u32::MAX }),
        ("come back", ServerMessage::ComeBack { after: 2500 }),
        ("refreshed", ServerMessage::Refreshed { expires: 3600 }),
    ];
    welcomes().into_iter().chain(frames()).chain(others).chain(deliveries()).collect()
}

fn welcomes() -> Vec<(&'static str, ServerMessage<'static>)> {
    vec![
        ("welcome", ServerMessage::Welcome(Box::new(welcome(Authority::Server, None)))),
        ("welcome back", {
            let players = vec![RosterEntry { away: true, ..player(3, 9, "Grace") }];
            let (first, origin, side, size) = (ZoneId(8192), [-6400, 0], 512, [251, 100]);
            let grid = WorldGrid { first, origin, side, size, sight: 1024, margin: 256 };
            let resumed = Welcome {
                continuity: Continuity::State,
                events: Seq(251),
                listed: Seq(u32::MAX),
                commands: Seq(70_000),
                expires: Some(86_400),
                players,
                features: Features::INPUT_LEAD.with(Features::VIEW_TIME),
                incarnation: Incarnation(1 << 32),
                extensions: vec![
                    (0, ByteBuf::from(vec![9])),
                    grid.extension(),
                    (u16::MAX, ByteBuf::from(vec![0; 256])),
                ],
                ..welcome(Authority::Server, Some(ByteBuf::from(vec![1; 18])))
            };
            ServerMessage::Welcome(Box::new(resumed))
        }),
        ("welcome back, without the state", {
            let continuity = Continuity::Seat;
            ServerMessage::Welcome(Box::new(Welcome { continuity, ..welcome(Authority::Client, None) }))
        }),
        (
            "welcome, place",
            ServerMessage::Welcome(Box::new(welcome(Authority::Client, Some(ByteBuf::from(vec![9; 16]))))),
        ),
    ]
}

fn deliveries() -> Vec<(&'static str, ServerMessage<'static>)> {
    let delivery = |tick, commands, events| ServerMessage::Delivery(Delivery { tick: Tick(tick), commands, events });
    let redirect =
        Redirect { address: "wss://b.example:8443/play".to_owned(), ticket: "abc".to_owned(), at_tick: Tick(70_000) };
    let prepare = Prepare { address: "wss://b.example:8443/play".to_owned(), within: 1000 };
    vec![
        ("delivery, of both", delivery(70_000, Some(Seq(251)), talkative().events)),
        ("delivery, of commands", delivery(0, Some(Seq(1)), None)),
        ("delivery, of events", delivery(250, None, Some(EventBatch { first: Seq(9), lost: 2, items: Vec::new() }))),
        ("redirect", ServerMessage::Redirect(redirect)),
        ("prepare", ServerMessage::Prepare(prepare)),
    ]
}

fn part(zone: u16, form: ZoneForm<'static>, hash: Option<u32>) -> ZonePart<'static> {
    ZonePart { zone: ZoneId(zone), lag: 0, form, hash }
}

fn chain(deltas: &[&'static [u8]]) -> ZoneForm<'static> {
    ZoneForm::Chain(deltas.iter().map(|delta| Bytes::new(delta)).collect())
}

fn long(zones: Vec<ZonePart<'static>>) -> FrameMessage<'static> {
    FrameMessage { stamp: FrameStamp::Long { tick: 1, consumed: 1 }, note: None, events: None, zones }
}

fn frames() -> Vec<(&'static str, ServerMessage<'static>)> {
    let short = |tick, consumed, zone| FrameMessage {
        stamp: FrameStamp::Short { tick, consumed },
        note: None,
        events: None,
        zones: vec![zone],
    };
    let absolute = |tick, consumed, zones| FrameMessage {
        stamp: FrameStamp::Absolute { tick: Tick(tick), consumed: Seq(consumed) },
        ..long(zones)
    };
    let noted = |note, zones| FrameMessage { note: Some(note), ..long(zones) };
    let note = Note::default();
    let every_form = vec![
        part(0, chain(&[&[1, 2], &[], &LONG]), Some(0)),
        part(1, chain(&[&[9]]), Some(u32::MAX)),
        ZonePart { lag: 251, ..part(2, chain(&[&[7_u8] as &[u8]; 15]), None) },
        part(3, ZoneForm::Fresh(vec![Bytes::new(&[4]); 16]), Some(5)),
        part(4, ZoneForm::Fresh(vec![Bytes::new(&[]); 32]), None),
        ZonePart { lag: 1, ..part(250, ZoneForm::Keyframe(Bytes::new(&LONG)), Some(251)) },
        part(251, ZoneForm::Gone, None),
        part(u16::MAX, ZoneForm::Gone, None),
    ];
    let frames = vec![
        ("frame, a delta", short(5, 1, part(0, chain(&[&[0, 0, 0]]), None))),
        ("frame, an empty delta and a hash", short(15, 3, part(0, chain(&[&[]]), Some(0x0403_0201)))),
        ("frame, nothing", long(Vec::new())),
        ("frame, three ticks", long(vec![part(0, chain(&[&[1], &[], &[2, 3]]), None)])),
        ("frame, the longest chain", {
            let stamp = FrameStamp::Long { tick: 31, consumed: 7 };
            FrameMessage { stamp, ..long(vec![part(0, chain(&[&[7_u8] as &[u8]; 32]), Some(u32::MAX))]) }
        }),
        ("frame, wide", {
            let stamp = FrameStamp::Wide { tick: 255, consumed: 250 };
            FrameMessage { stamp, ..long(vec![part(0, chain(&[&[1]]), Some(1))]) }
        }),
        ("frame, wide, of two zones", {
            let stamp = FrameStamp::Wide { tick: 0, consumed: 9 };
            FrameMessage { stamp, ..long(vec![part(0, chain(&[&[1]]), None), part(1, ZoneForm::Gone, None)]) }
        }),
        ("frame, a dense list", dense()),
        ("frame, of a whole tick", absolute(u32::MAX, 251, vec![part(0, chain(&[&[1]]), None)])),
        ("frame, another zone", long(vec![part(7, chain(&[&[1, 2]]), None)])),
        ("frame, a keyframe", long(vec![part(0, ZoneForm::Keyframe(Bytes::new(&[5])), Some(1))])),
        ("frame, a zone that was empty", long(vec![part(0, ZoneForm::Fresh(vec![Bytes::new(&[5])]), None)])),
        ("frame, zone 0 with a lag", long(vec![ZonePart { lag: 1, ..part(0, chain(&[&[5]]), None) }])),
        ("frame, every form", long(every_form)),
        ("frame, events and a note", eventful()),
        ("frame, a note without a correction", {
            let events = Some(EventBatch { first: Seq(u32::MAX), lost: 0, items: Vec::new() });
            FrameMessage { events, ..noted(Note { commands: Some(Seq(u32::MAX)), ..note }, Vec::new()) }
        }),
        ("frame, many inputs superseded", noted(Note { superseded: 31, ..note }, vec![part(0, chain(&[&[1]]), None)])),
        ("frame, an input superseded", noted(Note { superseded: 1, ..note }, vec![part(0, chain(&[&[1]]), None)])),
        ("frame, an input that was early", noted(Note { lead: Some(3), ..note }, vec![part(0, chain(&[&[1]]), None)])),
        ("frame, an input that was late", noted(Note { superseded: 30, lead: Some(-128), ..note }, Vec::new())),
        ("frame, of another incarnation", {
            let note = Some(Note { incarnation: Some(Incarnation(1 << 40)), lead: Some(127), ..note });
            FrameMessage { note, ..absolute(3, 0, vec![part(0, ZoneForm::Keyframe(Bytes::new(&[5])), Some(1))]) }
        }),
        ("frame, every other event", talkative()),
    ];
    frames.into_iter().map(|(name, frame)| (name, ServerMessage::Frame(frame))).collect()
}

fn dense() -> FrameMessage<'static> {
    let told: [(u16, &[u8], _); 4] =
        [(7, &[1, 2], None), (8, &[], Some(0x0403_0201)), (259, &LONG, None), (u16::MAX, &[3], None)];
    let zones = told.map(|(zone, delta, hash)| part(zone, chain(&[delta]), hash)).into();
    FrameMessage { stamp: FrameStamp::Dense { tick: 30, consumed: 6 }, ..long(zones) }
}

fn eventful() -> FrameMessage<'static> {
    let item = |age, body| EventItem { age, body };
    let body: &[u8] = b"goal";
    let events = EventBatch {
        first: Seq(12),
        lost: 3,
        items: vec![
            item(2, EventBody::Joined(player(4, 99, "\u{202e}olleH"))),
            item(1, EventBody::Left { seat: Seat(4), code: 4008 }),
            item(0, EventBody::Game { kind: 300, body: Cow::Borrowed(Bytes::new(body)) }),
            item(0, EventBody::Game { kind: 0, body: Cow::Borrowed(Bytes::new(&[])) }),
        ],
    };
    let correction = Some(Correction { epoch: CorrectionEpoch(251), reason: 255 });
    let note = Note { superseded: 2, commands: Some(Seq(5)), correction, ..Note::default() };
    FrameMessage { note: Some(note), events: Some(events), ..long(Vec::new()) }
}

fn talkative() -> FrameMessage<'static> {
    let body: &[u8] = b"42";
    let text = |text| Cow::Borrowed(text);
    let bodies = vec![
        EventBody::Disconnected { seat: Seat(250) },
        EventBody::Reconnected { seat: Seat(251) },
        EventBody::Chat { from: Seat(0), name: text("Zoë"), text: text("grüß dich 🎈"), private: false },
        EventBody::Chat { from: Seat(u16::MAX), name: text(""), text: text("psst"), private: true },
        EventBody::Reply { command: Seq(70_000), done: true, body: Cow::Borrowed(Bytes::new(body)) },
        EventBody::Reply { command: Seq(1), done: false, body: Cow::Borrowed(Bytes::new(&[])) },
        EventBody::Property { key: text("mode"), value: text("night") },
        EventBody::Ended { result: Cow::Borrowed(Bytes::new(&LONG)) },
    ];
    let items = bodies.into_iter().map(|body| EventItem { age: 0, body }).collect();
    let events = EventBatch { first: Seq(1), lost: 0, items };
    FrameMessage { events: Some(events), ..long(Vec::new()) }
}

fn welcome(authority: Authority, resume: Option<ByteBuf>) -> Welcome {
    let shapes = [
        ("alive", Shape::Bool),
        ("score", Shape::Int { min: -5, max: 999 }),
        ("x", Shape::Fixed { min: -(1 << 29), max: 1 << 29, per_unit: 64 }),
        ("heading", Shape::Angle { bits: 16 }),
        ("mood", Shape::Enum { labels: vec!["idle".to_owned(), "läuft".to_owned()] }),
        ("shirt", Shape::Colour { count: 255 }),
    ];
    let held = shapes.iter().map(|(name, shape)| Field::held(name, shape.clone())).collect();
    let linear = shapes.iter().map(|(name, shape)| Field::linear(name, shape.clone())).collect();
    let glider = vec![
        Field::moving("x", Shape::Int { min: -9, max: 9 }, Motion::Along { heading: 2 }),
        Field::moving("y", Shape::Int { min: -9, max: 9 }, Motion::Across { heading: 2 }),
        Field::smooth("heading", Shape::Angle { bits: 4 }),
        Field::moving("push", Shape::Int { min: -9, max: 9 }, Motion::Fade),
    ];
    let kinds = [("avatar", held), ("mark", vec![]), ("shadow", linear), ("glider", glider)];
    let kinds = kinds.map(|(name, fields)| Kind::new(name, fields)).to_vec();
    let inputs = vec![
        Field::held("dx", Shape::Int { min: -127, max: 127 }),
        Field::held("aim", Shape::Angle { bits: 8 }),
        Field::held("dash", Shape::Bool),
    ];
    Welcome {
        version: PROTOCOL_VERSION,
        features: Features::NONE,
        room: "k7f3q2".to_owned(),
        incarnation: Incarnation::FIRST,
        game: "arena".to_owned(),
        rate: TickRate::new(120).expect("a valid rate"),
        tick: Tick(u32::MAX - 1),
        seat: Seat(251),
        entity: EntityId(70_000),
        authority,
        epoch: CorrectionEpoch(255),
        resume,
        continuity: Continuity::Fresh,
        events: Seq(0),
        listed: Seq(0),
        commands: Seq(0),
        expires: None,
        schema: Schema::new(kinds).expect("a valid schema"),
        inputs: InputSchema::new(inputs).expect("a valid schema"),
        properties: pairs(&[("map", "yard"), ("", "")]),
        players: vec![player(0, 1, ""), player(251, 70_000, "Zoë 🎈")],
        extensions: Vec::new(),
    }
}

fn player(seat: u16, entity: u32, name: &str) -> RosterEntry {
    RosterEntry { seat: Seat(seat), entity: EntityId(entity), name: name.to_owned(), away: false }
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}
