//! AttackOutcomes within the message limits: the messages of each, and the requirements on the server meanwhile.

#![allow(dead_code, reason = "each run needs a part of it")]

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use tickwire::id::{CorrectionEpoch, Seq, ZoneId};
use tickwire::tick::Tick;
use tickwire::wire::{
    Ack, ClientMessage, Close, CommandBody, Inputs, Join, NumberedCommand, Resync, Run, encode_client, limits,
    pack_runs,
};

use super::honest::arena;
use super::line::Member;
use super::process::Server;

/// Whether something held, and what was found.
pub type Finding = (bool, String);

/// An attack.
pub struct Trial {
    pub name: &'static str,
    /// Flags of the server.
    pub settings: &'static [&'static str],
    /// AttackOutcomes until then.
    pub attack: fn(&Server, Instant) -> Vec<Finding>,
}

/// Only the honest, who come from another address than the attackers, are exempt from the limits per address.
const LIMITED: &[&str] = &["--exempt", "127.0.0.1/32"];

pub const ALL: [Trial; 7] = [
    Trial { name: "claims", settings: &[], attack: claims },
    Trial { name: "leave-and-join", settings: &[], attack: leave_and_join },
    Trial { name: "joins", settings: LIMITED, attack: joins },
    Trial { name: "chat", settings: LIMITED, attack: |server, until| crowd(server, until, limits::CHAT_EVERY, chat) },
    Trial { name: "messages", settings: LIMITED, attack: |server, until| crowd(server, until, COMMANDS_EVERY, tell) },
    Trial { name: "calls", settings: LIMITED, attack: |server, until| crowd(server, until, COMMANDS_EVERY, call) },
    Trial {
        name: "resyncs",
        settings: LIMITED,
        attack: |server, until| crowd(server, until, limits::RESYNC_EVERY, resync),
    },
];

const ATTACKER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const COMMANDS_EVERY: Duration = Duration::from_millis(1000 / limits::COMMAND_RATE as u64);
/// Of one address, by default.
const CONNECTIONS: usize = 100;
const ATTEMPTS_EVERY: Duration = Duration::from_millis(100);

/// Twenty clients that send 67 KB/s each: sixty-four runs per message, each of which claims ten seconds at the highest rate.
fn claims(server: &Server, until: Instant) -> Vec<Finding> {
    const CLAIMANTS: usize = 20;
    let claimants: Vec<Member> =
        (0..CLAIMANTS).map(|_| Member::join(ATTACKER, server.port, &arena()).expect("a seat")).collect();
    let start = Instant::now();
    let threads: Vec<_> =
        claimants.into_iter().map(|claimant| std::thread::spawn(move || claim(claimant, until))).collect();
    let ends: Vec<_> = threads.into_iter().map(|thread| thread.join().expect("it does not panic")).collect();
    let ended = ends.iter().filter(|end| **end == Some(Close::RateLimited.code())).count();
    vec![(ended == CLAIMANTS, format!("{ended} of {CLAIMANTS} were ended with 4009 within {:.0?}", start.elapsed()))]
}

fn claim(mut claimant: Member, until: Instant) -> Option<u16> {
    let schema = &claimant.welcome().inputs;
    let neutral = &schema.neutral()[..schema.fields().len()];
    let values = |n: i32| [&[n % 2][..], &neutral[1..]].concat();
    let runs: Vec<Run> =
        (0..limits::RUNS as i32).map(|n| Run { count: limits::RUN_LENGTH, values: values(n) }).collect();
    let (counted, runs) = pack_runs(schema, &runs);
    let (epoch, held) = (CorrectionEpoch(0), limits::RUN_LENGTH);
    while Instant::now() < until {
        if let Err(code) = claimant.turn() {
            return code;
        }
        let (ack, runs) = (Ack { tick: claimant.tick(), events: None }, serde_bytes::Bytes::new(&runs));
        claimant.send(&encode_client(&ClientMessage::Inputs(Inputs { ack, epoch, view: None, held, counted, runs })));
        std::thread::sleep(Duration::from_millis(5));
    }
    None
}

/// Someone leaves a room of two seats and joins it again at once.
fn leave_and_join(server: &Server, until: Instant) -> Vec<Finding> {
    let options = vec![("capacity".to_owned(), "2".to_owned())];
    let create = Join::Create { game: "arena".to_owned(), options };
    let mut host = Member::join(ATTACKER, server.port, &create).expect("a new room");
    let join = Join::ById { room: host.welcome().room.clone() };
    let (mut rounds, mut refused) = (0, 0);
    while Instant::now() < until {
        host.turn().expect("nobody is sent away");
        match Member::join(ATTACKER, server.port, &join) {
            Ok(mut guest) => {
                rounds += 1;
                // Until it was heard from.
                std::thread::sleep(Duration::from_millis(100));
                guest.turn().expect("nobody is sent away");
                guest.leave();
            }
            Err(_) => refused += 1,
        }
    }
    vec![(refused == 0, format!("{refused} refusals in {rounds} rounds"))]
}

/// Comes and goes as often as an address may.
fn joins(server: &Server, until: Instant) -> Vec<Finding> {
    let mut answers = BTreeMap::<String, usize>::new();
    while Instant::now() < until {
        let joined = Member::join(ATTACKER, server.port, &arena()).map(Member::leave);
        *answers.entry(joined.map_or_else(|error| error, |code| format!("seated, then {code:?}"))).or_default() += 1;
        std::thread::sleep(ATTEMPTS_EVERY);
    }
    vec![(answers.keys().any(|answer| answer.starts_with("seated")), format!("{answers:?}"))]
}

/// As many players as an address may have, each of whom sends a message as often as a connection may.
fn crowd(server: &Server, until: Instant, every: Duration, make: fn(Seq) -> Vec<u8>) -> Vec<Finding> {
    let mut members: Vec<(Member, Seq, Instant)> = Vec::new();
    let (mut ends, mut sent, mut next_attempt) = (BTreeMap::<String, usize>::new(), 0, Instant::now());
    while Instant::now() < until {
        if members.len() < CONNECTIONS && Instant::now() >= next_attempt {
            next_attempt = Instant::now() + ATTEMPTS_EVERY;
            match Member::join(ATTACKER, server.port, &arena()) {
                Ok(member) => members.push((member, Seq(1), Instant::now())),
                Err(error) => *ends.entry(error).or_default() += 1,
            }
        }
        members.retain_mut(|(member, seq, due)| {
            if Instant::now() >= *due {
                *due = Instant::now() + every;
                member.send(&make(*seq));
                *seq = seq.plus(1);
                sent += 1;
            }
            let ended = member.turn().err();
            ended.iter().for_each(|code| *ends.entry(format!("{code:?}")).or_default() += 1);
            ended.is_none()
        });
        std::thread::sleep(Duration::from_millis(2));
    }
    let told = format!("{sent} sent, {} players in the end; endings {ends:?}", members.len());
    see_off(members.into_iter().map(|(member, ..)| member).collect());
    vec![(sent > 0, told)]
}

/// Lets them leave, so that none of their seats is held in the pause that follows.
fn see_off(mut members: Vec<Member>) {
    members.iter_mut().for_each(Member::say_goodbye);
    let until = Instant::now() + Duration::from_secs(1);
    while !members.is_empty() && Instant::now() < until {
        members.retain_mut(|member| member.turn().is_ok());
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn command(seq: Seq, body: CommandBody<'_>) -> Vec<u8> {
    encode_client(&ClientMessage::Command(NumberedCommand { seq, body }))
}

fn chat(seq: Seq) -> Vec<u8> {
    command(seq, CommandBody::Chat { to: Vec::new(), text: &"x".repeat(limits::CHAT_CHARS) })
}

fn tell(seq: Seq) -> Vec<u8> {
    command(seq, CommandBody::Game { kind: 9, body: serde_bytes::Bytes::new(&[7; limits::BODY]) })
}

fn call(seq: Seq) -> Vec<u8> {
    command(seq, CommandBody::Call { kind: 9, body: serde_bytes::Bytes::new(&[7; limits::BODY]) })
}

fn resync(_: Seq) -> Vec<u8> {
    encode_client(&ClientMessage::Resync(Resync { zone: ZoneId(0), tick: Tick(0) }))
}
