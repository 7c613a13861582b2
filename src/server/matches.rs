//! The matches that have ended over HTTP: searched, as a stream of server-sent events, and their films.

use std::sync::Arc;

use actix_web::http::header::{AUTHORIZATION, CACHE_CONTROL, HeaderName, WWW_AUTHENTICATE};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use futures_util::{Stream, stream};
use serde::Serialize;
use serde_json::Value;

use super::admin;
use super::event_stream::event_stream;
use super::routes::{AppState, READ, read, shared, unavailable};
use crate::actor::{FoundMatch, MatchPage, MatchSearch, MatchViewer, Matches};
use crate::trust::VerifiedToken;
use crate::wire::limits;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Matches of a page, unless the request says otherwise.
const LISTED: usize = 20;

/// Adds the routes.
pub fn configure(app: &mut web::ServiceConfig) {
    app.service(shared("/api/matches", read().to(list), READ))
        .service(shared("/api/matches/events", web::get().to(events), "GET"))
        .service(shared("/api/matches/{number}/film", read().to(film), READ));
}

/// A match as JSON.
#[derive(Serialize)]
struct Entry<'a> {
    id: u64,
    room: &'a str,
    game: &'a str,
    incarnation: u64,
    /// Milliseconds since 1970.
    began: u64,
    ended: u64,
    players: u64,
    result: Option<&'a Value>,
    /// The path of the film.
    film: Option<String>,
}

#[derive(Serialize)]
struct Page<'a> {
    matches: Vec<Entry<'a>>,
    next: Option<u64>,
}

impl<'a> Entry<'a> {
    /// `base`: the path of all matches.
    fn new((ended, result): &'a FoundMatch, base: &str) -> Self {
        Self {
            id: ended.number,
            room: &ended.room,
            game: &ended.game,
            incarnation: ended.incarnation,
            began: ended.began,
            ended: ended.ended,
            players: ended.players,
            result: result.as_deref(),
            film: ended.has_film.then(|| format!("{base}/{}/film", ended.number)),
        }
    }
}

/// The path of all matches, below which the server may be mounted.
fn base(request: &HttpRequest) -> String {
    let above = request.path().split("/api/matches").next().unwrap_or("");
    format!("{above}/api/matches")
}

/// What a request asks for.
#[derive(Debug, Default, PartialEq)]
struct Asked {
    search: MatchSearch,
    after: Option<u64>,
    limit: Option<usize>,
}

impl Asked {
    #[expect(clippy::result_large_err, reason = "made once per request")]
    fn of(request: &HttpRequest) -> Result<Self, HttpResponse> {
        let query = web::Query::<Vec<(String, String)>>::from_query(request.query_string());
        let asked = query.map_err(|error| error.to_string()).and_then(|query| Self::read(query.into_inner()));
        asked.map_err(|why| HttpResponse::BadRequest().body(format!("400: {why}\n")))
    }

    /// Reads the query of a request.
    fn read(query: Vec<(String, String)>) -> Result<Self, String> {
        const KNOWN: &str = "game, room, since, until, result, result.FIELD, mine, after and limit";
        let mut asked = Self::default();
        if query.len() > limits::OPTIONS {
            return Err(format!("{} conditions: at most {} can be asked for", query.len(), limits::OPTIONS));
        }
        for (key, value) in query {
            let number = || -> Result<u64, String> {
                value.parse().map_err(|_| format!("{key} = {value:?}: must be a whole number"))
            };
            let flag = || -> Result<bool, String> {
                value.parse().map_err(|_| format!("{key} = {value:?}: must be true or false"))
            };
            let search = &mut asked.search;
            match (key.as_str(), key.strip_prefix("result.")) {
                ("game", _) => search.game = Some(value),
                ("room", _) => search.room = Some(value),
                ("since", _) => search.since = Some(number()?),
                ("until", _) => search.until = Some(number()?),
                ("result", _) => search.has_result = Some(flag()?),
                ("mine", _) => search.mine = flag()?,
                (_, Some(field)) => search.result.push((field.to_owned(), value)),
                ("after", _) => asked.after = Some(number()?),
                ("limit", _) => {
                    let limit =
                        usize::try_from(number()?).ok().filter(|limit| (1..=limits::MATCHES_LISTED).contains(limit));
                    let wrong = || format!("limit = {value:?}: must be 1 to {}", limits::MATCHES_LISTED);
                    asked.limit = Some(limit.ok_or_else(wrong)?);
                }
                _ => return Err(format!("{key:?} is no condition: there are {KNOWN}")),
            }
        }
        Ok(asked)
    }
}

/// Who asks. Where guests may play, everybody sees the matches of listed rooms, too.
#[expect(clippy::result_large_err, reason = "made once per request")]
fn viewer(request: &HttpRequest, state: &AppState) -> Result<MatchViewer, HttpResponse> {
    viewer_where(request, state, state.config.guests)
}

/// As [`viewer`]; what is `public` is for everybody.
#[expect(clippy::result_large_err, reason = "made once per request")]
fn viewer_where(request: &HttpRequest, state: &AppState, public: bool) -> Result<MatchViewer, HttpResponse> {
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = header.and_then(|header| header.strip_prefix("Bearer ")).filter(|token| !token.is_empty());
    let Some(token) = token else {
        return if public { Ok(MatchViewer::Everybody) } else { Err(unauthorized()) };
    };
    if let Ok(Some(VerifiedToken { subject, room, game, .. })) = state.context.gatekeeper.verify(token) {
        return Ok(MatchViewer::Person { identity: subject, room, game, public });
    }
    if !state.admin.is_open() {
        return Err(unauthorized());
    }
    admin::turn_away(request, state).map_or(Ok(MatchViewer::Operator), Err)
}

fn unauthorized() -> HttpResponse {
    HttpResponse::Unauthorized()
        .insert_header((WWW_AUTHENTICATE, "Bearer realm=\"tickwire\""))
        .body("401: send the header Authorization: Bearer and a join token, or the admin_token\n")
}

async fn list(request: HttpRequest, state: web::Data<AppState>) -> HttpResponse {
    let (viewer, Asked { search, after, limit }) = match (viewer(&request, &state), Asked::of(&request)) {
        (Ok(viewer), Ok(asked)) => (viewer, asked),
        (Err(refused), _) | (_, Err(refused)) => return refused,
    };
    let matches = state.matches.clone();
    let listed = web::block(move || matches.list(&viewer, &search, after, limit.unwrap_or(LISTED))).await;
    let Ok(MatchPage { matches, next }) = listed else { return unavailable("503: the server is stopping\n") };
    let base = base(&request);
    let page = Page { matches: matches.iter().map(|found| Entry::new(found, &base)).collect(), next };
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(page)
}

async fn film(request: HttpRequest, number: web::Path<String>, state: web::Data<AppState>) -> HttpResponse {
    // Who could not watch the room does not see its film.
    let public = state.config.guests && state.config.most_spectators > 0;
    let viewer = match viewer_where(&request, &state, public) {
        Ok(viewer) => viewer,
        Err(refused) => return refused,
    };
    let matches = state.matches.clone();
    let found = web::block(move || matches.film_of(&viewer, number.parse().ok()?)).await;
    match found {
        Ok(Some(film)) => HttpResponse::Ok()
            .content_type("application/octet-stream")
            .insert_header((CACHE_CONTROL, "private, max-age=3600"))
            .body(film),
        _ => HttpResponse::NotFound()
            .insert_header((CACHE_CONTROL, "no-store"))
            .body("404: no such match, or no film of it is kept\n"),
    }
}

async fn events(request: HttpRequest, state: web::Data<AppState>) -> HttpResponse {
    let (viewer, Asked { search, after, limit }) = match (viewer(&request, &state), Asked::of(&request)) {
        (Ok(viewer), Ok(asked)) => (viewer, asked),
        (Err(refused), _) | (_, Err(refused)) => return refused,
    };
    if after.is_some() || limit.is_some() {
        return HttpResponse::BadRequest().body("400: a stream has no after and no limit: send Last-Event-ID\n");
    }
    let id = request.headers().get(LAST_EVENT_ID);
    let known = id.and_then(|id| id.to_str().ok()).and_then(|id| id.parse().ok());
    let known = known.unwrap_or_else(|| state.matches.newest());
    let stream = MatchStream { matches: state.matches.clone(), viewer, search, known, base: base(&request) };
    event_stream(&request, match_events(stream))
}

/// A stream of matches.
struct MatchStream {
    matches: Arc<Matches>,
    viewer: MatchViewer,
    search: MatchSearch,
    /// The number of the last match that was told, or passed over.
    known: u64,
    base: String,
}

impl MatchStream {
    fn event(&self, found: &FoundMatch) -> String {
        let json = serde_json::to_string(&Entry::new(found, &self.base)).unwrap_or_default();
        format!("id: {}\nevent: match\ndata: {json}\n\n", found.0.number)
    }
}

/// The matches that end from now on, or have ended since the last one that is known. A periodic comment lets dead connections be
/// detected.
fn match_events(stream: MatchStream) -> impl Stream<Item = Result<Bytes, actix_web::Error>> {
    stream::unfold((stream, true), |(mut stream, is_first)| async move {
        if is_first {
            // A page learns that the stream is open, and not only when the first match ends.
            return Some((Ok(Bytes::from_static(b": matches\n\n")), (stream, false)));
        }
        let (found, newest) = stream.matches.after(stream.known, &stream.viewer, &stream.search).await;
        let last = found.last().map_or(newest, |(ended, _)| ended.number.max(newest));
        stream.known = stream.known.max(last);
        let text = found.iter().map(|found| stream.event(found)).collect::<String>();
        let text = if text.is_empty() { Bytes::from_static(b": still here\n\n") } else { text.into() };
        Some((Ok(text), (stream, false)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<Asked, String> {
        Asked::read(web::Query::<Vec<(String, String)>>::from_query(query).expect("a query").into_inner())
    }

    #[test]
    fn a_search_is_read_strictly() {
        let asked = read("game=arena&since=5&until=9&result.winner=ada&limit=3&after=77&mine=true").expect("good");
        let search = MatchSearch {
            game: Some("arena".to_owned()),
            since: Some(5),
            until: Some(9),
            result: vec![("winner".to_owned(), "ada".to_owned())],
            mine: true,
            ..MatchSearch::default()
        };
        assert_eq!(asked, Asked { search, after: Some(77), limit: Some(3) });
        for (bad, wanted) in [
            ("limit=0", "1 to 100"),
            ("limit=101", "1 to 100"),
            ("since=yesterday", "whole number"),
            ("result=win", "true or false"),
            ("colour=red", "result.FIELD"),
        ] {
            let why = read(bad).expect_err("it is bad");
            assert!(why.contains(wanted), "{bad}: {why}");
        }
    }
}
