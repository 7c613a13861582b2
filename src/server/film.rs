//! The film of a room over HTTP: an index, segments that never change and may be cached anywhere, and a stream of them as
//! server-sent events.

use std::sync::Arc;

use actix_web::http::header::{AUTHORIZATION, CACHE_CONTROL, HeaderName, LOCATION, WWW_AUTHENTICATE};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use futures_util::{Stream, stream};

use super::event_stream::event_stream;
use super::handshake::{caller, refuse};
use super::routes::{AppState, READ, read, shared, unavailable};
use crate::actor::{FilmTape, Outlet, PublicSegment, ViewerPermit, Watching};
use crate::engine::work::lookup_cost;
use crate::engine::{Address, FilmSegment};
use crate::id::Incarnation;
use crate::tick::Tick;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Adds the routes.
pub fn configure(app: &mut web::ServiceConfig) {
    app.service(shared("/api/rooms/{id}/film", read().to(index), READ))
        .service(shared("/api/rooms/{id}/film/events", web::get().to(events), "GET"))
        .service(shared("/api/rooms/{id}/film/{incarnation}/{tick}", read().to(segment), READ));
}

/// Somebody who may watch a film.
struct FilmViewer {
    watching: Watching,
    /// Whether everybody may, so that caches may carry the film.
    is_public: bool,
    _permit: ViewerPermit,
}

impl FilmViewer {
    fn tape(&self) -> &FilmTape {
        self.watching.tape()
    }

    /// Who may keep an answer that is good for so many seconds, and never changes if `immutable`.
    fn caching(&self, seconds: u32, immutable: bool) -> (HeaderName, String) {
        let whom = if self.is_public { "public" } else { "private" };
        let immutable = if immutable { ", immutable" } else { "" };
        (CACHE_CONTROL, format!("{whom}, max-age={seconds}{immutable}"))
    }
}

async fn admit(id: &str, outlet: Outlet, request: &HttpRequest, state: &AppState) -> Result<FilmViewer, HttpResponse> {
    let Some(caller) = caller(request.head(), state) else {
        return Err(unavailable("503: the connection is closed\n"));
    };
    let permit = state.context.gatekeeper.watch(caller).map_err(|refusal| refuse(request.head(), refusal, state))?;
    let found = state.films.open(id, &state.context.directory).await;
    if found.as_ref().is_none_or(|tape| !tape.is_rolling())
        && let Some(there) = elsewhere(id, caller.address, request, state).await
    {
        return Err(there);
    }
    let tape = found.ok_or_else(|| missing("404: no such room, or it is not filmed\n"))?;
    let is_public = state.config.guests && !tape.needs_token;
    if !is_public && !has_token(id, &tape.game, request, state) {
        return Err(unauthorized());
    }
    Ok(FilmViewer { watching: state.films.watch(&tape, outlet), is_public, _permit: permit })
}

/// Sends the request on to the node that has the room, in a cluster.
async fn elsewhere(
    id: &str,
    address: Option<Address>,
    request: &HttpRequest,
    state: &AppState,
) -> Option<HttpResponse> {
    let cluster = state.context.cluster.as_ref()?;
    if !state.context.gatekeeper.charge(address, lookup_cost()) {
        return None;
    }
    let node = cluster.elsewhere(id).await?;
    // The address of its sessions begins with ws, or wss. A node that has a path of its own has its films below it.
    let base = node.strip_suffix("/play").unwrap_or(&node).strip_prefix("ws")?;
    let path = &request.path()[request.path().find("/api/rooms/")?..];
    let query = query_of(request);
    let redirect = HttpResponse::TemporaryRedirect()
        .insert_header((LOCATION, format!("http{base}{path}{query}")))
        .insert_header((CACHE_CONTROL, "no-store"))
        .finish();
    Some(redirect)
}

fn query_of(request: &HttpRequest) -> String {
    let query = Some(request.query_string()).filter(|query| !query.is_empty());
    query.map_or_else(String::new, |query| format!("?{query}"))
}

/// Whether the request has a token that is good for this room. A token in the address must be for watching only, because addresses
/// are written to logs.
fn has_token(id: &str, game: &str, request: &HttpRequest, state: &AppState) -> bool {
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let header = header.and_then(|header| header.strip_prefix("Bearer ")).map(str::to_owned);
    let query = || web::Query::<Vec<(String, String)>>::from_query(request.query_string()).ok();
    let asked = || query()?.into_inner().into_iter().find_map(|(key, value)| (key == "token").then_some(value));
    let (token, is_secret) = match header {
        Some(token) => (Some(token), true),
        None => (asked(), false),
    };
    let verified = token.and_then(|token| state.context.gatekeeper.verify(&token).ok().flatten());
    verified.is_some_and(|token| token.allows_staying(id, game) && (is_secret || token.only_watches))
}

fn unauthorized() -> HttpResponse {
    HttpResponse::Unauthorized()
        .insert_header((WWW_AUTHENTICATE, "Bearer realm=\"tickwire\""))
        .insert_header((CACHE_CONTROL, "no-store"))
        .body(
            "401: watching this room takes a token: send the header Authorization: Bearer and a join token that is good for \
             this room, or ?token= with one for spectators (claim spectator: true)\n",
        )
}

fn missing(text: &'static str) -> HttpResponse {
    HttpResponse::NotFound().insert_header((CACHE_CONTROL, "no-store")).body(text)
}

async fn index(id: web::Path<String>, request: HttpRequest, state: web::Data<AppState>) -> HttpResponse {
    match admit(&id, Outlet::Segments, &request, &state).await {
        // A cache in front asks once per second, however many viewers come.
        Ok(viewer) => HttpResponse::Ok().insert_header(viewer.caching(1, false)).json(viewer.tape().index().await),
        Err(refused) => refused,
    }
}

async fn segment(
    path: web::Path<(String, u64, u32)>,
    request: HttpRequest,
    state: web::Data<AppState>,
) -> HttpResponse {
    let (id, incarnation, tick) = path.into_inner();
    let viewer = match admit(&id, Outlet::Segments, &request, &state).await {
        Ok(viewer) => viewer,
        Err(refused) => return refused,
    };
    let asked_at = state.context.clock.now();
    match viewer.tape().segment(Incarnation(incarnation), Tick(tick)).await {
        Some(found) if found.segment.incarnation.0 != incarnation => {
            // The room went on in another process. Relative, because the server may be mounted below a path.
            let FilmSegment { incarnation, first, .. } = found.segment;
            let there = format!("../{}/{}{}", incarnation.0, first.0, query_of(&request));
            HttpResponse::TemporaryRedirect()
                .insert_header((LOCATION, there))
                .insert_header(viewer.caching(60, false))
                .finish()
        }
        Some(found) => {
            viewer.watching.sent(&found, found.public_from > asked_at);
            HttpResponse::Ok()
                .content_type("application/octet-stream")
                .insert_header(viewer.caching(31_536_000, true))
                .body(found.segment.file.clone())
        }
        None => {
            let there = match caller(request.head(), &state).filter(|_| !viewer.tape().is_rolling()) {
                Some(caller) => elsewhere(&id, caller.address, &request, &state).await,
                None => None,
            };
            there.unwrap_or_else(|| missing("404: this part is not there: ask for the index again\n"))
        }
    }
}

async fn events(id: web::Path<String>, request: HttpRequest, state: web::Data<AppState>) -> HttpResponse {
    let viewer = match admit(&id, Outlet::Events, &request, &state).await {
        Ok(viewer) => viewer,
        Err(refused) => return refused,
    };
    let known = request.headers().get(LAST_EVENT_ID).and_then(|id| id.to_str().ok()).and_then(read_id);
    let known = match known {
        Some((incarnation, first)) => viewer.tape().segment(incarnation, first).await,
        None => None,
    };
    event_stream(&request, segments(viewer, known))
}

/// The id of an event: the incarnation and the first tick of its segment.
fn read_id(id: &str) -> Option<(Incarnation, Tick)> {
    let (incarnation, tick) = id.split_once('-')?;
    Some((Incarnation(incarnation.parse().ok()?), Tick(tick.parse().ok()?)))
}

/// The segments after the known one, from the newest on if none is known, until the film is over.
fn segments(
    viewer: FilmViewer,
    known: Option<Arc<PublicSegment>>,
) -> impl Stream<Item = Result<Bytes, actix_web::Error>> {
    stream::unfold((viewer, known, None), |(viewer, known, lost): (_, _, Option<Arc<PublicSegment>>)| async move {
        match viewer.tape().after(known.as_deref()).await {
            Some(next) => {
                viewer.watching.sent(&next, known.is_some());
                lost.into_iter().for_each(|lost| viewer.watching.skipped(&lost, &next));
                Some((Ok(next.event()), (viewer, Some(next), None)))
            }
            None if viewer.tape().is_over() => None,
            None => {
                let (known, lost) = match known {
                    Some(known) if !viewer.tape().goes_on_from(&known) => (None, Some(known)),
                    known => (known, lost),
                };
                Some((Ok(Bytes::from_static(b": still here\n\n")), (viewer, known, lost)))
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_ids_are_read() {
        assert_eq!(read_id("1-20"), Some((Incarnation(1), Tick(20))));
        for wrong in ["", "1", "1-", "-20", "1-20-3", "a-20", "1-4294967296", "1 - 20"] {
            assert_eq!(read_id(wrong), None, "{wrong:?}");
        }
    }
}
