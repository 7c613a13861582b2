//! Bodies of the fuzz targets, here so that ordinary tests compile and run them; `fuzz/` only calls them.
//!
//! Hidden from the documentation: nobody embeds this. A finding is a panic.

mod files;
pub(crate) mod pawns;
mod room;

use std::sync::Arc;

use crate::id::{EntityId, KindId, ZoneId};
use crate::snapshot::delta::{apply, apply_marked, diff, read_keyframe, write_keyframe};
use crate::snapshot::{Field, Frame, Kind, Motion, Schema, Shape, Zone};
use crate::tick::Tick;
use crate::wire::{ServerMessage, ZoneForm, decode_server, encode_server};

#[cfg(feature = "server")]
pub use crate::store::fuzzed::journal;
pub use files::recording;
pub use room::room_operations;

/// What a client does with bytes from anywhere: decode the message, then its zones under a schema of every shape.
pub fn decode_frame(data: &[u8]) {
    let schema = schema();
    let base = zone(&Frame::initial(schema.clone(), Tick(0)).freeze(Vec::new(), |out| {
        for id in [1, 2, 9] {
            out.entity(KindId(0), EntityId(id), &[5, -7, 3, 1, 0, 100, 2, 0]);
        }
    }));
    if let Ok(message) = decode_server(data) {
        assert_eq!(encode_server(&message), data, "one message has one encoding");
        let ServerMessage::Frame(frame) = message else { return };
        for part in &frame.zones {
            match &part.form {
                ZoneForm::Chain(deltas) | ZoneForm::Fresh(deltas) => {
                    deltas.iter().for_each(|delta| check(&schema, &base, delta))
                }
                ZoneForm::Keyframe(bytes) => check(&schema, &base, bytes),
                ZoneForm::Gone => {}
            }
        }
    }
    check(&schema, &base, data);
}

/// Bytes as a delta and as a keyframe: refused, or a state that can be written and read again.
fn check(schema: &Schema, base: &Zone, bytes: &[u8]) {
    let mut out = Vec::new();
    if let Ok((next, marks)) = apply_marked(schema, base, bytes) {
        diff(schema, base, &next, &marks, &mut out);
        assert_eq!(out, bytes, "one step has one delta");
    }
    if let Ok(zone) = read_keyframe(schema, bytes) {
        out.clear();
        write_keyframe(schema, &zone, &mut out);
        assert_eq!(read_keyframe(schema, &out), Ok(zone));
    }
}

/// Bytes as a story: who comes, goes and changes by how much; every delta and keyframe must lead to the frame.
pub fn diff_apply(data: &[u8]) {
    let schema = schema();
    let mut frame = Frame::initial(schema.clone(), Tick(0));
    let mut client = zone(&frame);
    let mut rows: Vec<(u8, u32, [i32; 8])> = Vec::new();
    for step in data.chunks(8).take(64) {
        let [what, which, column, size, a, b, c, d] = std::array::from_fn(|byte| step.get(byte).copied().unwrap_or(0));
        let number = i32::from_le_bytes([a, b, c, d]) >> (size % 32);
        let index = usize::from(which) % rows.len().max(1);
        match what % 4 {
            0 => {
                let (kind, id) = (which % 2, number.cast_unsigned());
                if rows.iter().all(|(other, taken, _)| (*other, *taken) != (kind, id)) {
                    rows.push((kind, id, [number; 8]));
                }
            }
            1 if !rows.is_empty() => _ = rows.swap_remove(index),
            _ if !rows.is_empty() => {
                let cell = &mut rows[index].2[usize::from(column) % 8];
                *cell = if what & 4 == 0 { cell.saturating_add(number) } else { number };
            }
            _ => {}
        }
        let next = frame.freeze(Vec::new(), |out| {
            for (kind, id, values) in &rows {
                let width = schema.kinds()[usize::from(*kind)].fields.len();
                out.entity(KindId(*kind), EntityId(*id), &values[..width]);
            }
        });
        if let Some(part) = next.zone(ZoneId(0)) {
            client = apply(&schema, &client, part.delta()).expect("the delta of the next tick");
            assert_eq!(&client, part.zone());
            assert_eq!(read_keyframe(&schema, next.keyframe(part)).as_ref(), Ok(part.zone()));
        }
        frame = next;
    }
}

/// What a server does with a client's bytes: refused, or a message within its limits that has no other bytes.
pub fn decode_client_message(data: &[u8]) {
    use crate::wire::{ClientMessage, CommandBody, Join, decode_client, encode_client, limits, unpack_runs};
    let Ok(message) = decode_client(data) else { return };
    assert!(data.len() <= limits::CLIENT_MESSAGE);
    assert_eq!(encode_client(&message), data, "one message has one encoding");
    match message {
        ClientMessage::Hello(hello) => {
            assert!(
                hello.player.len() <= limits::OPTIONS && hello.token.is_none_or(|token| token.len() <= limits::TOKEN)
            );
            if let Join::JoinOrCreate { game, options } = hello.join {
                assert!(game.len() <= limits::TEXT && options.len() <= limits::OPTIONS);
            }
        }
        ClientMessage::Inputs(inputs) => {
            let names = ["a", "b"].map(str::to_owned).to_vec();
            let fields = vec![
                Field::held("wide", Shape::Int { min: -900, max: 1 << 20 }),
                Field::held("flag", Shape::Bool),
                Field::held("word", Shape::Enum { labels: names }),
            ];
            let schema = crate::snapshot::InputSchema::new(fields.clone()).expect("a valid schema");
            let runs = unpack_runs(&schema, &inputs).map_while(Result::ok);
            for (index, (count, values)) in runs.enumerate() {
                assert!(index < limits::RUNS && (1..=limits::RUN_LENGTH).contains(&count));
                assert!(
                    (-900..=1 << 20).contains(&values[0]) && (0..2).contains(&values[1]) && (0..2).contains(&values[2])
                );
            }
        }
        ClientMessage::Command(command) => match command.body {
            CommandBody::Game { body, .. } | CommandBody::Call { body, .. } => assert!(body.len() <= limits::BODY),
            CommandBody::Chat { to, .. } => assert!(to.len() <= limits::CHAT_TO),
        },
        _ => {}
    }
}

/// Bytes as the stream of a connection, their cuts at the front: the guard's verdict must not depend on how they are cut, and
/// what it lets through are whole binary messages and controls within the limits.
pub fn guard(data: &[u8]) {
    use crate::wire::{Guard, limits};
    let Some((cuts, bytes)) = data.split_at_checked(4) else { return };
    let whole = Guard::default().inspect(bytes);
    let (mut guard, mut rest, mut cut) = (Guard::default(), bytes, 0);
    let mut verdict = Ok(());
    while !rest.is_empty() && verdict.is_ok() {
        let (chunk, after) = rest.split_at(usize::from(cuts[cut % 4] % 32 + 1).min(rest.len()));
        (verdict, rest, cut) = (guard.inspect(chunk), after, cut + 1);
    }
    assert_eq!(verdict, whole, "cuts do not matter");
    if whole.is_err() {
        return;
    }
    // Another reading of the same stream, by RFC 6455.
    let mut rest = bytes;
    while let Some((&[first, second], more)) = rest.split_first_chunk::<2>() {
        let len = match second & 0x7f {
            126 => more.first_chunk().map(|len| (2, u64::from(u16::from_be_bytes(*len)))),
            127 => more.first_chunk().map(|len| (8, u64::from_be_bytes(*len))),
            short => Some((0, u64::from(short))),
        };
        assert!(matches!(first, 0x82 | 0x88..=0x8a) && second & 0x80 != 0, "a whole, masked message or control");
        // Of a header that is still coming, nothing more is known.
        let Some((wide, len)) = len.filter(|(wide, _)| more.len() >= wide + 4) else { return };
        assert!(len <= limits::CLIENT_MESSAGE as u64 && (first == 0x82 || len <= 125));
        rest = more.get(wide + 4 + len as usize..).unwrap_or_default();
    }
}

/// What a server does with a token from anywhere: no panic, and nobody gets in without the keys.
#[cfg(feature = "server")]
pub fn judge_token(data: &[u8]) {
    use crate::trust::{Keyring, Tokens};
    use std::sync::OnceLock;

    static TOKENS: OnceLock<(Keyring, Tokens)> = OnceLock::new();
    const SECRET: &str = "a secret of more than thirty-two bytes";
    const NOW: u64 = 2_000_000_000;
    let keys = || Keyring::read(SECRET, &[]).expect("a key");
    let (keys, tokens) = TOKENS.get_or_init(|| (keys(), Tokens::new(keys(), "here", "", false)));
    let Ok(text) = std::str::from_utf8(data) else { return };
    assert!(tokens.judge(Some(text), NOW).is_err(), "nobody but us can sign");
    // The same bytes as claims, signed: refused, or as said.
    let Ok(claims) = serde_json::from_str(text) else { return };
    let token = keys.sign(None, &claims).expect("a token");
    if let Ok(Some(ticket)) = tokens.judge(Some(&token), NOW) {
        assert!(ticket.subject == claims.sub && claims.exp + 30 > NOW);
    }
}

fn zone(frame: &Frame) -> Zone {
    frame.zone(ZoneId(0)).map_or_else(|| Zone::empty(frame.schema()), |part| part.zone().clone())
}

/// Every shape and every motion.
fn schema() -> Arc<Schema> {
    let bound = 1 << 29;
    let wide = Shape::Int { min: -bound, max: bound };
    let labels = Shape::Enum { labels: ["a", "b", "c"].map(str::to_owned).to_vec() };
    let all = vec![
        Field::moving("x", Shape::Fixed { min: -4000, max: 4000, per_unit: 64 }, Motion::Along { heading: 2 }),
        Field::moving("y", Shape::Fixed { min: -4000, max: 4000, per_unit: 64 }, Motion::Across { heading: 2 }),
        Field::smooth("heading", Shape::Angle { bits: 8 }),
        Field::held("up", Shape::Bool),
        Field::held("mood", labels),
        Field::moving("push", wide.clone(), Motion::Fade),
        Field::linear("wait", Shape::Int { min: 0, max: 255 }),
        Field::held("tint", Shape::Colour { count: 9 }),
    ];
    let few = vec![Field::smooth("x", wide.clone()), Field::linear("y", wide.clone()), Field::held("z", wide)];
    let kinds = vec![Kind::new("all", all), Kind::new("few", few)];
    Arc::new(Schema::new(kinds).expect("a valid schema"))
}

#[cfg(test)]
mod tests {
    use rand_pcg::Pcg32;
    use rand_pcg::rand_core::Rng;

    use super::*;

    #[test]
    fn noise_finds_nothing() {
        let mut random = Pcg32::new(20_261_122, 3);
        for round in 0..4000_u32 {
            let mut data: Vec<u8> = (0..random.next_u32() % 80).map(|_| random.next_u32() as u8).collect();
            if let Some(first) = data.first_mut().filter(|_| round % 2 == 0) {
                *first = 1;
            }
            decode_frame(&data);
            diff_apply(&data);
            decode_client_message(&data);
            guard(&data);
            room_operations(&data);
            recording(&data);
            #[cfg(feature = "server")]
            journal(&data);
            #[cfg(feature = "server")]
            judge_token(&data);
        }
    }
}
