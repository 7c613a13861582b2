//! The operators' page: live metrics, the contents of a room, and kicks, locks and closes. Off unless a token is
//! configured.
//!
//! The page itself contains no secret. All other requests need the token in the `Authorization` header: there is no cookie,
//! so no other page can send requests in an operator's name.

mod auth;
mod recordings;
mod view;
mod vitals;

use actix_web::http::header::{AUTHORIZATION, CACHE_CONTROL, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::middleware::from_fn;
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::config::Pages;
use super::event_stream::event_stream;
use super::handshake::{caller, count};
use super::pages;
use super::routes::{AppState, read, receive, unavailable};
use crate::actor::{Expected, Explain, Find, Inspect, MoveRoom, Order, RecordRoom, Refusal};
use crate::id::Seat;
use crate::wire::limits;
pub use auth::AdminAuth;
use auth::Entry;

/// Adds the routes.
pub fn configure(app: &mut web::ServiceConfig) {
    app.service(
        web::scope("/admin")
            .wrap(from_fn(receive))
            .app_data(web::PayloadConfig::new(limits::RESERVATION))
            .route("", read().to(front))
            .route("/", read().to(page))
            .route("/api/events", web::get().to(events))
            .route("/api/rooms/{id}/frame", read().to(frame))
            .route("/api/rooms/{id}/costs", read().to(costs))
            .route("/api/rooms/{id}/recording", web::post().to(record))
            .route("/api/rooms/{id}/move", web::post().to(move_room))
            .route("/api/nodes", read().to(nodes))
            .route("/api/recordings", read().to(recordings::list))
            .route("/api/recordings/{file}", read().to(recordings::download))
            .route("/api/rooms/{id}/kick", web::post().to(kick))
            .route("/api/rooms/{id}/lock", web::post().to(lock))
            .route("/api/rooms/{id}/close", web::post().to(close))
            .route("/api/{rest:.*}", web::route().to(nothing))
            .route("/{file}", read().to(page)),
    );
}

async fn nothing() -> HttpResponse {
    HttpResponse::NotFound().content_type("text/plain; charset=utf-8").body("404: no such page\n")
}

/// The redirect and the page's links are relative, because the page may be mounted below a path.
async fn front(state: web::Data<AppState>) -> HttpResponse {
    if !state.admin.is_open() {
        return nothing().await;
    }
    HttpResponse::PermanentRedirect().insert_header((LOCATION, "admin/")).finish()
}

async fn page(request: HttpRequest, state: web::Data<AppState>) -> HttpResponse {
    if !state.admin.is_open() {
        return nothing().await;
    }
    let file = request.match_info().get("file").unwrap_or("index.html");
    // A server without the demo's pages still needs the operators' page.
    let pages = match &state.config.pages {
        disk @ Pages::Disk(_) => disk,
        Pages::Embedded | Pages::Folder(_) | Pages::None => &Pages::Embedded,
    };
    pages::answer(&request, pages, false, &format!("admin/{file}")).await
}

/// The response to a request that does not come from an operator; `None` for operators.
pub(super) fn turn_away(request: &HttpRequest, state: &AppState) -> Option<HttpResponse> {
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = header.and_then(|header| header.strip_prefix("Bearer ")).filter(|token| !token.is_empty());
    let address = caller(request.head(), state).map(|caller| caller.visitor);
    let entry = state.admin.judge(state.context.clock.now(), address, token);
    if token.is_some() && matches!(entry, Entry::Refused | Entry::TooOften) {
        count(request.head(), Refusal::AdminToken, state);
    }
    match entry {
        Entry::Granted => None,
        Entry::Absent => Some(HttpResponse::NotFound().body("404: no such page\n")),
        Entry::Refused => Some(
            HttpResponse::Unauthorized()
                .insert_header((WWW_AUTHENTICATE, "Bearer realm=\"tickwire\""))
                .body("401: send the header Authorization: Bearer and the admin_token\n"),
        ),
        Entry::TooOften => Some(
            HttpResponse::TooManyRequests()
                .insert_header((RETRY_AFTER, auth::FAILURE_COSTS.as_secs().to_string()))
                .body("429: too many wrong tokens from this address\n"),
        ),
    }
}

async fn events(request: HttpRequest, state: web::Data<AppState>) -> HttpResponse {
    if let Some(answer) = turn_away(&request, &state) {
        return answer;
    }
    match state.admin.watch() {
        Some(watching) => event_stream(&request, vitals::events(state, watching)),
        None => unavailable("503: too many operators are watching\n"),
    }
}

async fn frame(request: HttpRequest, id: web::Path<String>, state: web::Data<AppState>) -> HttpResponse {
    if let Some(answer) = turn_away(&request, &state) {
        return answer;
    }
    let found = state.context.directory.send(Find(id.into_inner())).await;
    let Ok(Some(room)) = found else { return no_such_room() };
    match room.send(Inspect).await {
        Ok(Some(insight)) => {
            let inside = view::Inside::new(&insight);
            HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(inside)
        }
        _ => no_such_room(),
    }
}

/// The costs of a room's deltas, also of rooms in which they would tell players of what is hidden from them.
async fn costs(request: HttpRequest, id: web::Path<String>, state: web::Data<AppState>) -> HttpResponse {
    if let Some(answer) = turn_away(&request, &state) {
        return answer;
    }
    match state.context.directory.send(Explain(id.into_inner())).await {
        Ok(Some(costs)) => HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(&*costs),
        _ => no_such_room(),
    }
}

#[derive(Serialize)]
struct Recorded {
    file: String,
}

async fn record(request: HttpRequest, id: web::Path<String>, state: web::Data<AppState>) -> HttpResponse {
    if let Some(answer) = turn_away(&request, &state) {
        return answer;
    }
    let found = state.context.directory.send(Find(id.into_inner())).await;
    let Ok(Some(room)) = found else { return no_such_room() };
    match room.send(RecordRoom).await {
        Ok(Ok(file)) => HttpResponse::Created().json(Recorded { file }),
        Ok(Err(why)) => HttpResponse::Conflict().body(format!("409: {why}\n")),
        Err(_) => no_such_room(),
    }
}

#[derive(Serialize)]
struct Moved {
    address: String,
}

/// Gives a room to another node of the cluster.
async fn move_room(request: HttpRequest, id: web::Path<String>, state: web::Data<AppState>) -> HttpResponse {
    if let Some(answer) = turn_away(&request, &state) {
        return answer;
    }
    let Some(cluster) = state.context.cluster.clone() else { return alone() };
    let found = state.context.directory.send(Find(id.into_inner())).await;
    let Ok(Some(room)) = found else { return no_such_room() };
    match room.send(MoveRoom { cluster, or_end: false }).await {
        Ok(Ok(address)) => HttpResponse::Ok().json(Moved { address }),
        Ok(Err(why)) => HttpResponse::Conflict().body(format!("409: {why}\n")),
        Err(_) => no_such_room(),
    }
}

fn alone() -> HttpResponse {
    HttpResponse::NotFound().body("404: this server is alone; set redis to make it a node of a cluster\n")
}

/// The nodes of the cluster, as its directory has them; none where the server is alone.
async fn nodes(request: HttpRequest, state: web::Data<AppState>) -> HttpResponse {
    if let Some(answer) = turn_away(&request, &state) {
        return answer;
    }
    let listed = match &state.context.cluster {
        Some(cluster) => cluster.list_nodes().await,
        None => Ok(Vec::new()),
    };
    match listed {
        Ok(nodes) => {
            let nodes: Vec<_> = nodes.into_iter().map(view::Node::from).collect();
            HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(nodes)
        }
        Err(_) => unavailable("503: Redis does not answer\n"),
    }
}

fn no_such_room() -> HttpResponse {
    HttpResponse::NotFound().body("404: no such room\n")
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Kick {
    seat: u16,
    /// Of the player who is meant. Without them, whoever has the seat is kicked.
    entity: Option<u32>,
    name: Option<String>,
    #[serde(default)]
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Lock {
    locked: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Closing {
    #[serde(default)]
    reason: String,
}

async fn kick(request: HttpRequest, id: web::Path<String>, body: Bytes, state: web::Data<AppState>) -> HttpResponse {
    let order = |Kick { seat, entity, name, reason }| {
        let expected = Expected { entity, name };
        Order::Kick { seat: Seat(seat), expected, reason }
    };
    obey(
        &request,
        id.into_inner(),
        &body,
        &state,
        "{\"seat\": 3, \"entity\": 17, \"name\": \"Ada\", \"reason\": \"...\"}",
        order,
    )
    .await
}

async fn lock(request: HttpRequest, id: web::Path<String>, body: Bytes, state: web::Data<AppState>) -> HttpResponse {
    obey(&request, id.into_inner(), &body, &state, "{\"locked\": true}", |Lock { locked }| Order::Lock(locked)).await
}

async fn close(request: HttpRequest, id: web::Path<String>, body: Bytes, state: web::Data<AppState>) -> HttpResponse {
    let order = |Closing { reason }| Order::Close { reason };
    obey(&request, id.into_inner(), &body, &state, "{\"reason\": \"...\"}", order).await
}

/// Decodes an order and sends it to the room.
async fn obey<B: DeserializeOwned>(
    request: &HttpRequest,
    id: String,
    body: &[u8],
    state: &AppState,
    wanted: &str,
    order: impl FnOnce(B) -> Order,
) -> HttpResponse {
    if let Some(answer) = turn_away(request, state) {
        return answer;
    }
    let order = match serde_json::from_slice(body) {
        Ok(body) => order(body),
        Err(error) => return HttpResponse::BadRequest().body(format!("400: {error}; must be JSON such as {wanted}\n")),
    };
    let Ok(Some(room)) = state.context.directory.send(Find(id)).await else { return no_such_room() };
    match room.send(order).await {
        Ok(true) => HttpResponse::NoContent().finish(),
        Ok(false) => HttpResponse::Conflict().body("409: somebody else has this seat now\n"),
        Err(_) => no_such_room(),
    }
}
