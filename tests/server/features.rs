//! Peers of different age over real sockets: subprotocols, features and extensions that one side does not know.

use serde_bytes::{ByteBuf, Bytes};
use tickwire::engine::{Client, Depth};
use tickwire::id::CorrectionEpoch;
use tickwire::wire::{Ack, AckedTick, ClientMessage, Close, Features, Hello, Inputs, encode_client, limits};

use crate::support::{Player, Raw, TestServer, arena, upgrade};

/// A bit that no feature has yet.
const UNKNOWN: Features = Features(1 << 31);

fn join(server: &TestServer, hello: Hello) -> Result<Player, Option<u16>> {
    let mut raw = Raw::connect(server.address);
    raw.send(&encode_client(&ClientMessage::Hello(hello)));
    Player::over(raw, Client::new(Depth::Full)).map_err(|_| None)
}

#[test]
fn the_server_chooses_a_subprotocol_that_both_speak() {
    let server = TestServer::start();
    let answer = |offered: &str| Raw::open(server.address).upgrade(offered);
    for offered in ["tickwire.v9, tickwire.v2", "tickwire.v2,chat", "chat\r\nSec-WebSocket-Protocol: tickwire.v2"] {
        let head = answer(&format!("Sec-WebSocket-Protocol: {offered}\r\n"));
        assert!(head.starts_with("HTTP/1.1 101"), "{offered:?}: {head}");
        assert!(head.to_lowercase().contains("sec-websocket-protocol: tickwire.v2\r\n"), "{offered:?}: {head}");
    }
    for offered in ["Sec-WebSocket-Protocol: tickwire.vx, chat\r\n", ""] {
        let refused = server.ask(&upgrade(offered));
        assert!(refused.starts_with("HTTP/1.1 400"), "{offered:?}: {refused}");
        assert!(refused.ends_with("400: offer the subprotocol tickwire.v2\n"), "{refused}");
    }
}

/// A browser tells its page no more than that a handshake failed, so the page would try for ever. A close code it tells.
#[test]
fn a_page_of_another_version_is_told_to_reload() {
    let server = TestServer::start();
    for (offered, version) in [("tickwire.v9", 9), ("chat, tickwire.v1", 1)] {
        let mut raw = Raw::open(server.address);
        let head = raw.upgrade(&format!("Sec-WebSocket-Protocol: {offered}\r\n")).to_lowercase();
        assert!(head.contains(&format!("sec-websocket-protocol: tickwire.v{version}\r\n")), "{head}");
        raw.send(&encode_client(&ClientMessage::Hello(Hello { version, ..Hello::new(arena(), "x") })));
        assert_eq!(raw.close_code(), Some(Close::Version.code()));
    }
}

#[test]
fn a_newer_client_gets_the_features_that_the_server_knows() {
    let server = TestServer::start();
    let extensions = vec![(7, ByteBuf::from(vec![1; limits::EXTENSION])), (u16::MAX, ByteBuf::new())];
    let features = Features::INPUT_LEAD.with(Features::REDIRECT).with(UNKNOWN);
    let mut newer = join(&server, Hello { features, extensions, ..Hello::new(arena(), "newer") }).expect("it plays");
    let mut plain = join(&server, Hello::new(arena(), "plain")).expect("it plays");
    assert_eq!(newer.client.welcome().map(|welcome| welcome.features), Some(Features::INPUT_LEAD));
    assert_eq!(plain.client.welcome().map(|welcome| welcome.features), Some(Features::NONE));
    let mut leads = [0, 0];
    for tick in 0..60 {
        for (player, leads) in [&mut newer, &mut plain].into_iter().zip(&mut leads) {
            player.client.input(&[64 * (tick / 9 % 4), 1, 0, 0]);
            let arrived = player.frame().expect("both go on");
            assert_eq!(arrived.desyncs, 0);
            *leads += usize::from(arrived.lead.is_some());
        }
    }
    assert_eq!(leads[1], 0, "who does not know the input lead is not told it");
    assert!(leads[0] <= 60 / 16 + 1, "{leads:?}");
}

#[test]
fn what_was_not_agreed_must_not_be_sent() {
    let server = TestServer::start();
    let ending = |message: &dyn Fn(AckedTick) -> Vec<u8>| {
        let mut player = join(&server, Hello::new(arena(), "x")).expect("it plays");
        let tick = AckedTick::Low(player.client.welcome().expect("a welcome").tick.0 as u8);
        player.raw.send(&message(tick));
        player.raw.close_code()
    };
    let inputs = |view, tick| {
        let (ack, epoch) = (Ack { tick, events: None }, CorrectionEpoch(0));
        let runs = Bytes::new(&[]);
        encode_client(&ClientMessage::Inputs(Inputs { ack, epoch, view, held: 1, counted: false, runs }))
    };
    let digest = |_| encode_client(&ClientMessage::FeelDigest { body: Bytes::new(&[1; 13]) });
    assert_eq!(ending(&digest), Some(Close::BadMessage.code()));
    assert_eq!(ending(&|tick| inputs(Some(3), tick)), Some(Close::BadMessage.code()), "no view times were agreed");
}

#[test]
fn the_server_notes_how_the_game_feels_and_refuses_what_is_no_digest() {
    let server = TestServer::start();
    let hello = Hello { features: Features::FEEL_DIGEST, ..Hello::new(arena(), "Ada") };
    let mut player = join(&server, hello).expect("it plays");
    assert_eq!(player.client.welcome().map(|welcome| welcome.features), Some(Features::FEEL_DIGEST));
    let digest = |body: &[u8]| encode_client(&ClientMessage::FeelDigest { body: Bytes::new(body) });
    // Of ten seconds: two jumps, and 640 ms without a newer frame.
    let felt = [10, 60, 0, 2, 0, 3, 30, 16, 40, 2, 1, 5, 3];
    (0..9).for_each(|_| player.raw.send(&digest(&felt)));
    server.wait_for_metric("tickwire_feel_digests_total{cause=\"link\"}", 2.0);
    assert_eq!(server.metric("tickwire_feel_jumps_total"), 4.0, "seven of nine came too early");
    player.frame().expect("it plays on");
    player.raw.send(&digest(&felt[..12]));
    assert_eq!(player.raw.close_code(), Some(Close::BadMessage.code()));
}

#[test]
fn extensions_of_a_hello_are_bounded() {
    let server = TestServer::start();
    let refused = |extensions: Vec<(u16, ByteBuf)>| {
        let mut raw = Raw::connect(server.address);
        raw.send(&encode_client(&ClientMessage::Hello(Hello { extensions, ..Hello::new(arena(), "x") })));
        raw.close_code()
    };
    let one = |number, bytes| (number, ByteBuf::from(vec![0; bytes]));
    let too_many = (0..=limits::EXTENSIONS as u16).map(|number| one(number, 1)).collect();
    for extensions in [too_many, vec![one(1, limits::EXTENSION + 1)], vec![one(2, 1), one(2, 1)]] {
        assert_eq!(refused(extensions), Some(Close::BadMessage.code()));
    }
}
