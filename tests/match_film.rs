//! The film that is kept of a match: it shows every tick, its parts follow each other, and it is as small as was promised.

#[path = "../benches/crowd/mod.rs"]
mod crowd;

use tickwire::engine::film::{Projector, Zones};
use tickwire::engine::recording::{Recording, Rerun};
use tickwire::engine::{FilmPart, Filmed, History, Host, HostOutput, PendingInput, SeatSession, Waiting};
use tickwire::id::Seat;
use tickwire::snapshot::Frame;
use tickwire::tick::Moment;

/// Nobody waits for an answer here.
struct Nobody;

impl Waiting for Nobody {}

/// A tick in which every player runs on, each fourth with a new input.
fn tick(host: &mut Host<Nobody>, players: u16, n: u32) -> Vec<FilmPart> {
    let mut pending = PendingInput::default();
    for seat in (0..players).filter(|seat| (u32::from(*seat) + n).is_multiple_of(4)) {
        let generation = host.room().live_generation(Seat(seat)).expect("everybody is there");
        pending.push_inputs(&[crowd::run(seat, n)]);
        let _ = host.collect(SeatSession { seat: Seat(seat), generation }, &mut pending);
    }
    host.tick(Moment(0), |_| {});
    parts(host)
}

fn parts(host: &mut Host<Nobody>) -> Vec<FilmPart> {
    std::iter::from_fn(|| host.poll_output())
        .filter_map(|output| match output {
            HostOutput::Filmed(Filmed::Kept(part)) => Some(*part),
            _ => None,
        })
        .collect()
}

fn rows(zones: &Zones) -> Vec<u32> {
    zones.values().map(tickwire::snapshot::Zone::hash).collect()
}

fn rows_of(frame: &Frame) -> Vec<u32> {
    let zones = frame.zones().iter().filter(|zone| zone.rows() > 0);
    zones.map(|zone| zone.zone().hash()).collect()
}

#[test]
fn a_kept_film_shows_every_tick_and_an_hour_of_22_players_has_two_megabytes() {
    const PLAYERS: u16 = 22;
    const MINUTES: u32 = 2;
    let (room, _) = crowd::room(PLAYERS);
    let mut host = Host::new(Moment(0), room, History::new(tickwire::TickRate::DEFAULT)).with_recorder().with_archive();
    let (mut kept, mut shown) = (Vec::new(), vec![(host.room().frame().tick(), rows_of(host.room().frame()))]);
    for n in 0..MINUTES * 60 * 20 + 7 {
        kept.extend(tick(&mut host, PLAYERS, 40 + n));
        shown.push((host.room().frame().tick(), rows_of(host.room().frame())));
    }
    let whole = kept.len();
    host.end_archive();
    kept.extend(parts(&mut host));
    assert_eq!(
        (whole, kept.len()),
        (MINUTES as usize * 4, whole + 1),
        "a part has fifteen seconds, the last one the rest"
    );
    assert!(kept.windows(2).all(|two| two[0].reel.last() == two[1].reel.tick), "they follow each other");

    let film = kept.into_iter().map(|part| part.reel).collect();
    let recording = Recording { header: host.film_header(), rerun: Rerun::Unknown, film };
    let wanted = Recording { header: recording.header.clone(), rerun: Rerun::Unknown, film: recording.film.clone() };
    let (small, seekable) = (recording.encode_kept(), recording.encode());
    let per_hour = |file: &[u8]| file.len() as f64 * 60.0 / f64::from(MINUTES) / 1e6;
    println!("an hour: {:.2} MB, {:.2} MB with a keyframe every two seconds", per_hour(&small), per_hour(&seekable));
    assert!(per_hour(&small) <= 2.0, "{} MB", per_hour(&small));
    assert!(small.len() < seekable.len());

    let unpacked = Recording::decode_kept(&small).expect("it can be read").encode_film();
    let damaged = [&small[..small.len() / 2], &[1], &small[small.len() / 2 + 1..]].concat();
    assert!(Recording::decode_kept(&damaged).is_err() && Recording::decode_kept(&small[..small.len() - 1]).is_err());
    let recording = Recording::decode(&unpacked).expect("it can be read");
    assert_eq!(unpacked, Recording { rerun: Rerun::Unknown, ..wanted }.encode_film(), "nothing is lost");
    let mut projector = Projector::new(&recording.header.schema, &recording.film).expect("a film");
    for (tick, wanted) in shown {
        assert_eq!(projector.tick(), Some(tick));
        assert_eq!(rows(projector.zones()), wanted, "{tick:?}");
        projector.advance().expect("a film");
    }
    assert_eq!(projector.presence().seats.len(), usize::from(PLAYERS));
}
