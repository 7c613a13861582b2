//! Tests of the outbox: what it keeps, what it gives up, and where sinks go on.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::*;

const PATIENT: Duration = Duration::from_secs(30);

/// What a sink of a test got, and whether it may go on.
#[derive(Clone, Default)]
struct Shelf(Arc<(Mutex<Shelved>, Condvar)>);

#[derive(Default)]
struct Shelved {
    got: Vec<Delivery>,
    stuck: bool,
    refused: Vec<u32>,
    away: bool,
}

impl Sink for Shelf {
    fn deliver(&mut self, deliveries: &[Delivery]) -> Result<(), Undelivered> {
        let mut shelved = self.0.0.lock();
        while shelved.stuck {
            self.0.1.wait(&mut shelved);
        }
        for (delivered, one) in deliveries.iter().enumerate() {
            let why = "as the test wants it".to_owned();
            if shelved.away {
                return Err(Undelivered { delivered, verdict: Verdict::Away, why });
            }
            if shelved.refused.contains(&one.entry.key.index) {
                return Err(Undelivered { delivered, verdict: Verdict::Refused, why });
            }
            shelved.got.push(one.clone());
        }
        Ok(())
    }
}

impl Shelf {
    fn set(&self, change: impl FnOnce(&mut Shelved)) {
        change(&mut self.0.0.lock());
        self.0.1.notify_all();
    }

    /// The indices of what it got of the test's room.
    fn got(&self) -> Vec<u32> {
        let shelved = self.0.0.lock();
        let of_room = shelved.got.iter().filter(|one| !one.entry.key.room.is_empty());
        of_room.map(|one| one.entry.key.index).collect()
    }
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("tickwire-outbox-{}-{name}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    folder
}

fn options(folder: Option<&Path>) -> OutboxOptions {
    let folder = folder.map(Path::to_owned);
    OutboxOptions { folder, syncs: false, most: 8 << 20, full: OutboxFull::Drop, node: "here".to_owned() }
}

fn start(options: OutboxOptions, sinks: &[(&str, &Shelf)]) -> Outbox {
    let boxed = |(name, shelf): &(&str, &Shelf)| ((*name).to_owned(), Box::new((*shelf).clone()) as Box<dyn Sink>);
    Outbox::start(options, sinks.iter().map(boxed).collect()).expect("the folder can be used")
}

fn entry(index: u32, text: &str) -> Arc<TapEntry> {
    let key = TapKey { room: "room".to_owned(), incarnation: 1, tick: 2, index };
    let body = TapBody::Chat { seat: crate::Seat(0), name: "ada".to_owned(), identity: None, text: text.to_owned() };
    Arc::new(TapEntry { key, game: "game".to_owned(), private: false, body })
}

fn push(outbox: &Outbox, indices: std::ops::Range<u32>) {
    indices.for_each(|index| outbox.push(entry(index, "hello"), None));
    outbox.flush(PATIENT);
}

#[allow(clippy::disallowed_methods, reason = "threads live in real time")]
fn wait_for(mut done: impl FnMut() -> bool, what: &str) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < PATIENT, "never came true: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn every_sink_gets_all_in_order_and_goes_on_after_a_restart() {
    let folder = folder("order");
    let (quick, slow) = (Shelf::default(), Shelf::default());
    let outbox = start(options(Some(&folder)), &[("quick", &quick), ("slow", &slow)]);
    slow.set(|shelved| shelved.stuck = true);
    let stored = Stored::default();
    (0..1000).for_each(|index| outbox.push(entry(index, "hello"), Some(&stored)));
    outbox.flush(PATIENT);
    assert_eq!(stored.load(Ordering::Acquire), 1000);
    wait_for(|| quick.got().len() == 1000, "the quick one has all");
    assert_eq!(slow.got(), [] as [u32; 0]);
    // As after a kill: nobody says goodbye, and what was not stored of a position is delivered again.
    let later = Shelf::default();
    let second = start(options(Some(&folder)), &[("slow", &later), ("quick", &Shelf::default())]);
    push(&second, 1000..1010);
    wait_for(|| later.got().len() >= 1010, "the slow one goes on");
    assert_eq!(later.got(), (0..1010).collect::<Vec<_>>());
    second.close(PATIENT);
    slow.set(|shelved| shelved.stuck = false);
    outbox.close(PATIENT);
    let _ = fs::remove_dir_all(folder);
}

#[test]
fn a_line_that_was_not_finished_is_cut_off() {
    let folder = folder("torn");
    let shelf = Shelf::default();
    let outbox = start(options(Some(&folder)), &[("one", &shelf)]);
    push(&outbox, 0..3);
    wait_for(|| shelf.got().len() == 3, "all arrive");
    outbox.close(PATIENT);
    let segment = folder.join("0000000000000000.outbox");
    let whole = fs::read(&segment).expect("a segment");
    for torn in [&whole[..whole.len() / 3], b"00000000 {}\n", b"0"] {
        let mut file = fs::OpenOptions::new().append(true).open(&segment).expect("a segment");
        file.write_all(torn).expect("it can be written");
        drop(file);
        let shelf = Shelf::default();
        let again = start(options(Some(&folder)), &[("one", &shelf)]);
        push(&again, 3..4);
        wait_for(|| shelf.got() == [3], "only the new one");
        again.close(PATIENT);
    }
    let _ = fs::remove_dir_all(folder);
}

#[test]
fn a_sink_that_is_too_far_behind_loses_the_oldest_and_nobody_else_does() {
    for kept in [None, Some(folder("bound"))] {
        let (stuck, quick) = (Shelf::default(), Shelf::default());
        let most = 3 << 20;
        let outbox = start(OutboxOptions { most, ..options(kept.as_deref()) }, &[("stuck", &stuck), ("quick", &quick)]);
        stuck.set(|shelved| shelved.stuck = true);
        let long = "x".repeat(10_000);
        for index in 0..1000 {
            outbox.push(entry(index, &long), None);
            if index % 100 == 99 {
                outbox.flush(PATIENT);
                wait_for(|| quick.got().len() as u32 == index + 1, "the quick one keeps up");
            }
        }
        let (bytes, ..) = outbox.figures();
        assert!(bytes < most + (2 << 20), "{bytes} bytes are kept");
        stuck.set(|shelved| shelved.stuck = false);
        wait_for(|| stuck.got().last() == Some(&999), "the stuck one catches up");
        let report = outbox.reports().into_iter().find(|report| report.name == "stuck").expect("a report");
        assert!(report.dropped > 0, "{report:?}");
        assert_eq!(report.dropped + report.delivered, 1001, "with the server's own entry: {report:?}");
        assert!(stuck.got().is_sorted(), "what it gets is in order");
        outbox.close(PATIENT);
        kept.map(fs::remove_dir_all);
    }
}

#[test]
fn a_server_may_refuse_rooms_instead() {
    let stuck = Shelf::default();
    let options = OutboxOptions { most: 1 << 20, full: OutboxFull::Refuse, ..options(None) };
    let outbox = start(options, &[("stuck", &stuck)]);
    stuck.set(|shelved| shelved.stuck = true);
    assert!(!outbox.refuses());
    let long = "x".repeat(10_000);
    (0..150).for_each(|index| outbox.push(entry(index, &long), None));
    outbox.flush(PATIENT);
    assert!(outbox.refuses());
    stuck.set(|shelved| shelved.stuck = false);
    wait_for(|| stuck.got().len() == 150 && !outbox.refuses(), "nothing was lost, and it recovers");
    outbox.close(PATIENT);
}

#[test]
fn what_is_refused_is_a_dead_letter_and_what_is_away_is_tried_again() {
    let folder = folder("dead");
    let shelf = Shelf::default();
    shelf.set(|shelved| (shelved.refused, shelved.away) = (vec![2], true));
    let outbox = start(options(Some(&folder)), &[("one", &shelf)]);
    push(&outbox, 0..5);
    let report = || outbox.reports().remove(0);
    wait_for(|| report().retries >= 2, "it is tried again");
    assert_eq!((report().trouble.as_str(), shelf.got()), ("as the test wants it", Vec::new()));
    shelf.set(|shelved| shelved.away = false);
    wait_for(|| shelf.got() == [0, 1, 3, 4], "the others arrive");
    wait_for(|| report().lag == 0, "it is done");
    assert_eq!((report().dead_letters, report().trouble.as_str()), (1, ""));
    let letters = fs::read_to_string(folder.join("one.dead.jsonl")).expect("a file");
    let letter: serde_json::Value = serde_json::from_str(letters.trim()).expect("one line of JSON");
    assert_eq!((&letter["entry"]["key"]["index"], &letter["why"]), (&2.into(), &"as the test wants it".into()));
    outbox.close(PATIENT);
    let _ = fs::remove_dir_all(folder);
}

#[test]
fn sinks_are_told_who_was_forgotten_and_the_outbox_keeps_nothing_that_all_have() {
    let data = folder("forgotten");
    assert!(!note_forgotten(&data, "ada-1815").expect("a folder"), "there is no outbox");
    let outbox_folder = data.join(OUTBOX);
    let shelf = Shelf::default();
    let outbox = start(options(Some(&outbox_folder)), &[("one", &shelf)]);
    push(&outbox, 0..3);
    assert!(note_forgotten(&data, "ada-1815").expect("a folder") && note_forgotten(&data, "bob").expect("a folder"));
    let told = |shelf: &Shelf| -> Vec<(TapKey, String)> {
        let shelved = shelf.0.0.lock();
        let of_person = |one: &Delivery| match &one.entry.body {
            TapBody::PersonForgotten { identity } => Some((one.entry.key.clone(), identity.clone())),
            _ => None,
        };
        shelved.got.iter().filter_map(of_person).collect()
    };
    wait_for(|| told(&shelf).len() == 2, "both are told");
    let (keys, names): (Vec<_>, Vec<_>) = told(&shelf).into_iter().unzip();
    assert!(keys[0] != keys[1] && names == ["ada-1815", "bob"], "{keys:?} {names:?}");
    let files = |folder: &Path| -> Vec<PathBuf> {
        fs::read_dir(folder).expect("a folder").map(|file| file.expect("a file").path()).collect()
    };
    wait_for(|| files(&outbox_folder.join("forgotten")).is_empty(), "the notes are deleted");
    let segments = || files(&outbox_folder).into_iter().filter(|path| path.extension().is_some_and(|e| e == "outbox"));
    wait_for(|| segments().all(|path| fs::read(path).is_ok_and(|text| text.is_empty())), "what was told is deleted");
    push(&outbox, 3..4);
    wait_for(|| shelf.got() == [0, 1, 2, 3], "it goes on");
    outbox.close(PATIENT);
    // Nobody runs: the next server tells it. A note that outlives a crash is told again, with the same key.
    assert!(note_forgotten(&data, "eve").expect("a folder"));
    let note = files(&outbox_folder.join("forgotten")).remove(0);
    let text = fs::read(&note).expect("a note");
    let shelf = Shelf::default();
    let outbox = start(options(Some(&outbox_folder)), &[("one", &shelf)]);
    wait_for(|| told(&shelf).len() == 1 && !note.exists(), "she is told of");
    fs::write(&note, text).expect("a file");
    fs::write(note.with_file_name("0.json"), "half of a no").expect("a file");
    wait_for(|| told(&shelf).len() == 2, "once more");
    assert_eq!(told(&shelf)[0], told(&shelf)[1]);
    outbox.close(PATIENT);
    assert!(note_forgotten(&data, "").is_err() && note_forgotten(&data, &"x".repeat(129)).is_err());
    let _ = fs::remove_dir_all(data);
}

#[test]
fn names_of_sinks_are_checked() {
    for (names, wanted) in [(["a/b", "c"], "lower-case"), (["", "c"], "1 to 40"), (["c", "c"], "two sinks")] {
        let sinks = names.map(|name| (name.to_owned(), Box::new(Shelf::default()) as Box<dyn Sink>));
        let error = Outbox::start(options(None), sinks.into()).expect_err("a bad name").to_string();
        assert!(error.contains(wanted), "{error}");
    }
}
