//! Floods of one class of events: what is not chat survives a flood of chat, for clients that are there and for those that come
//! back.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tickwire::engine::{Arrived, Client, Depth};
use tickwire::game::{Context, Game, Player as Guest, PlayerInput, Recipients, Refused, SnapshotWriter, Spec};
use tickwire::id::{EntityId, Seat};
use tickwire::server::Config;
use tickwire::wire::{EventBody, Join};
use tickwire::{RoomSetup, SetupError};

use crate::admission::from;
use crate::support::{Player, SUBPROTOCOL, TestServer, demo, wait_for};

const TALKERS: usize = 100;
/// Bytes of a reply: a few of them fill a log.
const REPLY: usize = 1000;

/// The plaza, which counts its ticks aloud and answers calls at length.
struct Crier {
    plaza: Box<dyn Game>,
    ticks: u32,
}

impl Game for Crier {
    fn spec(&self) -> Spec {
        Spec { capacity: 250, ..self.plaza.spec() }
    }
    fn join(&mut self, player: &Guest, cx: &mut Context) -> Result<EntityId, Refused> {
        self.plaza.join(player, cx)
    }
    fn leave(&mut self, seat: Seat, cx: &mut Context) {
        self.plaza.leave(seat, cx);
    }
    fn step(&mut self, inputs: &[PlayerInput], cx: &mut Context) {
        self.plaza.step(inputs, cx);
        self.ticks += 1;
        cx.emit(Recipients::All, 1, self.ticks.to_le_bytes().to_vec());
    }
    fn write_snapshot(&self, out: &mut SnapshotWriter) {
        self.plaza.write_snapshot(out);
    }
    fn call(&mut self, _: Seat, _: u16, body: &[u8], _: &mut Context) -> Result<Bytes, Refused> {
        Ok([body, &[0; REPLY]].concat().into())
    }
}

fn crier(setup: &RoomSetup) -> Result<Box<dyn Game>, SetupError> {
    Ok(Box::new(Crier { plaza: demo("plaza")(setup)?, ticks: 0 }))
}

fn enter(server: &TestServer, last: u8, name: &str, depth: Depth) -> Player {
    let join = Join::JoinOrCreate { game: "crier".to_owned(), options: Vec::new() };
    let mut raw = from(server, last);
    assert!(raw.upgrade(SUBPROTOCOL).starts_with("HTTP/1.1 101"));
    raw.send(&Client::hello(join, name, Vec::new(), 0));
    Player::over(raw, Client::new(depth)).expect("a seat")
}

/// What one player heard.
struct Heard {
    cries: Vec<u32>,
    replies: Vec<u32>,
    present: BTreeSet<Seat>,
    lost: u32,
}

impl Heard {
    fn new(player: &Player) -> Self {
        let present = player.client.welcome().expect("a welcome").players.iter().map(|player| player.seat).collect();
        Self { cries: Vec::new(), replies: Vec::new(), present, lost: 0 }
    }

    fn hear(&mut self, arrived: &Arrived) {
        self.lost += arrived.lost;
        for event in &arrived.events {
            match event {
                EventBody::Game { body, .. } => {
                    self.cries.push(u32::from_le_bytes(body[..].try_into().expect("a number")));
                }
                EventBody::Reply { body, .. } => {
                    self.replies.push(u32::from_le_bytes(body[..4].try_into().expect("a number")));
                }
                EventBody::Joined(player) => _ = self.present.insert(player.seat),
                EventBody::Left { seat, .. } => _ = self.present.remove(seat),
                _ => {}
            }
        }
    }

    /// Checks that all arrived but chat. Returns how much chat was lost.
    fn lost_nothing_else(&self, calls: u32) -> u32 {
        let first = *self.cries.first().expect("the game cries");
        let all: Vec<u32> = (first..first + self.cries.len() as u32).collect();
        assert_eq!(self.cries, all, "each event of the game, once and in order");
        assert_eq!(self.replies, (0..calls).collect::<Vec<_>>(), "each reply");
        self.lost
    }
}

/// Says as much as its own limits allow, in letters of four bytes, until it is told to stop.
fn talk(mut player: Player, stop: &AtomicBool) {
    let line = "\u{1f40b}".repeat(240);
    let mut frames = 0;
    while !stop.load(Ordering::Relaxed) {
        if frames % 11 == 0 {
            player.client.chat(&[], &line);
        }
        frames += 1;
        player.frame().expect("a talker within its own rate stays");
    }
}

/// Reads all the time and makes calls, until it is told to stop. Returns how many calls were made so far.
fn listen(player: &mut Player, heard: &mut Heard, stop: &AtomicBool) -> u32 {
    let mut calls = 1;
    while !stop.load(Ordering::Relaxed) {
        player.client.call(1, &u32::to_le_bytes(calls));
        calls += 1;
        (0..5).for_each(|_| heard.hear(&player.frame().expect("who reads stays")));
    }
    calls
}

#[test]
fn a_hundred_talkers_of_one_address_cost_the_others_no_event_membership_or_reply() {
    let quota = Config { connections_per_address: 150, attempts_per_address: 1000, ..Config::default() };
    let hold_seats_for = Duration::from_secs(300);
    let config = Config { workers: 1, room_threads: 1, exempt: Vec::new(), hold_seats_for, ..quota };
    let server = TestServer::alone_with(config, |server| server.game("crier", crier));
    let mut here = enter(&server, 3, "here", Depth::Full);
    let mut away = enter(&server, 3, "away", Depth::Full);
    let (mut heard_here, mut heard_away) = (Heard::new(&here), Heard::new(&away));
    // The first reply also shows that the seat was played in.
    for (player, heard) in [(&mut here, &mut heard_here), (&mut away, &mut heard_away)] {
        player.client.call(1, &0_u32.to_le_bytes());
        player.until(|arrived, _| {
            heard.hear(arrived);
            !heard.replies.is_empty()
        });
    }
    away.break_off();
    let (stop, resident) = (AtomicBool::new(false), enter(&server, 4, "resident", Depth::Continuity).aside());
    let calls = std::thread::scope(|scope| {
        let listening = scope.spawn(|| listen(&mut here, &mut heard_here, &stop));
        let talkers: Vec<_> = (0..TALKERS)
            .map(|_| enter(&server, 2, "talker", Depth::Continuity))
            .map(|player| scope.spawn(|| talk(player, &stop)))
            .collect();
        // People come and go meanwhile.
        (0..40).for_each(|_| drop(enter(&server, 4, "visitor", Depth::Continuity)));
        wait_for(
            || server.metric("tickwire_messages_over_rate_total") > 500.0,
            "lines beyond the limit of the address",
        );
        stop.store(true, Ordering::Relaxed);
        talkers.into_iter().for_each(|talker| talker.join().expect("it talked to the end"));
        listening.join().expect("it listened to the end")
    });
    here.until(|arrived, _| {
        heard_here.hear(arrived);
        heard_here.replies.len() == calls as usize
    });
    let mut away = away.resume(&server).expect("its seat is held");
    heard_away.present = Heard::new(&away).present;
    let newest = heard_here.cries[heard_here.cries.len() - 1];
    away.until(|arrived, _| {
        heard_away.hear(arrived);
        heard_away.cries.last().is_some_and(|cry| *cry >= newest)
    });
    here.until(|arrived, _| {
        heard_here.hear(arrived);
        heard_here.cries.last() >= heard_away.cries.last()
    });
    let lost = (heard_here.lost_nothing_else(calls), heard_away.lost_nothing_else(1));
    println!("{lost:?} chat lines were lost, to who was there and to who came back");
    assert_eq!(heard_here.present.len(), TALKERS + 3, "the visitors have left");
    assert_eq!(heard_here.present, heard_away.present);
    resident.back();
}
