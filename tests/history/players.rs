//! What players were told: frames in order, and each command done once.

use std::collections::BTreeMap;

use super::{Findings, History, Note};

/// A player, as its room and its number there.
type Who = (usize, usize);

#[derive(Default)]
struct Player {
    incarnation: u64,
    newest: (u64, u32),
    /// How often each command was answered.
    calls: BTreeMap<u32, u32>,
    said: u32,
    /// The newest line of each speaker.
    heard: BTreeMap<usize, u32>,
}

pub fn check(history: &History, complete: bool, findings: &mut Findings) {
    let mut players = BTreeMap::<Who, Player>::new();
    for (_, note) in history {
        follow(note, &mut players, findings);
    }
    if complete {
        check_end(&players, findings);
    }
}

fn follow(note: &Note, players: &mut BTreeMap<Who, Player>, findings: &mut Findings) {
    let who = match note {
        Note::Begins { .. } | Note::Safe { .. } => return,
        Note::Welcomed { room, player, .. }
        | Note::Frame { room, player, .. }
        | Note::Called { room, player, .. }
        | Note::Replied { room, player, .. }
        | Note::Said { room, player, .. }
        | Note::Heard { room, player, .. } => (*room, *player),
    };
    let player = players.entry(who).or_default();
    let mut fault = |text: String| findings.faults.push(format!("player {who:?}: {text}"));
    match note {
        Note::Begins { .. } | Note::Safe { .. } => {}
        Note::Welcomed { incarnation, fresh, .. } => {
            if *fresh {
                *player = Player::default();
            }
            player.incarnation = *incarnation;
        }
        Note::Frame { tick, .. } => {
            let now = (player.incarnation, *tick);
            if now < player.newest {
                fault(format!("(incarnation, tick) goes back from {:?} to {now:?}", player.newest));
            }
            player.newest = now;
            findings.frames += 1;
        }
        Note::Called { command, .. } => {
            if player.calls.insert(*command, 0).is_some() {
                fault(format!("command {command} is sent as a new one twice"));
            }
            findings.commands += 1;
        }
        Note::Replied { command, .. } => match player.calls.get_mut(command) {
            Some(answers) => {
                *answers += 1;
                if *answers > 1 {
                    fault(format!("command {command} was answered {answers} times"));
                }
            }
            None => fault(format!("an answer to {command}, which was not sent")),
        },
        Note::Said { line, .. } => {
            player.said = *line;
            findings.commands += 1;
        }
        Note::Heard { speaker, line, .. } => {
            // Who joined later hears the latest lines of before.
            let newest = player.heard.insert(*speaker, *line);
            if let Some(newest) = newest.filter(|newest| newest + 1 != *line) {
                let what = if *line <= newest { "done twice" } else { "lost before it" };
                fault(format!("line {line} of {speaker} comes after line {newest}: a command was {what}"));
            }
        }
    }
}

fn check_end(players: &BTreeMap<Who, Player>, findings: &mut Findings) {
    for (who, player) in players {
        let mut fault = |text: String| findings.faults.push(format!("player {who:?}: {text}"));
        for command in player.calls.iter().filter(|(_, answers)| **answers == 0).map(|(command, _)| command) {
            fault(format!("command {command} was never answered"));
        }
        let others = players.iter().filter(|((room, _), other)| *room == who.0 && other.said > 0);
        for ((_, speaker), other) in others {
            let heard = player.heard.get(speaker).copied().unwrap_or_default();
            if heard != other.said {
                fault(format!("of {} lines of {speaker}, the last one heard is {heard}", other.said));
            }
        }
    }
}
