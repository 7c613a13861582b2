//! Which keyframes a frame sender makes: only those that are likely to be shorter than the chain.

#[path = "../benches/crowd/mod.rs"]
mod crowd;

use std::sync::Arc;

use tickwire::engine::{FrameSender, SenderStart, Transport};
use tickwire::id::ZoneId;
use tickwire::snapshot::{Frame, FrameZone};
use tickwire::tick::Moment;
use tickwire::wire::{Features, ServerMessage, ZoneForm, decode_server, limits};

const PLAYERS: u16 = 30;

fn zone(frame: &Frame) -> &FrameZone {
    frame.zone(ZoneId(0)).expect("the arena's zone")
}

/// Returns the number of deltas in the message, or 0 for a keyframe, and the bytes of its payload.
fn form(message: &[u8]) -> (usize, usize) {
    match decode_server(message) {
        Ok(ServerMessage::Frame(frame)) => match &frame.zones[0].form {
            ZoneForm::Chain(deltas) | ZoneForm::Fresh(deltas) => {
                (deltas.len(), frame.zones[0].form.weight() + deltas.len())
            }
            ZoneForm::Keyframe(bytes) => (0, bytes.len()),
            ZoneForm::Gone => panic!("the zone has rows"),
        },
        other => panic!("no frame: {other:?}"),
    }
}

#[test]
fn a_keyframe_is_made_only_when_it_may_be_shorter() {
    let (mut room, first) = crowd::room(PLAYERS);
    let start = crowd::drive::tick(&mut room);
    let mut sender = FrameSender::new(Moment(0), &first.start, 0, Features::NONE, Transport::Ordered);
    assert_eq!(form(&sender.compose(Moment(1), &[start], None)).0, 0, "who has nothing gets a keyframe");
    let (mut n, mut keyframes) = (41, 0);
    // However many ticks behind a client is, the payload is within a tenth of the shorter form.
    for behind in [2, 3, 5, 8, 10, 12, 16, 20, 24, 28, limits::CHAIN] {
        let frames: Vec<Arc<Frame>> = (0..behind)
            .map(|_| {
                crowd::offer(&mut room, PLAYERS, n);
                n += 1;
                crowd::drive::tick(&mut room)
            })
            .collect();
        let newest = &frames[frames.len() - 1];
        let (deltas, sent) = form(&sender.compose(Moment(2), &frames, None));
        let made = zone(newest).made_keyframe().is_some();
        let chained: usize = frames.iter().map(|frame| zone(frame).delta().len() + 1).sum();
        let shortest = newest.keyframe(zone(newest)).len().min(chained);
        assert!(sent * 10 <= shortest * 11, "{behind} behind: {sent} bytes, {shortest} would do");
        assert!(deltas == 0 || deltas as u32 == behind);
        assert!(made || deltas > 0);
        assert!(!made || behind > 4, "a keyframe was made for {behind} ticks of {chained} bytes");
        keyframes += usize::from(deltas == 0);
    }
    assert!(keyframes > 0, "a long chain is longer than a keyframe");
}

#[test]
fn what_others_were_sent_changes_nothing() {
    let (mut room, first) = crowd::room(PLAYERS);
    // Senders that start from the state of an earlier session have made no keyframe.
    let start = SenderStart { tick: room.frame().tick(), zones: [ZoneId(0)].into(), ..first.start };
    let sender = || FrameSender::new(Moment(0), &start, 0, Features::NONE, Transport::Ordered);
    let frames: Vec<Arc<Frame>> = (40..40 + limits::CHAIN)
        .map(|n| {
            crowd::offer(&mut room, PLAYERS, n);
            crowd::drive::tick(&mut room)
        })
        .collect();
    for count in [2, 5, 20, limits::CHAIN as usize] {
        let alone = sender().compose(Moment(1), &frames[..count], None);
        let newest = &frames[count - 1];
        _ = newest.keyframe(zone(newest));
        assert_eq!(sender().compose(Moment(1), &frames[..count], None), alone, "{count} ticks");
    }
}
