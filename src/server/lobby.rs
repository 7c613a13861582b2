//! The lobby: the list of rooms, whole or filtered, once or live; and seat reservations for parties.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::http::header::{AUTHORIZATION, CACHE_CONTROL, WWW_AUTHENTICATE};
use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};
use bytes::Bytes;
use serde::Deserialize;

use super::event_stream::event_stream;
use super::handshake::{admit, judge_page, refuse};
use super::live_rooms;
use super::routes::{AppState, READ, read, shared, unavailable};
use crate::actor::{ListedRoom, Reserve, RoomBoard, RoomEntry, json_list};
use crate::wire::{Close, Join, Role, limits};

/// Adds the routes.
pub fn configure(app: &mut web::ServiceConfig) {
    app.service(shared("/api/rooms", read().to(rooms), READ))
        .service(shared("/api/rooms/events", web::get().to(room_events), "GET"))
        .service(shared("/api/reservations", web::post().to(reserve), "POST"));
}

/// A search for rooms that meet all conditions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Search {
    game: Option<String>,
    /// Whether a new player could join.
    open: Option<bool>,
    properties: Vec<(String, String)>,
    /// Rooms with greater ids only.
    after: Option<String>,
    /// The most rooms.
    pub limit: usize,
}

impl Search {
    /// Reads the query of a request.
    pub fn read(query: Vec<(String, String)>) -> Result<Self, String> {
        let (game, open, properties, after, limit) = (None, None, Vec::new(), None, limits::ROOMS_LISTED);
        let mut search = Self { game, open, properties, after, limit };
        if query.len() > limits::OPTIONS {
            return Err(format!("{} conditions: at most {} can be asked for", query.len(), limits::OPTIONS));
        }
        for (key, value) in query {
            match key.as_str() {
                "game" => search.game = Some(value),
                "after" => search.after = Some(value),
                "limit" => {
                    search.limit = match value.parse() {
                        Ok(limit @ 1..=limits::ROOMS_LISTED) => limit,
                        _ => return Err(format!("limit = {value:?}: must be 1 to {}", limits::ROOMS_LISTED)),
                    };
                }
                "open" => {
                    let open = value.parse().map_err(|_| format!("open = {value:?}: must be true or false"))?;
                    search.open = Some(open);
                }
                _ => search.properties.push((key, value)),
            }
        }
        Ok(search)
    }

    /// Whether the search finds a room, however many it has found.
    pub fn finds(&self, room: &RoomEntry) -> bool {
        let open = !room.locked && room.players < usize::from(room.capacity);
        self.after.as_ref().is_none_or(|after| room.id > *after)
            && self.game.as_ref().is_none_or(|game| *game == room.game)
            && self.open.is_none_or(|wanted| wanted == open)
            && self.properties.iter().all(|(key, value)| room.properties.get(key) == Some(value))
    }

    /// The first `most` rooms found, of those whose id is `wanted`.
    pub fn through(&self, board: &RoomBoard, most: usize, wanted: impl Fn(&str) -> bool) -> Vec<Arc<ListedRoom>> {
        board.page(self.after.as_deref(), most, |room| wanted(&room.id) && self.finds(room))
    }
}

fn search(request: &HttpRequest) -> Result<Search, String> {
    let query = web::Query::<Vec<(String, String)>>::from_query(request.query_string());
    query.map_err(|error| error.to_string()).and_then(|query| Search::read(query.into_inner()))
}

fn bad_request(why: &str) -> HttpResponse {
    HttpResponse::BadRequest().body(format!("400: {why}\n"))
}

async fn rooms(request: HttpRequest, state: web::Data<AppState>) -> HttpResponse {
    match search(&request) {
        Ok(search) => {
            let found = search.through(&state.rooms, search.limit, |_| true);
            HttpResponse::Ok().content_type("application/json").body(json_list(&found))
        }
        Err(why) => bad_request(&why),
    }
}

async fn room_events(request: HttpRequest, state: web::Data<AppState>) -> HttpResponse {
    match search(&request) {
        Ok(search) => event_stream(&request, live_rooms::events(state.rooms.clone(), search)),
        Err(why) => bad_request(&why),
    }
}

/// A request for seats: in the room with this id, or in a room of the game with these options.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Party {
    room: Option<String>,
    game: Option<String>,
    #[serde(default)]
    options: BTreeMap<String, String>,
    seats: usize,
}

impl Party {
    fn read(body: &[u8]) -> Result<Reserve, String> {
        const WANTED: &str = "must be JSON such as {\"game\": \"arena\", \"options\": {}, \"seats\": 4}";
        let party: Self = serde_json::from_slice(body).map_err(|error| format!("{error}; {WANTED}"))?;
        let Self { room, game, options, seats } = party;
        if !(1..=limits::PARTY).contains(&seats) {
            return Err(format!("seats = {seats}: must be 1 to {}", limits::PARTY));
        }
        if options.len() > limits::OPTIONS {
            return Err(format!("{} options: there may be {}", options.len(), limits::OPTIONS));
        }
        let texts = [&room, &game].into_iter().flatten().chain(options.iter().flat_map(|(key, value)| [key, value]));
        if let Some(long) = texts.into_iter().find(|text| text.len() > limits::TEXT) {
            return Err(format!("a text of {} bytes: there may be {}", long.len(), limits::TEXT));
        }
        let private = options.get("private").is_some_and(|private| private == "true");
        let join = match (room, game) {
            (Some(room), None) if options.is_empty() => Join::ById { room },
            (None, Some(game)) if private => Join::Create { game, options: options.into_iter().collect() },
            (None, Some(game)) => Join::JoinOrCreate { game, options: options.into_iter().collect() },
            _ => return Err("name either a room alone or a game, which may have options".to_owned()),
        };
        Ok(Reserve { join, seats, only_game: None, maker: None })
    }
}

const NO_SEATS: &str = "503: no seats can be reserved at the moment\n";

fn unauthorized() -> HttpResponse {
    HttpResponse::Unauthorized()
        .insert_header((WWW_AUTHENTICATE, "Bearer realm=\"tickwire\""))
        .body("401: send the header Authorization: Bearer and a join token that is good for this room\n")
}

async fn reserve(request: HttpRequest, body: Bytes, state: web::Data<AppState>) -> HttpResponse {
    if let Err(refusal) = judge_page(request.head(), &state) {
        return refuse(request.head(), refusal, &state);
    }
    // Forms of other sites cannot send this type without a CORS preflight.
    if request.content_type() != "application/json" {
        return HttpResponse::UnsupportedMediaType().body("415: send application/json\n");
    }
    let mut party = match Party::read(&body) {
        Ok(party) => party,
        Err(why) => return bad_request(&why),
    };
    // A reservation counts as an attempt to join, and as a session while it lasts.
    let mut visitor = match admit(request.head(), &state) {
        Ok(visitor) => visitor,
        Err(refusal) => return refuse(request.head(), refusal, &state),
    };
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = header.and_then(|header| header.strip_prefix("Bearer "));
    match visitor.judge(token, &party.join, Role::Player) {
        Ok(()) => {}
        // The memory for used tokens is full; this token may be valid.
        Err(Close::TryLater) => return unavailable(NO_SEATS),
        Err(_) => return unauthorized(),
    }
    (party.only_game, party.maker) = (visitor.only_game(), visitor.address());
    let Ok(answer) = state.context.directory.send(party).await else { return unavailable("503: busy\n") };
    match answer {
        Ok(reserved) => HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(reserved),
        Err(reason) => {
            let text = reason.text();
            match reason.close() {
                Close::TryLater | Close::Draining => unavailable(NO_SEATS),
                Close::BadToken => unauthorized(),
                Close::NoSuchRoom => HttpResponse::NotFound().body(format!("404: {text}\n")),
                _ => HttpResponse::Conflict().body(format!("409: {text}\n")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(game: &str, players: usize, map: &str) -> RoomEntry {
        let properties = Arc::new([("map".to_owned(), map.to_owned())].into());
        let (id, game) = (format!("{game}-{map}"), game.to_owned());
        RoomEntry { id, game, players, away: 0, capacity: 2, spectators: 0, locked: false, rate: 20, properties }
    }

    fn found(query: &str) -> Vec<String> {
        let locked = RoomEntry { locked: true, ..room("arena", 0, "lane") };
        let rooms = [room("arena", 1, "yard"), room("arena", 2, "field"), room("plaza", 0, "yard"), locked];
        let query = web::Query::<Vec<(String, String)>>::from_query(query).expect("a query");
        let search = Search::read(query.into_inner()).expect("a good one");
        rooms.iter().filter(|room| search.finds(room)).map(|room| room.id.clone()).collect()
    }

    #[test]
    fn rooms_are_searched_by_game_openness_and_properties() {
        assert_eq!(found("").len(), 4);
        assert_eq!(found("game=arena"), ["arena-yard", "arena-field", "arena-lane"]);
        assert_eq!(found("game=arena&open=true"), ["arena-yard"]);
        assert_eq!(found("game=arena&open=false"), ["arena-field", "arena-lane"]);
        assert_eq!(found("map=yard"), ["arena-yard", "plaza-yard"]);
        assert_eq!(found("map=yard&colour=red"), [""; 0]);
        let read = |query: &[(&str, &str)]| {
            Search::read(query.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
        };
        assert!(read(&[("open", "yes")]).is_err_and(|why| why.contains("true or false")));
        assert!(read(&[("a", "b"); 17]).is_err_and(|why| why.contains("at most 16")));
        for limit in ["0", "1001", "many"] {
            assert!(read(&[("limit", limit)]).is_err_and(|why| why.contains("1 to 1000")), "{limit}");
        }
        assert_eq!(found("after=arena-lane&limit=1"), ["arena-yard", "plaza-yard"], "the board counts them");
    }

    #[test]
    fn a_request_for_seats_is_read_strictly() {
        let read = |text: &str| Party::read(text.as_bytes());
        let good = read(r#"{"game": "arena", "options": {"map": "yard"}, "seats": 2}"#).expect("good");
        assert_eq!(good.seats, 2);
        assert!(matches!(good.join, Join::JoinOrCreate { .. }));
        let private = read(r#"{"game": "arena", "options": {"private": "true"}, "seats": 1}"#).expect("good");
        assert!(matches!(private.join, Join::Create { .. }));
        assert!(matches!(read(r#"{"room": "abc", "seats": 16}"#).expect("good").join, Join::ById { .. }));
        for (bad, wanted) in [
            (r#"{"game": "arena", "seats": 0}"#, "1 to 16"),
            (r#"{"game": "arena", "seats": 17}"#, "1 to 16"),
            (r#"{"game": "arena"}"#, "seats"),
            (r#"{"seats": 1}"#, "either"),
            (r#"{"game": "arena", "room": "abc", "seats": 1}"#, "either"),
            (r#"{"game": "arena", "seats": 1, "colour": 2}"#, "colour"),
            ("[", "must be JSON"),
        ] {
            let why = read(bad).expect_err("it is bad");
            assert!(why.contains(wanted), "{bad}: {why}");
        }
    }
}
