//! Frame messages to one client as they arrive, some repeated, overtaken or lost, and the client's zones after each. All
//! messages come from a sender of the engine.

use std::sync::Arc;

use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;
use serde_json::{Value, json};
use tickwire::engine::{Client, ClientEvent, Depth, FrameSender, History, Readiness, SenderStart, Transport};
use tickwire::id::{CorrectionEpoch, EntityId, Incarnation, KindId, Seat, Seq, ZoneId};
use tickwire::snapshot::{Frame, Schema, SeatNote};
use tickwire::tick::{Moment, Tick, TickRate};
use tickwire::wire::{AckedTick, Features, ServerMessage, Welcome, encode_server};

use super::golden_schemas::gliding;
use super::hex;

const SEAT: Seat = Seat(0);

/// What becomes of the messages of one run.
struct Journey {
    name: &'static str,
    transport: Transport,
    /// Of 16 frame messages, how many are lost, repeated, and overtaken by the next one.
    fate: [u32; 3],
}

pub fn vectors(welcome: &Welcome) -> Vec<Value> {
    let journeys = [
        Journey { name: "ordered", transport: Transport::Ordered, fate: [0, 0, 0] },
        Journey { name: "ordered, some repeated", transport: Transport::Ordered, fate: [0, 4, 0] },
        Journey { name: "unordered", transport: Transport::Unordered, fate: [4, 2, 4] },
    ];
    journeys.into_iter().map(|journey| journey.run(welcome)).collect()
}

impl Journey {
    fn run(&self, welcome: &Welcome) -> Value {
        let (schema, rate) = (gliding(), TickRate::DEFAULT);
        // Ticks wrap on the way.
        let tick = Tick(u32::MAX - 70);
        let welcome = Welcome { tick, rate, schema: (*schema).clone(), seat: SEAT, resume: None, ..welcome.clone() };
        let welcome = encode_server(&ServerMessage::Welcome(Box::new(welcome)));
        let mut client = Client::new(Depth::Full).over(self.transport);
        client.on_message(&welcome).expect("a welcome");
        let (incarnation, epoch, seq) = (Incarnation::FIRST, CorrectionEpoch(255), Seq(0));
        let (commands, events, zones) = (seq, seq, [].into());
        let start =
            SenderStart { seat: SEAT, seat_generation: 1, tick, incarnation, rate, epoch, commands, events, zones };
        let mut sender = FrameSender::new(Moment(0), &start, 0, Features::NONE, self.transport);
        let mut history = History::new(rate);
        let mut frame = Arc::new(Frame::initial(schema.clone(), tick));
        let (mut random, mut arrived, mut overtaken) = (Pcg32::new(20_261_129, 3), Vec::new(), None);
        for step in 0..150 {
            let now = Moment(step * 50_000);
            if step == 120 {
                // The room was started again from an older state.
                frame = Arc::new(Frame::initial(schema.clone(), Tick(20)).of(Incarnation(5)));
                history = History::new(rate);
            }
            frame = Arc::new(world(&schema, &frame, step as u32));
            history.push(frame.clone());
            if sender.readiness(now, &frame) != Readiness::Ready {
                continue;
            }
            let mut frames = Vec::new();
            history.since(sender.base(), &frame, &mut frames);
            let bytes = sender.compose(now, &frames, None);
            let mut fate = |share| random.next_u32() % 16 < share;
            let [lost, repeated, late] = self.fate.map(&mut fate);
            let mut hear = |bytes: Vec<u8>| {
                arrived.push(heard(&mut client, &bytes));
                let acked = sender.ack(now, AckedTick::Full(client.tick()));
                assert!(acked, "{}: the client has what was sent", self.name);
            };
            if late && overtaken.is_none() {
                overtaken = Some(bytes);
                continue;
            }
            let copies = if lost { 0 } else { 1 + u32::from(repeated) };
            (0..copies).for_each(|_| hear(bytes.clone()));
            overtaken.take().into_iter().for_each(hear);
        }
        json!({ "name": self.name, "welcome": hex(&welcome), "messages": arrived })
    }
}

/// The client's state after a message.
fn heard(client: &mut Client, bytes: &[u8]) -> Value {
    let event = client.on_message(bytes).expect("the client understands the server");
    let outdated = match event {
        ClientEvent::Outdated => true,
        ClientEvent::Frame(arrived) => {
            assert_eq!(arrived.desyncs, 0);
            false
        }
        other => panic!("not a frame: {other:?}"),
    };
    let hashes: serde_json::Map<String, Value> =
        client.zones().iter().map(|(zone, state)| (zone.0.to_string(), json!(state.hash()))).collect();
    let (tick, consumed) = (client.tick(), client.consumed());
    json!({ "hex": hex(bytes), "outdated": outdated, "tick": tick, "consumed": consumed, "hashes": hashes })
}

/// Gliders that move, cross between two zones, and are placed elsewhere now and then.
fn world(schema: &Arc<Schema>, before: &Frame, step: u32) -> Frame {
    let zones: &[ZoneId] = match step {
        40..60 => &[ZoneId(0)],
        80..85 => &[],
        _ => &[ZoneId(0), ZoneId(1)],
    };
    let note = SeatNote {
        seat: SEAT,
        entity: EntityId(1),
        seat_generation: 1,
        consumed: Seq(step * 7 / 5),
        superseded: step / 50,
        epoch: CorrectionEpoch(255_u8.wrapping_add((step / 60) as u8)),
        reason: 3,
        commands: Seq(0),
        lead: 0,
        zones: zones.into(),
        focus: None,
    };
    assert_eq!(before.schema(), schema);
    before.freeze(vec![note], |out| {
        for id in 0..6_u32 {
            let angle = f64::from(step + 9 * id) / 11.0;
            let placed = (step + 17 * id).is_multiple_of(50);
            let shift = ((step + 17 * id) / 50).cast_signed() * 40;
            let place = [(angle.sin() * 800.0) as i32 + shift, (angle.cos() * 800.0) as i32, (step * 3 % 256) as i32];
            // Zone 1 is empty for a while.
            let zone = if place[1] > 0 || (95..105).contains(&step) { ZoneId(0) } else { ZoneId(1) };
            out.row(zone, KindId(0), EntityId(id), &place);
            if placed {
                out.teleported(KindId(0), EntityId(id));
            }
        }
    })
}
