//! Events that were encoded before, as parts of messages. Each event is encoded once, for all of its recipients.

use super::cursor::put;
use crate::id::Seq;
use crate::tick::Tick;

/// The number of deliveries among the server's messages.
const DELIVERY: u32 = 5;

/// Consecutive events of one recipient, whose bodies are encoded already; on the wire as an
/// [`EventBatch`](super::EventBatch).
#[derive(Clone, Debug)]
pub struct EncodedEvents<'a> {
    /// The number of the first event.
    pub first: Seq,
    /// How many events just before it were lost for good.
    pub lost: u32,
    /// The age of each event in ticks, and its body.
    pub items: Vec<(u32, &'a [u8])>,
}

impl EncodedEvents<'_> {
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        put(out, self.first.0);
        put(out, self.lost);
        put(out, self.items.len() as u32);
        for (age, body) in &self.items {
            put(out, *age);
            out.extend_from_slice(body);
        }
    }
}

/// Encodes a [`Delivery`](super::Delivery) with events that were encoded before.
pub fn encode_delivery(tick: Tick, commands: Option<Seq>, events: Option<&EncodedEvents>) -> Vec<u8> {
    let mut out = Vec::new();
    put(&mut out, DELIVERY);
    put(&mut out, tick.0);
    out.push(commands.is_some().into());
    if let Some(commands) = commands {
        put(&mut out, commands.0);
    }
    out.push(events.is_some().into());
    if let Some(events) = events {
        events.write(&mut out);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Seat;
    use crate::wire::codec::append;
    use crate::wire::{
        Delivery, EventBatch, EventBody, EventItem, FrameMessage, FrameStamp, ServerMessage, encode_frame,
        encode_server,
    };

    #[test]
    fn events_that_were_encoded_before_are_written_as_others_are() {
        let bodies = [EventBody::Left { seat: Seat(300), code: 1000 }, EventBody::Disconnected { seat: Seat(2) }];
        let encoded = bodies.clone().map(|body| {
            let mut bytes = Vec::new();
            append(&body, &mut bytes);
            bytes
        });
        let ages = [0, 70_000];
        let (first, lost) = (Seq(u32::MAX), 251);
        let items = ages.into_iter().zip(bodies).map(|(age, body)| EventItem { age, body }).collect();
        let own = FrameMessage {
            stamp: FrameStamp::Long { tick: 1, consumed: 0 },
            note: None,
            events: Some(EventBatch { first, lost, items }),
            zones: Vec::new(),
        };
        let items = ages.into_iter().zip(encoded.iter().map(Vec::as_slice)).collect();
        let events = EncodedEvents { first, lost, items };
        let without = FrameMessage { events: None, ..own.clone() };
        assert_eq!(encode_frame(&without, Some(&events)), encode_frame(&own, None));
        let (tick, commands) = (Tick(70_000), Some(Seq(3)));
        let delivery = ServerMessage::Delivery(Delivery { tick, commands, events: own.events });
        assert_eq!(encode_delivery(tick, commands, Some(&events)), encode_server(&delivery));
    }
}
