//! Frames that the relay writes beside what sessions write themselves: order, when sockets are full, and fairness.

use std::thread;
use std::time::Duration;

use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;
use socket2::SockRef;
use tickwire::wire::Close;

use crate::slow::Restless;
use crate::support::{Player, TestServer};

/// How a session went.
struct Course {
    /// Ticks that a frame skipped, on average.
    skipped: f64,
    ending: Close,
    after_close: bool,
}

/// Plays until the server ends the session. Between frames the player sometimes reads nothing for up to `longest`
/// milliseconds.
fn play(mut player: Player, seed: u64, longest: u32) -> Course {
    let mut random = Pcg32::new(seed, 1);
    let (mut frames, mut skipped) = (0, 0);
    let ending = loop {
        match player.frame() {
            Ok(arrived) => (frames, skipped) = (frames + 1, skipped + arrived.advance.saturating_sub(1)),
            Err(close) => break close,
        }
        if longest > 0 && random.next_u32().is_multiple_of(8) {
            thread::sleep(Duration::from_millis(u64::from(random.next_u32() % longest)));
        }
    };
    let after_close = player.raw.next().is_some();
    Course { skipped: f64::from(skipped) / f64::from(frames.max(1)), ending, after_close }
}

/// The client checks each message against the protocol and its state against the server's: a frame before the welcome, or
/// one in the wrong place, is an error there.
#[test]
fn full_sockets_change_no_order_and_the_others_get_every_frame() {
    const SEED: u64 = 20_261_130;
    const PROMPT: usize = 10;
    const STALLING: usize = 30;
    println!("seed {SEED}");
    let mut server = TestServer::alone(|server| Restless::added(server, 1500));
    let players: Vec<_> = (0..PROMPT + STALLING)
        .map(|index| {
            let player = Player::join(&server, Restless::join()).expect("a seat");
            let longest = if index < PROMPT { 0 } else { 1500 };
            if index >= PROMPT {
                SockRef::from(&player.raw.stream).set_recv_buffer_size(2048).expect("a socket");
            }
            thread::spawn(move || play(player, SEED + index as u64, longest))
        })
        .collect();
    thread::sleep(Duration::from_secs(8));
    assert!(server.metric("tickwire_holds_total") > 0.0, "no client was behind, so nothing was tested");
    server.ask_to_stop();
    let courses: Vec<Course> = players.into_iter().map(|player| player.join().expect("no rule was broken")).collect();
    for course in &courses {
        assert_eq!(course.ending, Close::Draining);
        assert!(!course.after_close, "something came behind the close");
    }
    let mut prompt: Vec<f64> = courses[..PROMPT].iter().map(|course| course.skipped).collect();
    prompt.sort_by(f64::total_cmp);
    println!("ticks skipped per frame: {prompt:.3?}, and by those who stall {:.3}", courses[PROMPT].skipped);
    assert!(prompt[PROMPT - 1] <= prompt[PROMPT / 2] + 0.2, "one session is served worse than the others");
}
