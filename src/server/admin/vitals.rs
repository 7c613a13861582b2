//! How everything is, once per second: totals, and what has become of the rooms since the event before.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use actix_web::rt::time::sleep;
use actix_web::web;
use bytes::Bytes;
use futures_util::{Stream, stream};
use serde::Serialize;

use super::auth::Watching;
use crate::actor::{FilmOutlet, ListRoomHealth, RoomHealth, RoomHealthList, Totals};
use crate::server::routes::AppState;
use crate::tap::SinkReport;

/// Totals, and the rooms that have changed.
#[derive(Debug, Serialize)]
struct Vitals {
    /// Milliseconds since the server's start, for computing rates.
    at: u64,
    totals: Totals,
    /// The sinks of the tap.
    sinks: Vec<SinkReport>,
    /// How films go out.
    film: [FilmOutlet; 2],
    /// New and changed rooms; all of them at first.
    rooms: Vec<RoomHealth>,
    /// The ids of rooms that are not listed any more.
    gone: Vec<String>,
    /// How many rooms are not listed.
    more: usize,
}

/// The rooms as a page knows them.
#[derive(Debug, Default)]
struct Known(BTreeMap<String, RoomHealth>);

impl Known {
    /// What the page does not know, and the ids of rooms that are not listed any more.
    fn update(&mut self, rooms: Vec<RoomHealth>) -> (Vec<RoomHealth>, Vec<String>) {
        let listed: BTreeSet<&str> = rooms.iter().map(|room| &*room.entry.id).collect();
        let gone: Vec<String> = self.0.keys().filter(|id| !listed.contains(id.as_str())).cloned().collect();
        gone.iter().for_each(|id| _ = self.0.remove(id));
        let is_news = |room: &RoomHealth| self.0.get(&room.entry.id).is_none_or(|known| differ(known, room));
        let news: Vec<RoomHealth> = rooms.into_iter().filter(is_news).collect();
        self.0.extend(news.iter().map(|room| (room.entry.id.clone(), room.clone())));
        (news, gone)
    }
}

/// Whether a page must be told. The duration of ticks is never quite the same: a tenth, or 20 us, does not matter.
fn differ(known: &RoomHealth, room: &RoomHealth) -> bool {
    let far = |known: u64, now: u64| known.abs_diff(now) > 20.max(known / 10);
    let slower = far(known.tick_mean, room.tick_mean) || far(known.tick_worst, room.tick_worst);
    slower || known.private != room.private || known.film != room.film || known.entry != room.entry
}

/// A stream of metrics and rooms, one event per second.
pub fn events(state: web::Data<AppState>, watching: Watching) -> impl Stream<Item = Result<Bytes, actix_web::Error>> {
    const EVERY: Duration = Duration::from_secs(1);
    let start = (state, watching, Known::default(), Duration::ZERO);
    stream::unfold(start, |(state, watching, mut known, wait)| async move {
        sleep(wait).await;
        let RoomHealthList { rooms, more } = state.context.directory.send(ListRoomHealth).await.ok()?;
        let (rooms, gone) = known.update(rooms);
        let metrics = &state.context.metrics;
        let (at, totals, sinks) = (state.context.clock.now().0 / 1000, metrics.totals(), metrics.sinks());
        let film = metrics.film_outlets();
        let json = serde_json::to_vec(&Vitals { at, totals, sinks, film, rooms, gone, more }).ok()?;
        let event = [b"data: ", &json[..], b"\n\n"].concat();
        Some((Ok(Bytes::from(event)), (state, watching, known, EVERY)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::RoomEntry;

    fn room(id: &str, players: usize, tick_mean: u64) -> RoomHealth {
        let (id, game, properties) = (id.to_owned(), "arena".to_owned(), Default::default());
        let entry =
            RoomEntry { id, game, players, away: 0, capacity: 9, spectators: 0, locked: false, rate: 20, properties };
        RoomHealth { entry, private: false, tick_mean, tick_worst: 500, film: Default::default() }
    }

    #[test]
    fn a_page_is_told_what_it_does_not_know() {
        let mut known = Known::default();
        let mut told = |rooms: &[RoomHealth]| {
            let (news, gone) = known.update(rooms.to_vec());
            (news.into_iter().map(|room| room.entry.id).collect::<Vec<_>>().concat(), gone.concat())
        };
        let tell = |news: &str, gone: &str| (news.to_owned(), gone.to_owned());
        assert_eq!(told(&[room("a", 1, 50), room("b", 0, 50)]), tell("ab", ""));
        assert_eq!(told(&[room("a", 1, 60), room("b", 0, 40)]), tell("", ""), "noise");
        assert_eq!(told(&[room("a", 1, 71), room("b", 1, 50)]), tell("ab", ""), "slower, and one more player");
        assert_eq!(told(&[room("b", 1, 50), room("c", 0, 50)]), tell("c", "a"));
        assert_eq!(told(&[room("a", 1, 71)]), tell("a", "bc"), "it is new again");
    }
}
