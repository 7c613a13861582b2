//! The film of a room over HTTP: an index, segments that never change and may be cached anywhere, and a stream of them as
//! server-sent events.

use std::sync::Arc;

use actix_web::http::header::{CACHE_CONTROL, HeaderName};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use futures_util::{Stream, stream};

use super::lobby::event_stream;
use super::routes::{AppState, READ, read, shared};
use crate::actor::{FilmTape, PublicSegment};
use crate::id::Incarnation;
use crate::tick::Tick;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Adds the routes.
pub fn configure(app: &mut web::ServiceConfig) {
    app.service(shared("/api/rooms/{id}/film", read().to(index), READ))
        .service(shared("/api/rooms/{id}/film/events", web::get().to(events), "GET"))
        .service(shared("/api/rooms/{id}/film/{incarnation}/{tick}", read().to(segment), READ));
}

async fn tape(id: &str, state: &AppState) -> Result<Arc<FilmTape>, HttpResponse> {
    if !state.config.guests {
        return Err(HttpResponse::Forbidden().body("403: nobody may watch here without a token (guests = false)\n"));
    }
    let found = state.films.open(id, &state.context.directory).await;
    found.ok_or_else(|| missing("404: no such room, or it is not filmed\n"))
}

fn missing(text: &'static str) -> HttpResponse {
    HttpResponse::NotFound().insert_header((CACHE_CONTROL, "no-store")).body(text)
}

async fn index(id: web::Path<String>, state: web::Data<AppState>) -> HttpResponse {
    match tape(&id, &state).await {
        // A cache in front asks once per second, however many viewers come.
        Ok(tape) => HttpResponse::Ok().insert_header((CACHE_CONTROL, "public, max-age=1")).json(tape.index().await),
        Err(refused) => refused,
    }
}

async fn segment(path: web::Path<(String, u64, u32)>, state: web::Data<AppState>) -> HttpResponse {
    let (id, incarnation, tick) = path.into_inner();
    let tape = match tape(&id, &state).await {
        Ok(tape) => tape,
        Err(refused) => return refused,
    };
    match tape.segment(Incarnation(incarnation), Tick(tick)).await {
        Some(found) => HttpResponse::Ok()
            .content_type("application/octet-stream")
            .insert_header((CACHE_CONTROL, "public, max-age=31536000, immutable"))
            .body(found.segment.file.clone()),
        None => missing("404: this part is not there: ask for the index again\n"),
    }
}

async fn events(id: web::Path<String>, request: HttpRequest, state: web::Data<AppState>) -> HttpResponse {
    let tape = match tape(&id, &state).await {
        Ok(tape) => tape,
        Err(refused) => return refused,
    };
    let known = request.headers().get(LAST_EVENT_ID).and_then(|id| id.to_str().ok()).and_then(read_id);
    let known = match known {
        Some((incarnation, first)) => tape.segment(incarnation, first).await,
        None => None,
    };
    event_stream(segments(tape, known))
}

/// The id of an event: the incarnation and the first tick of its segment.
fn read_id(id: &str) -> Option<(Incarnation, Tick)> {
    let (incarnation, tick) = id.split_once('-')?;
    Some((Incarnation(incarnation.parse().ok()?), Tick(tick.parse().ok()?)))
}

/// The segments after the known one, from the newest on if none is known, until the film is over.
fn segments(
    tape: Arc<FilmTape>,
    known: Option<Arc<PublicSegment>>,
) -> impl Stream<Item = Result<Bytes, actix_web::Error>> {
    stream::unfold((tape, known), |(tape, known)| async move {
        match tape.after(known.as_deref()).await {
            Some(next) => Some((Ok(next.event()), (tape, Some(next)))),
            None if tape.is_over() => None,
            None => {
                let known = known.filter(|known| tape.goes_on_from(known));
                Some((Ok(Bytes::from_static(b": still here\n\n")), (tape, known)))
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
