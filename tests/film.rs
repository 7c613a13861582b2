//! The film of a room that goes on after a crash: viewers have what came before, get what they lack, and no address has other bytes.

#[path = "../benches/crowd/mod.rs"]
mod crowd;

use std::time::Duration;

use tickwire::TickRate;
use tickwire::engine::film::Projector;
use tickwire::engine::recording::Recording;
use tickwire::engine::{
    Checkpoint, FilmSegment, Filmed, History, Host, HostOutput, JournalEntry, PendingInput, Recovery, Room, RoomInput,
    SeatSession, Waiting, recover,
};
use tickwire::id::{Incarnation, Seat};
use tickwire::tick::Moment;

const PLAYERS: u16 = 5;
const DELAY: Duration = Duration::from_secs(3);
/// How much later than it is made a record is safe.
const LATE: usize = 4;

/// Nobody waits for an answer here.
struct Nobody;

impl Waiting for Nobody {}

/// A room with a journal that is filmed, and what was told of its film.
struct Filming {
    host: Host<Nobody>,
    journal: Vec<JournalEntry>,
    told: Vec<FilmSegment>,
}

impl Filming {
    fn of(room: Room) -> Self {
        let host = Host::new(Moment(0), room, History::new(TickRate::DEFAULT)).with_journal();
        let mut filming = Self { host, journal: Vec::new(), told: Vec::new() };
        filming.record();
        filming
    }

    fn record(&mut self) {
        self.journal.push(self.host.take_entry());
        if let Some(safe) = self.journal.len().checked_sub(LATE + 1) {
            self.host.safe(self.journal[safe].upto());
        }
        let outputs = std::iter::from_fn(|| self.host.poll_output());
        let segments = outputs.filter_map(|output| match output {
            HostOutput::Filmed(Filmed::Live(segment)) => Some(segment),
            _ => None,
        });
        self.told.extend(segments);
    }

    fn tick(&mut self, n: u32) {
        let mut pending = PendingInput::default();
        for seat in (0..PLAYERS).filter(|seat| (u32::from(*seat) + n).is_multiple_of(4)) {
            if let Some(generation) = self.host.room().live_generation(Seat(seat)) {
                pending.push_inputs(&[crowd::run(seat, n)]);
                let _ = self.host.collect(SeatSession { seat: Seat(seat), generation }, &mut pending);
            }
        }
        self.host.tick(Moment(0), |_| {});
        self.record();
    }

    /// The room after a crash now: what was not safe is lost.
    fn recovered(&self) -> Room {
        let safe = &self.journal[..self.journal.len() - LATE];
        let newest = safe.iter().rposition(|entry| entry.checkpoint.is_some()).expect("there is one");
        let (first, tail) = safe[newest..].split_first().expect("it is there");
        // As from a file.
        let checkpoint = Checkpoint::decode(&first.checkpoint.as_deref().expect("a checkpoint").encode()).expect("one");
        let game = crowd::arena(&checkpoint.config().setup);
        let Recovery { mut room, .. } = recover(checkpoint, first.upto(), tail, game).expect("it can be rebuilt");
        let (incarnation, spare_ids) = (room.config().incarnation.next(), 100);
        room.apply(RoomInput::Recovered { incarnation, spare_ids }, &mut Vec::new());
        room
    }
}

/// Checks that a segment can be decoded, and leads to its last tick.
fn watch(segment: &FilmSegment) {
    let file = Recording::decode(&segment.file).expect("a recording");
    let mut projector = Projector::new(&file.header.schema, &file.film).expect("a film");
    while projector.advance().expect("a film") {}
    assert_eq!(projector.tick(), Some(segment.last));
}

#[test]
fn a_film_goes_on_after_a_crash_at_any_tick_without_a_gap_or_another_byte() {
    let mut room = Filming::of(crowd::room(PLAYERS).0);
    // The first checkpoint is of before somebody watches.
    (0..30).for_each(|n| room.tick(40 + n));
    room.host.film(Some(DELAY));
    for n in 0..420 {
        room.tick(70 + n);
        if room.told.is_empty() || n % 9 > 0 {
            continue;
        }
        let mut recovered = room.recovered();
        let reached = recovered.frame().tick();
        let kept: Vec<FilmSegment> = recovered.film().expect("it is filmed").cloned().collect();
        let newest = room.told.last().expect("one was told");
        let needed = |segment: &&FilmSegment| newest.last.since(segment.last) < 20 * 12;
        for told in room.told.iter().filter(needed) {
            assert!(kept.contains(told), "crash at {}: {}..{} is there, as it was", n, told.first.0, told.last.0);
        }
        assert!(kept.windows(2).all(|two| two[0].last == two[1].first && two[0].incarnation == two[1].incarnation));
        let last = kept.last().expect("there is some");
        assert_eq!(last.last, reached, "up to what is safe");
        // A second crash before the next checkpoint loses nothing either.
        let again = recovered.checkpoint().expect("the arena is saved");
        let game = crowd::arena(&again.config().setup);
        let restored = Room::restore(again, game).expect("it can be restored");
        assert_eq!(restored.film().expect("it is filmed").cloned().collect::<Vec<_>>(), kept);

        let mut next = Filming::of(restored);
        (0..26).for_each(|n| next.tick(600 + n));
        let segment = next.told.first().expect("it goes on");
        assert_eq!((segment.incarnation, segment.first), (Incarnation(2), reached));
        [last, segment].into_iter().for_each(watch);
    }
    assert!(room.told.len() >= 19, "{}", room.told.len());
}

#[test]
fn checkpoints_of_a_film_stay_small() {
    let mut room = Filming::of(crowd::room(PLAYERS).0);
    room.host.film(Some(Duration::ZERO));
    (0..500).for_each(|n| room.tick(40 + n));
    let checkpoint = room.host.checkpoint().expect("the arena is saved");
    let plain = checkpoint.clone().without_film().encode().len();
    let more = checkpoint.encode().len() - plain;
    let newest: usize = room.told.iter().rev().take(11).map(|segment| segment.file.len()).sum();
    println!("{plain} bytes, and {more} for the film; the newest eleven segments have {newest}");
    assert!(more > newest / 2 && more < newest * 3 / 2, "ten seconds of it, and not all");
    assert_eq!(room.recovered().config().incarnation, Incarnation(2));
    room.host.film(None);
    room.tick(600);
    assert!(room.host.checkpoint().expect("the arena is saved").encode().len() < plain * 2);
}
