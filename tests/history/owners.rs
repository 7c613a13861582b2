//! One owner per room, by the records that were safe.

use std::collections::{BTreeMap, BTreeSet};

use super::{Findings, History, Note, by_room};

/// A record that was safe.
#[derive(Clone, Copy)]
struct Record {
    source: usize,
    incarnation: u64,
    tick: u32,
    sent: u64,
    at: u64,
}

pub fn check(history: &History, findings: &mut Findings) {
    let records = history.iter().filter_map(|(source, note)| {
        let Note::Safe { room, incarnation, tick, sent, at } = note else { return None };
        let (source, incarnation, tick, sent, at) = (*source, *incarnation, *tick, *sent, *at);
        Some((room.as_str(), Record { source, incarnation, tick, sent, at }))
    });
    let begun = history.iter().filter_map(|(source, note)| {
        let Note::Begins { room, incarnation, .. } = note else { return None };
        Some((room.as_str(), (*source, *incarnation)))
    });
    let mut owners = by_room(begun);
    for (room, records) in by_room(records) {
        findings.records += records.len();
        find_overlaps(room, &records, findings);
        find_steps_back(room, &records, findings);
        owners.entry(room).or_default().extend(records.iter().map(|record| (record.source, record.incarnation)));
    }
    for (room, owners) in owners {
        find_shared(room, &owners, findings);
    }
}

/// A record of an incarnation that was sent after a later one had a safe record.
fn find_overlaps(room: &str, records: &[Record], findings: &mut Findings) {
    let mut first_safe = BTreeMap::<u64, u64>::new();
    for record in records {
        let first = first_safe.entry(record.incarnation).or_insert(record.at);
        *first = record.at.min(*first);
    }
    for record in records {
        let later = first_safe.range(record.incarnation + 1..).min_by_key(|(_, at)| **at);
        let Some((other, at)) = later.filter(|(_, at)| record.sent > **at) else { continue };
        findings.faults.push(format!(
            "room {room} has two owners: tick {} of incarnation {} was sent {} ms after incarnation {other} had a safe record, \
             and became safe",
            record.tick,
            record.incarnation,
            (record.sent - at) / 1000,
        ));
    }
}

/// A record with a lower tick than one of the same incarnation that was safe before it was sent.
fn find_steps_back(room: &str, records: &[Record], findings: &mut Findings) {
    let incarnations: BTreeSet<u64> = records.iter().map(|record| record.incarnation).collect();
    for incarnation in incarnations {
        let mut own: Vec<Record> = records.iter().filter(|record| record.incarnation == incarnation).copied().collect();
        own.sort_by_key(|record| record.at);
        let mut highest = Vec::with_capacity(own.len());
        for record in &own {
            highest.push(highest.last().map_or(record.tick, |high| record.tick.max(*high)));
        }
        for record in &own {
            let before = own.partition_point(|other| other.at < record.sent);
            if before > 0 && highest[before - 1] > record.tick {
                let (tick, high) = (record.tick, highest[before - 1]);
                findings
                    .faults
                    .push(format!("room {room}: tick {tick} after tick {high} of incarnation {incarnation}"));
            }
        }
    }
}

/// An incarnation that two nodes have.
fn find_shared(room: &str, owners: &[(usize, u64)], findings: &mut Findings) {
    let mut sources = BTreeMap::<u64, BTreeSet<usize>>::new();
    owners.iter().for_each(|(source, incarnation)| _ = sources.entry(*incarnation).or_default().insert(*source));
    findings.incarnations = findings.incarnations.max(sources.len());
    for (incarnation, sources) in sources.into_iter().filter(|(_, sources)| sources.len() > 1) {
        findings
            .faults
            .push(format!("room {room}: incarnation {incarnation} is at {} nodes: {sources:?}", sources.len()));
    }
}
